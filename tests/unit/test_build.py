"""Nothing done twice, nothing lost: rebuilds, kills, failures, interruptions, two models, the user's own pages."""

import io
import json
import os
import signal
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convreport.builder.pipeline import build
from convreport.builder.plan import Plan
from convreport.demo import scenes
from convreport.sections import configure
from tests.conftest import SMALL, interruptible

FEW = ("--filters", "4", "--max-images", "2", "--max-examples", "48")


def atlas_json(folder, slug="demo"):
    return json.loads((folder / "docs" / slug / "atlas.json").read_bytes())


def drawings(folder, slug="demo"):
    return [
        (section["name"], drawing["layer"], drawing["unit"], drawing["sample"])
        for section in atlas_json(folder, slug)["sections"]
        for drawing in section["drawings"]
        if not drawing.get("failure")
    ]


def test_a_rebuild_in_which_nothing_changed_draws_nothing_and_never_imports_tensorflow(atlas_copy):
    before = {
        path: path.stat().st_mtime_ns for path in atlas_copy.rglob("*") if path.is_file() and "cache" not in path.parts
    }
    code = (
        f"import sys; sys.argv = ['convreport', 'build', 'demo', '--out', sys.argv[1], *{SMALL}];"
        "from convreport.cli.app import app; app(standalone_mode=False);"
        "print(sorted({'tensorflow', 'keras', 'mkdocs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(atlas_copy)], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]"), done.stdout
    assert "0 drawn" in done.stdout
    # The copy has other times than the original, so the site is checked and rebuilt once; then nothing is touched at all.
    subprocess.run([sys.executable, "-c", code, str(atlas_copy)], capture_output=True, text=True, check=True)
    after = {
        path: path.stat().st_mtime_ns for path in atlas_copy.rglob("*") if path.is_file() and "cache" not in path.parts
    }
    docs = {path for path in before if "docs" in path.parts}
    assert {path for path in docs if before[path] != after.get(path)} == set()


def test_a_build_killed_in_the_middle_is_taken_up_where_it_stopped(small_atlas, convreport, tmp_path):
    """The pictures equal an uninterrupted build's up to rounding: mean difference at most one gray level of 255."""
    folder, layers = tmp_path / "atlas", "block[123]_conv1"
    words = [
        sys.executable,
        "-m",
        "convreport",
        "build",
        "demo",
        "-o",
        str(folder),
        *SMALL,
        "--layers",
        layers,
        "--sections",
        "kernels,filters,activations",
    ]
    started = subprocess.Popen([*words, "--json"], stdout=subprocess.PIPE, text=True)
    for line in started.stdout:
        event = json.loads(line)
        if event["event"] == "Drew" and event["section"] == "filters" and "block2" in event["subject"]:
            break
    started.kill()
    started.wait()
    done = convreport(*words[3:], "--json")
    assert done.returncode == 0, done.stderr
    finished = [json.loads(line) for line in done.stdout.splitlines()]
    filters = next(e for e in finished if e["event"] == "SectionFinished" and e["section"] == "filters")
    assert filters["reused"] >= 4
    assert filters["drawn"] == 12 - filters["reused"] > 0
    built = {section["name"] for section in atlas_json(folder)["sections"]}
    whole = [one for one in drawings(small_atlas) if one[0] in built and (not one[1] or fnmatch(one[1], layers))]
    assert drawings(folder) == whole
    for section in atlas_json(folder)["sections"]:
        for sheet in section["sheets"]:
            for file in sheet["files"]:
                ours = np.asarray(Image.open(folder / "docs/demo" / file["file"]), float)
                whole = np.asarray(Image.open(small_atlas / "docs/demo" / file["file"]), float)
                assert np.abs(ours - whole).mean() <= 1


def test_ctrl_c_ends_with_130_and_keeps_what_is_drawn(convreport, tmp_path):
    words = [sys.executable, "-m", "convreport", "build", "demo", "-o", str(tmp_path / "a"), *FEW]
    started = interruptible(
        [*words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in started.stdout:
        if json.loads(line)["event"] == "Drew" and "block1" in line:
            break
    os.kill(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert "kept" in err
    assert "Traceback" not in err
    assert list((tmp_path / "a" / "cache" / "records").rglob("*.json"))


def test_more_filters_draw_only_the_new_ones(atlas_copy, convreport):
    done = convreport(
        "build",
        "demo",
        "-o",
        atlas_copy,
        *SMALL,
        "--filters",
        "6",
        "--sections",
        "filters",
        "--layers",
        "block[12]_conv1",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    finished = [json.loads(line) for line in done.stdout.splitlines() if "SectionFinished" in line]
    filters = next(event for event in finished if event["section"] == "filters")
    assert (filters["drawn"], filters["reused"]) == (4, 8)


@pytest.mark.slow
def test_a_changed_option_redraws_only_what_it_shapes(atlas_copy, convreport):
    done = convreport(
        "build",
        "demo",
        "-o",
        atlas_copy,
        *SMALL,
        "--cam-score",
        "probability",
        "--json",
    )
    counts = {
        e["section"]: e["drawn"] for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "SectionFinished"
    }
    assert {name: count for name, count in counts.items() if count} == {"gradcam": 3}


@pytest.mark.slow
def test_the_classes_asked_for_are_explained_in_the_books_colours(tmp_path):
    """By name and by index; jet is laid over whole at 0.4, as the book does."""
    from convreport.core.drawing.store import Store
    from convreport.core.pictures import colour

    asked = configure("gradcam", {"classes": "fish,7", "colormap": "jet"})
    build(Plan(out=tmp_path / "a", max_images=1, sections=(asked,)), lambda event: None)
    drawing = atlas_json(tmp_path / "a")["sections"][0]["drawings"][0]
    explained = [(one["index"], one["name"]) for one in drawing["facts"]["classes"]]
    assert explained == [(2, "fish"), (7, "leaf"), (0, "face")]  # the last is the truth, which is always explained
    assert len(drawing["facts"]["top"]) == 5
    store = Store(tmp_path / "a/cache")
    figures = {figure.name: store.picture(figure.picture) for figure in store.get(drawing["key"]).figures}
    heat, overlay = figures["heat0"].astype(float), figures["overlay0"].astype(float)
    assert (heat[..., 3] == 255).all()
    assert {tuple(pixel) for pixel in figures["heat0"][..., :3].reshape(-1, 3)} <= set(map(tuple, colour.table("jet")))
    picture = scenes.scene(0, seed=scenes.SHOWN, size=overlay.shape[0]).pixels
    expected = np.clip(picture + 0.4 * heat[..., :3], 0, 255)  # the book: heatmap * 0.4 + picture
    assert np.abs(overlay - expected).max() <= 1


def test_a_class_asked_for_that_is_also_the_likeliest_is_explained_once_and_right(demo):
    """Each class keeps its own map, whatever it stands beside."""
    from convreport.core.drawing.figures import Subject
    from convreport.core.drawing.scope import Scope
    from convreport.core.network.units import UnitChoice
    from tests.models import sample

    flower = sample(scenes.scene(1, seed=scenes.SHOWN).pixels, "flower")
    scope = Scope(demo.card, (flower,), UnitChoice(), 0)
    draw = lambda classes: configure("gradcam", {"classes": classes}).draw([Subject(sample="flower")], scope, demo)[0]  # noqa: E731
    both, alone = draw("top1,flower,fish"), draw("fish")
    assert [one.name for one in both.facts.classes] == ["flower", "fish"]
    maps = {figure.name: figure.pixels for figure in both.figures}
    assert (maps["map1"] == alone.figures[0].pixels).all()
    assert (maps["map0"] != maps["map1"]).any()


def plan(folder, *names, **words):
    sections = tuple(configure(name, {}) for name in names)
    return Plan(out=folder, filters="2", max_images=3, sections=sections, **words)


def test_the_users_own_pages_and_templates_survive(atlas_copy, convreport, tmp_path):
    notes = atlas_copy / "docs/notes"
    notes.mkdir()
    (notes / "mine.md").write_text("# My findings\n\nSee [the demo](../demo/index.md).\n")
    (tmp_path / "home.md").write_text("# My own home\n\n{{ books | length }} model\n")
    done = convreport("site", atlas_copy, "--templates", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "My own home" in (atlas_copy / "site/index.html").read_text()
    assert "My findings" in (atlas_copy / "site/notes/mine.html").read_text()
    assert (notes / "mine.md").read_text().startswith("# My findings")
    assert "notes/mine.html" in (atlas_copy / "site/index.html").read_text(), "notes are in the navigation"
    (tmp_path / "home.md").write_text("# My own home\n\n{{ modles | length }} model\n")
    done = convreport("site", atlas_copy, "--templates", tmp_path)
    assert done.returncode == 5 and "The template home.md, line 3, cannot be rendered" in done.stderr


def test_site_alone_needs_no_tensorflow_and_plain_mkdocs_gives_the_same(atlas_copy):
    code = (
        "import sys; sys.argv = ['convreport', 'site', sys.argv[1]]; from convreport.cli.app import app;"
        "app(standalone_mode=False); print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    (atlas_copy / "site/index.html").unlink()
    done = subprocess.run([sys.executable, "-c", code, str(atlas_copy)], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    ours = {path.relative_to(atlas_copy / "site"): path.read_bytes() for path in (atlas_copy / "site").rglob("*.html")}
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", "plain"], cwd=atlas_copy, check=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True,
    )  # fmt: skip
    plain = {
        path.relative_to(atlas_copy / "plain"): path.read_bytes() for path in (atlas_copy / "plain").rglob("*.html")
    }
    assert ours == plain


def test_a_deleted_cache_costs_time_and_nothing_else(atlas_copy, convreport):
    import shutil

    shutil.rmtree(atlas_copy / "cache")
    assert convreport("site", atlas_copy).returncode == 0


def test_no_published_file_tells_of_the_machine_or_carries_metadata(tmp_path, convreport):
    photos = tmp_path / "secret-folder"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    Image.new("RGB", (64, 48), (200, 100, 50)).save(photos / "photo.jpg", exif=exif)
    done = convreport(
        "build", "demo", "-o", tmp_path / "a", "--images", photos, "--filters", "1", "--layers", "block1_conv1",
        "--max-examples", "4", "--preset", "draft", "--skip", "classes,sanity,faithfulness",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    home = str(Path.home())
    for place in ("docs", "site"):
        for path in (tmp_path / "a" / place).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                for secret in (b"SecretCamera", b"secret-folder", str(tmp_path).encode(), home.encode() + b"/"):
                    assert secret not in data, (path, secret)
                if path.suffix in (".webp", ".jpg"):
                    assert not Image.open(io.BytesIO(data)).getexif()
