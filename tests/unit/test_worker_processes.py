"""Builds by processes of their own: the same atlas as by one, also after a kill or without a shared disk; none is left."""

import json
import signal
import subprocess
import sys
import time

import pytest

from tests import models
from tests.unit.test_workers import pictures


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_build_by_processes_is_that_of_one_and_survives_a_kill(tmp_path, convreport):
    import psutil

    words = ("build", "demo", "--filters", "4", "--max-examples", "96", "--max-images", "2", "--preset", "draft")
    one = convreport(*words, "--workers", "1", "-o", tmp_path / "one")
    assert one.returncode == 0, one.stderr
    command = [sys.executable, "-m", "convreport", *words, "--json", "--workers", "2", "-o", str(tmp_path / "two")]
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
def test_a_cluster_that_sees_no_disk_of_ours_draws_the_same_and_its_loss_is_a_sentence(tmp_path, convreport):
    """`dask scheduler` and `dask worker` as processes of their own; the worker is blind to the client's folder."""
    folder, more = models.pictured(tmp_path / "given")
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

    words = ("build", "demo", "--json", "--workers", "2", "-o", str(tmp_path / "a"))
    command = [sys.executable, "-m", "convreport", *words]
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
