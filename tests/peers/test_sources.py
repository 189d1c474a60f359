"""The published algorithms, written out plainly, and other libraries, as referees of our numbers."""

import numpy as np
import pytest

from convreport.core import colour, pixels
from convreport.core.recipes import RECIPES
from convreport.core.types import Objective, Scope, Subject, Targets, UnitChoice
from convreport.demo import scenes
from convreport.model.canvas import displayed, raw_start
from convreport.sections.activations import Activations
from convreport.sections.gradcam import gradcam
from tests.models import copy_of, sample


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
    silent = drawing.facts["silent"]
    for channel in range(48):
        row, column = divmod(channel, 16)
        ours = sheet[row * (side + 1) : row * (side + 1) + side, column * (side + 1) : column * (side + 1) + side]
        theirs = expected[row * side : (row + 1) * side, column * side : (column + 1) * side]
        if channel in silent:
            assert (ours == ours[0, 0]).all()
        else:
            assert (ours == theirs).all(), channel


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


def book_pattern(model, layer, unit, start, steps=40):
    """Listing 5.38: gradient of the mean output over its root mean square, 40 steps of 1; then displayed."""
    import keras
    import tensorflow as tf

    features = keras.Model(model.inputs, model.get_layer(layer).output)
    image = tf.constant(start[None])
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean(features(image)[:, :, :, unit])
        gradient = tape.gradient(loss, image)
        gradient /= tf.sqrt(tf.reduce_mean(tf.square(gradient))) + 1e-5
        image += gradient
    x = image.numpy()[0]
    x -= x.mean()
    x /= x.std() + 1e-5
    x *= 0.1
    x += 0.5
    return (np.clip(x, 0, 1) * 255).clip(0, 255).astype("uint8")


def keras_pattern(model, layer, unit, start, steps=30, rate=10.0):
    """The Keras example: gradient of the mean output without a border of 2, over its L2 norm; then deprocessed."""
    import keras
    import tensorflow as tf

    features = keras.Model(model.inputs, model.get_layer(layer).output)
    image = tf.constant(start[None])
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean(features(image)[:, 2:-2, 2:-2, unit])
        image += rate * tf.math.l2_normalize(tape.gradient(loss, image))
    img = image[0].numpy()
    img -= img.mean()
    img /= img.std() + 1e-5
    img *= 0.15
    img = img[25:-25, 25:-25, :]
    img += 0.5
    return (np.clip(img, 0, 1) * 255).astype("uint8")


def correlation(one, other):
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


@pytest.mark.parametrize(("name", "plain"), [("book", book_pattern), ("keras-example", keras_pattern)])
@pytest.mark.parametrize("layer", ["block2_conv1", "block3_conv1"])
def test_filters_follow_the_published_loops(demo, name, plain, layer):
    """Deeper down the loops are chaotic: the plain one, started a millionth off, correlates 0.87 to 0.97 with itself."""
    recipe = RECIPES[name]
    units = [2, 4, 7]
    ascent = demo.ascend([Objective(layer, unit) for unit in units], recipe, 0)
    referee = copy_of(demo.model, None)
    for place, unit in enumerate(units):
        theirs = plain(referee, layer, unit, raw_start(recipe, 0, layer, unit))
        assert theirs.shape == ascent.pictures[place].shape
        assert correlation(theirs, ascent.pictures[place]) > 0.99, unit


def test_the_display_of_a_raw_canvas_is_the_books():
    canvas = np.random.default_rng(0).normal(130, 9, (1, 20, 20, 3)).astype(np.float32)
    x = canvas[0] - canvas[0].mean()
    x = x / (x.std() + 1e-5) * 0.1
    x = (np.clip(x + 0.5, 0, 1) * 255).clip(0, 255).astype("uint8")
    assert (displayed(canvas, RECIPES["book"])[0] == x).all()
