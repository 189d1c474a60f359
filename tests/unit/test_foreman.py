"""Who does which task, and what a death costs: tasks of these tests on real processes, no TensorFlow."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from convreport.workers import cluster
from convreport.workers.foreman import Foreman, Killed, LostError, Task


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
