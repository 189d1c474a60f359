"""Broken and hostile model files: a sentence, exit code 3, and nothing read that lies outside them."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from convreport.core.base.errors import ModelError
from convreport.engines.keras.load import load
from convreport.engines.keras.reading import files, weights
from convreport.engines.request import Request
from tests import old_keras
from tests.broken import OUTSIDE, SECRET, copied, external_group, external_link, first_data_set
from tests.command import refused, run


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
    refused(run("layers", file), 3, f"{file.name} is not a Keras model, or is damaged", "intact")


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
