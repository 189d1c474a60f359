"""Broken and hostile .keras archives, and configurations that would do harm before a weight is read."""

import zipfile
import zlib

import h5py
import pytest

from convreport.engines.keras.reading import files, trees
from tests import old_keras
from tests.broken import copied, rewritten
from tests.command import refused, run


def spoilt(file, name):
    """Bytes in the middle of a member turned, as its directory still says them whole."""
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(name)
        start = info.header_offset + 30 + len(name)
    data = bytearray(file.read_bytes())
    for place in range(start + 12, start + min(info.compress_size, 400), 3):
        data[place] ^= 0x5A
    file.write_bytes(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_archives_packed_and_spoilt_are_a_sentence(method, member, saved, tmp_path):
    file = rewritten(saved, tmp_path, method)
    assert files.look_into(file).config is not None  # packed alone is no fault
    spoilt(file, member)
    refused(run("layers", file), 3, "packed.keras", "")


def patched_directory(file, offset, value):
    """A field of every member's entry in the directory, and of its own head, overwritten."""
    data = bytearray(file.read_bytes())
    for mark, shift in ((b"PK\x01\x02", offset + 2), (b"PK\x03\x04", offset)):
        place = data.find(mark)
        while place >= 0:
            data[place + shift : place + shift + 2] = value.to_bytes(2, "little")
            place = data.find(mark, place + 4)
    file.write_bytes(data)


def test_encrypted_and_strangely_packed_archives_are_a_sentence(saved, tmp_path):
    file = rewritten(saved, tmp_path, zipfile.ZIP_STORED)
    patched_directory(file, 6, 1)
    refused(run("layers", file), 3, "packed.keras is encrypted", "without a password")
    file = rewritten(saved, tmp_path, zipfile.ZIP_STORED)
    patched_directory(file, 8, 99)
    refused(run("layers", file), 3, "compressed with a method that Python does not know (99)", "Save it again")


def test_an_archive_that_holds_a_member_twice_is_refused(saved, tmp_path):
    file = rewritten(saved, tmp_path, zipfile.ZIP_STORED)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr("config.json", "{}")
    refused(run("layers", file), 3, "holds config.json twice", "Save it again")


def test_what_unpacks_out_of_proportion_is_refused_before_it_is_unpacked(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "ROOM", 1_000_000)
    file = rewritten(saved, tmp_path, zipfile.ZIP_DEFLATED, lambda name, data: data + b" " * 3_000_000)
    monkeypatch.setattr(zlib, "decompressobj", None)
    refused(run("layers", file), 3, "would unpack to 9 MB", "not unpacked")
    monkeypatch.undo()
    file = copied(saved, "m.h5", tmp_path)
    with h5py.File(file, "r+") as tree:
        tree.create_dataset("model_weights/huge", (1 << 40,), "<f4", chunks=(1 << 20,))
    refused(run("layers", file), 3, "would unpack to 4,398,047 MB", "not unpacked")


def test_a_layer_of_more_units_than_there_are_weights_is_refused_before_it_is_made(tmp_path):
    def giant(config):
        for layer in old_keras.layers_of(config):
            if layer["class_name"] == "Conv2D":
                layer["config"]["filters"] = 10**9

    file = old_keras.archive(old_keras.small(), tmp_path / "giant.keras", giant)
    refused(run("layers", file), 3, "a layer says filters = 1000000000", "")


@pytest.mark.parametrize(
    ("key", "value"), [("strides", 2**31), ("strides", [1, 2**63]), ("dilation_rate", -(2**31)), ("strides", 10**400)]
)
def test_steps_at_which_tensorflow_would_end_the_process_are_refused(key, value, tmp_path):
    def far(config):
        for layer in old_keras.layers_of(config):
            if layer["class_name"] == "Conv2D":
                layer["config"][key] = value

    file = old_keras.archive(old_keras.small(), tmp_path / "far.keras", far)
    refused(run("layers", file), 3, f"far.keras is damaged: a layer says {key} = ", "Copy or save it again")


def test_a_vocabulary_on_this_machine_is_not_read(tmp_path):
    def vocabulary(config):
        config["config"]["layers"].append(
            {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}
        )

    file = old_keras.archive(old_keras.small(), tmp_path / "words.keras", vocabulary)
    refused(run("layers", file), 3, "names a file of this machine as the vocabulary of StringLookup", "--unsafe")
