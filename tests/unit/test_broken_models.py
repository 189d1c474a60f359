"""Broken and hostile model files: a sentence, exit code 3, and nothing read that lies outside them."""

import json
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from convreport.core.base.errors import ModelError
from convreport.engines.keras.load import load
from convreport.engines.keras.reading import files, probe, trees, weights
from convreport.engines.request import Request
from tests import old_keras
from tests.command import refused, run

SECRET = 4711.0


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One model in every format."""
    folder = tmp_path_factory.mktemp("saved")
    model = old_keras.small()
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save_weights(folder / "m.weights.h5")
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(folder / "old.h5", "w") as tree:
        save_weights_to_hdf5_group(tree, model)
    return folder


def copied(saved, name, folder):
    return (folder / name, (folder / name).write_bytes((saved / name).read_bytes()))[0]


def first_data_set(tree):
    found = []
    tree.visititems(lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) and one.ndim == 4 else None)
    return found[0]


def external_link(tree, name, other):
    del tree[name]
    tree[name] = h5py.ExternalLink(str(other), "/secret")


def external_group(tree, name, other):
    group = name.split("/")[0]
    del tree[group]
    tree[group] = h5py.ExternalLink(str(other), "/")


def external_storage(tree, name, other):
    shape = tree[name].shape
    raw = other.with_suffix(".raw")
    raw.write_bytes(np.full(shape, SECRET, "<f4").tobytes())
    del tree[name]
    tree.create_dataset(name, shape, "<f4", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


def virtual(tree, name, other):
    shape = tree[name].shape
    layout = h5py.VirtualLayout(shape, "<f4")
    layout[:] = h5py.VirtualSource(str(other), "/secret", shape)
    del tree[name]
    tree.create_virtual_dataset(name, layout)


def dangling(tree, name, other):
    del tree[name]
    tree[name] = h5py.SoftLink("/nowhere")


OUTSIDE = {
    external_link: "is a link into another file",
    external_group: "is a link into another file",
    external_storage: "is stored in another file",
    virtual: "is a virtual data set",
    dangling: "is a link to /nowhere, which is not there",
}


@pytest.mark.parametrize("fault", OUTSIDE)
@pytest.mark.parametrize("kind", ["m.keras", "m.h5", "m.weights.h5", "old.h5"])
def test_what_lies_outside_a_file_is_refused_by_name_before_it_is_read(fault, kind, saved, tmp_path, monkeypatch):
    file = copied(saved, kind, tmp_path)
    other = tmp_path / "other.h5"
    inner = tmp_path / "inner.h5" if kind == "m.keras" else file
    if kind == "m.keras":
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        inner.write_bytes(parts["model.weights.h5"])
    with h5py.File(inner, "r+") as tree:
        name = first_data_set(tree)
        with h5py.File(other, "w") as secret:
            secret["secret"] = np.full(tree[name].shape, SECRET, "<f4")
        fault(tree, name, other)
    if kind == "m.keras":
        parts["model.weights.h5"] = inner.read_bytes()
        with zipfile.ZipFile(file, "w") as archive:
            for part, data in parts.items():
                archive.writestr(part, data)
    said = name.split("/")[0] if fault is external_group else name

    def never(*words, **more):
        raise AssertionError("a data set was read")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", never)
    monkeypatch.setattr(h5py.Dataset, "__array__", never)
    for reading in (lambda: files.look_into(file), lambda: weights.fill(old_keras.small(), file)):
        with pytest.raises(ModelError) as caught:
            reading()
        assert caught.value.message.startswith(f"{said} in {file.name} {OUTSIDE[fault]}")


def test_weights_given_apart_are_looked_at_too(saved, tmp_path):
    file = copied(saved, "m.weights.h5", tmp_path)
    with h5py.File(file, "r+") as tree:
        name = first_data_set(tree)
        external_link(tree, name, tmp_path / "other.h5")
    with pytest.raises(ModelError, match="link into another file"):
        load(Request("tests.unit.test_weights:make_small", weights=str(file)))
    with pytest.raises(ModelError, match="link into another file"):
        load(Request(str(file), arch="tests.unit.test_weights:make_small"))


def test_a_group_that_holds_itself_ends(saved, tmp_path):
    file = copied(saved, "m.h5", tmp_path)
    with h5py.File(file, "r+") as tree:
        tree["model_weights/first/again"] = tree["model_weights"]
    assert files.look_into(file).numbers > 0


def attributes_that_cannot_be_iterated(tree):
    tree.attrs["layer_names"] = 3


def group_that_is_a_number(tree):
    del tree["model_weights"]
    tree["model_weights"] = 3.0


def config_that_is_no_model(tree):
    tree.attrs["model_config"] = json.dumps([1, 2])


def config_too_deep(tree):
    tree.attrs["model_config"] = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "fault",
    [
        attributes_that_cannot_be_iterated,
        group_that_is_a_number,
        config_that_is_no_model,
        config_too_deep,
    ],
)
def test_broken_trees_are_a_sentence(fault, saved, tmp_path):
    for kind in ("m.h5", "old.h5"):
        file = copied(saved, kind, tmp_path)
        with h5py.File(file, "r+") as tree:
            if fault is group_that_is_a_number and "model_weights" not in tree:
                continue
            fault(tree)
        done = run("layers", "tests.unit.test_weights:make_small", "--weights", file)
        if done.exit_code:
            refused(done, 3, file.name, "")
        if kind == "m.h5":
            done = run("layers", file)
            if done.exit_code:
                refused(done, 3, file.name, "")


def test_names_that_cannot_be_written_down_are_a_sentence(saved, tmp_path):
    file = copied(saved, "m.h5", tmp_path)
    with h5py.File(file, "r+") as tree:
        config = json.loads(tree.attrs["model_config"])
        config["config"]["layers"][0]["config"]["name"] = "half a letter \ud83d"
        tree.attrs["model_config"] = json.dumps(config)
    refused(run("layers", file), 3, f"{file.name} is not a Keras model, or is damaged", "unbroken")


def test_bits_turned_in_the_head_of_a_tree_are_a_sentence(saved, tmp_path):
    whole = (saved / "m.h5").read_bytes()
    model = old_keras.small()
    for place in range(8, 3000, 37):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        file = tmp_path / "bits.h5"
        file.write_bytes(broken)
        for reading in (lambda file=file: files.look_into(file), lambda file=file: weights.fill(model, file)):
            try:
                reading()
            except ModelError as error:
                assert file.name in error.message  # noqa: PT017 (many of them change nothing that is read)


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
    monkeypatch.setattr(probe, "WORK", 1.0)
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
    refused(run("layers", file), 3, f"{file.name} is not a Keras model, or is damaged", "unbroken")
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
    monkeypatch.setattr(probe, "_probe", None)
    monkeypatch.setattr(probe, "__file__", str(other))
    with pytest.raises(ModelError, match=r"falling\.h5 is not a Keras model, or is damaged"):
        files.look_into(falling)
    assert files.look_into(whole).config is not None
    probe._probe.end()


def test_where_no_process_can_be_started_files_are_read_all_the_same(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "_probe", None)
    monkeypatch.setattr(probe.sys, "executable", str(tmp_path / "nothing"))
    assert files.look_into(copied(saved, "m.h5", tmp_path)).config is not None


def rewritten(saved, folder, method, change=lambda name, data: data):
    """The archive packed by a method, its members changed."""
    with zipfile.ZipFile(saved / "m.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    file = folder / "packed.keras"
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, change(name, data))
    return file


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
    refused(run("layers", file), 3, "packed by a method that Python does not know (99)", "Save it again")


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
