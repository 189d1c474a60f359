"""Which units are wired to which, on networks small enough to follow with a finger."""

import numpy as np
import pytest

from convreport.core.drawing.scope import Scope
from convreport.core.network.circuits import Circuits
from convreport.core.network.units import UnitChoice
from convreport.engines.keras.running.kernels import kernel_of
from convreport.sections import configure
from tests import models


def wired():
    """stem -> (left, right) joined -> grouped -> depthwise -> added to a shortcut -> flat -> head."""
    import keras

    keras.utils.set_random_seed(2)
    inputs = keras.Input((8, 8, 3))
    stem = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    left = keras.layers.Conv2D(2, 1, name="left")(stem)
    right = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(4, 1, name="right")(stem))
    joined = keras.layers.Concatenate(name="joined")([left, right])
    grouped = keras.layers.Conv2D(6, 3, padding="same", groups=3, name="grouped")(joined)
    apart = keras.layers.DepthwiseConv2D(3, padding="same", name="apart")(keras.layers.ReLU(name="gate")(grouped))
    added = keras.layers.Add(name="added")([apart, joined])
    halved = keras.layers.MaxPooling2D(name="halved")(added)
    last = keras.layers.SeparableConv2D(3, 3, padding="same", activation="relu", name="last")(halved)
    flat = keras.layers.Flatten(name="flat")(last)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(flat), name="wired")


@pytest.fixture(scope="module")
def net():
    return models.network(wired())


def test_channels_are_followed_through_what_keeps_them_apart(net):
    wires = Circuits(net.card)
    assert wires.made_by("gate", 5) == [("grouped", 5)]
    assert wires.made_by("joined", 1) == [("left", 1)] and wires.made_by("joined", 4) == [("right", 2)]
    assert wires.made_by("halved", 3) == [("apart", 3), ("right", 1)], "a sum has the channels of both"
    assert wires.maker("norm") == "right" and wires.maker("joined") is None and wires.maker("halved") is None
    assert list(wires.readers("right", 1)) == [("grouped", 3), ("last", 3)]
    assert wires.read_by("head") == ("last", 3), "through the flattening"


def links(net, unit, path, shown=()):
    """(inputs, consumers) of a unit, by layer and unit, with the norms."""
    chosen = tuple(net.card.layer(one) for one in (path, *shown))
    scope = Scope(net.card, (), UnitChoice("listed", listed=(unit,)), 0, chosen)
    section = configure("circuits", {"links": 50})
    drawing = section.draw(section.subjects(scope)[:1], scope, net)[0]
    found = drawing.facts.units[str(unit)]
    return tuple({(one[0], one[1]): one[2] for one in getattr(found, way)} for way in ("inputs", "consumers"))


def test_norms_are_those_of_the_kernels(net):
    model = net.model
    inputs, consumers = links(net, 3, "grouped")
    kernel = np.asarray(
        model.get_layer("grouped").kernel
    )  # (3, 3, 2, 6): unit 3 is in the second group, of channels 2 and 3
    expected = {("right", 0): np.linalg.norm(kernel[:, :, 0, 3]), ("right", 1): np.linalg.norm(kernel[:, :, 1, 3])}
    assert inputs == pytest.approx(expected, rel=1e-3)
    own = np.linalg.norm(np.asarray(model.get_layer("apart").kernel)[:, :, 3, 0])
    assert consumers == {("apart", 3): pytest.approx(own, rel=1e-3)}, "a depthwise unit reads one channel"


def test_a_separable_layer_is_the_one_kernel_it_stands_for(net):
    layer = net.model.get_layer("last")
    apart, mixed = np.asarray(layer.depthwise_kernel), np.asarray(layer.pointwise_kernel)
    inputs, consumers = links(net, 1, "last")
    found = {path: [norm for (one, _), norm in inputs.items() if one == path] for path in ("added", "halved")}
    assert len(found["halved"]) == 6, "several convolutions make each of these channels: they are named by the layer"
    expected = [np.linalg.norm(apart[:, :, channel, 0] * mixed[0, 0, channel, 1]) for channel in range(6)]
    assert sorted(found["halved"]) == pytest.approx(sorted(expected), rel=1e-3)
    dense = np.asarray(net.model.get_layer("head").kernel).reshape(16, 3, 2)
    assert consumers == {("head", 0): pytest.approx(np.linalg.norm(dense[:, 1, 0]), rel=1e-3),
                         ("head", 1): pytest.approx(np.linalg.norm(dense[:, 1, 1]), rel=1e-3)}  # fmt: skip


def test_links_lead_both_ways_between_shown_layers(net):
    """Whatever shown layer holds a unit stands for the convolution behind it, seen from above and from below."""
    _, up = links(net, 2, "stem", ("norm",))
    assert {unit for path, unit in up if path == "norm"} == {0, 1, 2, 3}
    down, _ = links(net, 1, "norm", ("stem",))
    assert set(down) == {("stem", unit) for unit in range(4)}
    assert down["stem", 2] == pytest.approx(up["norm", 1])


def test_a_transposed_convolution_reads_its_own_way_round():
    import keras

    layer = keras.layers.Conv2DTranspose(5, 3)
    layer.build((None, 4, 4, 2))
    weights = kernel_of(layer).weights
    assert weights.shape == (9, 2, 5)
    np.testing.assert_array_equal(weights[4, 1], np.asarray(layer.kernel)[1, 1, :, 1])


def test_what_mixes_no_channels_has_no_kernel():
    import keras

    assert kernel_of(keras.layers.ReLU()) is None
