"""Looking and climbing, with numbers from a pencil."""

import numpy as np
import pytest

from convreport.core.ascent.objectives import channel
from convreport.core.ascent.recipes import RECIPES, find
from convreport.core.base.errors import ModelError
from convreport.core.explain.saliency import gradcam
from convreport.core.seam import Targets
from tests import models


def test_nested_layers_have_paths_and_shared_ones_an_entry_a_call():
    nested = [layer.path for layer in models.network(models.nested()).card.layers]
    assert nested[1:] == ["body/inner_first", "body/inner_second", "pool", "head"]
    branched = models.network(models.branched())
    paths = [layer.path for layer in branched.card.layers]
    assert "shared" in paths and "shared@2" in paths
    look = branched.look([models.noise(32)], ["shared", "shared@2"], fit="stretch", targets=None)
    assert not np.allclose(look.activations["shared"], look.activations["shared@2"])


def test_pencil_gradcam():
    net = models.network(models.pencil())
    picture = np.zeros((4, 4), np.uint8)
    picture[1, 2] = 255  # rescaled to 1 by the assumed preprocessing
    look = net.look([models.sample(picture)], ["conv"], fit="stretch", targets=Targets(classes=(0, 1)))
    conv = look.activations["conv"][0]
    assert conv[1, 2].tolist() == [2.0, 0.0]
    assert conv.sum() == pytest.approx(2.0)
    # pool = [2/16, 0]; logits = pool @ [[1, 3], [2, -1]] + [0.5, 0]
    np.testing.assert_allclose(look.scores[0], [0.625, 0.375], rtol=1e-6)
    share = 1 / (1 + np.exp(-0.25))
    np.testing.assert_allclose(look.probabilities[0], [share, 1 - share], rtol=1e-6)
    # d logit_0 / d conv = [1, 2] / 16 everywhere; d logit_1 = [3, -1] / 16
    np.testing.assert_allclose(look.gradients["conv"][0, 0], np.broadcast_to([1 / 16, 2 / 16], (4, 4, 2)), rtol=1e-6)
    np.testing.assert_allclose(look.gradients["conv"][0, 1], np.broadcast_to([3 / 16, -1 / 16], (4, 4, 2)), rtol=1e-6)
    # Grad-CAM for class 0: mean over channels of [1/16 * 2, 2/16 * 0] at the bright pixel, zero elsewhere.
    heat = gradcam(conv, look.gradients["conv"][0, 0])
    assert heat[1, 2] == pytest.approx(1 / 16)
    assert heat.sum() == pytest.approx(1 / 16)


def test_gradcam_keeps_only_evidence_for_the_class():
    activation = np.ones((2, 2, 2), np.float32)
    assert (gradcam(activation, -np.ones((2, 2, 2), np.float32)) == 0).all()


def test_probability_gradients_are_the_logits_times_the_softmax_slope():
    net = models.network(models.pencil())
    sample = models.noise(4)
    logit = net.look([sample], ["conv"], fit="stretch", targets=Targets(classes=(0, 1)))
    chance = net.look([sample], ["conv"], fit="stretch", targets=Targets(classes=(0,), score="probability"))
    p = logit.probabilities[0]
    slope = p[0] * (1 - p[0])
    expected = slope * (logit.gradients["conv"][0, 0] - logit.gradients["conv"][0, 1])
    np.testing.assert_allclose(chance.gradients["conv"][0, 0], expected, rtol=1e-4)


def test_a_score_that_does_not_depend_on_a_layer_is_an_error_not_a_blank_map():
    import keras
    import tensorflow as tf

    class Stop(keras.layers.Layer):
        def call(self, inputs):
            return tf.stop_gradient(inputs)

    inputs = keras.Input((8, 8, 3))
    x = Stop(name="stop")(keras.layers.Conv2D(2, 3, name="below")(inputs))
    x = keras.layers.Conv2D(2, 3, name="above")(x)
    outputs = keras.layers.Dense(2, name="head")(keras.layers.GlobalAveragePooling2D()(x))
    net = models.network(keras.Model(inputs, outputs, name="stopped"))
    with pytest.raises(ModelError, match="do not depend on the layer below"):
        net.look([models.noise(8)], ["below"], fit="stretch", targets=Targets(classes=(0,)))
    look = net.look([models.noise(8)], ["above"], fit="stretch", targets=Targets(classes=(0,)))
    assert np.abs(look.gradients["above"]).max() > 0


def receptive_by_gradient(model, path):
    """Where the input changes the middle cell of a layer: (top, left, height, width)."""
    import tensorflow as tf

    net = models.network(model)
    side = model.input.shape[1]
    x = tf.Variable(np.random.default_rng(0).uniform(0.2, 1, (1, side, side, 3)).astype(np.float32))
    call = {call.path: call for call in net._understood.wiring.calls}[path]
    import keras

    sub = keras.Model(model.input, call.operation.output)
    with tf.GradientTape() as tape:
        value = sub(x)
        middle = value.shape[1] // 2
        target = tf.reduce_sum(value[0, middle, middle])
    slope = np.abs(tape.gradient(target, x).numpy()[0]).sum(2)
    rows, columns = np.nonzero(slope)
    return net.card.layer(path).receptive_field, middle, (rows.min(), rows.max(), columns.min(), columns.max())


def test_receptive_fields_are_where_gradients_reach():
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((65, 65, 3))
    positive = {"kernel_initializer": keras.initializers.RandomUniform(0.1, 1.0)}
    x = keras.layers.Conv2D(2, 3, padding="same", name="a", **positive)(inputs)
    x = keras.layers.AveragePooling2D(2, name="pool")(x)
    y = keras.layers.Conv2D(2, 5, padding="same", dilation_rate=2, name="wide", **positive)(x)
    x = keras.layers.Conv2D(2, 1, name="narrow", **positive)(x)
    x = keras.layers.Add(name="merge")([x, y])
    x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)), name="padded")(x)
    x = keras.layers.Conv2D(2, 3, strides=2, name="last", **positive)(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="fields")
    for path in ("a", "pool", "wide", "narrow", "merge", "last"):
        field, middle, (top, bottom, left, right) = receptive_by_gradient(model, path)
        begin = field.offset[0] + middle * field.stride[0]
        assert (top, bottom) == (begin, begin + field.size[0] - 1), path
        assert (left, right) == (top, bottom), path


def test_known_receptive_fields():
    card = models.network(models.small()).card
    fields = {layer.path: layer.receptive_field for layer in card.layers}
    assert fields["second"].size == (8, 8)
    assert fields["second"].stride == (2, 2)
    assert fields["head"].whole


@pytest.mark.slow
def test_vgg16_shows_the_books_layers_by_default():
    from convreport.core.network import layers
    from convreport.engines.keras.load import load
    from convreport.engines.request import Request

    card = load(Request("VGG-16", weights="none")).card
    five = [f"block{n}_conv1" for n in range(1, 6)]
    assert [layer.path for layer in layers.telling(card)] == five
    pools = [f"block{n}_pool" for n in range(1, 6)]
    assert [layer.path for layer in layers.telling_and_pooled(card)] == [
        x for pair in zip(five, pools, strict=True) for x in pair
    ]
    assert layers.cam_layer(card).path == "block5_conv3"
    assert layers.first_convolution(card).path == "block1_conv1"
    assert card.params == 138_357_544
    assert card.layer("block5_conv3").receptive_field.size == (196, 196)
    assert card.labels[386].wnid == "n02504458"


def test_a_residual_network_shows_the_last_sum_of_each_stage():
    from convreport.core.network import layers
    from convreport.engines.keras.load import load
    from convreport.engines.request import Request

    card = load(Request("resnet50 v2", weights="none")).card
    shown = layers.telling(card)
    assert [layer.kind for layer in shown[1:]] == ["Add"] * (len(shown) - 1)
    assert shown[-1].path == "conv5_block3_out"
    assert len({layer.receptive_field.stride for layer in shown}) == len(shown)


def test_a_changed_head_leaves_the_digests_below_it_alone():
    first, second = models.small(), models.small()
    head = second.get_layer("head")
    head.set_weights([weight + 1 for weight in head.get_weights()])
    before, after = models.network(first).card, models.network(second).card
    changed = [a.path for a, b in zip(before.layers, after.layers, strict=True) if a.digest != b.digest]
    assert changed == ["head"]
    assert before.digest != after.digest


def unwritten():
    """Layers that tell no configuration: one whose arguments cannot be written down, and one that fails to say."""
    import keras

    class Curve(keras.layers.Layer):
        def __init__(self, power, table, bend):
            super().__init__(name="curve")
            self.power, self.table, self.bend, self.itself = power, table, bend, {}
            self.itself["again"] = self.itself

        def call(self, values):
            return self.bend(values**self.power * self.table)

    class Faulty(Curve):
        def get_config(self):
            raise KeyError("power")

    return Curve, Faulty


@pytest.mark.parametrize(("kind", "fault"), [(0, NotImplementedError), (1, KeyError)])
def test_a_layer_that_tells_no_configuration_is_told_by_what_it_keeps(kind, fault):
    import keras

    made_by = unwritten()[kind]

    def digests(power=2, top=1.0, bend=keras.ops.tanh):
        inputs = keras.Input((8, 8, 3))
        table = np.array([1.0, 1.0, top], "f4")
        curved = made_by(power, table, bend)(keras.layers.Conv2D(3, 3, name="conv")(inputs))
        made = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(curved))
        with pytest.raises(fault):
            made.get_layer("curve").get_config()
        made.get_layer("conv").set_weights([np.ones((3, 3, 3, 3)), np.zeros(3)])
        card = models.network(made).card
        return {path: card.layer(path).digest for path in ("conv", "curve")}

    first = digests()
    assert digests() == first
    for changed in (digests(power=3), digests(top=2.0), digests(bend=keras.ops.sin)):
        assert changed["conv"] == first["conv"]
        assert changed["curve"] != first["curve"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_tile_in_any_company(demo):
    """Tolerance: correlation of at least 0.999, the rounding that another slot of the batch brings."""
    recipe = find("fourier", "draft")
    layer = "block3_conv1"
    together = demo.ascend([channel(layer, unit) for unit in (4, 9, 17, 30)], recipe, 0)
    alone = demo.ascend([channel(layer, 17)], recipe, 0)
    again = demo.ascend([channel(layer, 17)], recipe, 0)
    other = demo.ascend([channel(layer, 17)], recipe, 1)
    correlate = lambda a, b: np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1]  # noqa: E731
    assert correlate(together.pictures[2], alone.pictures[0]) > 0.999
    assert (again.pictures == alone.pictures).all()
    assert correlate(other.pictures[0], alone.pictures[0]) < 0.9


def test_the_default_recipe_raises_every_score_and_leaves_no_tile_grey(demo):
    ascent = demo.ascend([channel("block2_conv2", unit) for unit in range(8)], RECIPES["fourier"], 0)
    assert (ascent.scores > ascent.starts).all()
    assert ascent.pictures.dtype == np.uint8
    assert ascent.pictures.shape == (8, 64, 64, 3)
    assert (ascent.pictures.std((1, 2, 3)) > 10).all()


@pytest.mark.parametrize(("name", "side"), [("book", 64), pytest.param("keras-example", 130, marks=pytest.mark.slow)])
def test_the_published_recipes_raise_every_score_that_has_a_gradient(demo, name, side):
    """They climb what comes after the ReLU: a unit silent on noise stays where it is, as in their sources."""
    ascent = demo.ascend([channel("block2_conv2", unit) for unit in range(8)], RECIPES[name], 0)
    alive = ascent.starts > 0
    assert alive.sum() >= 4
    assert (ascent.scores[alive] > ascent.starts[alive]).all()
    assert ascent.pictures.shape == (8, side, side, 3)


def test_a_pattern_drives_its_own_unit_more_than_a_photo_does(demo):
    """The point of it all: the tile, seen by the network, excites its unit more than any scene excites it."""
    from convreport.demo import scenes

    layer, units = "block4_conv1", range(8)
    ascent = demo.ascend([channel(layer, unit) for unit in units], RECIPES["fourier"], 0)
    tiles = [models.sample(picture, f"t{i}") for i, picture in enumerate(ascent.pictures)]
    natural = [models.sample(scenes.scene(i).pixels, f"s{i}") for i in range(24)]
    excited = demo.look(tiles, [layer], fit="stretch", targets=None).activations[layer].mean((1, 2))
    usual = demo.look(natural, [layer], fit="stretch", targets=None).activations[layer].mean((1, 2))
    better = [excited[place, unit] > usual[:, unit].max() for place, unit in enumerate(units)]
    assert sum(better) >= 7


def test_gray_networks_climb_too():
    net = models.network(models.pencil())
    ascent = net.ascend([channel("conv", 0), channel("conv", 1)], RECIPES["fourier"], 0)
    bright, dark = ascent.pictures
    assert bright.shape[2] == 3
    assert bright.mean() > 150
    assert dark.mean() < 100
