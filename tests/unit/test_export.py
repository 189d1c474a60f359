"""What leaves an atlas as files: one HTML file, a zip, a summary, plain pictures; and models that leave it."""

import html
import io
import itertools
import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convreport.book.folder import Atlas
from convreport.core.base.errors import UsageError
from convreport.sections.shelf import chosen
from convreport.share.export import export
from convreport.share.report import ladder, one_file
from tests import books, models
from tests.command import run


@pytest.fixture
def small(small_atlas):
    return Atlas.open(small_atlas, create=False)


def test_the_build_lays_the_report_beside_the_pages_and_links_it(small_atlas):
    report = small_atlas / "docs/demo/report.html"
    page = (small_atlas / "docs/demo/index.md").read_text("utf-8")
    size = report.stat().st_size / 1000
    assert f"[**One-file report**](report.html): this model in a single file of {size:.0f} kB" in page
    assert (small_atlas / "site/demo/report.html").read_bytes() == report.read_bytes()


def test_the_report_names_nothing_outside_itself(small):
    text = one_file(small, books.of(small.out)).decode()
    addresses = re.findall(
        r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    )
    assert len(addresses) > 50
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in addresses)
    assert "default-src 'none'" in html.unescape(text)
    for name in ("flower", "block3_conv1", books.of(small.out).model.digest, "convreport build demo"):
        assert name in text


def test_the_report_is_the_same_every_time_and_is_made_anew_only_if_something_changed(atlas_copy):
    report = atlas_copy / "docs/demo/report.html"
    before, time = report.read_bytes(), report.stat().st_mtime_ns
    assert run("site", atlas_copy).exit_code == 0
    assert report.stat().st_mtime_ns == time
    report.unlink()
    assert run("site", atlas_copy).exit_code == 0
    assert report.read_bytes() == before


@pytest.mark.slow
def test_a_size_is_kept_by_pixels_first_and_then_by_units_and_said(small):
    data = books.of(small.out)
    whole = one_file(small, data)
    assert b"pixels wide, to fit the size limit" not in whole
    less = one_file(small, data, limit=len(whole) - 1)
    assert len(less) < len(whole) and b"pixels wide, to fit the size limit" in less
    sizes = [len(one_file(small, data, top=top)) for top in (4, 2, 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert b"keeping" not in whole and b"keeping 1 per layer (the strongest of each layer)" in one_file(
        small, data, top=1
    )
    smallest = 0
    with pytest.raises(UsageError, match="smallest report of demo has") as caught:
        one_file(small, data, limit=50_000)
    smallest = float(re.search(r"has ([\d.]+) MB", str(caught.value))[1])
    assert 0.05 < smallest < len(whole) / 1e6
    steps = [(one.top, one.tile, one.picture) for one in ladder(8)]
    assert all(after <= before for before, after in itertools.pairwise(steps)), "it only ever shrinks"


def test_only_the_strongest_units_of_a_layer_are_taken(small):
    data = books.of(small.out)
    drawings = [one for one in data.chapters["filters"].drawings if one.layer == "block3_conv1"]
    best = sorted(drawings, key=lambda one: -one.facts.score)[:2]
    text = one_file(small, data, top=2).decode()
    inside = json.loads(re.search(r'id="data-block3_conv1">(.*?)</script>', text)[1])
    assert [one["unit"] for one in inside["sheets"]["pattern"]["units"]] == sorted(one.unit for one in best)


def test_tiles_of_the_report_are_the_tiles_of_their_units(small):
    """The tile of a unit, taken out of the report's sheet, is the published one up to a second encoding."""
    import base64

    from convreport.share.media import Media

    data = books.of(small.out)
    sheet = next(one for chapter in data.sections for one in chapter.sheets if one.layer == "block3_conv1")
    original = Media(small.docs / "demo").tiles(sheet)
    text = one_file(small, data, top=2).decode()
    units = json.loads(re.search(r'id="data-block3_conv1">(.*?)</script>', text)[1])["sheets"]["pattern"]["units"]
    source = re.search(r'id="sheet-block3_conv1-0" src="data:image/webp;base64,([^"]+)"', text)[1]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))), np.float32)
    side = shown.shape[0]
    for place, one in enumerate(units):
        tile = shown[:, place * side : (place + 1) * side]
        same = [np.corrcoef(tile.ravel(), other.astype(np.float32).ravel())[0, 1] for other in original.values()]
        assert list(original)[int(np.argmax(same))] == one["unit"] and max(same) > 0.97


def test_a_zip_is_the_whole_site(small_atlas, tmp_path):
    for name in ("one.zip", "two.zip"):
        done = run("export", small_atlas, "--format", "zip", "-o", tmp_path / name)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    site = {
        path.relative_to(small_atlas / "site").as_posix(): path
        for path in (small_atlas / "site").rglob("*")
        if path.is_file()
    }
    assert set(held) == {f"atlas/{name}" for name in site}
    assert all(held[f"atlas/{name}"] == path.read_bytes() for name, path in site.items())


def test_a_summary_has_its_contact_sheet_beside_it(small_atlas, tmp_path):
    done = run("export", small_atlas, "--format", "md", "-o", tmp_path / "said.md")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "said.md").read_text("utf-8")
    assert "![Contact sheet of demo](said-contact.jpg)" in text
    assert "**3 of 3** pictures classified correctly" in text
    assert "| block3_conv1 | 4 |" in text and "| flower | flower " in text
    sheet = tmp_path / "said-contact.jpg"
    assert sheet.stat().st_size < 10_000_000
    picture = np.asarray(Image.open(sheet))
    assert picture.shape[1] == 12 * 100 + 4
    assert picture[40:100, 10:90].std() > 10, "the first tile is no blank"


def test_pictures_are_one_file_a_drawing_and_exact(small_atlas, tmp_path):
    from convreport.core.drawing.store import Store

    done = run("export", small_atlas, "--format", "images", "-o", tmp_path / "all")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert {"block3_conv1_2.png", "block1_conv1_0_kernel.png", "class_3.png", "flower_gradcam_overlay0.png"} <= names
    assert "flower_block1_conv1_activations_tiling.png" in names and "block3_conv1-pattern-contact.jpg" in names
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    drawing = next(
        one for section in data["sections"] if section["name"] == "filters" for one in section["drawings"]
        if (one["layer"], one["unit"]) == ("block3_conv1", 2)
    )  # fmt: skip
    store = Store(small_atlas / "cache")
    exact = store.picture(store.get(drawing["key"]).figures[0].picture)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "all/block3_conv1_2.png")), exact)
    again = run("export", small_atlas, "--format", "images", "-o", tmp_path / "all")
    assert again.exit_code == 2, "nothing is written over"


def test_pictures_of_an_atlas_without_its_cache_are_the_published_ones(atlas_copy, tmp_path):
    export(Atlas.open(atlas_copy, create=False), "images", tmp_path / "exact")
    shutil.rmtree(atlas_copy / "cache")
    export(Atlas.open(atlas_copy, create=True), "images", tmp_path / "published")
    exact, published = ({path.name for path in (tmp_path / name).iterdir()} for name in ("exact", "published"))
    assert exact == published
    one, other = (
        np.asarray(Image.open(tmp_path / name / "block2_conv1_1.png").convert("L"), np.float32)
        for name in ("exact", "published")
    )
    assert one.shape == other.shape and np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95


def test_what_cannot_be_exported_is_a_sentence(small, small_atlas, atlas_copy, tmp_path):
    done = run("export", small_atlas, "--format", "pdf")
    assert done.exit_code == 2 and "There is no format 'pdf'" in done.stderr
    for size in ("nan", "-1", "0", "inf"):
        done = run("export", small_atlas, "--max-mb", size)
        assert done.exit_code == 2 and "--max-mb cannot be" in done.stderr
    done = run("export", small_atlas, "--model", "dem")
    assert done.exit_code == 2 and "Did you mean demo?" in done.stderr
    done = run("export", small_atlas, "--format", "zip", "--model", "demo")
    assert done.exit_code == 2 and "the whole site" in done.stderr
    done = run("export", small_atlas, "-o", "/proc/nowhere/r.html")
    assert done.exit_code == 2 and "cannot be written" in done.stderr
    done = run("export", tmp_path)
    assert done.exit_code == 2 and "is not an atlas" in done.stderr
    second = atlas_copy / "docs/second"
    shutil.copytree(atlas_copy / "docs/demo", second)
    data = json.loads((second / "atlas.json").read_bytes())
    data["model"] |= {"name": "second", "slug": "second"}
    (second / "atlas.json").write_text(json.dumps(data))
    atlas = Atlas.open(atlas_copy, create=False)
    with pytest.raises(UsageError, match="holds 2 models: demo, second"):
        chosen(atlas, "")
    assert chosen(atlas, "second").slug == "second"


def test_a_removed_model_is_gone_and_the_others_and_the_users_own_files_stay(atlas_copy, tmp_path):
    from convreport.builder.pipeline import build
    from convreport.builder.plan import Plan
    from convreport.sections import configure

    models.small("other").save(tmp_path / "other.keras")
    sections = tuple(configure(name, {}) for name in ("overview", "kernels", "gradcam"))
    build(Plan(str(tmp_path / "other.keras"), out=atlas_copy, sections=sections, max_images=1), lambda event: None)
    assert (atlas_copy / "site/other/index.html").is_file()
    mine = atlas_copy / "docs/other/mine.md"
    mine.write_text("# Mine\n")
    assert run("remove", "othr", atlas_copy).exit_code == 2
    done = run("remove", "other", atlas_copy)
    assert done.exit_code == 0, done.output
    assert [path for path in (atlas_copy / "docs/other").rglob("*") if path.is_file()] == [mine]
    assert not (atlas_copy / "site/other/index.html").exists()
    assert "other" not in (atlas_copy / "docs/index.md").read_text()
    assert (atlas_copy / "site/demo/index.html").is_file()
    models.small("another").save(tmp_path / "new.keras")  # its place is free for another source of that name
    build(Plan(str(tmp_path / "new.keras"), name="other", out=atlas_copy, sections=sections[:1]), lambda event: None)
    done = run("remove", "demo", atlas_copy)
    assert done.exit_code == 0 and not (atlas_copy / "docs/demo").exists()


def test_an_atlas_without_a_model_still_has_a_home(atlas_copy):
    assert run("remove", "demo", atlas_copy).exit_code == 0
    assert "no model in this atlas yet" in (atlas_copy / "site/index.html").read_text("utf-8")
    done = run("export", atlas_copy)
    assert done.exit_code == 2 and "holds no model" in done.stderr


def test_the_site_step_is_made_of_what_is_published_alone(atlas_copy, tmp_path):
    """docs/ as it would be committed, in a fresh clone without a cache, gives the same site and reports."""
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copytree(atlas_copy / "docs", clone / "docs")
    shutil.copy(atlas_copy / ".gitignore", clone / ".gitignore")
    done = run("site", clone)
    assert done.exit_code == 0, done.output
    for path in (atlas_copy / "site").rglob("*.html"):
        assert (clone / path.relative_to(atlas_copy)).read_bytes() == path.read_bytes(), path
    assert Path(clone / "docs/demo/report.html").is_file()
