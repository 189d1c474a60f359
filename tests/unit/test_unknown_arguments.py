"""Arguments that Keras does not know: dropped and told where they are without effect, named where they may have one."""

import pytest

from convreport.core.base.errors import ModelError
from convreport.engines.keras.load import load
from convreport.engines.keras.reading import weights
from convreport.engines.request import Request
from tests import old_keras
from tests.command import refused, run
from tests.unit.test_files import answers_alike


def idle(config):
    """As Keras 2.15 wrote them: the shape on the layer after the input layer, and arguments that are gone."""
    layers = list(old_keras.layers_of(config))
    shape = layers[0]["config"].get("batch_shape") or layers[0]["config"]["batch_input_shape"]
    for layer in layers[1:]:
        inner = layer["config"]
        if layer["class_name"] == "Conv2D":
            inner |= {"batch_input_shape": shape, "made_up": None}
            inner["kernel_initializer"]["config"]["name"] = "glorot"
        if layer["class_name"] == "BatchNormalization":
            inner |= {"virtual_batch_size": None, "fused": True, "beta_penalty_regularizer": {"l2": 0.1}}
        if layer["class_name"] == "GlobalAveragePooling2D":
            inner["ragged"] = False


def harmful(config):
    for layer in old_keras.layers_of(config):
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["virtual_batch_size"] = 4


def another_shape(config):
    """Of the first layer, which alone was ever asked for it."""
    layers = (layer for layer in old_keras.layers_of(config) if layer["class_name"] != "InputLayer")
    next(layers)["config"]["batch_input_shape"] = [None, 99, 99, 3]


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_arguments_without_effect_are_dropped_told_and_the_weights_accounted_for(ending, tmp_path, monkeypatch):
    make = old_keras.archive if ending == "keras" else old_keras.h5
    file = make(old_keras.small(), tmp_path / f"idle.{ending}", idle)
    loaded = load(Request(str(file)))
    answers_alike(old_keras.small(), loaded)
    told = " ".join(loaded.card.repairs)
    assert "batch_input_shape of first" in told and "fused of norm" in told, told
    assert "name of the kernel initializer of first" in told, told
    monkeypatch.setattr(weights, "account", lambda *words: (_ for _ in ()).throw(ModelError("looked at")))
    with pytest.raises(ModelError, match="looked at"):
        load(Request(str(file)))


@pytest.mark.parametrize(
    ("age", "words"),
    [(harmful, "virtual_batch_size = 4 of the layer norm"), (another_shape, "batch_input_shape = [None, 99")],
)
def test_an_argument_that_may_have_an_effect_stands_in_the_way(age, words, tmp_path):
    file = old_keras.archive(old_keras.small(), tmp_path / "old.keras", age)
    refused(run("layers", file), 3, f"does not know the argument {words}", "not dropped")
