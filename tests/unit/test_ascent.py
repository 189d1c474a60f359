"""The grammar of ascents: each piece against arithmetic that can be checked, and what comes of them together."""

import numpy as np
import pytest

from convreport.core.ascent.objectives import channel, direction, logit, neuron
from convreport.core.ascent.recipes import FOURIER, PRESETS, RECIPES, Recipe, find, read_own
from tests import models

DRAFT = find("fourier", "draft")
WEIGHTS = (1.0, -2.0, 0.5, 0.0, 0.0, 3.0)


def correlation(one, other):
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


# -- objectives


def test_objectives_are_added_and_weighed_without_being_changed():
    one, other = channel("a", 1), neuron("b", 2)
    both = 2 * one - other * 0.5 + -logit(3)
    assert [(term.kind, term.unit, term.weight) for term in both.terms] == [
        ("channel", 1, 2.0), ("neuron", 2, -0.5), ("logit", 3, -1.0),
    ]  # fmt: skip
    assert one == channel("a", 1)
    assert both.form == (("channel", "a"), ("neuron", "b"), ("logit", ""))
    assert len({one.name, other.name, both.name, (2 * one).name, logit(3).name, neuron("a", 1).name}) == 6


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (channel("first", 2), lambda a: a["first"][..., 2].mean((1, 2))),
        (neuron("first", 2), lambda a: a["first"][:, 16, 16, 2]),
        (direction("first", WEIGHTS), lambda a: a["first"].mean((1, 2)) @ WEIGHTS),
        (
            channel("first", 1) - 3 * channel("second", 0),
            lambda a: a["first"][..., 1].mean((1, 2)) - 3 * a["second"][..., 0].mean((1, 2)),
        ),
    ],
    ids=["channel", "neuron", "direction", "difference"],
)
def test_heights_are_those_of_the_maps(objective, expected):
    """Against the maps after the activation that `look` gives, without a border."""
    from convreport.engines.shared.heights import LayerHeights

    net = models.network(models.small())
    sample = models.sample(np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8))
    maps = net.look([sample], ["first", "second"], fit="stretch", targets=None).activations
    heights = LayerHeights(net._forward, objective, preactivation=False, border=0)
    fed = net._input(sample, "stretch")[None]
    np.testing.assert_allclose(
        heights.of(fed, heights.choice([objective])).numpy(), expected(maps), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), ((1, 2), 1)])
@pytest.mark.parametrize("kernel", [1, 2, 3, (5, 3)])
def test_single_units_of_a_convolution_are_those_of_the_whole(padding, strides, dilation, kernel):
    import keras

    from convreport.engines.keras.running.forward import plain_of
    from convreport.engines.keras.running.ops import TensorFlowOps
    from convreport.engines.shared.last import means_of_units

    layer = keras.layers.Conv2D(
        6, kernel, strides=strides, dilation_rate=dilation, padding=padding, bias_initializer="random_normal"
    )
    x = np.random.default_rng(0).normal(size=(4, 17, 14, 3)).astype(np.float32)
    whole, ops = layer(x).numpy(), TensorFlowOps()
    units = np.array([5, 0, 3, 3])
    for border in (0, 1, 2) if min(whole.shape[1:3]) > 4 else (0, 1):
        found = means_of_units(ops, plain_of(layer), x, units, lambda side, b=border: (b, side - b)).numpy()
        inner = whole[:, border : whole.shape[1] - border, border : whole.shape[2] - border]
        np.testing.assert_allclose(found, inner.mean((1, 2))[np.arange(4), units], rtol=1e-4, atol=1e-5)


def test_a_concatenation_is_read_before_the_activations_it_joins():
    """A unit that is silent at the start has a gradient all the same, and its tile is not grey."""
    import keras

    x = keras.Input((32, 32, 3))
    low = keras.initializers.Constant(-3.0)
    parts = [
        keras.layers.Conv2D(3, 3, padding="same", activation="relu", bias_initializer=low, name=name)(x)
        for name in ("left", "right")
    ]
    net = models.network(keras.Model(x, keras.layers.Concatenate(name="joined")(parts)), preprocess="rescale")
    made = net.ascend([channel("joined", unit) for unit in range(6)], DRAFT, 0)
    assert (made.starts < -1).all(), "silent at the start"
    assert (made.scores > made.starts + 0.05).all()
    assert (made.pictures.std((1, 2, 3)) > 10).all()


# -- parameterizations, transforms, optimizers


def test_fourier_coefficients_of_one_size_are_the_same_picture_at_another():
    import tensorflow as tf

    from convreport.core.ascent.parameters import parameters

    recipe = Recipe("smooth", start=(0.0, 0.05), falloff=1.5)
    small, large = parameters(models.ops(), recipe, 32, 3), parameters(models.ops(), recipe, 64, 3)
    values = tf.constant(np.stack([small.start(np.random.default_rng(seed)) for seed in range(2)]))
    grown = large.picture(small.resized(values, 64)).numpy()
    back = small.picture(large.resized(small.resized(values, 64), 32)).numpy()
    assert correlation(grown[:, ::2, ::2], small.picture(values).numpy()) > 0.98
    assert correlation(back, small.picture(values).numpy()) > 0.98


@pytest.mark.parametrize(("channels", "side"), [(1, 16), (3, 15), (5, 16)])
def test_pictures_of_any_number_of_channels_stay_in_0_to_1(channels, side):
    import tensorflow as tf

    from convreport.core.ascent.parameters import parameters

    kind = parameters(models.ops(), Recipe("loud", start=(0.0, 5.0)), side, channels)
    picture = kind.picture(tf.constant(kind.start(np.random.default_rng(0))[None])).numpy()
    assert picture.shape == (1, side, side, channels)
    assert 0 <= picture.min() < 0.2 and 0.8 < picture.max() <= 1


def test_contrast_and_colour_are_bounded_where_the_recipe_says_so():
    import tensorflow as tf

    from convreport.core.ascent.parameters import parameters

    kind = parameters(models.ops(), FOURIER, 32, 3)
    loud = 100 * np.stack([kind.start(np.random.default_rng(0)), np.zeros((2, 3, 32, 17), np.float32)])
    loud[1, 0, 0, 0, 0] = 1e3  # nothing but one colour
    planes = -np.log(1 / np.clip(kind.picture(tf.constant(loud, tf.float32)).numpy(), 1e-6, 1 - 1e-6) - 1)
    assert planes[0].std() == pytest.approx(FOURIER.deviation, rel=1e-3)
    assert np.sqrt((planes[1] ** 2).mean()) == pytest.approx(2 * FOURIER.deviation, rel=1e-3)
    quiet = 0.01 * loud[:1]
    assert kind.picture(tf.constant(quiet, tf.float32)).numpy().std() < 0.1, "and what is quiet is left alone"


def test_rolls_blurs_and_warps():
    import tensorflow as tf

    from convreport.core.ascent.transforms import Moves, seen_side, warps

    ops = models.ops()

    x = np.random.default_rng(0).normal(size=(2, 12, 12, 3)).astype(np.float32)
    rolls = np.array([[3, -2], [-12, 5]], np.int32)
    for place in range(2):
        assert (ops.roll(x, rolls).numpy()[place] == np.roll(x[place], rolls[place], (0, 1))).all()
    inner = ops.blur(tf.constant(x), 5).numpy()[0, 6, 6]
    np.testing.assert_allclose(inner, x[0, 4:9, 4:9].mean((0, 1)), rtol=1e-4, atol=1e-5)
    still = warps(Recipe("still"), np.random.default_rng(0), 12, 2)
    np.testing.assert_allclose(ops.warp(tf.constant(x), tf.constant(still), 12).numpy(), x, atol=1e-5)
    window = Recipe("window", crop=3)
    moved = Moves.drawn(window, np.random.default_rng(0), 12, 50)
    assert seen_side(window, 12) == 6
    assert np.abs(moved.warps[:, [2, 5]] - 3).max() <= 3, "a window never leaves the canvas"
    assert np.abs(moved.rolls).max() == 0


def test_adam_is_keras_adam():
    import keras
    import tensorflow as tf

    from convreport.core.ascent.optimizers import first_state, updated

    recipe, ops = Recipe("adam", momentum=0.8), models.ops()
    start = np.random.default_rng(0).normal(size=(2, 3, 3, 1)).astype(np.float32)
    slopes = np.random.default_rng(1).normal(size=(5, 2, 3, 3, 1)).astype(np.float32)
    variable = keras.Variable(start)
    referee = keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.999, epsilon=1e-8)
    values, state = tf.constant(start), first_state(ops, recipe, tf.constant(start))
    for step, slope in enumerate(slopes):
        referee.apply([tf.constant(-slope)], [variable])
        values, state = updated(ops, recipe, values, tf.constant(slope), state, tf.constant(float(step)), 0.1)
        np.testing.assert_allclose(values.numpy(), variable.numpy(), rtol=1e-4, atol=1e-5)


def test_padam_lies_between_adam_and_plain_ascent():
    import tensorflow as tf

    from convreport.core.ascent.optimizers import first_state, updated

    start, ops = tf.zeros([1, 4, 4, 1]), models.ops()
    slope = tf.constant(np.geomspace(0.01, 10, 16).reshape(1, 4, 4, 1), tf.float32)
    moved = {}
    for adaptive in (0.0, 0.42, 0.5):
        recipe = Recipe("padam", step="padam", momentum=0.0, adaptive=adaptive)
        values, _ = updated(ops, recipe, start, slope, first_state(ops, recipe, start), tf.constant(0.0), 0.3)
        moved[adaptive] = values.numpy().ravel()
        assert np.sqrt((moved[adaptive] ** 2).mean()) == pytest.approx(0.3, rel=1e-4)
    assert correlation(moved[0.0], slope.numpy()) > 0.9999
    assert moved[0.5].std() < 1e-4, "like Adam's first step: every coefficient as far"
    assert moved[0.0].std() > moved[0.42].std() > moved[0.5].std()


# -- recipes


def test_presets_are_steps_of_one_recipe():
    draft, standard, high = (find("fourier", preset) for preset in PRESETS)
    assert standard == FOURIER
    assert draft.steps < standard.steps < high.steps and high.seeds > 1
    assert find("book", "high") == RECIPES["book"], "what reproduces a source has no presets"


def test_own_recipes_are_built_on_others():
    made, mistakes = read_own({"soft": {"steps": 9, "rate": 1}, "softer": {"base": "soft", "falloff": 2.0}}, "c.toml")
    assert not mistakes
    assert (made[0].name, made[0].steps, made[0].rate, made[0].rotate) == ("soft", 9, 1.0, FOURIER.rotate)
    assert (made[1].steps, made[1].falloff) == (9, 2.0)
    assert find("softer", "standard", made) == made[1]


@pytest.mark.parametrize(
    ("table", "said", "hint"),
    [
        ({"stpes": 3}, "no field 'stpes'", "steps"),
        ({"steps": "many"}, "steps takes a whole number, not 'many'", ""),
        ({"steps": True}, "steps takes a whole number", ""),
        ({"steps": 0}, "steps must be at least 1", ""),
        ({"rate": -1}, "rate must be above 0", ""),
        ({"step": "adamw"}, "step cannot be 'adamw'", "adam"),
        ({"start": [1]}, "start takes two numbers", "[0.0, 0.01]"),
        ({"base": "furier"}, "no recipe 'furier'", "fourier"),
        ({"preset": "higher"}, "no preset 'higher'", "high"),
        ({"growth": 1.2}, "needs a size", ""),
        ({"parameters": "pixels", "canvas": "raw"}, "a raw canvas needs a size", ""),
        ({"size": 40, "trim": 20}, "larger than what is trimmed", ""),
        ({"momentum": 1.0}, "momentum must be", ""),
        (7, "must be a table", "[recipes.mine]"),
    ],
)
def test_a_wrong_recipe_is_told(table, said, hint):
    made, (mistake,) = read_own({"mine": table}, "convreport.toml")
    assert not made
    assert mistake.message.startswith("convreport.toml, recipes.mine: ") and said in mistake.message
    assert hint in mistake.hint


def test_a_recipe_of_ones_own_may_not_hide_one_of_ours():
    assert "has that name" in read_own({"book": {"steps": 3}}, "c")[1][0].message
