"""Small networks whose numbers can be checked with a pencil, and the ways a model reaches convreport."""

import numpy as np


def pencil():
    """4x4 gray picture -> two 1x1 kernels (times 2; times -1) with ReLU -> mean -> dense [[1, 3], [2, -1]]."""
    import keras

    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(2, 1, activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = keras.layers.Dense(2, activation="softmax", name="head")(x)
    model = keras.Model(inputs, outputs, name="pencil")
    model.get_layer("conv").set_weights([np.array([[[[2.0, -1.0]]]]), np.array([0.0, 0.0])])
    model.get_layer("head").set_weights([np.array([[1.0, 3.0], [2.0, -1.0]]), np.array([0.5, 0.0])])
    return model


def small(name="small", side=32, classes=5):
    """A plain convnet with random weights and a Rescaling of its own."""
    import keras

    keras.utils.set_random_seed(3)
    inputs = keras.Input((side, side, 3))
    x = keras.layers.Rescaling(1 / 255, name="rescale")(inputs)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(x)
    x = keras.layers.MaxPooling2D(name="halve")(x)
    x = keras.layers.Conv2D(8, 3, padding="same", name="second")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="rectify")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax", name="head")(x), name=name)


def pictured(folder):
    """(folder, words of a plan): small.keras, 300 pictures of noise in two folders and a broken one, masks of a third of them."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    small().save(folder / "small.keras")
    for n in range(300):
        place = "ab"[n % 2]
        (folder / "many" / place).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(n).integers(0, 255, (20, 24, 3), np.uint8)
        Image.fromarray(noise).save(folder / "many" / place / f"{n}.png")
        if n % 3 == 0:
            (folder / "masks" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray((noise[..., 0] > 200).astype(np.uint8)).save(folder / "masks" / place / f"{n}.png")
    (folder / "many/a/broken.png").write_bytes(b"no picture")
    return folder, {"examples": (str(folder / "many"),), "masks": folder / "masks"}


def sequential():
    import keras

    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            keras.layers.Conv2D(4, 3, activation="relu", name="first"),
            keras.layers.MaxPooling2D(name="halve"),
            keras.layers.Conv2D(5, 3, activation="relu", name="second"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, activation="softmax", name="head"),
        ],
        name="sequence",
    )


def nested():
    """Transfer learning: a network inside a network, and its inner layers to be seen."""
    import keras

    keras.utils.set_random_seed(5)
    inputs = keras.Input((32, 32, 3))
    x = _body()(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="head")(x), name="transfer")


def _body():
    import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="inner_first")(inputs)
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="inner_second")(x)
    return keras.Model(inputs, x, name="body")


def branched():
    """A residual block, and one layer called twice."""
    import keras

    keras.utils.set_random_seed(6)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    shared = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    y = shared(shared(x))
    x = keras.layers.Add(name="add")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="head")(x), name="branched")


def reloaded(model, folder):
    """The same model, saved and loaded again: Keras wires it differently."""
    import keras

    path = folder / f"{model.name}.keras"
    model.save(path)
    return keras.models.load_model(path)


def copy_of(model, side):
    """The same weights in a network of its own, for any input size: the plain loops must not touch the model under test."""
    import keras

    twin = keras.models.clone_model(model, input_tensors=keras.Input((side, side, 3)))
    twin.set_weights(model.get_weights())
    return twin


def network(model, **words):
    """A Keras model object behind the Network protocol."""
    from convreport.engines.keras.load import load
    from convreport.engines.keras.running.network import KerasNetwork
    from convreport.engines.request import Request

    return KerasNetwork(load(Request(model.name, live=model, **words)))


def ops():
    """TensorFlow's arithmetic, as an ascent asks for it."""
    from convreport.engines.keras.running.ops import TensorFlowOps

    return TensorFlowOps()


def sample(pixels, name="sample"):
    from convreport.core.pictures.sample import Picture
    from convreport.core.pictures.samples import named_samples

    pixels = np.asarray(pixels, np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, 2)
    return next(iter(named_samples([Picture(name, pixels)])))


def noise(side, seed=0, name="noise"):
    return sample(np.random.default_rng(seed).integers(0, 256, (side, side, 3)), name)
