"""What is understood of single layers: maps, tokens, layouts, receptive fields, and where Grad-CAM looks."""

import numpy as np
import pytest

from convreport.core.base.errors import UsageError
from convreport.core.network import layers
from tests import models
from tests.unit.test_wiring import card_of
from tests.zoo import ZOO


@pytest.mark.parametrize("kind", ["shared", "block_inside", "subclassed", "transfer_learning"])
def test_every_parameter_is_counted_once(kind):
    model = ZOO[kind]()
    card = models.network(model).card
    assert card.params == model.count_params()
    assert card.trainable == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) <= card.params


def test_wiring_in_python_is_found_by_watching():
    card = card_of("subclassed")
    assert {layer.path: layer.inputs for layer in card.layers}["block2"] == ("block1", "block2/two")
    assert card.layer("block1/two").receptive_field.size == (11, 11)
    assert card.wiring == "subclassed"
    inside = card_of("block_inside")
    assert [layer.path for layer in inside.layers if layer.path.startswith("block")] == [
        "block/one",
        "block/two",
        "block",
    ]
    assert inside.layer("block").receptive_field.size == (11, 11)


def test_tokens_fold_to_the_grid_they_were_cut_from():
    card = card_of("vision_transformer")
    assert card.layer("block2").grid == (4, 6)
    assert card.layer("tokens").grid == (4, 6)
    assert layers.cam_layer(card).path == "norm2"  # the last whose patches the class token still reads


def test_windows_are_no_maps_and_what_passes_a_resting_dropout_keeps_its_maker():
    card = card_of("windows")
    assert card.layer("block1/attend").regrouped and not card.layer("block1/attend").spatial
    assert card.layer("block1").grid == (8, 8)  # the first of the two things it returns
    assert "block1/mix" in card.layer("block1").inputs
    assert layers.cam_layer(card).path == "block2"
    order = [layer.path for layer in card.layers]
    for layer in card.layers:
        assert all(order.index(source) < order.index(layer.path) for source in layer.inputs), layer.path


def test_layouts_and_planes():
    first = card_of("channels_first")
    assert (first.input, first.layout) == ((32, 40, 3), "channels_first")
    assert first.layer("second").shape == (14, 18, 6)
    plane = card_of("plane")
    assert (plane.input, plane.layout) == ((28, 28, 1), "plane")
    assert plane.layer("body_b").receptive_field.size == (8, 8)


def test_grad_cam_looks_where_the_score_depends_on():
    import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, name="trunk")(inputs)
    aside = keras.layers.Conv2D(4, 3, name="aside")(keras.layers.Conv2D(4, 3, name="before_aside")(x))
    head = keras.layers.Dense(2, activation="softmax", name="kind")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, [head, keras.layers.GlobalAveragePooling2D(name="features")(aside)])
    assert layers.cam_layer(models.network(model).card).path == "trunk"


def test_cam_layer_overrules_and_is_checked():
    card = card_of("functional")
    assert layers.cam_layer(card, "*_a").path == "body_a"
    for wanted, message in (
        ("body_*", "names 3 layers"),
        ("head", "is not a map"),
        ("nothing", "no layer that matches"),
    ):
        with pytest.raises(UsageError, match=message):
            layers.cam_layer(card, wanted)


@pytest.mark.parametrize("kind", ["segmentation", "odd_convolutions", "subclassed"])
def test_receptive_fields_hold_what_gradients_reach(kind):
    """Of every map: no gradient outside the window, and none of its four sides is missed by more than one stride."""
    import tensorflow as tf

    net = models.network(ZOO[kind]())
    height, width, channels = net.card.input
    picture = tf.constant(np.random.default_rng(1).uniform(0.2, 1, (1, height, width, channels)), tf.float32)
    calls = {call.path: call for call in net._understood.wiring.calls}
    from convreport.engines.keras.wiring.probe import probing

    for layer in layers.spatial(net.card):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            with probing([calls[layer.path]], operations=net._understood.wiring.operations) as taps:
                net._understood.feed.run(picture)
            maps = taps.outputs[layer.path]
            row, column = maps.shape[1] // 2, maps.shape[2] // 2
            middle = tf.reduce_sum(maps[0, row, column])
        slope = np.abs(tape.gradient(middle, picture).numpy()[0]).sum(2)
        field = layer.receptive_field
        for axis, place in ((0, row), (1, column)):
            reached = np.flatnonzero(slope.sum(1 - axis))
            if not len(reached):
                continue  # behind a ReLU that is shut here
            begin = field.offset[axis] + place * field.stride[axis]
            end = begin + field.size[axis] - 1
            assert begin <= reached.min(), layer.path
            assert reached.max() <= end, layer.path
