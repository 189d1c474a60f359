"""Two checkpoints of a small network with planted differences, and the atlas in which they are compared."""

import numpy as np
from PIL import Image

import convreport

COUNT = 108  # enough for alerts that are no hints
CLASSES = ("red", "green", "blue")
LAYERS = ("first", "second", "third")


def pictures(count=COUNT, side=24):
    """Discs of three colours, somewhere on a noisy ground, and which colour each is."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    made = []
    for number in range(count):
        picture = rng.integers(40, 110, (side, side, 3))
        at = rng.integers(7, side - 7, 2)
        disc = (rows - at[0]) ** 2 + (columns - at[1]) ** 2 < 49
        picture[disc] = rng.integers(0, 60, 3)
        picture[disc, number % 3] = 230
        made.append(picture.astype(np.uint8))
    return np.stack(made), np.arange(count) % 3


def network(shown):
    """A small network that tells the three colours apart: random convolutions, and a head that fits them."""
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.Rescaling(1 / 255, name="rescale")(inputs)
    for name, count in zip(LAYERS, (6, 8, 16), strict=True):
        x = keras.layers.Conv2D(
            count, 3, padding="same", activation="relu", bias_initializer=keras.initializers.Constant(0.2), name=name
        )(x)
    features = keras.layers.GlobalMaxPooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="head")(features), name="base")
    seen = keras.Model(inputs, features).predict(shown[0], verbose=0).astype(np.float64)
    spread = np.c_[(seen - seen.mean(0)) / (seen.std(0) + 1e-6), np.ones(len(seen))]
    weights = np.linalg.lstsq(spread, 6 * np.eye(3)[shown[1]], rcond=None)[0]
    kernel = weights[:-1] / (seen.std(0) + 1e-6)[:, None]
    model.get_layer("head").set_weights([kernel, weights[-1] - seen.mean(0) @ kernel])
    return model


def altered(model, name, change):
    """A copy of a model with other weights in one layer."""
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    weights = [np.array(one) for one in copy.get_layer(name).get_weights()]
    change(*weights)
    copy.get_layer(name).set_weights(weights)
    return copy


def swap(kernel, bias):
    kernel[:, [0, 2]], bias[[0, 2]] = kernel[:, [2, 0]], bias[[2, 0]]


def compared(root):
    """Two checkpoints as files in `root`, the second with two outputs swapped and a unit silenced, compared in root/atlas."""
    shown = pictures()
    base = network(shown)
    for number, (picture, label) in enumerate(zip(*shown, strict=True)):
        place = root / "discs" / CLASSES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"disc{number}.png")

    def dead(kernel, bias):
        bias[1] = -1000.0

    base.save(root / "june.keras")
    altered(altered(base, "second", dead), "head", swap).save(root / "july.keras")
    (root / "labels.txt").write_text("\n".join(CLASSES))
    change = convreport.compare(
        root / "june.keras", root / "july.keras", out=root / "atlas", images=root / "discs", examples=(str(root / "discs"),),
        labels=root / "labels.txt", max_images=3, layers=("second",), filters="3",
        sections=("gradcam", "examples", "health", "shortcuts"), preprocess="none",
    )  # fmt: skip
    assert change.page.is_file() and not change.reused
