"""How pictures become input: said, known, seen, or decided by evidence, and always told."""

import numpy as np
import pytest

import convreport
from convreport.core.base.errors import UsageError
from convreport.core.network.preprocessing import MODES, of_function
from convreport.core.pictures import samples
from convreport.core.pictures.fitting import planes_for
from tests import models
from tests.zoo import ZOO


def with_statistics(mode, channels=3):
    """A network whose first BatchNormalization remembers photos as that preprocessing brings them."""
    import keras

    keras.utils.set_random_seed(21)
    inputs = keras.Input((48, 48, channels))
    conv = keras.layers.Conv2D(12, 3, use_bias=False, name="conv")
    norm = keras.layers.BatchNormalization(name="norm")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(norm(conv(inputs))))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    photos = np.stack([planes_for(one, (48, 48), "stretch", channels) for one in samples.natural(4).samples])
    maps = conv(MODES[mode].apply(photos)).numpy()
    norm.moving_mean.assign(maps.mean((0, 1, 2)))
    norm.moving_variance.assign(maps.var((0, 1, 2)))
    return model


@pytest.mark.parametrize("mode", MODES)
def test_the_first_batch_normalization_tells_how_it_was_trained(mode):
    chosen = models.network(with_statistics(mode)).card.preprocessing
    assert chosen.mode == mode
    assert "norm remembers from training" in chosen.why


@pytest.mark.parametrize("mode", ["none", "rescale", "symmetric"])
def test_gray_too(mode):
    assert models.network(with_statistics(mode, 1)).card.preprocessing.mode == mode


@pytest.mark.filterwarnings("error:Mean of empty slice:RuntimeWarning")
@pytest.mark.parametrize("variance", [np.nan, 0.0, 1e-12])
def test_statistics_that_tell_nothing_are_no_evidence(variance):
    model = with_statistics("rescale")
    model.get_layer("norm").moving_variance.assign(np.full(12, variance))
    assert "remembers from training" not in models.network(model).card.preprocessing.why


def test_what_the_model_does_itself_is_not_done_twice():
    for kind, words in (
        ("rescaled_inside", "Rescaling"),
        ("normalized_inside", "Normalization"),
        ("transfer_learning", "truedivide"),
    ):
        chosen = models.network(ZOO[kind]()).card.preprocessing
        assert chosen.mode == "none"
        assert words in chosen.why


def test_augmentation_inside_is_inactive():
    net = models.network(ZOO["transfer_learning"]())
    path = net.card.layers[2].path
    assert path.startswith("augment/random_rotation")
    picture = models.noise(48)
    seen = [net.look([picture], [path], fit="stretch", targets=None).activations[path] for _ in range(3)]
    assert (seen[0][0] == picture.pixels).all()
    assert (seen[0] == seen[1]).all() and (seen[1] == seen[2]).all()


def test_a_network_inside_tells_by_its_name():
    import keras

    base = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(96, 96, 3))
    inputs = keras.Input((96, 96, 3))
    head = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(base(inputs)))
    chosen = models.network(keras.Model(inputs, head)).card.preprocessing
    assert chosen.mode == "symmetric"
    assert "MobileNetV2 was trained with it" in chosen.why


def test_biases_that_drown_pixels_of_one_are_weak_evidence_for_255():
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3, bias_initializer="ones", name="conv")]
    )
    model.get_layer("conv").kernel.assign(model.get_layer("conv").kernel * 0.2)
    chosen = models.network(model).card.preprocessing
    assert chosen.mode == "none" and "weak evidence" in chosen.why


def test_where_nothing_tells_it_is_assumed_and_said():
    chosen = models.network(ZOO["functional"]()).card.preprocessing
    assert chosen.mode == "rescale"
    assert "assumed" in chosen.why and "--preprocess" in chosen.why


def halved(x):
    return x / 2 - 3


def swapped(x):
    x = x[..., ::-1] * 1.0
    x[..., 0] += 5
    return x


def curved(x):
    import tensorflow as tf

    return tf.sqrt(x) if tf.is_tensor(x) else np.sqrt(x)


def numpy_only(x):
    return np.sqrt(np.asarray(x))


def test_a_function_of_ones_own_is_measured():
    made = of_function(halved, "m:halved", 3)
    assert made.scale == (0.5, 0.5, 0.5) and made.shift == (-3, -3, -3) and not made.called
    made = of_function(swapped, "m:swapped", 3)
    assert made.bgr and made.shift[0] == pytest.approx(5)
    assert of_function(curved, "m:curved", 3).called
    with pytest.raises(ValueError, match="it turns"):
        of_function(lambda x: x[:, :4], "m:cut", 3)


@pytest.mark.slow
def test_a_function_that_is_no_straight_line_is_called_in_looking_and_in_climbing(tmp_path):
    atlas = convreport.build(
        ZOO["functional"](),
        preprocess="tests.unit.test_preprocessing:curved",
        out=tmp_path,
        filters=1,
        max_images=1,
        preset="draft",
    )
    assert not atlas.failures
    assert "test_preprocessing:curved" in atlas.book.preprocessing
    net = models.network(ZOO["functional"](), preprocess="tests.unit.test_preprocessing:curved")
    picture = models.noise(32)
    np.testing.assert_allclose(net._input(picture, "stretch"), np.sqrt(picture.pixels.astype(np.float32)), rtol=1e-5)


def test_a_function_no_gradient_passes_costs_the_patterns_only(tmp_path):
    atlas = convreport.build(ZOO["functional"](), preprocess=numpy_only, out=tmp_path, filters=1, max_images=1)
    assert {section for section, _, _ in atlas.failures} == {"filters", "classes"}
    assert "no gradient passes it" in atlas.failures[0][2]


def test_conventions_for_colour_are_not_for_gray():
    with pytest.raises(UsageError, match="is for colour pictures"):
        models.network(ZOO["one_sigmoid"](), preprocess="caffe")
