"""What a build would cost: said before, in a given time, and near what it then costs."""

from types import SimpleNamespace

import numpy as np
import pytest

from convreport.builder import forecast
from convreport.core.drawing.figures import Drawing, Figure, Subject
from tests.command import refused, run


def test_tiles_share_sheets_and_other_pictures_have_files_of_their_own():
    units = [Subject("a", unit) for unit in range(33)]
    assert forecast._files(units, 1) == 3  # two sheets, and the contact sheet
    assert forecast._files([Subject(sample="x"), Subject(sample="y")], 4) == 8


@pytest.fixture
def section(monkeypatch):
    """Eight units a layer in batches of four; a batch takes 10 seconds of a clock of its own, the first of a layer 30."""
    clock = [0.0]
    monkeypatch.setattr(forecast, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    subjects = [Subject(layer, unit) for layer in "abc" for unit in range(8)]

    def draw(batch, scope, network):
        clock[0] += 10 if batch[0].layer in made.seen else 30
        made.seen.append(batch[0].layer)
        if made.broken:
            raise ValueError("no gradient")
        return [Drawing((Figure("tile", np.zeros((8, 8, 3), np.uint8), "x"),), {}) for _ in batch]

    made = SimpleNamespace(
        name="patterns", batch=4, seen=[], broken=False, of_examples=False, passes=lambda scope: 0, draw=draw,
        subjects=lambda scope: subjects, group=lambda one: one.layer, clock=clock,
    )  # fmt: skip
    return made


def cost(section, until, *, late=False):
    return forecast._cost(section, section.subjects(None), None, None, until, late=late)


def test_with_time_what_is_paid_once_a_layer_is_told_from_what_every_batch_takes(section):
    said = cost(section, 1000)
    assert (said.drawings, said.seconds, said.lack) == (24, 3 * 20 + 6 * 10, "")
    assert section.seen == ["b", "b", "c", "c", "a", "a"] and said.bytes > 0 and said.files == 6


def test_where_time_is_short_more_is_said_than_will_be_paid_and_it_is_told(section):
    said = cost(section, 15)
    assert section.seen == ["b"], "nothing is begun when the time is over"
    assert said.seconds == 6 * 30 and said.lack == "from 1 of 3 places"


def test_what_is_not_reached_or_cannot_be_drawn_is_said(section):
    assert cost(section, 0, late=True) == forecast.Cost("patterns", 24, 0.0, 0, 6, "no time was left for it")
    assert section.seen == []
    section.broken = True
    said = cost(section, 1000)
    assert (said.seconds, said.bytes, said.lack) == (0.0, 0, "ValueError: no gradient")


def test_sections_share_the_time(section):
    plan = SimpleNamespace(sections=[section] * 4)
    said = list(forecast._sections(plan, None, None, None, None, 100))
    assert section.clock[0] < 100 + 40
    assert len(said) == 4 and all(one.drawings == 24 for one in said)


def test_a_time_that_is_none_is_a_sentence():
    refused(run("doctor", "demo", "--forecast", "--within", "soon"), 2, "--within cannot be 'soon'", "10m")


@pytest.mark.slow
def test_doctor_says_what_a_build_would_cost_and_is_near_the_truth(small_atlas):
    done = run(
        "doctor",
        "demo",
        "--filters",
        "4",
        "--max-images",
        "3",
        "--sections",
        "kernels,gradcam,activations",
        "--forecast",
    )
    assert done.exit_code == 0, done.output
    row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("in all"))
    site = [path for path in (small_atlas / "site").rglob("*") if path.is_file()]
    kept = [path for path in site if not any(word in path.name for word in ("pattern", "crops"))]
    files = int(row[-1].replace(",", ""))
    assert 0.5 * len(kept) < files < 1.5 * len(kept)
    assert (
        0.4 * sum(path.stat().st_size for path in kept) / 1e6
        < float(row[-2])
        < 2 * sum(path.stat().st_size for path in kept) / 1e6
    )
