"""Masks as users have them: label images and COCO files, whose pictures they are, and what is said of bad ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convreport import sections
from convreport.builder import settings
from convreport.builder.config import make_plan, plan_of
from convreport.builder.gallery import gallery
from convreport.builder.plan import AtHand, Plan
from convreport.core.base.errors import ConvreportError, ImageError, UsageError
from convreport.core.pictures import masks
from convreport.core.pictures.coco import drawn
from convreport.core.pictures.concepts import VOID, matched
from convreport.core.pictures.label_images import names_of
from tests.command import run

NUMBERS = np.array([[0, 1, 1], [0, 2, 255]], np.uint8)


def saved(folder, name="a.png", numbers=NUMBERS, mode=None):
    picture = Image.fromarray(numbers)
    if mode == "P":
        picture = Image.fromarray(numbers, mode="L").convert("P")
        picture.putdata(numbers.ravel().tolist())
        picture.putpalette([9, 8, 7] * 256)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (picture if mode in (None, "P") else picture.convert(mode)).save(folder / name)
    return folder


@pytest.mark.parametrize("mode", [None, "P", "RGB"])
def test_a_label_image_is_read_by_its_numbers(tmp_path, mode):
    found = masks.opened(saved(tmp_path, mode=mode))
    (plane,) = found.planes(0)
    assert plane.tolist() == [[0, 1, 1], [0, 2, VOID]]
    assert [found.concepts[number].name for number in (0, 1, 254)] == ["label 1", "label 2", "label 255"]


def test_names_stand_beside_the_masks(tmp_path):
    saved(tmp_path, numbers=np.array([[0, 700], [3, 700]], np.uint16))
    (tmp_path / "labels.txt").write_text("3 wheel\n700: front door\n")
    found = masks.opened(tmp_path)
    assert [one.name for one in found.concepts] == ["wheel", "front door"]
    assert found.planes(0)[0].tolist() == [[0, 2], [1, 2]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("background\nwheel\n\nfront door\n", {0: "background", 1: "wheel", 2: "front door"}),
        ('["background", "wheel"]', {0: "background", 1: "wheel"}),
        ('{"5": "wheel", "255": "edge"}', {5: "wheel", 255: "edge"}),
        ('{"wheel": 5}', {5: "wheel"}),
    ],
)
def test_names_in_all_their_forms(tmp_path, text, names):
    (tmp_path / "labels.txt").write_text(text)
    assert names_of(tmp_path / "labels.txt") == names


def test_a_mask_of_black_and_white_is_a_mask(tmp_path):
    found = masks.opened(saved(tmp_path, numbers=np.array([[0, 255]], np.uint8)))
    assert found.concepts[found.planes(0)[0][0, 1] - 1].name == "label 255"


def test_the_longest_common_end_decides_whose_a_mask_is():
    paths = [Path("/photos/cats/1.jpg"), Path("/photos/dogs/1.jpg"), Path("/photos/dogs/2.jpg")]
    assert matched(paths, ["dogs/1", "cats/1", "2"], whole=True) == {0: 1, 1: 0, 2: 2}
    assert matched(paths, ["train/dogs/1.jpg"], whole=False) == {1: 0}, "more of it is in common"
    assert matched(paths, ["train/dogs/1.jpg"], whole=True) == {}
    assert matched(paths[:1], ["a/1", "b/1"], whole=False) == {}, "nobody knows which"
    with pytest.raises(ImageError, match="would share the mask of 1"):
        matched(paths, ["1"], whole=True)


def coco(folder, **more):
    said = {
        "images": [{"id": 5, "file_name": "train/a.jpg", "height": 10, "width": 12}],
        "categories": [{"id": 8, "name": "hub"}, {"id": 3, "name": "wheel"}],
        "annotations": [
            {"image_id": 5, "category_id": 3, "segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]},
            {"image_id": 5, "category_id": 8, "segmentation": {"counts": [44, 2, 8, 2, 64], "size": [10, 12]}},
        ],
    }
    (folder / "coco.json").write_text(json.dumps(said | more))
    return folder / "coco.json"


def test_coco_polygons_and_run_lengths(tmp_path):
    found = masks.opened(coco(tmp_path))
    assert [one.name for one in found.concepts] == ["wheel", "hub"] and found.of([Path("x/a.png")]) == {0: 0}
    wheel, hub = found.planes(0)  # they overlap, so there are two planes
    expected = np.zeros((10, 12), int)
    expected[1:9, 1:9] = 1
    assert (wheel == expected).all()
    expected[:] = 0
    expected[4:6, 4:6] = 2
    assert (hub == expected).all()


def test_a_polygon_holds_the_pixels_whose_centres_lie_in_it():
    corners = np.array([[2.2, 1.1], [17.3, 4.9], [12.0, 15.5], [9.0, 7.0], [3.5, 14.2]])
    found = drawn([corners.ravel().tolist()], (18, 20))
    for row in range(18):
        for column in range(20):
            inside, (x, y) = False, (column + 0.5, row + 0.5)
            for (a, b), (c, d) in zip(corners, np.roll(corners, 1, 0), strict=True):
                if (b > y) != (d > y) and x < a + (y - b) * (c - a) / (d - b):
                    inside = not inside
            assert found[row, column] == inside, (row, column)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"counts": "abc", "size": [10, 12]}, "compressed"),
        ({"counts": [3, 4], "size": [10, 12]}, "another size"),
        ([[1, 2, 3, 4]], "fewer than three corners"),
        ("nothing", "neither polygons nor run lengths"),
    ],
)
def test_bad_segmentations_are_told(tmp_path, shape, said):
    found = masks.opened(coco(tmp_path, annotations=[{"image_id": 5, "category_id": 3, "segmentation": shape}]))
    with pytest.raises(ImageError, match=said):
        found.planes(0)


@pytest.mark.parametrize(("height", "width"), [(10**6, 10**6), (0, 12), (-3, 12)])
def test_a_mask_of_no_possible_size_asks_for_no_memory(tmp_path, height, width):
    image = {"id": 5, "file_name": "a.jpg", "height": height, "width": width}
    with pytest.raises(ImageError, match=f"is said to be {width} x {height} pixels"):
        masks.opened(coco(tmp_path, images=[image])).planes(0)


def test_files_that_are_no_masks_are_told(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.json").write_text('{"images": []}')
    (tmp_path / "b.csv").write_text("a,b")
    for name, said in (
        ("empty", "holds no masks"),
        ("a.json", "not a COCO file of masks .'categories'"),
        ("b.csv", "holds no masks"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            masks.opened(tmp_path / name)
        assert caught.value.hint


def shown(tmp_path, numbers, names="", mask="a.png", other=()):
    """What comes of a picture of 3 x 2 with that mask: its planes, or the sentence."""
    saved(tmp_path / "photos", numbers=np.zeros((2, 3, 3), np.uint8))
    saved(tmp_path / "masks", mask, numbers)
    for name in other:
        saved(tmp_path / "photos", name, np.zeros((2, 3, 3), np.uint8))
        saved(tmp_path / "masks", name)
    if names:
        (tmp_path / "masks/labels.txt").write_text(names)
    plan = Plan(examples=(str(tmp_path / "photos"),), masks=tmp_path / "masks")
    return gallery(plan, (), tmp_path, lambda event: None)


@pytest.mark.parametrize(
    ("numbers", "names", "mask", "said"),
    [
        (
            np.zeros((5, 3), np.uint8),
            "",
            "a.png",
            "a mask is 3 x 5 pixels, which is not the shape of its picture .3 x 2",
        ),
        (NUMBERS, "background\nwheel", "a.png", "the label 2 of the mask a.png has no name among the labels"),
        (np.full((2, 3), 900, np.uint16), "", "a.png", "the label 900 of the mask a.png is beyond 255"),
        (np.arange(18, dtype=np.uint8).reshape(2, 3, 3), "", "a.png", "the mask a.png is in colour"),
        (NUMBERS, "", "b.png", "None of the 1 pictures given with --examples .a.png. has a mask"),
    ],
)
def test_when_all_masks_are_bad_it_is_said_before_anything_is_drawn(tmp_path, numbers, names, mask, said):
    with pytest.raises(ConvreportError, match=said) as caught:
        shown(tmp_path, numbers, names, mask)
    assert caught.value.hint and caught.value.exit_code == 4


def test_a_bad_mask_costs_only_its_own_picture(tmp_path):
    found = shown(tmp_path, NUMBERS, other=("b.png", "c.png"))
    (tmp_path / "masks/b.png").write_bytes(b"no picture")
    one, bad, other = found.labelled(found.masked)
    assert one.planes[0].shape == other.planes[0].shape == (2, 3)
    assert isinstance(bad, ImageError) and bad.message.startswith("b: the mask b.png cannot be read")


def test_wrong_words_are_a_sentence_and_a_hint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("build", "demo", "--sections", "dissection", "--masks", "nowhere")
    assert done.exit_code == 2 and "There is nothing at nowhere." in done.output and "--masks" in done.output
    with pytest.raises(UsageError, match="--masks belongs to pictures of your own") as caught:
        gallery(Plan(masks=tmp_path), (), tmp_path, lambda event: None)
    assert "--examples" in caught.value.hint


def test_the_word_in_python_and_in_a_file(tmp_path):
    saved(tmp_path / "masks")
    (tmp_path / "convreport.toml").write_text('masks = "masks"\n')
    plan = make_plan({}, tmp_path / "convreport.toml", sections)
    assert plan.masks == tmp_path / "masks" == plan_of({"masks": str(tmp_path / "masks")}, sections, AtHand()).masks
    assert settings.published(plan)["masks"] == "DIR", "no page tells of the machine"
    assert "masks" not in settings.published(Plan())
