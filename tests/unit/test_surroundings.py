"""Odd surroundings of a command; `python -m tests.campaign environment` plays more."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")  # a disk without room, on Linux


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["--version"], ["sections"]])
def test_words_that_find_no_room_are_a_sentence(words):
    """Few stay in a buffer until the end, many do not."""
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "convreport", *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=100
        )
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "no space left on device" in said and "Make room" in said
    assert "Traceback" not in said and "Exception ignored" not in said


def test_a_reader_that_stops_reading_is_no_error():
    running = subprocess.Popen(
        [sys.executable, "-m", "convreport", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    running.stdout.close()
    said = running.stderr.read()
    running.wait(100)
    assert "Traceback" not in said and "Exception ignored" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use stays there")
def test_a_folder_that_is_gone_is_a_sentence(tmp_path):
    code = (
        "import os, pathlib, sys; pathlib.Path.cwd().rmdir(); sys.argv = ['convreport', 'schema'];"
        "from convreport.cli.app import main; main()"
    )
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "The folder you are in is gone." in done.stderr and "cd" in done.stderr
