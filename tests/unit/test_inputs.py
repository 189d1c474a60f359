"""What pictures become, what they show, and what the classes are called."""

import json

import numpy as np
import pytest
from PIL import Image

import convreport
from convreport.core.base.errors import ImageError, UsageError
from convreport.core.network import classes, labels
from convreport.core.pictures import arrays, samples, truth
from convreport.core.pictures.fitting import size_for
from convreport.engines.keras.load import load
from convreport.engines.request import Request
from tests import models
from tests.command import refused, run
from tests.zoo import ZOO

# -- pictures of any number of channels


@pytest.mark.parametrize(
    ("values", "shape", "most", "raw"),
    [
        (np.full((4, 5), 200, np.uint8), (4, 5, 1), 200, False),
        (np.full((4, 5, 5), 0.5), (4, 5, 5), 127.5, False),
        (np.full((4, 5, 7), 65535, np.uint16), (4, 5, 7), 255, False),
        (np.full((1, 4, 5, 2), -3.0), (4, 5, 2), -3, True),
        (np.full((13, 100, 90), 4000, np.int16), (100, 90, 13), 4000, True),
        (np.full((4, 5, 2), True), (4, 5, 2), 255, False),
    ],
)
def test_arrays_are_pictures(values, shape, most, raw):
    if values.shape == (13, 100, 90):
        values = values.transpose(1, 2, 0)
    made = arrays.picture("x", values, 1024)
    assert made.pixels.dtype == np.uint8 and made.pixels.shape == (*shape[:2], 3)
    planes = made.pixels[..., :1] if made.planes is None else made.planes
    assert planes.shape == shape
    assert planes.max() == most
    assert made.raw is raw


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 2, 2, 2)), np.full((3, 3), np.nan), np.zeros((0, 4))])
def test_what_is_no_picture_is_told(values):
    with pytest.raises(ImageError):
        arrays.picture("x", values, 1024)


def test_npy_npz_and_tiff_of_many_channels_are_read(tmp_path):
    import tifffile

    values = np.random.default_rng(0).uniform(0, 1, (20, 30, 5)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", values)
    tifffile.imwrite(tmp_path / "c.tif", values)
    tifffile.imwrite(tmp_path / "d.tif", values.transpose(2, 0, 1))
    np.savez(tmp_path / "two.npz", values, values)
    (tmp_path / "bad.npy").write_bytes(b"no array")
    reading = samples.read([str(tmp_path)], 12)
    assert [one.name for one in reading.samples] == ["a", "b", "c", "d"]
    for one in reading.samples[:3]:
        np.testing.assert_allclose(one.planes, values * 255, rtol=1e-6)
    assert reading.samples[3].planes.shape in ((20, 30, 5), (5, 20, 30))
    assert {name for name, _ in reading.skipped} == {"two.npz", "bad.npy"}


@pytest.mark.slow
def test_an_atlas_of_five_channels_shows_each(tmp_path):
    values = np.random.default_rng(0).uniform(0, 1, (40, 30, 5)).astype(np.float32)
    np.save(tmp_path / "scene.npy", values)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "photo.png")
    ZOO["five_channels"]().save(tmp_path / "five.keras")
    done = run("build", tmp_path / "five.keras", "--images", tmp_path / "scene.npy", "--images", tmp_path / "photo.png",
               "-o", tmp_path / "a", "--filters", "1", "--preset", "draft")  # fmt: skip
    assert done.exit_code == 0, done.stdout
    assert "Skipped photo: photo has 3 channels, and the model takes 5" in " ".join(done.stdout.split())
    data = json.loads((tmp_path / "a/docs/five/atlas.json").read_bytes())
    assert len(data["samples"][0]["channels"]["ranges"]) == 5
    assert (tmp_path / "a/docs/five" / data["samples"][0]["channels"]["file"]).is_file()
    assert "## Channels" in (tmp_path / "a/docs/five/pictures/scene.md").read_text()
    refused(run("build", tmp_path / "five.keras", "--images", tmp_path / "photo.png", "-o", tmp_path / "b"), 4,
            "no picture fits", "as many channels")  # fmt: skip


def test_raw_numbers_are_fed_as_they_are():
    net = models.network(ZOO["five_channels"]())
    values = np.random.default_rng(0).normal(0, 1, (32, 32, 5)).astype(np.float32)
    sample = next(samples.named_samples([arrays.picture("raw", values, 1024)]))
    np.testing.assert_allclose(net._input(sample, "stretch"), values, rtol=1e-6)


@pytest.mark.parametrize(
    ("wanted", "picture", "size"),
    [
        ((224, 224, 3), (100, 50), (224, 224)),
        ((None, None, 3), (100, 100), (224, 224)),
        ((None, None, 3), (100, 400), (128, 448)),
        ((None, 64, 3), (100, 200), (32, 64)),
        ((96, None, 3), (100, 200), (96, 192)),
    ],
)
def test_free_sides_keep_the_pictures_aspect(wanted, picture, size):
    assert size_for(wanted, picture) == size


# -- names of classes


@pytest.mark.parametrize(
    "text",
    ["cat\ndog\nowl\n", "0 cat\n1 dog\n2 owl\n", "0: cat\n2: owl\n1: dog", '["cat", "dog", "owl"]',
     '{"0": "cat", "1": "dog", "2": "owl"}', '{"dog": 1, "cat": 0, "owl": 2}',
     '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "owl"]}', "\ufeffcat\r\ndog\r\n\r\nowl"],
)  # fmt: skip
def test_labels_are_read_in_every_usual_form(text, tmp_path):
    (tmp_path / "labels.txt").write_text(text, "utf-8")
    assert labels.read(tmp_path / "labels.txt") == ("cat", "dog", "owl")


@pytest.mark.parametrize("text", ["", "{", '{"0": "a", "2": "b"}', '"cat"x{'])
def test_what_holds_no_labels_is_told(text, tmp_path):
    (tmp_path / "labels.json").write_text(text)
    if text == '"cat"x{':
        assert labels.read(tmp_path / "labels.json") == ('"cat"x{',)
    else:
        with pytest.raises(UsageError):
            labels.read(tmp_path / "labels.json")


def test_labels_of_the_wrong_length_and_for_nothing(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    ZOO["functional"]().save(tmp_path / "net.keras")
    refused(
        run("doctor", tmp_path / "net.keras", "--labels", tmp_path / "labels.txt"), 2, "gives 4 names", "3 classes"[:1]
    )
    with pytest.raises(UsageError, match="scores no classes"):
        models.network(ZOO["embedding"](), labels=("a",))
    assert [one.name for one in models.network(ZOO["one_sigmoid"](), labels=("ill",)).card.labels] == ["not ill", "ill"]


# -- truth


@pytest.fixture
def shapes(tmp_path):
    """Scenes of the demo in folders by what they show, but one of them in a wrong one."""
    from convreport.demo import scenes

    for number in range(4):
        scene = scenes.scene(number, seed=5)
        name = scenes.CLASSES[scene.label]
        folder = tmp_path / "shapes" / ("flower" if number == 0 and name != "flower" else name)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.pixels).save(folder / f"{number}.png")
    return tmp_path / "shapes"


def facts_of(folder, slug="demo"):
    data = json.loads((folder / f"docs/{slug}/atlas.json").read_bytes())
    return data, {d["sample"]: d["facts"] for s in data["sections"] if s["name"] == "gradcam" for d in s["drawings"]}


def test_folders_say_what_pictures_show_and_mistakes_are_gathered(shapes, tmp_path):
    done = run(
        "build", "demo", "--images", shapes, "-o", tmp_path / "a", "--filters", "1", "--sections", "gradcam,overview"
    )
    assert done.exit_code == 0, done.stdout
    _, facts = facts_of(tmp_path / "a")
    wrong = [one for one in facts.values() if not one["right"]]
    assert len(facts) == 4 and len(wrong) == 1
    assert wrong[0]["truth"]["name"] == "flower"
    assert [one["name"] for one in wrong[0]["classes"] if one["true"]] == ["flower"]  # drawn, however unlikely
    page = (tmp_path / "a/docs/demo/mistakes.md").read_text()
    assert "Of the 4 pictures whose true class is known, it classified 3 correctly" in page
    assert page.count("<figure>") == 3
    assert "'Mistakes': demo/mistakes.md" in (tmp_path / "a/mkdocs.yml").read_text()
    index = (tmp_path / "a/docs/demo/index.md").read_text()
    assert "wrong: it is flower" in index and "mistakes.md" in index
    picture = (tmp_path / "a/docs/demo/pictures/0.md").read_text()
    assert "Wrong: it is flower, which ranks" in picture
    assert (tmp_path / "a/site/demo/mistakes.html").is_file()


@pytest.mark.parametrize(
    "text", ["file,label\n0.png,flower\nflower/1.png,face\n", "0.png;flower\n1.png;face\n", "0\tflower\n1\tface\n"]
)
def test_a_table_says_what_pictures_show(text, shapes, tmp_path):
    (tmp_path / "truth.csv").write_text(text)
    table = truth.read(tmp_path / "truth.csv")
    reading = samples.read([str(shapes)], 12, table)
    assert {one.name: one.said for one in reading.samples}["0"] == "flower"
    card = load(Request("demo")).card
    settled = classes.settle(reading.samples, card, strict=False)
    assert {one.name: one.truth for one in settled}["0"] == [label.name for label in card.labels].index("flower")


def test_a_table_with_an_unknown_class_is_an_error(shapes, tmp_path):
    (tmp_path / "truth.csv").write_text("0.png,flwoer\n")
    done = run("build", "demo", "--images", shapes, "--truth", tmp_path / "truth.csv", "-o", tmp_path / "a")
    refused(done, 2, "--truth says 'flwoer' of 0", "Did you mean flower")
    (tmp_path / "truth.csv").write_text("just words\n")
    with pytest.raises(UsageError, match="not a table of pictures"):
        truth.read(tmp_path / "truth.csv")


def test_folders_name_nameless_classes_in_keras_order(tmp_path):
    for name in ("owl", "cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (20, 20), "red").save(tmp_path / "photos" / name / "1.png")
    events = []
    atlas = convreport.build(
        ZOO["functional"](),
        images=tmp_path / "photos",
        out=tmp_path / "a",
        sections=["gradcam"],
        on_event=events.append,
    )
    assert [one.name for one in atlas.book.model.labels] == ["cat", "dog", "owl"]
    assert any("alphabetical order: cat, dog, owl" in str(event) for event in events)
