"""The published algorithms, written out plainly, and other libraries, as referees of our numbers."""

from dataclasses import replace

import numpy as np
import pytest

from convreport.core.ascent.canvas import displayed, generator
from convreport.core.ascent.objectives import channel
from convreport.core.ascent.parameters import parameters
from convreport.core.ascent.recipes import RECIPES
from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain.saliency import gradcam
from convreport.core.network.units import UnitChoice
from convreport.core.pictures import colour, pixels
from convreport.core.seam import Targets
from convreport.demo import scenes
from convreport.sections.activations import Activations
from tests.models import copy_of, ops, sample
from tests.peers import loops


def book_grid(activation, columns=16):
    """Listing 5.30: every channel standardized, 16 a row, whole rows only. `activation` (height, width, channels)."""
    height, width, channels = activation.shape
    rows = channels // columns
    grid = np.zeros((rows * height, columns * width), np.uint8)
    for row in range(rows):
        for column in range(columns):
            image = activation[:, :, row * columns + column].copy()
            image -= image.mean()
            image /= image.std()
            image *= 64
            image += 128
            image = np.clip(image, 0, 255).astype("uint8")
            grid[row * height : (row + 1) * height, column * width : (column + 1) * width] = image
    return grid


@pytest.mark.parametrize("layer", ["block1_conv1", "block2_pool", "block3_conv2", "block5_conv1"])
def test_tilings_are_the_books_pixel_by_pixel(demo, layer):
    picture = sample(scenes.scene(3).pixels)
    activation = demo.look([picture], [layer], fit="stretch", targets=None).activations[layer][0]
    live = np.flatnonzero(activation.max((0, 1)) > 0)
    live = live[: len(live) // 16 * 16]
    chosen = np.ascontiguousarray(activation[:, :, live])
    ours = pixels.tile(pixels.standardize(np.ascontiguousarray(chosen.transpose(2, 0, 1))), 16)
    assert (ours == book_grid(chosen)).all()


def test_the_published_tiling_is_that_grid_in_viridis_with_thin_margins(demo):
    drawn = sample(scenes.scene(3).pixels)
    scope = Scope(demo.card, (drawn,), UnitChoice(), 0)
    drawing = Activations(tile=0).draw([Subject(layer="block3_conv2", sample=drawn.slug)], scope, demo)[0]
    activation = demo.look([drawn], ["block3_conv2"], fit="stretch", targets=None).activations["block3_conv2"][0]
    expected = colour.paint(book_grid(activation), "viridis")
    side, sheet = activation.shape[0], drawing.figures[0].pixels
    silent = drawing.facts.silent
    for place in range(48):
        row, column = divmod(place, 16)
        ours = sheet[row * (side + 1) : row * (side + 1) + side, column * (side + 1) : column * (side + 1) + side]
        theirs = expected[row * side : (row + 1) * side, column * side : (column + 1) * side]
        if place in silent:
            assert (ours == ours[0, 0]).all()
        else:
            assert (ours == theirs).all(), place


def book_gradcam(model, last, inputs, index):
    """Section 5.4.3: the gradient of the probability, pooled over space, weights the channels; mean, ReLU, / max."""
    import keras
    import tensorflow as tf

    to_last = keras.Model(model.inputs, model.get_layer(last).output)
    from_last = keras.Input(model.get_layer(last).output.shape[1:])
    x = from_last
    for layer in model.layers[model.layers.index(model.get_layer(last)) + 1 :]:
        x = layer(x)
    head = keras.Model(from_last, x)
    with tf.GradientTape() as tape:
        output = to_last(inputs)
        tape.watch(output)
        score = head(output)[:, index]
    pooled = tf.reduce_mean(tape.gradient(score, output), axis=(0, 1, 2)).numpy()
    weighted = output.numpy()[0] * pooled
    heatmap = np.maximum(weighted.mean(-1), 0)
    return heatmap / heatmap.max()


@pytest.mark.parametrize("index", range(0, 12, 3))
def test_gradcam_is_the_books_with_the_score_probability(demo, index):
    """Tolerance: 1e-3 of the map's maximum (float32 through a steep softmax)."""
    one = scenes.scene(index, seed=77)
    look = demo.look(
        [sample(one.pixels)],
        ["block5_conv2"],
        fit="stretch",
        targets=Targets(classes=(one.label,), score="probability"),
    )
    ours = gradcam(look.activations["block5_conv2"][0], look.gradients["block5_conv2"][0, 0])
    theirs = book_gradcam(copy_of(demo.model, 96), "block5_conv2", one.pixels[None].astype(np.float32), one.label)
    np.testing.assert_allclose(ours / ours.max(), theirs, atol=1e-3)


@pytest.mark.parametrize("index", range(0, 12, 3))
def test_gradcam_on_the_logit_is_that_of_tf_keras_vis(demo, index):
    """Tolerance: 1e-3 of the map's range. tf-keras-vis gets a copy of the network with a linear head, and stretches its
    map from its minimum to its maximum, so ours is stretched for the comparison too."""
    keras_vis = pytest.importorskip("tf_keras_vis.gradcam")
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    one = scenes.scene(index, seed=78)
    look = demo.look([sample(one.pixels)], ["block5_conv2"], fit="stretch", targets=Targets(classes=(one.label,)))
    ours = gradcam(look.activations["block5_conv2"][0], look.gradients["block5_conv2"][0, 0])
    referee = keras_vis.Gradcam(copy_of(demo.model, 96), model_modifier=ReplaceToLinear(), clone=True)
    theirs = referee(
        CategoricalScore([one.label]),
        one.pixels[None].astype(np.float32),
        penultimate_layer="block5_conv2",
        expand_cam=False,
        normalize_cam=True,
    )
    theirs = np.asarray(theirs[0] if isinstance(theirs, list) else theirs)
    stretched = (ours - ours.min()) / (ours.max() - ours.min())
    np.testing.assert_allclose(stretched, theirs.reshape(ours.shape), atol=1e-3)


def book_pattern(model, layer, unit, start):
    import keras

    return loops.book_display(loops.book(keras.Model(model.inputs, model.get_layer(layer).output), unit, start))


def keras_pattern(model, layer, unit, start):
    import keras

    features = keras.Model(model.inputs, model.get_layer(layer).output)
    return loops.keras_display(loops.keras_example(features, unit, start)[0])


def start_of(recipe, layer, unit, channels=3):
    """The noise that a published recipe starts from at this unit, with the seed 0."""
    return parameters(ops(), recipe, recipe.size, channels).start(generator(0, f"{layer}/{unit}"))


def correlation(one, other):
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


@pytest.mark.parametrize(("name", "plain"), [("book", book_pattern), ("keras-example", keras_pattern)])
@pytest.mark.parametrize("layer", ["block2_conv1", pytest.param("block3_conv1", marks=pytest.mark.slow)])
def test_filters_follow_the_published_loops(demo, name, plain, layer):
    """Deeper down the loops are chaotic: the plain one, started a millionth off, correlates 0.87 to 0.97 with itself."""
    recipe = RECIPES[name]
    units = [2, 7]
    ascent = demo.ascend([channel(layer, unit) for unit in units], recipe, 0)
    referee = copy_of(demo.model, None)
    for place, unit in enumerate(units):
        theirs = plain(referee, layer, unit, start_of(recipe, layer, unit))
        assert theirs.shape == ascent.pictures[place].shape
        assert correlation(theirs, ascent.pictures[place]) > 0.99, unit


def linear(model, layer):
    """The layer's maps before its ReLU, of a copy of the model."""
    import keras

    kind = model.get_layer(layer)
    kind.activation = keras.activations.linear
    return keras.Model(model.inputs, kind.output)


def test_multiscale_follows_its_plain_loop(demo):
    """With four of its scales: chaos grows with their number, as in every loop."""
    recipe = replace(RECIPES["multiscale"], scales=4)
    layer, units = "block2_conv1", [2, 5]
    ascent = demo.ascend([channel(layer, unit) for unit in units], recipe, 0)
    features = linear(copy_of(demo.model, None), layer)
    for place, unit in enumerate(units):
        theirs = loops.multiscale_display(loops.multiscale(features, unit, start_of(recipe, layer, unit), scales=4))
        assert theirs.shape == ascent.pictures[place].shape == (83, 83, 3)
        assert correlation(theirs, ascent.pictures[place]) > 0.99, unit


def test_multiscale_ends_at_the_sizes_of_its_source():
    """56 pixels, times 1.11 in whole pixels: 424 for the first convolution, 254 for others, 711 for classes."""
    from convreport.core.ascent.recipes import settled
    from convreport.core.ascent.stage import sides

    recipe = RECIPES["multiscale"]
    for words, side, blur in (
        ({"logits": False, "first": True}, 424, 5),
        ({"logits": False, "first": False}, 254, 5),
        ({"logits": True, "first": False}, 711, 7),
    ):
        found = settled(recipe, deep=False, light=False, **words)
        assert sides(found)[-1] == side and found.blur == blur


@pytest.mark.slow
def test_jitter_follows_keras_vis(demo):
    """Forty of its 200 steps, on 96 pixels: started a millionth off, the plain loop correlates no better with itself."""
    from convreport.core.ascent.transforms import Moves

    recipe = replace(RECIPES["jitter"], steps=40, size=96)
    layer, units = "block2_conv1", [2, 7]
    ascent = demo.ascend([channel(layer, unit) for unit in units], recipe, 0)
    import keras

    model = copy_of(demo.model, None)
    features = keras.Model(model.inputs, model.get_layer(layer).output)
    for place, unit in enumerate(units):
        draw = generator(0, f"{layer}/{unit}")
        start = parameters(ops(), recipe, 96, 3).start(draw)
        rolls = Moves.drawn(recipe, draw, 96, 40).rolls
        theirs = loops.book_display(loops.jitter(features, unit, start, rolls, steps=40))
        assert correlation(theirs, ascent.pictures[place]) > 0.98, unit
    assert abs(float(start.std()) - 12.75) < 0.3 and abs(float(start.mean()) - 127.5) < 0.5, "keras-vis's noise"


@pytest.mark.slow
def test_the_default_scores_more_than_plain_lucid_in_a_quarter_of_its_steps(demo):
    """At equal contrast, in the median, against 128 steps; tests/bench/ascent has real weights and all 512."""
    import tensorflow as tf

    from convreport.engines.shared.heights import LayerHeights

    layer, units = "block3_conv1", list(range(0, 48, 6))
    objectives = [channel(layer, unit) for unit in units]
    ours = demo.ascend(objectives, RECIPES["fourier"], 0)
    heights = LayerHeights(demo._forward, objectives[0], preactivation=True, border=-1)
    choice = heights.choice(objectives)
    fed = lambda x: demo.card.preprocessing.apply(x * 255)  # noqa: E731
    theirs, _ = loops.lucid(lambda x: heights.of(fed(x), choice), 64, len(units), steps=128)

    def even(pictures):
        centred = pictures - pictures.mean((1, 2, 3), keepdims=True)
        shown = np.clip(centred / centred.std((1, 2, 3), keepdims=True) * 0.18 + 0.5, 0, 1).astype(np.float32)
        return np.median(heights.of(fed(tf.constant(shown)), choice).numpy())

    assert even(ours.pictures / 255) > 0.95 * even(theirs)


def test_the_display_of_a_raw_canvas_is_the_books():
    canvas = np.random.default_rng(0).normal(130, 9, (1, 20, 20, 3)).astype(np.float32)
    x = canvas[0] - canvas[0].mean()
    x = x / (x.std() + 1e-5) * 0.1
    x = (np.clip(x + 0.5, 0, 1) * 255).clip(0, 255).astype("uint8")
    assert (displayed(canvas, RECIPES["book"])[0] == x).all()
