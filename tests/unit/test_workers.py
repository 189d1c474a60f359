"""Workers: who does which task, what a death costs, what is brought to where no disk is shared, and that nothing differs."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convreport.builder import hands
from convreport.builder.pipeline import build, build_all
from convreport.builder.plan import Plan
from convreport.core.base import events
from convreport.core.base.errors import ConvreportError, UsageError
from convreport.sections import configure
from convreport.workers import cluster, crew, order
from convreport.workers.foreman import Foreman, Killed, LostError, Task
from tests import models

# -- what runs on workers in these tests (no TensorFlow)


def note(file, word):
    with Path(file).open("a") as out:
        out.write(f"{os.getpid()} {word}\n")
    return word


def kill(file, word):
    note(file, word)
    os.kill(os.getpid(), signal.SIGKILL)


def batch(file, words):
    for word in words:
        (kill if word == "poison" else note)(file, word)
    return list(words)


def fail():
    raise ValueError("on purpose")


@pytest.fixture(scope="module")
def processes():
    with cluster.local(2, 0, dashboard=False) as client:
        client.run(sys.path.append, str(Path(__file__).parents[2]))
        yield client


def task(function, *arguments, **more):
    return Task(function, lambda: arguments, arguments[-1] if arguments else None, **more)


def done(client, tasks, hire=lambda address: True):
    foreman = Foreman(client, hire)
    for one in tasks:
        foreman.add(one)
    return [(one.about, value) for one, value in foreman.results()]


def lines(file):
    return [line.split(" ", 1) for line in file.read_text().splitlines()]


def test_groups_stay_together_and_all_is_done(processes, tmp_path):
    tasks = [task(note, str(tmp_path / "log"), f"{group}{n}", group=group) for group in "ab" for n in range(6)]
    assert sorted(value for _, value in done(processes, tasks)) == sorted(f"{g}{n}" for g in "ab" for n in range(6))
    who = {word: process for process, word in lines(tmp_path / "log")}
    assert who["a0"] == who["a1"] != who["b0"] == who["b1"], "each began one of its own"


def test_a_pilot_comes_back_before_others_of_its_group_begin(processes):
    at = [task(time.sleep, 0.2, group="g", pilot=True) for _ in range(3)]
    began = time.monotonic()
    foreman = Foreman(processes, lambda address: True)
    for one in at:
        foreman.add(one)
    results = foreman.results()
    next(results)
    assert time.monotonic() - began >= 0.2 and sum(len(one.out) for one in foreman._workers.values()) == 0
    assert len(list(results)) == 2


def test_what_is_not_ready_waits(processes, tmp_path):
    seen = []
    tasks = [task(note, str(tmp_path / "log"), n, ready=lambda n=n: len(seen) >= n) for n in range(5)]
    foreman = Foreman(processes, lambda address: True)
    for one in tasks:
        foreman.add(one)
    for one, _ in foreman.results():
        seen.append(one.about)
    assert seen == [0, 1, 2, 3, 4]


def test_an_exception_is_a_result(processes):
    ((_, value),) = done(processes, [task(fail)])
    assert isinstance(value, ValueError)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_poisoned_subject_costs_three_workers_and_nobody_else(tmp_path):
    """Real processes, really killed: the batch twice, its bad part once more; all others are done, in spite of standing by."""
    log = str(tmp_path / "log")

    def of(words):
        parts = lambda: [of([word]) for word in words]  # noqa: E731
        return Task(batch, lambda: (log, words), tuple(words), group="g", parts=parts)

    with cluster.local(2, 0, dashboard=False) as client:
        client.run(sys.path.append, str(Path(__file__).parents[2]))
        results = dict(done(client, [of(["a", "b"]), of(["c", "poison", "d"]), of(["e"]), of(["f"])]))
    assert results[("poison",)] == Killed(3)
    assert {word for words, value in results.items() if not isinstance(value, Killed) for word in words} == set(
        "abcdef"
    )
    assert sum(word == "poison" for _, word in lines(tmp_path / "log")) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_killed_by_another_hand_costs_nothing(tmp_path):
    log = tmp_path / "log"
    with cluster.local(2, 0, dashboard=False) as client:
        client.run(sys.path.append, str(Path(__file__).parents[2]))
        foreman = Foreman(client, lambda address: True)
        for n in range(12):
            foreman.add(task(slowly, str(log), n, group=n % 2))
        results = []
        for one, value in foreman.results():
            if not results:
                os.kill(int(lines(log)[-1][0]), signal.SIGKILL)
            results.append((one.about, value))
    assert sorted(results) == [(n, n) for n in range(12)]


def slowly(file, word):
    time.sleep(0.1)
    return note(file, word)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_where_every_worker_dies_at_once_somebody_says_so():
    with (
        cluster.local(2, 0, dashboard=False) as client,
        pytest.raises(LostError, match="died before anything was drawn"),
    ):
        done(client, [task(os._exit, 9) for _ in range(9)])


def test_processes_listen_on_this_machine_alone_and_end(processes):
    import psutil

    me = psutil.Process()
    with cluster.local(1, 0, dashboard=False) as client:
        pids = list(client.run(os.getpid).values())
        for process in [me, *map(psutil.Process, pids)]:
            for one in process.net_connections(kind="inet"):
                assert one.status != "LISTEN" or one.laddr.ip in ("127.0.0.1", "::1"), one
    for pid in pids:
        assert not psutil.pid_exists(pid) or psutil.Process(pid).wait(5) is None


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


# -- a crew, in threads of this process: what is sent, brought and joined


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
    from PIL import Image

    folder = tmp_path_factory.mktemp("given")
    models.small().save(folder / "small.keras")
    for n in range(300):
        (folder / "many" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(n).integers(0, 255, (20, 24, 3), np.uint8)
        Image.fromarray(noise).save(folder / "many" / "ab"[n % 2] / f"{n}.png")
        if n % 3 == 0:
            (folder / "masks" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
            Image.fromarray((noise[..., 0] > 200).astype(np.uint8)).save(folder / "masks" / "ab"[n % 2] / f"{n}.png")
    (folder / "many/a/broken.png").write_bytes(b"no picture")
    more = {"examples": (str(folder / "many"),), "masks": folder / "masks"}
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
    with pytest.raises(ConvreportError, match="is another model on the worker"):
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


class Told:
    """Hands that note what they are given."""

    width = 1

    def __init__(self, seconds=0.0):
        self.seconds, self.jobs = seconds, []

    def draw(self, jobs, took):
        for job in jobs:
            time.sleep(self.seconds)
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
    alone, crew_, took = Told(seconds), Told(), []
    growing = hands.Growing(alone, lambda: crew_, most, 0)
    growing.draw([Chore() for _ in range(jobs)], took.append)
    assert len(took) == jobs and bool(crew_.jobs) == hires
    assert len(alone.jobs) == (hands.TRIED if hires else jobs)


# -- the real thing


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_build_by_processes_is_that_of_one_and_survives_a_kill(tmp_path, convreport):
    import psutil

    words = ["build", "demo", "--filters", "8", "--max-examples", "300", "--max-images", "3", "--json"]
    one = convreport(*words, "--workers", "1", "-o", tmp_path / "one")
    assert one.returncode == 0, one.stderr
    command = [sys.executable, "-m", "convreport", *words, "--workers", "2", "-o", str(tmp_path / "two")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        drew = 0
        for line in process.stdout:
            drew += json.loads(line)["event"] == "Drew"
            if drew == 3:
                drew += 1
                workers = [
                    child
                    for child in psutil.Process(process.pid).children(recursive=True)
                    if "spawn" in str(child.cmdline())
                    or ("forkserver" in str(child.cmdline()) and child.ppid() != process.pid)
                ]
                workers[-1].kill()
    assert process.returncode == 0
    data = [json.loads((tmp_path / name / "docs/demo/atlas.json").read_text())["sections"] for name in ("one", "two")]
    assert data[0] == data[1]
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


def scheduler(folder):
    file = folder / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--host", "127.0.0.1",
               "--port", "0", "--no-dashboard"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if file.is_file():
            return process, file
        time.sleep(0.1)
    raise AssertionError("no scheduler")


def worker(folder, file, *more):
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
               "--no-dashboard", "--local-directory", str(folder / "scratch"), *more]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_cluster_that_sees_no_disk_of_ours_draws_the_same_and_its_loss_is_a_sentence(given, tmp_path, convreport):
    """`dask scheduler` and `dask worker` as processes of their own; the worker is blind to the client's folder."""
    folder, more, _ = given
    blind = tmp_path / "blind.py"
    blind.write_text(
        "import pathlib\n"
        "def hidden(self, stat=pathlib.Path.stat, **more):\n"  # Dask may load this twice
        f"    if str(self).startswith({str(folder)!r}):\n        raise FileNotFoundError(str(self))\n"
        "    return stat(self, **more)\npathlib.Path.stat = hidden\n"
    )
    running, file = scheduler(tmp_path)
    hand = worker(tmp_path, file, "--preload", str(blind))
    words = ["build", folder / "small.keras", "--examples", *more["examples"], "--filters", "3", "--sections",
             "filters,examples,health,gradcam,shortcuts", "--set", "filters.preset=draft"]  # fmt: skip
    try:
        there = convreport(*words, "--workers", file, "-o", tmp_path / "there")
        assert there.returncode == 0, there.stderr + there.stdout
        here = convreport(*words, "--workers", "1", "-o", tmp_path / "here")
        assert here.returncode == 0, here.stderr
        assert pictures(tmp_path / "there") == pictures(tmp_path / "here")
        command = [sys.executable, "-m", "convreport", "build", "demo", "--json", "--skip", "examples,health,shortcuts",
                   "--workers", str(file), "-o", str(tmp_path / "lost")]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if json.loads(line)["event"] == "Drew":
                    running.kill()
                    break
            _, said = process.communicate(timeout=100)
        assert process.returncode == 1 and "The Dask scheduler is gone" in said, said
        assert list((tmp_path / "lost/cache/records").rglob("*.json")), "what was drawn is kept"
    finally:
        for process in (hand, running):
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_build_leaves_no_process_behind(tmp_path, number):
    import psutil

    from tests.conftest import interruptible

    command = [
        sys.executable,
        "-m",
        "convreport",
        "build",
        "demo",
        "--json",
        "--workers",
        "2",
        "-o",
        str(tmp_path / "a"),
    ]
    with interruptible(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "Drew":
                children = psutil.Process(process.pid).children(recursive=True)
                process.send_signal(number)
                break
        process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert len(gone) >= 2 and not alive
