"""A wheel, in a clean virtual environment, in another directory, builds the demo atlas."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import convreport
from tests.tools import rooms

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("no checkout to build a wheel from")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, ROOT)
    return next(folder.glob("convreport-*.whl"))


def run(*words, **more):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more.pop("env", {})
    words = [str(word) for word in words]
    return subprocess.run(words, check=True, capture_output=True, text=True, env=environment, **more)


def test_the_wheel_holds_all_it_needs_and_builds_the_demo_elsewhere(wheel, tmp_path):
    """Unpacked into a folder of its own, which is found before the checkout; its dependencies are those of this machine."""
    run(sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", tmp_path / "there", wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = {"PYTHONPATH": str(tmp_path / "there")}
    words = ("build", "--filters", "1", "--max-images", "1", "--sections", "kernels", "--quiet")
    run(sys.executable, "-m", "convreport", *words, cwd=elsewhere, env=there)
    assert (elsewhere / "atlas/site/index.html").is_file()
    assert (elsewhere / "atlas/site/assets/convreport.js").is_file()
    where = run(sys.executable, "-c", "import convreport; print(convreport.__file__)", cwd=elsewhere, env=there)
    assert str(tmp_path) in where.stdout


def test_what_is_imported_is_declared(wheel):
    """Every package that convreport imports is a dependency by name, or comes with one by its own promise."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    declared = {
        re.split(r"[ <>=;\[]", line.removeprefix("Requires-Dist: "))[0] for line in lines if "Requires-Dist" in line
    }
    named = {
        "PIL": "pillow",
        "skimage": "scikit-image",
        "mkdocs": "mkdocs",
        "umap": "umap-learn",
        "huggingface_hub": "huggingface-hub",
    }
    found = {one.target.split(".")[0] for one in rooms.everything()} - set(sys.stdlib_module_names) - {"convreport"}
    assert {named.get(one, one) for one in found} <= declared


@pytest.mark.slow
def test_the_wheel_installs_with_its_dependencies_and_builds_the_demo(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "-q", "--no-compile", wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(python, "-m", "convreport", "build", "--filters", "1", "--max-images", "1", "--quiet", cwd=elsewhere)
    assert (elsewhere / "atlas/site/index.html").is_file()


def test_templates_and_site_source_are_found_here_too():
    from convreport.core.base.assets import folder

    assert (folder("templates") / "home.md").is_file()
    assert (folder("site_src") / "mkdocs.yml").is_file()
    with pytest.raises(FileNotFoundError):
        folder("nothing")
    assert Path(convreport.__file__).is_file()
