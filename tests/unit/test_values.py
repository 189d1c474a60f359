"""Preprocessing, codec, labels, units, layers: values in, values out."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convreport.core.base.codec import from_json, to_json
from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.network import labels, layers, units
from convreport.core.network.card import Field, Label, LayerInfo, ModelCard
from convreport.core.network.preprocessing import MODES
from convreport.core.network.units import UnitChoice


@pytest.mark.parametrize(("mode", "keras_mode"), [("symmetric", "tf"), ("caffe", "caffe"), ("torch", "torch")])
def test_preprocessing_is_that_of_keras(mode, keras_mode):
    from keras.src.applications.imagenet_utils import preprocess_input

    pixels = np.random.default_rng(0).uniform(0, 255, (2, 5, 7, 3)).astype(np.float32)
    expected = preprocess_input(pixels.copy(), mode=keras_mode)
    np.testing.assert_allclose(MODES[mode].apply(pixels), expected, rtol=1e-5, atol=1e-4)


def test_preprocessing_takes_tensors_too():
    import tensorflow as tf

    pixels = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype(np.float32)
    for mode in MODES.values():
        np.testing.assert_allclose(mode.apply(tf.constant(pixels)).numpy(), mode.apply(pixels), rtol=1e-5, atol=1e-4)


def layer(path, kind="Conv2D", shape=(8, 8, 4), stride=1, activation=None, kernel=(3, 3, 3, 4)):
    field = Field((3, 3), (stride, stride), (-1, -1))
    inputs = () if "Conv" in kind else ("one", "other")
    return LayerInfo(path, kind, shape, 1, 1, activation, inputs, kernel if "Conv" in kind else None, field, path)


def card(*found):
    return ModelCard("n", "n", "s", "o", "d", found, (8, 8, 3), MODES["none"], "softmax", 2, (Label("a"),), 1, 1)


def test_a_card_survives_json():
    import json

    before = card(layer("a"), dataclasses.replace(layer("b"), receptive_field=None, shape=(None, None, 4), kernel=None))
    assert from_json(ModelCard, json.loads(json.dumps(to_json(before)))) == before


def test_imagenet_labels_are_those_of_keras(real):
    import json

    index = json.loads((real / "keras_home/models/imagenet_class_index.json").read_text())
    assert [(label.wnid, label.name) for label in labels.imagenet()] == [tuple(index[str(i)]) for i in range(1000)]


def test_imagenet_labels_by_heart():
    names = labels.imagenet()
    assert len(names) == 1000
    assert names[386] == Label("African_elephant", "n02504458")
    assert names[1].name == "goldfish"


@pytest.mark.parametrize(
    ("words", "choice"),
    [
        ("64", UnitChoice("first", 64)),
        ("all", UnitChoice("all")),
        ("random:12", UnitChoice("random", 12)),
        ("3,17,40", UnitChoice("listed", listed=(3, 17, 40))),
        ("3,", UnitChoice("listed", listed=(3,))),
        (" 5 , 5,2", UnitChoice("listed", listed=(5, 2))),
    ],
)
def test_units_parse(words, choice):
    assert units.parse(words) == choice


@pytest.mark.parametrize("words", ["", "-3", "some", "random:", "random:0", "3;4", "1.5"])
def test_units_that_are_none_are_refused(words):
    with pytest.raises(UsageError, match="--filters"):
        units.parse(words)


@given(st.integers(1, 50), st.integers(1, 80), st.integers(0, 9))
def test_random_units_are_distinct_in_range_and_repeatable(channels, count, seed):
    one = dataclasses.replace(layer("x"), shape=(4, 4, channels))
    picked = units.pick(UnitChoice("random", count), one, seed)
    assert picked == units.pick(UnitChoice("random", count), one, seed)
    assert len(set(picked)) == len(picked) == min(count, channels)
    assert all(0 <= unit < channels for unit in picked)


def vgg():
    found = [layer("input", "InputLayer", (32, 32, 3))]
    for block in (1, 2, 3):
        side, stride = 32 >> (block - 1), 1 << (block - 1)
        found += [layer(f"b{block}_conv{n}", shape=(side, side, 8), stride=stride, activation="relu") for n in (1, 2)]
        found.append(layer(f"b{block}_pool", "MaxPooling2D", (side // 2, side // 2, 8), stride * 2))
    return card(*found, layer("flat", "Flatten", (10,)), layer("head", "Dense", (2,)))


def test_default_layers_of_a_chain_are_the_first_convolution_of_each_resolution():
    names = [one.path for one in layers.telling(vgg())]
    assert names == ["b1_conv1", "b2_conv1", "b3_conv1"]
    assert [one.path for one in layers.telling_and_pooled(vgg())] == [
        "b1_conv1", "b1_pool", "b2_conv1", "b2_pool", "b3_conv1", "b3_pool",
    ]  # fmt: skip
    assert layers.cam_layer(vgg()).path == "b3_conv2"
    assert layers.first_convolution(vgg()).path == "b1_conv1"


def test_default_layers_of_a_branched_net_are_the_last_merge_of_each_resolution():
    net = card(
        layer("stem", shape=(16, 16, 4), stride=2),
        layer("conv", shape=(8, 8, 4), stride=4),
        layer("add1", "Add", (8, 8, 4), 4),
        layer("add2", "Add", (8, 8, 4), 4),
    )
    assert [one.path for one in layers.telling(net)] == ["stem", "add2"]


def test_layers_by_glob_and_index_in_network_order():
    chosen = layers.choose(vgg(), ["b3*", "-1", "1"])
    assert [one.path for one in chosen] == ["b1_conv1", "b3_conv1", "b3_conv2", "b3_pool", "head"]
    assert layers.choose(vgg(), []) is None


@pytest.mark.parametrize(
    ("word", "hint"), [("b3_conv9", "Did you mean b3_conv"), ("99", "numbered 0 to 11"), ("x*", "convreport layers")]
)
def test_an_unknown_layer_gets_a_hint(word, hint):
    with pytest.raises(UsageError) as caught:
        layers.choose(vgg(), [word])
    assert hint in caught.value.hint


def test_did_you_mean():
    assert did_you_mean("grdcam", ["gradcam", "filters"]) == "Did you mean gradcam?"
    assert did_you_mean("MOBILENETV2", ["mobilenetv2"]).startswith("Did you mean mobilenetv2")
    assert did_you_mean("zzz", ["a", "b"]) == "Known: a, b."
