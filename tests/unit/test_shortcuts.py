"""A class whose evidence is planted in one corner is found, and named, and no other is."""

import numpy as np
import pytest
from PIL import Image

from convreport.builder import api
from convreport.sections import shortcuts, together

SIDE = 32


def told_by_a_mark():
    """Three classes: a red, a green or a blue blob anywhere; units see one colour each, and the head believes them."""
    import keras

    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255, name="rescale")(inputs)
    x = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="colours")(x)
    x = keras.layers.AveragePooling2D(4, name="coarse")(x)
    x = keras.layers.Conv2D(3, 1, activation="relu", name="seen")(x)
    x = keras.layers.GlobalMaxPooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="head")(x), name="marked")
    kernel = np.zeros((3, 3, 3, 3))
    kernel[1, 1] = np.eye(3) * 3 - 1.4  # its own colour and not the others
    model.get_layer("colours").set_weights([kernel, np.zeros(3)])
    model.get_layer("seen").set_weights([np.eye(3)[None, None], np.zeros(3)])
    model.get_layer("head").set_weights([np.eye(3) * 9, np.zeros(3)])
    return model


def pictures(planted, count=30):
    """Blobs of the class's colour at random places; those of the planted class have theirs always at the same corner."""
    made = {}
    draw = np.random.default_rng(5)
    for number in range(count):
        label = number % 3
        picture = np.full((SIDE, SIDE, 3), 40, np.uint8)
        top, left = draw.integers(0, SIDE - 6, 2)
        if label == planted:
            top, left = 1, SIDE - 7
        picture[top : top + 6, left : left + 6] = 0
        picture[top : top + 6, left : left + 6, label] = 255
        made[f"picture {number}"] = picture
    return made


def build(planted, folder, count=30):
    return api.build(
        told_by_a_mark(), out=folder / "atlas", images=pictures(planted, count), max_images=count,
        labels=["red", "green", "blue"], sections=["shortcuts"],
    )  # fmt: skip


@pytest.mark.parametrize("planted", [0, 2])
def test_a_class_told_by_a_corner_is_found_and_nothing_else_is(tmp_path, planted):
    book = build(planted, tmp_path).book
    (found,) = together.alerts(book)
    name = ["red", "green", "blue"][planted]
    assert found.kind == "shortcut" and found.label == planted
    assert f"The evidence for {name} always lies in the upper right corner, whatever the picture shows" in found.said
    assert found.pictures == 10 and not found.hint, "it rests on the pictures of that class"
    page = (tmp_path / "atlas/docs/marked/index.md").read_text()
    assert "1 of 3 classes looks suspect" in page and f"shortcut-{planted}" in page
    assert (tmp_path / f"atlas/docs/marked/figures/shortcuts/shortcut-{planted}.webp").is_file()


def test_a_class_of_few_pictures_is_a_hint(tmp_path):
    (found,) = together.alerts(build(1, tmp_path, count=18).book)
    assert found.pictures == 6 and found.hint and "it rests on 6 pictures" in found.sentence


def test_what_cannot_be_shown_takes_no_other_picture_with_it(tmp_path):
    """One of a batch has five channels: the rest of the batch is still looked at, and only those are counted."""
    (tmp_path / "many").mkdir()
    for number, picture in enumerate(pictures(0).values()):
        Image.fromarray(picture).save(tmp_path / f"many/{number:02}.png")
    np.save(tmp_path / "many/03.npy", np.zeros((SIDE, SIDE, 5)))
    atlas = api.build(
        told_by_a_mark(), out=tmp_path / "atlas", examples=str(tmp_path / "many"), labels=["red", "green", "blue"],
        sections=["shortcuts"],
    )  # fmt: skip
    facts = atlas.book.chapters["shortcuts"].drawings[0].facts
    assert facts.pictures == 30 and sum(one.pictures for one in facts.classes) == 30


def test_classes_told_by_things_are_not_suspect(tmp_path):
    book = build(None, tmp_path).book
    assert together.alerts(book) == []
    assert "None of the 3 classes" in (tmp_path / "atlas/docs/marked/index.md").read_text()


def test_a_class_seen_on_four_pictures_is_not_judged(tmp_path):
    facts = build(0, tmp_path, count=12).book.chapters["shortcuts"].drawings[0].facts
    assert (facts.pictures, facts.classes) == (12, ())


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [(0.1, 0.9, "in the upper right corner"), (0.9, 0.5, "at the lower edge"), (0.5, 0.1, "at the left edge"),
     (0.5, 0.5, "in the middle"), (0.8, 0.2, "in the lower left corner")],
)  # fmt: skip
def test_places_in_words(row, column, said):
    assert shortcuts._where(row, column) == said


def test_what_all_classes_mark_is_the_networks_and_no_class_is_blamed():
    """The same border lit up whatever the class, as zero padding does."""
    border = np.zeros((8, 8), np.float32)
    border[0, 0] = 1
    found = shortcuts._judged([border] * 6, border)
    assert found.agreement == 1 and not found.suspect
    assert shortcuts._judged([border] * 6, np.eye(8)[::-1].astype(np.float32)).suspect
