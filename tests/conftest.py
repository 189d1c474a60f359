"""Shared fixtures: small models, a small demo atlas built once, real weights where they are, a browser where there is one."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.tools.order import ByFile, place

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_addoption(parser):
    parser.addoption("--network", action="store_true", help="run the tests that download from the internet")


def pytest_xdist_auto_num_workers(config):
    """Two workers more than cores for the whole suite, up to six, as each holds a TensorFlow: some always wait for a browser,
    a process or what another one makes. One more for the slow ones, which take much memory. None for a few tests picked by
    name.
    """
    if config.option.keyword or any("::" in word or word.endswith(".py") for word in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + 1, 4) if config.option.markexpr == "slow" else min(cores + 2, 6)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(config, items):
    items.sort(key=place)
    if not config.getoption("--network"):
        skip = pytest.mark.skip(reason="needs --network")
        for item in items:
            if "network" in item.keywords:
                item.add_marker(skip)


def run_convreport(*words, cwd=None, env=None, timeout=500):
    """The command as a user runs it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "convreport", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def interruptible(words, **more):
    """A process that Ctrl-C ends, also where the tests run in the background and SIGINT comes ignored."""
    heard = (lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) if os.name == "posix" else None
    return subprocess.Popen(words, preexec_fn=heard, **more)


@pytest.fixture(scope="session")
def convreport():
    return run_convreport


def once(tmp_path_factory, name, make):
    """A folder that `make(folder)` fills, once for all workers of this run."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


SMALL = (
    "--filters", "4", "--max-images", "3", "--max-examples", "96", "--preset", "draft",
    "--class-patterns", "face,flower,fish,house,owl,wheel,snail",
)  # fmt: skip


@pytest.fixture(scope="session")
def small_atlas(tmp_path_factory):
    """A draft of the demo with four filters a layer, seven class patterns, three pictures and 96 scenes, built by the command;
    not to be changed by a test.
    """

    def make(folder):
        done = run_convreport("build", "demo", "--out", folder / "atlas", *SMALL)
        assert done.returncode == 0, done.stderr + done.stdout

    return once(tmp_path_factory, "small", make) / "atlas"


@pytest.fixture
def atlas_copy(small_atlas, tmp_path):
    """A copy of the small atlas that a test may change."""
    return Path(shutil.copytree(small_atlas, tmp_path / "atlas"))


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """A folder with two checkpoints, june.keras and july.keras, and the atlas in which they are compared."""
    from tests import checkpoints

    def make(folder):
        folder.mkdir()
        checkpoints.compared(folder)

    return once(tmp_path_factory, "compared", make)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A folder with one small model in every format, m.keras, m.h5, m.weights.h5 and old.h5; not to be changed by a test."""
    from tests import broken

    return once(tmp_path_factory, "saved", broken.save_all)


@pytest.fixture(scope="session")
def real():
    """The folder of real weights and photos; tests that ask for it are skipped where it is not."""
    folder = os.environ.get("CONVREPORT_REAL")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real weights are not here: CONVREPORT_REAL names no folder")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def demo_loaded():
    """The embedded model, loaded and understood."""
    from convreport.engines.keras.load import load
    from convreport.engines.request import Request

    return load(Request("demo"))


@pytest.fixture(scope="session")
def demo(demo_loaded):
    """The embedded model behind the Network protocol, in float32: what is measured must not depend on the machine."""
    from convreport.core.seam import Means
    from convreport.engines.keras.running.network import KerasNetwork

    return KerasNetwork(demo_loaded, Means("float32"))


def browser_path():
    """Where an installed Chromium or Chrome lies, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        if found := shutil.which(name):
            return found
    return None


@pytest.fixture(scope="session")
def browser():
    path = browser_path()
    if path is None:
        if os.environ.get("CONVREPORT_BROWSER") == "required":
            pytest.fail("no Chromium or Chrome is installed, and CONVREPORT_BROWSER=required")
        pytest.skip("no Chromium or Chrome is installed")
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()
