"""A wheel, in a clean virtual environment, in another directory, builds the demo atlas."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import convreport

ROOT = Path(__file__).parents[2]


def test_the_wheel_installs_and_builds_the_demo_elsewhere(tmp_path):
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("no checkout to build a wheel from")
    run = lambda *words, **more: subprocess.run(  # noqa: E731
        [str(word) for word in words], check=True, capture_output=True, text=True, **more
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", tmp_path / "wheel", ROOT, env=environment)
    wheel = next((tmp_path / "wheel").glob("convreport-*.whl"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "-q", wheel, env=environment)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = (python, "-m", "convreport", "build", "--filters", "1", "--max-images", "1", "--quiet")
    run(*words, cwd=elsewhere, env=environment)
    assert (elsewhere / "atlas/site/index.html").is_file()
    assert (elsewhere / "atlas/site/assets/convreport.js").is_file()
    where = run(python, "-c", "import convreport; print(convreport.__file__)", cwd=elsewhere, env=environment)
    assert str(tmp_path) in where.stdout


def test_templates_and_site_source_are_found_here_too():
    from convreport.core.base.assets import folder

    assert (folder("templates") / "home.md").is_file()
    assert (folder("site_src") / "mkdocs.yml").is_file()
    with pytest.raises(FileNotFoundError):
        folder("nothing")
    assert Path(convreport.__file__).is_file()
