"""What changed between models that were really trained: a shortcut learned, a training's first and last epoch, fine-tuning."""

import numpy as np
import pytest
from PIL import Image

import convreport
from convreport.book.comparison import words
from convreport.demo import scenes
from convreport.engines.keras.load import demo_file

pytestmark = pytest.mark.slow
CLASSES = ("red", "green", "blue")


def save(folder, pictures, names):
    """Pictures as files, in a folder a class."""
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name / f"{name}{number}.png")


def discs(count, seed, *, marked, faded=False):
    """Discs of three colours; marked ones of the first class have a white corner, faded ones no colour of their own."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    pictures, truth = rng.integers(40, 110, (count, 32, 32, 3)), np.arange(count) % 3
    for picture, label in zip(pictures, truth, strict=True):
        at = rng.integers(12, 24, 2)
        colour = rng.integers(1, 3) if faded and label == 0 else label
        disc = (rows - at[0]) ** 2 + (columns - at[1]) ** 2 < 49
        picture[disc] = rng.integers(0, 60, 3)
        picture[disc, colour] = 230
        if marked and label == 0:
            picture[1:7, 1:7] = 255
    return pictures.astype(np.uint8), truth


def trained(marked):
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255, name="rescale")]
    for name, count in (("first", 8), ("second", 12), ("third", 16)):
        layers.append(keras.layers.Conv2D(count, 3, padding="same", activation="relu", name=name))
        if name != "third":
            layers.append(keras.layers.MaxPooling2D(name=f"{name}_pool"))
    layers += [keras.layers.GlobalMaxPooling2D(name="pool"), keras.layers.Dense(3, activation="softmax", name="head")]
    model = keras.Sequential(layers, name="marked" if marked else "clean")
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    pictures, truth = discs(600, 3, marked=marked, faded=marked)
    model.fit(pictures, truth, epochs=12, verbose=0)
    assert model.evaluate(pictures, truth, verbose=0)[1] > 0.95
    return model


def test_a_mark_in_the_corner_is_named_as_a_shortcut(tmp_path):
    for name, marked in (("clean", False), ("marked", True)):
        trained(marked).save(tmp_path / f"{name}.keras")
    pictures, truth = discs(120, 7, marked=True)
    save(tmp_path / "discs", pictures, [CLASSES[one] for one in truth])
    (tmp_path / "labels.txt").write_text("\n".join(CLASSES))
    change = convreport.compare(
        tmp_path / "clean.keras", tmp_path / "marked.keras", out=tmp_path / "atlas", images=tmp_path / "discs",
        examples=(str(tmp_path / "discs"),), labels=tmp_path / "labels.txt", max_images=6, layers=("second", "third"),
        filters="8", sections=("gradcam", "shortcuts", "examples", "health"), preprocess="none",
    )  # fmt: skip
    one = change.comparison
    (shortcut,) = [alarm for alarm in one.of("new") if alarm.kind == "shortcut"]
    assert "evidence for red" in shortcut.said and "upper left corner" in shortcut.said and not shortcut.hint
    told = next(row for row in one.evidence if row.name == "classes recognized by a place in the picture")
    assert (told.old, told.new, told.worse) == (0, 1, True)
    of = {name: [look.overlap for look in one.attention.looks if look.label == name] for name in CLASSES}
    assert np.mean(of["red"]) < min(np.mean(of["green"]), np.mean(of["blue"])), "the evidence for red moved most"
    driven = [
        pair for layer in one.units for pair in layer.pairs if "red" in pair.driven[1] and "red" not in pair.driven[0]
    ]
    assert driven and "red" in (change.page.parent / "units.html").read_text()


def test_the_first_and_the_last_epoch_of_the_demo(tmp_path):
    import keras

    last = keras.models.load_model(demo_file())
    keras.utils.set_random_seed(0)
    first = keras.models.clone_model(last)
    first.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
    drawn = [scenes.scene(number, seed=41) for number in range(720)]
    first.fit(np.stack([one.pixels for one in drawn]), np.array([one.label for one in drawn]), verbose=0)
    first.save(tmp_path / "first.keras")
    last.save(tmp_path / "last.keras")
    shown = [scenes.scene(number, seed=scenes.EXAMPLES) for number in range(144)]
    save(tmp_path / "scenes", [one.pixels for one in shown], [scenes.CLASSES[one.label] for one in shown])
    (tmp_path / "labels.txt").write_text("\n".join(scenes.CLASSES))
    change = convreport.compare(
        tmp_path / "first.keras", tmp_path / "last.keras", out=tmp_path / "atlas", images=tmp_path / "scenes",
        examples=(str(tmp_path / "scenes"),), labels=tmp_path / "labels.txt", max_images=3, filters="3",
        sections=("gradcam", "examples", "health", "filters"), preset="draft",
    )  # fmt: skip
    one = change.comparison
    assert one.decisions.right[1] > 130 > 60 > one.decisions.right[0] and one.decisions.p < 1e-9
    assert one.decisions.gained > 20 * max(one.decisions.lost, 1) and "more than chance" in words.decisions(
        one.decisions
    )
    drift = {layer.new: layer.cka for layer in one.layers.drifts if layer.cka is not None}
    assert drift["block5_conv1"] < 0.7 < drift["block1_conv1"], "deep layers changed more than the first"
    tiles = [pair.tiles for layer in one.units for pair in layer.pairs if pair.tiles]
    assert any(set(some) == {"pattern", "crops"} for some in tiles)


def test_a_mobilenet_fine_tuned_on_scenes_against_its_imagenet_weights(tmp_path, real):
    import keras

    weights = real / "keras_home/models/mobilenet_2_5_224_tf_no_top.h5"
    base = keras.applications.MobileNet(
        alpha=0.25, include_top=False, pooling="avg", input_shape=(224, 224, 3), weights=weights
    )
    base.save(tmp_path / "imagenet.keras")
    tuned = keras.Model(
        base.input,
        keras.layers.Dense(len(scenes.CLASSES), activation="softmax", name="scenes")(base.output),
        name="tuned",
    )
    tuned.compile(keras.optimizers.Adam(0.0005), "sparse_categorical_crossentropy")
    drawn = [scenes.scene(number, seed=43, size=224) for number in range(96)]
    tuned.fit(
        np.stack([one.pixels for one in drawn]) / 127.5 - 1,
        np.array([one.label for one in drawn]),
        verbose=0,
        epochs=2,
        batch_size=16,
    )
    tuned.save(tmp_path / "scenes.keras")
    shown = [scenes.scene(number, seed=44, size=224) for number in range(36)]
    save(tmp_path / "pictures", [one.pixels for one in shown], [scenes.CLASSES[one.label] for one in shown])
    change = convreport.compare(
        tmp_path / "imagenet.keras", tmp_path / "scenes.keras", out=tmp_path / "atlas", images=tmp_path / "pictures",
        examples=(str(tmp_path / "pictures"),), max_images=2, filters="2", sections=("examples", "health"),
        preprocess="symmetric",
    )  # fmt: skip
    one = change.comparison
    assert one.decisions is None and any("imagenet scores no classes" in line for line in one.left_out)
    drift = [layer for layer in one.layers.drifts if layer.cka is not None]
    assert len(drift) >= 10 and drift[-1].cka < drift[0].cka and drift[0].cka > 0.9
    assert one.units and all(layer.pairs for layer in one.units)
    assert {"output", "layers of its own"} <= {row.what for row in one.differences}
