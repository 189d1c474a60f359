"""Is an atlas what it says it is? On a fresh build, and after each thing that could have been changed."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import convreport
from convreport.book.folder import Atlas
from convreport.builder.recall import recall
from convreport.core.base.errors import UsageError
from convreport.sections import configure
from tests import models
from tests.command import run


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a small model in a file, two photos, and its atlas."""
    folder = tmp_path_factory.mktemp("verified")
    models.small("mine").save(folder / "mine.keras")
    draw = np.random.default_rng(0)
    for name in ("one", "two"):
        Image.fromarray(draw.integers(0, 255, (40, 50, 3), np.uint8)).save(folder / f"{name}.png")
    done = run(
        "build", folder / "mine.keras", "--images", folder / "*.png", "--filters", "2", "--preset", "draft",
        "--precision", "float32", "--out", folder / "a", "--quiet",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    shutil.copytree(folder, folder.with_name("untouched"))
    return folder


@pytest.fixture
def mine(built):
    """That atlas as it was built, at the place where it was built, for a test to change."""
    shutil.rmtree(built)
    shutil.copytree(built.with_name("untouched"), built)
    return built / "a"


def test_a_fresh_atlas_agrees_in_everything(mine):
    done = run("verify", mine, "--sample", "100", "--seed", "1")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[-1] == "all agree (drawings of --seed 1)"
    data = json.loads((mine / "docs/mine/atlas.json").read_bytes())
    drawings = sum(len(section["drawings"]) for section in data["sections"])
    assert len(lines) == drawings + 3, "every drawing, the files, the model, and the end"
    assert not [line for line in lines if "differs" in line]
    assert "mine.keras" not in done.stdout, "where the model lies is said nowhere"


def test_a_tampered_picture_is_named(mine):
    file = mine / "docs/mine/figures/gradcam/one-overlay0.webp"
    picture = np.asarray(Image.open(file).convert("RGB")).copy()
    picture[:20, :20] = 255
    Image.fromarray(picture).save(file, "WEBP", quality=90)
    done = run("verify", mine, "--sample", "0")
    assert done.exit_code == 1
    assert "differs mine/figures/gradcam/one-overlay0.webp: it is not the picture that was drawn" in done.stdout
    assert done.stdout.count("differs mine/") == 1, "and no other"
    file.unlink()
    assert "it is missing" in run("verify", mine, "--sample", "0").stdout


def test_another_encoder_is_no_tampering(mine):
    from convreport.core.pictures import pixels

    file = mine / "docs/mine/figures/gradcam/one-overlay0.webp"
    Image.open(file).save(file, "WEBP", lossless=True)
    done = run("verify", mine, "--sample", "0")
    assert done.exit_code == 0, done.stdout
    assert not pixels.nearly_same(
        file.read_bytes(), (mine / "docs/mine/figures/gradcam/two-overlay0.webp").read_bytes()
    )


def test_edited_numbers_are_named(mine):
    path = mine / "docs/mine/atlas.json"
    data = json.loads(path.read_bytes())
    next(one for one in data["sections"] if one["name"] == "filters")["drawings"][0]["facts"]["score"] *= 2
    path.write_text(json.dumps(data))
    done = run("verify", mine, "--sample", "0")
    assert done.exit_code == 1
    assert "differs filters, first unit 0: its numbers are not those that were drawn" in done.stdout


def test_a_changed_weight_file_is_named(mine):
    other = models.small("mine")
    weights = other.get_layer("second").get_weights()
    other.get_layer("second").set_weights([weights[0] * 1.01, *weights[1:]])
    other.save(mine.parent / "mine.keras")
    done = run("verify", mine)
    assert done.exit_code == 1 and "differs model: its weights or wiring have changed" in done.stdout


def test_another_picture_of_the_same_name_is_named(mine):
    Image.new("RGB", (50, 40), (9, 99, 199)).save(mine.parent / "two.png")
    done = run("verify", mine, "--sample", "3")
    assert done.exit_code == 1 and "differs picture two: it has changed, or is gone" in done.stdout


def test_another_version_is_told_and_no_fault(mine):
    path = mine / "docs/mine/atlas.json"
    data = json.loads(path.read_bytes())
    data["made"]["packages"]["keras"] = "3.4.1"
    path.write_text(json.dumps(data))
    done = run("verify", mine, "--sample", "2")
    assert done.exit_code == 0 and "note    keras: another version: 3.4.1 then" in done.stdout


@pytest.mark.slow
def test_drawings_of_another_seed_do_not_agree(mine):
    """What is drawn again is really drawn: by another seed the patterns are others, and it shows."""
    plan = mine / "cache/plan-mine.json"
    kept = json.loads(plan.read_bytes())
    kept["plan"]["seed"] = 7
    plan.write_text(json.dumps(kept))
    done = run("verify", mine, "--sample", "100")
    assert done.exit_code == 1 and "differs filters" in done.stdout


def test_what_cannot_be_verified_is_a_sentence(mine, tmp_path):
    (mine / "cache/plan-mine.json").unlink()
    done = run("verify", mine)
    assert done.exit_code == 2 and "Run its build again" in done.stderr
    convreport.build(models.small("live"), out=tmp_path / "b", sections=["overview"], max_images=1)
    with pytest.raises(UsageError, match="of a Python process"):
        recall(Atlas.open(tmp_path / "b", create=False), "live", configure)


def test_other_examples_are_named(tmp_path):
    draw = np.random.default_rng(1)
    for number in range(4):
        (tmp_path / "many").mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / f"many/{number}.png")
    words = ("--sections", "examples,health", "--layers", "block1_conv1", "--filters", "2", "--out", tmp_path / "a")
    assert run("build", "demo", "--examples", tmp_path / "many", *words).exit_code == 0
    agreed = run("verify", tmp_path / "a", "--sample", "9")
    assert agreed.exit_code == 0 and "agrees  examples, block1_conv1 unit 1: pixels alike to 1.0000" in agreed.stdout
    Image.new("RGB", (40, 40), (9, 99, 199)).save(tmp_path / "many/2.png")
    done = run("verify", tmp_path / "a", "--sample", "9")
    assert done.exit_code == 1 and "differs examples: they are different now, 4 files" in done.stdout
