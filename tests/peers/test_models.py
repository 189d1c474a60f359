"""Real models of real users, old and new (CONVREPORT_REAL): loaded, mended, answering as their weights say, built."""

import h5py
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import convreport
from convreport.core.network import layers
from convreport.core.pictures import samples
from convreport.core.seam import Targets
from convreport.engines.keras.load import load
from convreport.engines.keras.running.network import KerasNetwork
from convreport.engines.request import Request
from tests.models import sample

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
DIGITS = tuple(str(digit) for digit in range(10))


def squeezenet():
    """SqueezeNet 1.1 without its classifier (Iandola et al. 2016), for a file of weights alone."""
    import keras

    def fire(x, number, squeeze, expand):
        name = f"fire{number}"
        x = keras.layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
        narrow = keras.layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(x)
        wide = keras.layers.Conv2D(expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(x)
        return keras.layers.Concatenate(name=f"{name}_concat")([narrow, wide])

    inputs = keras.Input((227, 227, 3))
    x = keras.layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(inputs)
    x = keras.layers.MaxPooling2D(3, 2, name="pool1")(x)
    x = fire(fire(x, 2, 16, 64), 3, 16, 64)
    x = keras.layers.MaxPooling2D(3, 2, name="pool3")(x)
    x = fire(fire(x, 4, 32, 128), 5, 32, 128)
    x = keras.layers.MaxPooling2D(3, 2, name="pool5")(x)
    x = fire(fire(fire(fire(x, 6, 48, 192), 7, 48, 192), 8, 64, 256), 9, 64, 256)
    return keras.Model(inputs, x, name="squeezenet")


@pytest.fixture
def open_model(real):
    def opened(file, **words):
        return KerasNetwork(load(Request(str(real / "models" / file), **words)))

    return opened


def answer(net, pixels, fit="stretch"):
    """The probabilities for one picture."""
    looked = layers.cam_layer(net.card).path
    return net.look([sample(pixels)], [looked], fit=fit, targets=Targets(top=1)).probabilities[0]


def digit(number):
    """A digit in white on black, 28 x 28."""
    picture = Image.new("L", (28, 28))
    ImageDraw.Draw(picture).text((9, 3), str(number), fill=255, font=ImageFont.load_default(20))
    return np.asarray(picture)


def stored(file, name):
    """The arrays of one layer of an old .h5 model, in their order, whatever h5py says they are called."""
    with h5py.File(file) as tree:
        group = tree["model_weights"][name]
        return [np.asarray(group[weight]) for weight in group.attrs["weight_names"]]


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
}
# What each needs (see legacy.py), in words that must be told.
REPAIRED = {
    "teachable_machine_waste_keras_model.h5": ("groups on a depthwise convolution", "single input or output is a list"),
    "tensorspace_mnist_keras.h5": ("bare list",),
    "tensorspace_helloworld_lenet.h5": ("initializers with a dtype",),
    "fer2013_mini_XCEPTION.hdf5": (),
    "mlperftiny_pretrainedResnet_cifar10.h5": (),
    "squeezenet_v1.1_imagenet_notop.keras": (),
    "vgg16_imagenet_to_block3_conv2.keras": (),
}


@pytest.mark.parametrize("file", REPAIRED)
def test_every_model_is_loaded_with_the_repairs_it_needs(file, open_model):
    told = " ".join(open_model(file).card.repairs)
    assert bool(told) == bool(REPAIRED[file])
    assert all(words in told for words in REPAIRED[file])


@pytest.mark.parametrize(
    "file", [pytest.param(file, marks=() if "mnist" in file else pytest.mark.slow) for file in REPAIRED]
)
def test_an_atlas_of_every_model(file, real, tmp_path):
    photos = [real / "photos" / "cat_chelsea.png"]
    atlas = convreport.build(
        real / "models" / file, images=[str(p) for p in photos], out=tmp_path, filters=1, preset="draft"
    )
    assert not atlas.failures
    told = " ".join(atlas.book.model.repairs)
    assert bool(told) == bool(REPAIRED[file])
    assert all(words in told for words in REPAIRED[file])


@pytest.mark.parametrize("file", ["tensorspace_mnist_keras.h5", "tensorspace_helloworld_lenet.h5"])
def test_mended_lenets_read_digits(file, open_model):
    net = open_model(file, labels=DIGITS)
    right = [int(answer(net, digit(number)).argmax()) == number for number in range(10)]
    assert sum(right) >= 8  # these are letters of a screen, not of a hand


def test_a_mended_lenet_answers_as_its_weights_say(open_model, real):
    """By hand, in numpy: convolutions, poolings and dense layers of the file, one after the other."""
    file = real / "models/tensorspace_mnist_keras.h5"
    net = open_model("tensorspace_mnist_keras.h5")
    picture = digit(5)
    x = picture[..., None] / 255.0
    known = net.model.layers
    for layer in known:
        kind = type(layer).__name__
        if kind == "Conv2D":
            kernel, bias = stored(file, layer.name)
            side = layer.kernel_size[0]
            assert layer.padding == "valid" and layer.strides == (1, 1)
            windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(0, 1))
            x = ACTIVATIONS[layer.activation.__name__](np.einsum("hwcij,ijcu->hwu", windows, kernel) + bias)
        elif kind == "MaxPooling2D":
            height, width, units = x.shape
            x = x[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2, units).max((1, 3))
        elif kind == "Flatten":
            x = x.ravel()
        elif kind == "Dense":
            kernel, bias = stored(file, layer.name)
            x = ACTIVATIONS[layer.activation.__name__](x @ kernel + bias)
    np.testing.assert_allclose(answer(net, picture), x, rtol=1e-3, atol=1e-5)


def test_a_mended_teachable_machine_answers_as_its_weights_say(open_model, real):
    """Against the same architecture built afresh from keras.applications, its weights read from the file in order."""
    import keras

    net = open_model("teachable_machine_waste_keras_model.h5", labels=("cardboard", "plastic", "glass", "metal"))
    base = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(224, 224, 3))
    wide, narrow = keras.layers.Dense(100, activation="relu"), keras.layers.Dense(4, use_bias=False)
    twin = keras.Sequential(
        [keras.Input((224, 224, 3)), base, keras.layers.GlobalAveragePooling2D(), wide, narrow, keras.layers.Softmax()]
    )
    found = {}

    def note(name, one):
        if isinstance(one, h5py.Dataset):
            found["/".join(name.partition(":")[0].split("/")[-2:])] = one[()]

    with h5py.File(real / "models/teachable_machine_waste_keras_model.h5") as tree:
        tree["model_weights"].visititems(note)
    for layer in base.layers:
        for weight in layer.weights:
            last = weight.path.split("/")[-1]
            names = [f"{layer.name}/{last}", f"{layer.name}/depthwise_{last}"]
            weight.assign(next(found[name] for name in names if name in found))
    wide.set_weights([found["dense_Dense1/kernel"], found["dense_Dense1/bias"]])
    narrow.set_weights([found["dense_Dense2/kernel"]])
    for photo in ("cat_chelsea.png", "coffee.png", "rocket.jpg"):
        pixels = samples.load(real / "photos" / photo).pixels
        fed = net._input(sample(pixels), "stretch")[None]
        np.testing.assert_allclose(fed.min(), -1, atol=0.2)
        np.testing.assert_allclose(answer(net, pixels), twin(fed, training=False).numpy()[0], rtol=2e-3, atol=1e-4)


def test_a_cat_is_a_cat_for_the_cifar_network(open_model, real):
    net = open_model("mlperftiny_pretrainedResnet_cifar10.h5", labels=CIFAR)
    assert net.card.preprocessing.mode == "none"  # 0..255, which its BatchNormalization tells
    chances = answer(net, samples.load(real / "photos/cat_chelsea.png").pixels)
    assert net.card.label(int(chances.argmax())).name == "cat"
    assert chances.max() > 0.9


def test_an_astronaut_smiles(open_model):
    net = open_model("fer2013_mini_XCEPTION.hdf5", labels=EMOTIONS)
    assert net.card.preprocessing.mode == "symmetric"  # (x / 255 - 0.5) * 2, as its authors feed it
    face = samples.natural(4).samples[3].pixels[60:220, 150:310]
    chances = answer(net, face)
    assert net.card.label(int(chances.argmax())).name == "happy"
    assert chances.max() > 0.9


def test_weights_alone_meet_a_factory(real, open_model):
    net = open_model("squeezenet_weights_only.h5", arch="tests.peers.test_models:squeezenet")
    whole = open_model("squeezenet_v1.1_imagenet_notop.keras")
    photo = samples.load(real / "photos/bear.jpg").pixels
    last = net.card.layers[-1].path
    ours = net.look([sample(photo)], [last], fit="stretch", targets=None).activations[last]
    theirs = whole.look([sample(photo)], [layers.cam_maps(whole.card)[-1].path], fit="stretch", targets=None)
    np.testing.assert_allclose(ours, next(iter(theirs.activations.values())), rtol=1e-3, atol=1e-3)


def test_without_a_top_takes_weights_without_one(real):
    """MobileNet at a quarter of its width, through a factory; MobileNetV2 by name, with the weights that have a top."""
    home = real / "keras_home/models"
    net = KerasNetwork(
        load(Request("tests.peers.test_models:quarter_mobilenet", weights=str(home / "mobilenet_2_5_224_tf_no_top.h5")))
    )
    assert net.card.head == "none"
    named = load(
        Request("mobilenet_v2", weights=str(home / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"))
    )
    assert named.card.classes == 1000


def quarter_mobilenet():
    import keras

    return keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(224, 224, 3))


def test_imagenet_networks_without_a_telling_name_are_told_by_known_photos(real):
    """MobileNetV2 with its BatchNormalizations folded away into a plain name: cat, coffee and rocket decide."""
    import keras

    file = real / "keras_home/models/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    model = keras.applications.MobileNetV2(weights=str(file), name="mystery")
    card = load(Request("mystery", live=model)).card
    assert card.preprocessing.mode == "symmetric"
    assert "recognizes a cat, a coffee and a rocket" in card.preprocessing.why
