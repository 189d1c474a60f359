"""The grammar of ascents: each piece against arithmetic that can be checked, and what comes of them together."""

import numpy as np
import pytest

from convreport.core import tiles
from convreport.core.errors import ModelError, UsageError
from convreport.core.objectives import channel, direction, logit, neuron
from convreport.core.recipes import FOURIER, PRESETS, RECIPES, Recipe, find, read_own
from convreport.core.types import Means, Targets
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
    from convreport.model.ascent.heights import Heights

    net = models.network(models.small())
    sample = models.sample(np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8))
    maps = net.look([sample], ["first", "second"], fit="stretch", targets=None).activations
    heights = Heights(net._understood, objective, preactivation=False, border=0)
    fed = net._input(sample, "stretch")[None]
    np.testing.assert_allclose(
        heights.of(fed, heights.choice([objective])).numpy(), expected(maps), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), ((1, 2), 1)])
@pytest.mark.parametrize("kernel", [1, 2, 3, (5, 3)])
def test_single_units_of_a_convolution_are_those_of_the_whole(padding, strides, dilation, kernel):
    import keras

    from convreport.model.ascent.last import means_of_units

    layer = keras.layers.Conv2D(
        6, kernel, strides=strides, dilation_rate=dilation, padding=padding, bias_initializer="random_normal"
    )
    x = np.random.default_rng(0).normal(size=(4, 17, 14, 3)).astype(np.float32)
    whole = layer(x).numpy()
    units = np.array([5, 0, 3, 3])
    for border in (0, 1, 2) if min(whole.shape[1:3]) > 4 else (0, 1):
        found = means_of_units(layer, x, units, lambda side, b=border: (b, side - b)).numpy()
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

    from convreport.model.ascent.parameters import parameters

    recipe = Recipe("smooth", start=(0.0, 0.05), falloff=1.5)
    small, large = parameters(recipe, 32, 3), parameters(recipe, 64, 3)
    values = tf.constant(np.stack([small.start(np.random.default_rng(seed)) for seed in range(2)]))
    grown = large.picture(small.resized(values, 64)).numpy()
    back = small.picture(large.resized(small.resized(values, 64), 32)).numpy()
    assert correlation(grown[:, ::2, ::2], small.picture(values).numpy()) > 0.98
    assert correlation(back, small.picture(values).numpy()) > 0.98


@pytest.mark.parametrize(("channels", "side"), [(1, 16), (3, 15), (5, 16)])
def test_pictures_of_any_number_of_channels_stay_in_0_to_1(channels, side):
    import tensorflow as tf

    from convreport.model.ascent.parameters import parameters

    kind = parameters(Recipe("loud", start=(0.0, 5.0)), side, channels)
    picture = kind.picture(tf.constant(kind.start(np.random.default_rng(0))[None])).numpy()
    assert picture.shape == (1, side, side, channels)
    assert 0 <= picture.min() < 0.2 and 0.8 < picture.max() <= 1


def test_contrast_and_colour_are_bounded_where_the_recipe_says_so():
    import tensorflow as tf

    from convreport.model.ascent.parameters import parameters

    kind = parameters(FOURIER, 32, 3)
    loud = 100 * np.stack([kind.start(np.random.default_rng(0)), np.zeros((2, 3, 32, 17), np.float32)])
    loud[1, 0, 0, 0, 0] = 1e3  # nothing but one colour
    planes = -np.log(1 / np.clip(kind.picture(tf.constant(loud, tf.float32)).numpy(), 1e-6, 1 - 1e-6) - 1)
    assert planes[0].std() == pytest.approx(FOURIER.deviation, rel=1e-3)
    assert np.sqrt((planes[1] ** 2).mean()) == pytest.approx(2 * FOURIER.deviation, rel=1e-3)
    quiet = 0.01 * loud[:1]
    assert kind.picture(tf.constant(quiet, tf.float32)).numpy().std() < 0.1, "and what is quiet is left alone"


def test_rolls_blurs_and_warps():
    import tensorflow as tf

    from convreport.model.ascent.transforms import Moves, blurred, rolled, seen_side, warped, warps

    x = np.random.default_rng(0).normal(size=(2, 12, 12, 3)).astype(np.float32)
    rolls = np.array([[3, -2], [-12, 5]], np.int32)
    for place in range(2):
        assert (rolled(x, rolls).numpy()[place] == np.roll(x[place], rolls[place], (0, 1))).all()
    inner = blurred(tf.constant(x), 5).numpy()[0, 6, 6]
    np.testing.assert_allclose(inner, x[0, 4:9, 4:9].mean((0, 1)), rtol=1e-4, atol=1e-5)
    still = warps(Recipe("still"), np.random.default_rng(0), 12, 2)
    np.testing.assert_allclose(warped(tf.constant(x), tf.constant(still), 12).numpy(), x, atol=1e-5)
    window = Recipe("window", crop=3)
    moved = Moves.drawn(window, np.random.default_rng(0), 12, 50)
    assert seen_side(window, 12) == 6
    assert np.abs(moved.warps[:, [2, 5]] - 3).max() <= 3, "a window never leaves the canvas"
    assert np.abs(moved.rolls).max() == 0


def test_adam_is_keras_adam():
    import keras
    import tensorflow as tf

    from convreport.model.ascent.optimizers import first_state, updated

    recipe = Recipe("adam", momentum=0.8)
    start = np.random.default_rng(0).normal(size=(2, 3, 3, 1)).astype(np.float32)
    slopes = np.random.default_rng(1).normal(size=(5, 2, 3, 3, 1)).astype(np.float32)
    variable = keras.Variable(start)
    referee = keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.999, epsilon=1e-8)
    values, state = tf.constant(start), first_state(recipe, tf.constant(start))
    for step, slope in enumerate(slopes):
        referee.apply([tf.constant(-slope)], [variable])
        values, state = updated(recipe, values, tf.constant(slope), state, tf.constant(float(step)), 0.1)
        np.testing.assert_allclose(values.numpy(), variable.numpy(), rtol=1e-4, atol=1e-5)


def test_padam_lies_between_adam_and_plain_ascent():
    import tensorflow as tf

    from convreport.model.ascent.optimizers import first_state, updated

    start = tf.zeros([1, 4, 4, 1])
    slope = tf.constant(np.geomspace(0.01, 10, 16).reshape(1, 4, 4, 1), tf.float32)
    moved = {}
    for adaptive in (0.0, 0.42, 0.5):
        recipe = Recipe("padam", step="padam", momentum=0.0, adaptive=adaptive)
        values, _ = updated(recipe, start, slope, first_state(recipe, start), tf.constant(0.0), 0.3)
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


# -- what comes out


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_tile_is_the_same_alone_and_in_any_slot_and_company(demo_loaded, precision):
    """Tolerance: correlation of at least 0.999 (float rounding in another slot of a batch of the same size)."""
    from convreport.model.network import KerasNetwork

    layer, units = "block3_conv1", [4, 9, 17, 30, 2, 8, 21, 40, 11, 5]
    net = KerasNetwork(demo_loaded, Means(precision))
    together = net.ascend([channel(layer, unit) for unit in units], DRAFT, 0)
    again = KerasNetwork(demo_loaded, Means(precision))
    for place in (0, 5, 9):
        alone = again.ascend([channel(layer, units[place])], DRAFT, 0)
        assert correlation(alone.pictures[0], together.pictures[place]) > 0.999
        assert alone.scores[0] == pytest.approx(together.scores[place], rel=1e-3)
    assert correlation(again.ascend([channel(layer, 4)], DRAFT, 1).pictures[0], together.pictures[0]) < 0.9
    assert together.precision == precision


def test_bfloat16_scores_what_float32_scores(demo_loaded):
    """At equal contrast, in the median of a layer, within 3 %."""
    from convreport.model.network import KerasNetwork

    objectives = [channel("block4_conv1", unit) for unit in range(32)]
    exact, short = (
        KerasNetwork(demo_loaded, Means(word)).ascend(objectives, FOURIER, 0) for word in ("float32", "bfloat16")
    )
    assert np.median(short.evens) == pytest.approx(np.median(exact.evens), rel=0.03)
    assert (short.pictures != exact.pictures).any(), "it was really climbed in another precision"


def test_the_rank_is_that_of_the_unit_among_all_answers_to_its_tile(demo):
    made = demo.ascend([channel("block3_conv1", unit) for unit in range(8)], FOURIER, 0)
    assert made.among == 48
    tile = made.pictures[0].astype(np.float32) / 255
    even = np.clip((tile - tile.mean()) / tile.std() * 0.18 + 0.5, 0, 1)
    shown = models.sample((even * 255 + 0.5).astype(np.uint8))
    # `look` resizes to the network's input, so only the order of magnitude of the rank can be compared.
    answers = (
        demo.look([shown], ["block3_conv1"], fit="stretch", targets=None).activations["block3_conv1"].mean((1, 2))[0]
    )
    theirs = 1 + int((answers > answers[0]).sum())
    assert abs(theirs - made.ranks[0]) <= 8
    assert (made.ranks >= 1).all() and (made.ranks <= 48).all()
    assert np.median(made.ranks) <= 12, "tiles speak of their own units more than of most others"


def test_a_unit_can_be_climbed_down(demo):
    up, down = (demo.ascend([weight * channel("block2_conv1", 3)], DRAFT, 0) for weight in (1.0, -1.0))
    assert down.scores[0] > down.starts[0] and down.evens[0] > 0
    assert correlation(up.pictures[0], down.pictures[0]) < 0.5
    assert 1 <= down.ranks[0] <= 32


def test_verdicts():
    assert tiles.verdict(False, 1, 64) == "no response found"
    assert tiles.verdict(True, 1, 64) == "specific"
    assert tiles.verdict(True, 3, 8) == "shared" and tiles.verdict(True, 12, 256) == "shared"
    assert tiles.verdict(True, 14, 256) == "unspecific"
    assert tiles.verdict(True, 0, 0) == "rose"


def silenced(dead):
    """A network whose unit 0 reads a map that no picture wakes; where `dead`, through zero weights."""
    import keras

    x = keras.Input((32, 32, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="hidden")
    last = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="last")
    model = keras.Model(x, last(hidden(x)))
    kernel, bias = (weight.copy() for weight in hidden.get_weights())
    kernel[..., 0] = 0.001  # 27 of them
    bias[0] = -0.016  # closed on what a start shows, open on a bright picture
    hidden.set_weights([kernel, bias])
    kernel, bias = (weight.copy() for weight in last.get_weights())
    kernel[...] = 0
    kernel[:, :, 0, 0] = 0.0 if dead else 1.0
    kernel[:, :, 1, 1] = 1.0
    last.set_weights([kernel, bias])
    return model


def test_a_unit_without_a_gradient_is_rescued_through_closed_relus(monkeypatch):
    from convreport.model.ascent.climb import Climb

    net = models.network(silenced(dead=False), preprocess="rescale")
    asked = []
    original = Climb._climb_all

    def noting(self, objectives, seed, batch, *, yielded=False):
        asked.append(yielded)
        return original(self, objectives, seed, batch, yielded=yielded)

    monkeypatch.setattr(Climb, "_climb_all", noting)
    made = net.ascend([channel("last", 0)], DRAFT, 0)
    assert asked == [False, False, True], "a second seed, then gradients through the closed ReLUs"
    assert made.scores[0] > made.starts[0], "and that is what woke it"


def test_a_dead_unit_has_no_response(convreport, tmp_path):
    net = models.network(silenced(dead=True), preprocess="rescale")
    made = net.ascend([channel("last", 0)], DRAFT, 0)
    assert made.scores[0] == made.starts[0]
    assert tiles.facts(made, 0)["verdict"] == "no response found"


def test_nan_starts_again_and_then_is_told():
    import keras

    x = keras.Input((16, 16, 3))
    layer = keras.layers.Conv2D(2, 3, name="broken")
    model = keras.Model(x, layer(x))
    kernel, bias = layer.get_weights()
    kernel[..., 0] = np.nan
    layer.set_weights([kernel, bias])
    made = models.network(model).ascend([channel("broken", 0), channel("broken", 1)], DRAFT, 0)
    facts = [tiles.facts(made, place) for place in (0, 1)]
    assert facts[0]["verdict"] == "no response found" and facts[1]["responds"]


def test_class_patterns_convince_the_network_of_their_class(demo):
    made = demo.ascend([logit(index) for index in range(12)], FOURIER, 0)
    assert (made.scores > made.starts + 3).all()
    assert made.among == 12 and (made.ranks <= 3).all()
    shown = [models.sample(picture, f"p{place}") for place, picture in enumerate(made.pictures)]
    look = demo.look(shown, [], fit="stretch", targets=Targets(top=1))
    assert (look.probabilities.argmax(1) == np.arange(12)).sum() >= 9


# -- precision, memory, time


def test_what_auto_means_is_measured_once_and_kept(tmp_path):
    from convreport.model.precision import Decisions

    asked = []

    def seconds(precision):
        asked.append(precision)
        return {"float32": 2.0, "bfloat16": 1.0}[precision]

    file = tmp_path / "precision.json"
    assert Decisions("auto", file).decide("key", seconds, exact=False) == "bfloat16"
    assert Decisions("auto", file).decide("key", lambda _: 1 / 0, exact=False) == "bfloat16"
    assert sorted(asked) == ["bfloat16", "float32"]
    assert Decisions("float32", file).decide("key", seconds, exact=False) == "float32"
    assert Decisions("auto", file).decide("other", seconds, exact=True) == "float32", "published loops are followed"
    slow = {"float32": 1.0, "bfloat16": 0.85}
    assert Decisions("auto", None).decide("near", slow.get, exact=False) == "float32", "a tie changes nothing"
    file.write_text("no json")
    assert Decisions("auto", file).decide("key", seconds, exact=False) == "bfloat16"


def test_a_shorter_format_holds_for_the_block_alone():
    import tensorflow as tf

    from convreport.model.precision import computing

    x = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), tf.float32)
    product = tf.function(lambda a: tf.nn.relu(a @ a) @ a)
    exact = product(x).numpy()
    with computing("bfloat16"):
        short = product(x).numpy()
    assert (product(x).numpy() == exact).all()
    assert (short == exact).mean() < 0.5


def test_batches_shrink_with_the_memory_and_only_then(demo):
    from convreport.model.ascent.room import batch_for, bytes_a_picture
    from convreport.model.ascent.stage import Stage

    stage = Stage.fitted(demo.card, FOURIER, "block3_conv1")
    need = bytes_a_picture(demo.card, ["block3_conv1"], stage)
    assert 1e6 < need < 1e8
    for memory, batch in ((100 * need, 8), (8 * need, 8), (7 * need, 4), (3 * need, 2), (need, 1), (1, 1)):
        assert batch_for(demo.card, ["block3_conv1"], stage, memory) == batch


def test_the_pace_is_about_what_it_takes(demo_loaded):
    """Loosely: timing on a shared machine. tests/bench measures it."""
    import time

    from convreport.model.network import KerasNetwork

    net = KerasNetwork(demo_loaded, Means("float32"))
    objectives = [channel("block4_conv1", unit) for unit in range(16)]
    pace = net.pace(objectives[0], FOURIER)
    net.ascend(objectives[:8], FOURIER, 0)
    began = time.perf_counter()
    net.ascend(objectives[8:], FOURIER, 0)
    took = (time.perf_counter() - began) / 8
    assert 0.2 < pace / took < 5


def test_a_layer_without_units_cannot_be_climbed(demo):
    with pytest.raises((ModelError, UsageError)):
        demo.ascend([channel("predictions", 0)], Recipe("short", steps=1), 0)
