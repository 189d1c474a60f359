"""Files over which the HDF5 library itself runs for ever or falls: found out in a process that may."""

import zipfile

import h5py
import pytest

from convreport.core.base.errors import ModelError
from convreport.engines.keras.reading import files, trees, trial
from tests.broken import copied, rewritten
from tests.command import refused, run


def endless(file):
    """An HDF5 file whose heap of text ends in a free space of no bytes, over which HDF5's library walks for ever."""
    data = bytearray(file.read_bytes())
    heap = data.index(b"GCOL")
    place = heap + 16
    while data[place : place + 2] != b"\0\0":
        place += 16 + -(-int.from_bytes(data[place + 8 : place + 16], "little") // 8) * 8
    data[place + 8 : place + 16] = bytes(8)
    file.write_bytes(data)


@pytest.mark.parametrize("kind", ["m.keras", "m.h5"])
def test_a_tree_in_which_the_library_never_ends_is_a_sentence(kind, saved, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "WORK", 1.0)
    if kind == "m.keras":
        inner = tmp_path / "inner.h5"
        with h5py.File(inner, "w") as tree:
            tree.attrs["text"] = "of any length"
        endless(inner)
        file = rewritten(
            saved,
            tmp_path,
            zipfile.ZIP_STORED,
            lambda name, data: inner.read_bytes() if name == trees.WEIGHTS else data,
        )
    else:
        file = copied(saved, kind, tmp_path)
        endless(file)
    refused(run("layers", file), 3, f"{file.name} is not a Keras model, or is damaged", "intact")
    assert files.look_into(saved / kind).config is not None  # with the next process


def test_a_tree_over_which_the_library_falls_is_a_sentence(saved, tmp_path, monkeypatch):
    whole, falling = copied(saved, "m.h5", tmp_path), tmp_path / "falling.h5"
    falling.write_bytes(whole.read_bytes())
    other = tmp_path / "other.py"
    other.write_text(
        "import os, signal, sys\nprint('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    if 'falling' in line: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    print('done', flush=True)\n"
    )
    monkeypatch.setattr(trial, "_trial", None)
    monkeypatch.setattr(trial, "__file__", str(other))
    with pytest.raises(ModelError, match=r"falling\.h5 is not a Keras model, or is damaged"):
        files.look_into(falling)
    assert files.look_into(whole).config is not None
    trial._trial.end()


def test_where_no_process_can_be_started_files_are_read_all_the_same(saved, tmp_path, monkeypatch):
    for name, value in (("_trial", None), ("_in_vain", False), ("_passed", set())):
        monkeypatch.setattr(trial, name, value)
    begun = []
    monkeypatch.setattr(trial, "_Trial", lambda: begun.append(1) or trial.subprocess.Popen([str(tmp_path / "nothing")]))
    for name in ("m.h5", "m.keras"):
        assert files.look_into(copied(saved, name, tmp_path)).config is not None
    assert begun == [1]  # it is not tried again for every file
