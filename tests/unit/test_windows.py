"""Receptive-field crops: what a cell really depends on, found by changing the picture pixel by pixel."""

import numpy as np
import pytest

from convreport.core.network.card import Field
from convreport.core.network.windows import GROUND, cut, size_of, window_of
from convreport.core.pictures.fitting import Fit, fit_of
from tests import models

SIDE = 33


def strided(keras, x):
    return keras.layers.Conv2D(2, 3, strides=2, padding="same", name="seen")(x)


def valid(keras, x):
    return keras.layers.Conv2D(2, 5, strides=3, padding="valid", name="seen")(x)


def dilated(keras, x):
    return keras.layers.Conv2D(2, 3, dilation_rate=4, padding="same", name="seen")(x)


def deep(keras, x):
    x = keras.layers.ZeroPadding2D(((1, 0), (2, 0)))(x)
    x = keras.layers.Conv2D(3, 3, padding="valid")(x)
    x = keras.layers.AveragePooling2D(2)(x)
    return keras.layers.Conv2D(2, (3, 1), padding="same", name="seen")(x)


def branches(keras, x):
    near = keras.layers.Conv2D(2, 1)(x)
    far = keras.layers.Conv2D(2, 3, dilation_rate=3, padding="same")(x)
    return keras.layers.Add(name="seen")([near, far])


@pytest.mark.parametrize("make", [strided, valid, dilated, deep, branches])
def test_the_window_is_just_what_the_cell_depends_on(make):
    """The gradient of one cell with positive weights is nonzero within the window and nowhere else, and reaches its edges."""
    import keras
    import tensorflow as tf

    inputs = keras.Input((SIDE, SIDE, 3))
    x = make(keras, inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)), name=make.__name__)
    for layer in model.layers:
        layer.set_weights([np.abs(one) + 0.1 for one in layer.get_weights()])
    net = models.network(model)
    field = net.card.layer("seen").receptive_field
    inner = keras.Model(model.inputs, model.get_layer("seen").output)
    picture = tf.random.uniform((1, SIDE, SIDE, 3), seed=1)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(picture)
        maps = inner(picture)
        rows, columns = int(maps.shape[1]), int(maps.shape[2])
        cells = [(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1), (0, columns - 1)]
        picked = [maps[0, row, column, 1] for row, column in cells]
    same = Fit((1.0, 1.0), (0.0, 0.0), (SIDE, SIDE), (SIDE, SIDE))
    for cell, value in zip(cells, picked, strict=True):
        reached = np.abs(np.asarray(tape.gradient(value, picture))[0]).sum(2) > 0
        window = window_of(field, cell, (rows, columns), same)
        found = [np.flatnonzero(reached.any(1 - axis)) for axis in (0, 1)]
        for axis in (0, 1):
            inside = max(window.start[axis], 0), min(window.end[axis], SIDE)
            if make is dilated and cell != (rows // 2, columns // 2):  # taps beyond the edge leave a gap before it
                assert inside[0] <= found[axis][0] and found[axis][-1] < inside[1]
            else:
                assert (found[axis][0], found[axis][-1] + 1) == inside, (make.__name__, cell, axis)
            assert window.end[axis] - window.start[axis] == field.size[axis]


def checked(side):
    """Every pixel tells its place: red its row, green its column."""
    rows, columns = np.mgrid[:side, :side]
    return np.dstack([rows, columns, np.zeros_like(rows)]).astype(np.uint8)


def test_a_crop_has_the_very_pixels_of_its_window():
    same = fit_of((20, 20), (20, 20), "stretch")
    window = window_of(Field((5, 3), (2, 2), (-1, 0)), (3, 4), (10, 10), same)
    np.testing.assert_array_equal(cut(checked(20), window, (5, 3)), checked(20)[5:10, 8:11])


def test_what_lies_beyond_the_picture_is_gray():
    same = fit_of((20, 20), (20, 20), "stretch")
    window = window_of(Field((6, 6), (1, 1), (-3, -3)), (0, 19), (20, 20), same)
    crop = cut(checked(20), window, (6, 6))
    np.testing.assert_array_equal(crop[3:, :4], checked(20)[:3, 16:])
    assert (crop[:3] == GROUND).all() and (crop[:, 4:] == GROUND).all()
    beyond = window_of(Field((2, 2), (1, 1), (-9, -9)), (0, 0), (20, 20), same)
    assert (cut(checked(20), beyond, (4, 4)) == GROUND).all()


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_windows_lead_back_through_the_fit(fit):
    """A window of the input holds what the network read there, whatever shape the picture has."""
    drawn = np.zeros((60, 120, 3), np.uint8)
    drawn[20:40, 50:70] = 255  # a white square in the middle
    how = fit_of((60, 120), (30, 30), fit)
    window = window_of(Field((4, 4), (1, 1), (0, 0)), (13, 13), (27, 27), how)
    assert (cut(drawn, window, (8, 8)) > 250).all()
    assert window.end[0] - window.start[0] == pytest.approx(4 / how.scale[0])
    assert window.end[1] - window.start[1] == pytest.approx(4 / how.scale[1])


def test_a_field_as_large_as_the_input_shows_all_that_was_fed():
    how = fit_of((60, 120), (30, 30), "crop")
    for field in (Field((40, 40), (2, 2), (-9, -9)), Field((0, 0), (5, 5), (0, 0), whole=True), None):
        window = window_of(field, (1, 4), (6, 6), how)
        assert (window.start, window.end) == ((0, 30), (60, 90)), "a square out of the middle"
    row, column = window_of(None, (1, 4), (6, 6), how).at
    assert (row, column) == pytest.approx((1.5 / 6, 4.5 / 6))


def test_crops_keep_their_shape():
    assert size_of(Field((10, 10), (1, 1), (0, 0)), 56, (96, 96)) == (56, 56)
    assert size_of(Field((9, 3), (1, 1), (0, 0)), 54, (96, 96)) == (54, 18)
    assert size_of(None, 56, (64, 128)) == (28, 56)
    how = fit_of((60, 120), (60, 120), "stretch")  # a network of free sides: the whole of a wide picture, in a square
    crop = cut(np.full((60, 120, 3), 255, np.uint8), window_of(None, (0, 0), (3, 6), how), (20, 20))
    assert (crop[5:15] == 255).all() and (crop[:5] == GROUND).all() and (crop[15:] == GROUND).all()
