"""Workers: who does which task, what a death costs, what is brought to where no disk is shared, and that nothing differs."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from convreport.builder import hands
from convreport.builder.pipeline import build, build_all
from convreport.builder.plan import Plan
from convreport.core.base import events
from convreport.core.base.errors import ConvreportError, UsageError
from convreport.sections import configure
from convreport.workers import cluster, crew, order
from convreport.workers.foreman import LostError
from tests import models


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("none", "--workers cannot be 'none'"),
        ("0", "--workers cannot be '0'"),
        ("tcp://127.0.0.1:9", "No Dask scheduler answers at tcp://127.0.0.1:9"),
        ("gone.json", "There is no scheduler file gone.json"),
    ],
)
def test_a_mistake_is_a_sentence(words, said, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECTING", 0.5)
    plan = Plan(out=tmp_path / "a", workers=words, sections=(configure("kernels", {}),))
    with pytest.raises(UsageError, match=said):
        checked_and_built(plan)


def checked_and_built(plan):
    hands.check(plan.workers)
    build(plan, lambda event: None)


@contextmanager
def threads(*arguments, **words):
    """A cluster in this process, whose one worker is a thread beside the client."""
    from distributed import Client, LocalCluster

    with LocalCluster(
        n_workers=1, processes=False, threads_per_worker=1, protocol="tcp", host="127.0.0.1", dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as made, Client(made, set_as_default=False) as client:  # fmt: skip
        yield client


SECTIONS = tuple(
    configure(name, {}) for name in ("filters", "examples", "health", "dissection", "gradcam", "shortcuts")
)


def atlas(folder, workers, *, model, heard=None, sections=SECTIONS, **more):
    told = [] if heard is None else heard
    build(
        Plan(model=str(model), out=folder, workers=workers, filters="3", preset="draft", sections=sections, **more),
        told.append,
    )
    data = json.loads((folder / f"docs/{Path(model).stem}/atlas.json").read_text())
    return [(one["name"], one["drawings"], one["failures"]) for one in data["sections"]], pictures(folder)


def pictures(folder):
    return {file.name for file in (folder / "cache/pictures").rglob("*.png")}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A model's file and pictures, and the atlas that one process makes of them."""
    folder, more = models.pictured(tmp_path_factory.mktemp("given"))
    return folder, more, atlas(folder / "one", "1", model=folder / "small.keras", **more)


def test_a_crew_draws_what_one_process_draws(given, tmp_path, monkeypatch):
    folder, more, one = given
    monkeypatch.setattr(cluster, "local", threads)
    heard = []
    assert atlas(tmp_path / "two", "2", model=folder / "small.keras", heard=heard, **more) == one
    assert [event.count for event in heard if isinstance(event, events.Hired)] == [2]
    assert sum(event.count for event in heard if isinstance(event, events.Surveyed)) == 301
    again = []
    atlas(tmp_path / "two", "2", model=folder / "small.keras", heard=again, **more)
    assert not [event for event in again if isinstance(event, events.Hired | events.Drew)], (
        "nobody is hired for nothing"
    )


@pytest.mark.slow
def test_where_no_disk_is_shared_all_is_brought(given, tmp_path, monkeypatch):
    """Workers find neither the model nor any picture where the client has them."""
    from convreport.builder.gallery import Files
    from convreport.core.pictures.label_images import LabelImages

    folder, more, one = given
    monkeypatch.setattr(cluster, "local", threads)
    monkeypatch.setattr(order.File, "here", lambda self: False)
    monkeypatch.setattr(Files, "here", lambda self, number: False)
    monkeypatch.setattr(LabelImages, "here", lambda self, mask: False)
    read = []
    monkeypatch.setattr(crew.hand, "engine_of", lambda request: read.append(request.source) or engine_of(request))
    from convreport.engines.choose import engine_of

    assert atlas(tmp_path / "two", "2", model=folder / "small.keras", **more) == one
    assert read and all(Path(source) != folder / "small.keras" for source in read), "a copy was loaded"


@pytest.mark.slow
def test_a_model_at_hand_goes_as_a_file(tmp_path, monkeypatch):
    import convreport

    monkeypatch.setattr(cluster, "local", threads)
    words = {"sections": ["filters"], "filters": "2", "preset": "draft", "max_images": 1}
    alone = convreport.build(models.small(), out=tmp_path / "one", **words)
    crewed = convreport.build(models.small(), out=tmp_path / "two", workers=2, **words)
    assert crewed.drawn == alone.drawn > 0 and not crewed.failures
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


def test_workers_of_other_versions_are_left_out_with_a_sentence(given, tmp_path, monkeypatch):
    folder, more, _ = given
    monkeypatch.setattr(cluster, "local", threads)
    monkeypatch.setattr(crew, "made_of", lambda engine: order.made_of(engine) | {"tensorflow": "1.15.0"})
    heard = []
    with pytest.raises(LostError, match="No worker is left"):
        atlas(tmp_path / "two", "2", model=folder / "small.keras", heard=heard, **more)
    told = [event.message for event in heard if isinstance(event, events.Warned)]
    assert any("is left out: it has tensorflow" in line and "not 1.15.0" in line for line in told)


def test_another_model_under_the_same_name_is_refused(given, tmp_path, monkeypatch):
    folder, more, _ = given
    monkeypatch.setattr(cluster, "local", threads)
    monkeypatch.setattr(crew.hand, "_essence", lambda card: object())
    with pytest.raises(ConvreportError, match="is a different model on the worker"):
        atlas(tmp_path / "two", "2", model=folder / "small.keras", **more)


def test_the_rules_of_safety_hold_on_workers(tmp_path, monkeypatch):
    """The client has let code in that the worker was not told to let in: the worker refuses."""
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Conv2D(2, 3)])
    model.save(tmp_path / "code.keras")
    monkeypatch.setattr(cluster, "local", threads)
    original = hands.request_of
    monkeypatch.setattr(hands, "request_of", lambda plan: replace(original(plan), unsafe=False))
    with pytest.raises(ConvreportError, match="On the worker"):
        atlas(tmp_path / "a", "2", model=tmp_path / "code.keras", sections=SECTIONS[:1], unsafe=True)


# -- many models


def test_of_many_models_one_that_fails_costs_only_itself(given, tmp_path):
    folder, _, _ = given
    heard = []
    plans = [
        Plan(model=name, out=tmp_path / "a", workers="1", sections=(configure("kernels", {}),), max_images=1)
        for name in (str(folder / "small.keras"), "no.such:model", "demo")
    ]
    built = build_all(plans, heard.append)
    assert built.failed == 1
    (failed,) = [event for event in heard if isinstance(event, events.ModelFailed)]
    assert failed.model == "no.such:model" and "cannot be imported" in failed.reason
    home = (tmp_path / "a/docs/index.md").read_text()
    assert "data-sortable" in home and "demo" in home and "small" in home
    with pytest.raises(ConvreportError):
        build_all([replace(plan, strict=True) for plan in plans], heard.append)


# -- when it pays


class Clock:
    """A clock of the test's own: the machine's would tell of what else it has to do."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def process_time(self):
        return self.now


class Told:
    """Hands that note what they are given, and take their time by a clock."""

    width = 1

    def __init__(self, clock, seconds=0.0):
        self.clock, self.seconds, self.jobs = clock, seconds, []

    def draw(self, jobs, took):
        for job in jobs:
            self.clock.now += self.seconds
            self.jobs.append(job)
            took(job)


class Chore:
    climbs, surveys = True, False


@pytest.mark.parametrize(
    ("others", "most", "seconds", "jobs", "hires"),
    [
        (1.0, 2, 0.01, 8, True),
        (3.0, 2, 0.01, 8, False),  # no core is idle: others have them
        (1.0, 1, 0.01, 8, False),
        (1.0, 2, 0.0, 8, False),
        (1.0, 2, 0.01, 3, False),
    ],
)
def test_workers_come_when_they_save_more_than_they_cost(monkeypatch, others, most, seconds, jobs, hires):
    """What is left, five jobs and more of ten milliseconds, against a hiring that takes ten."""
    monkeypatch.setattr(hands, "HIRING", 0.01)
    monkeypatch.setattr(cluster, "cores", lambda: 2)
    monkeypatch.setattr(cluster, "load", lambda: others)
    clock, took = Clock(), []
    monkeypatch.setattr(hands, "time", clock)
    alone, crew_ = Told(clock, seconds), Told(clock)
    growing = hands.Growing(alone, lambda: crew_, most, 0)
    growing.draw([Chore() for _ in range(jobs)], took.append)
    assert len(took) == jobs and bool(crew_.jobs) == hires
    assert len(alone.jobs) == (hands.TRIED if hires else jobs)
