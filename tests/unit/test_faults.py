"""What got through once: damaged caches and books, full disks, foreign hosts, names that break things."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from convreport.book.folder import Atlas
from convreport.builder import pipeline, publishing
from convreport.builder.press import Press
from convreport.core.base import files
from convreport.core.base.errors import SiteError, UsageError
from convreport.core.drawing.figures import Drawing, Figure
from convreport.core.drawing.store import Store, pack
from convreport.core.pictures import samples
from convreport.site import mkdocs
from tests.command import refused, run


@pytest.mark.parametrize("content", ["", "{", '{"demo": "/x', "[]", "3", '"x"', "\x00"])
def test_a_damaged_memory_of_sources_is_no_memory(content, tmp_path):
    atlas = Atlas.open(tmp_path / "a", create=True)
    (atlas.cache / "sources.json").write_text(content)
    atlas.claim("demo", "demo", "demo")
    assert json.loads((atlas.cache / "sources.json").read_bytes()) == {"demo": "demo"}
    (atlas.cache / "sources.json").write_text(content)
    atlas.forget("demo")


CACHES = ("models.json", "sources.json", "pages.json", "reports.json", "published-demo.json", "plan-demo.json")


@pytest.mark.parametrize("names", [CACHES, *(pytest.param((name,), marks=pytest.mark.slow) for name in CACHES)])
def test_caches_cut_in_half_cost_no_more_than_time(names, atlas_copy):
    files = [atlas_copy / "cache" / name for name in names]
    for content in (None, b"[1, 2]", b"\xff"):
        for file in files:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
        for words in (("site", atlas_copy), ("remove", "nobody", atlas_copy), ("cache", atlas_copy)):
            done = run(*words)
            assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        done = run("verify", atlas_copy, "--sample", 0) if "plan-demo.json" in names else None
        if done is not None:
            refused(done, 2, "does not say how demo was built", "Run its build again")


def test_a_published_picture_that_was_changed_is_published_again_and_told(tmp_path):
    atlas = Atlas.open(tmp_path / "a", create=True)
    shown = samples.natural(2).samples

    def published():
        press = Press(atlas, "demo", Store(atlas.cache), {})
        files = [atlas.docs / "demo" / press.sample(one).file for one in shown]
        return press.finish(), press.mended, files

    written, mended, files = published()
    whole = [file.read_bytes() for file in files]
    assert (written, mended) == (2, []) and published()[:2] == (0, [])
    files[0].write_bytes(whole[1])  # a picture, but of something else
    written, mended, _ = published()
    assert written == 1 and [atlas.docs / "demo" / one for one in mended] == [files[0]]
    assert [file.read_bytes() for file in files] == whole
    every = Press(atlas, "demo", Store(atlas.cache), {}, everything=True)
    assert [every.sample(one).file for one in shown] and every.mended == []
    files[1].unlink()
    assert published()[:2] == (1, []) and published()[0] == 0
    said = publishing._said_of("demo", ["figures/a.webp", "figures/b.webp", "figures/c.webp"])[0]
    assert said == "docs/demo/figures/a.webp and 2 more had been changed or damaged and are published again."


def spoilt(change):
    def spoil(atlas):
        path = atlas / "docs/demo/atlas.json"
        data = json.loads(path.read_bytes())
        change(data)
        path.write_text(json.dumps(data))

    return spoil


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(sections=[1]), "expected `object`, got `int`"),
        (lambda data: data.update(sections=None), "expected `array`, got `null`"),
        (lambda data: data["slugs"].clear(), "has no name for its page"),
        (lambda data: data["samples"].clear(), "speaks of a picture"),
        (lambda data: data["model"].update(slug="../../elsewhere"), "cannot be the name of a model's page"),
        (lambda data: data["samples"][0].update(file="../../../secret.webp"), "lies outside its folder"),
    ],
)
def test_a_damaged_book_is_told_by_every_command(change, words, atlas_copy):
    spoilt(change)(atlas_copy)
    for command in ("check", "export", "verify"):
        refused(run(command, atlas_copy), 2, "is damaged, or not an atlas.json", "Build its model again")
    done = run("site", atlas_copy)
    assert done.exit_code == 0, done.output
    assert words in " ".join(done.stdout.split())
    assert not (atlas_copy.parent / "elsewhere").exists()


def test_a_book_that_contradicts_itself_is_left_out_and_told(atlas_copy, monkeypatch):
    def of_no_class(data):
        (chapter,) = (one for one in data["sections"] if one["name"] == "gradcam")
        chapter["drawings"][0]["facts"]["truth"] = {"index": 9999, "name": "x", "wnid": "", "rank": 3}

    spoilt(of_no_class)(atlas_copy)
    monkeypatch.setattr(mkdocs, "build", lambda atlas, books: None)
    done = run("site", atlas_copy)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert (
        "Left out: The atlas.json of demo contradicts itself (RuntimeError" in said and "Build its model again" in said
    )
    with pytest.raises(RuntimeError), Atlas.open(atlas_copy, create=False).locked():  # of a build of ours it is a bug
        pipeline.make_site(Atlas.open(atlas_copy, create=False), None, lambda event: None, {"demo"})


def test_a_published_picture_that_is_gone_is_told_and_comes_back(atlas_copy):
    sheet = next((atlas_copy / "docs/demo").rglob("*.webp"))
    sheet.write_bytes(sheet.read_bytes()[:100])
    (atlas_copy / "cache/reports.json").unlink()
    done = run("export", atlas_copy, "-o", atlas_copy.parent / "r.html")
    if done.exit_code:  # the report may do without that one
        refused(done, 2, "is not there, or is damaged", "Build its model again")
    assert run("site", atlas_copy).exit_code == 0


def drawing(value):
    return Drawing((Figure("tile", np.full((4, 4, 3), value, np.uint8), "a tile"),), {"x": value})


@pytest.mark.parametrize("fault", ["cut", "bits", "another", "empty"])
def test_a_damaged_picture_of_the_store_is_found_told_and_drawn_again(fault, tmp_path):
    store = Store(tmp_path)
    name = store.put("ab12", pack(drawing(7))).figures[0].picture
    other = store.put("cd34", pack(drawing(9))).figures[0].picture
    (path,) = tmp_path.glob(f"pictures/*/{name}.png")
    whole = path.read_bytes()
    if fault == "another":
        whole = next(tmp_path.glob(f"pictures/*/{other}.png")).read_bytes()
    elif fault == "bits":
        whole = whole[:50] + bytes([whole[50] ^ 0xFF]) + whole[51:]
    path.write_bytes({"cut": whole[:40], "empty": b""}.get(fault, whole))
    with pytest.raises(UsageError, match="was damaged, and is deleted") as caught:
        store.picture(name)
    assert "redrawn" in caught.value.hint
    assert store.get("ab12") is None, "so it is drawn again"
    store.put("ab12", pack(drawing(7)))
    assert store.picture(name).max() == 7


def test_a_damaged_record_does_not_stop_pruning(tmp_path):
    store = Store(tmp_path)
    store.put("ab12", pack(drawing(7)))
    for content in ("{", "[]", '{"figures": 3}', '{"figures": [{}]}'):
        (tmp_path / "records/ab/ab12.json").write_text(content)
        assert store.prune({"ab12"}) == 0 and store.get("ab12") is None


@pytest.mark.slow
def test_the_cache_is_measured_and_pruned_and_nothing_is_drawn_again(atlas_copy):
    store = Store(atlas_copy / "cache")
    store.put("ffff", pack(Drawing((Figure("noise", noise(), "noise"),), {})))
    keys = [one.stem for one in (atlas_copy / "cache/records").glob("*/*.json") if one.stem != "ffff"]
    figures = {key: [store.picture(one.picture) for one in store.get(key).figures] for key in keys}
    done = run("cache", atlas_copy)
    whole = sum(path.stat().st_size for path in (atlas_copy / "cache").rglob("*") if path.is_file())
    assert done.exit_code == 0 and f"{whole / 1e6:.1f} MB" in done.stdout and "idle pictures" in done.stdout
    done = run("cache", atlas_copy, "--prune")
    assert done.exit_code == 0 and "less than before" in done.stdout
    assert store.get("ffff") is None
    for key, pixels in figures.items():
        kept = store.get(key)
        assert all(
            np.array_equal(store.picture(one.picture), was) for one, was in zip(kept.figures, pixels, strict=True)
        )
    after = sum(path.stat().st_size for path in (atlas_copy / "cache").rglob("*") if path.is_file())
    assert after < 0.95 * whole


def noise():
    return np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)


# -- the site


def test_a_full_disk_in_mkdocs_is_a_sentence_and_the_last_site_stays(atlas_copy, monkeypatch):
    said = (
        'Traceback (most recent call last):\n  File "x.py", line 3, in write\n'
        "OSError: [Errno 28] No space left on device: '/tmp/site/index.html'\n"
    )
    (atlas_copy / "docs/notes").mkdir()
    (atlas_copy / "docs/notes/more.md").write_text("# More\n")
    before = (atlas_copy / "site/index.html").read_bytes()
    failed = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(mkdocs.subprocess, "run", lambda *words, **more: failed)
    done = run("site", atlas_copy)
    refused(done, 5, "MkDocs could not write the site (no space left on device)", "Make room")
    assert (atlas_copy / "site/index.html").read_bytes() == before
    assert not (atlas_copy / "cache/site").exists()
    with pytest.raises(SiteError, match="could not build the site: ValueError: x") as caught:
        raise mkdocs._why("Traceback (most recent call last):\n  File y\nValueError: x")
    assert "File y" not in caught.value.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_write_that_fails_is_a_sentence(number, atlas_copy, monkeypatch):
    def fail(path, data):
        raise OSError(number, os.strerror(number), str(path))

    (atlas_copy / "docs/index.md").unlink()
    monkeypatch.setattr(files, "write_atomically", fail)
    refused(
        run("site", atlas_copy), 2, f"cannot be read or written ({os.strerror(number).lower()})", "continues from there"
    )
    monkeypatch.undo()
    assert run("site", atlas_copy).exit_code == 0
    assert (atlas_copy / "docs/index.md").is_file()


def test_modules_that_lie_in_an_atlas_are_not_run(atlas_copy):
    for name in ("markdown", "yaml", "json", "mkdocs"):
        (atlas_copy / f"{name}.py").write_text("raise SystemExit('a module of the atlas ran')\n")
    (atlas_copy / "docs/index.md").unlink()
    done = run("site", atlas_copy)
    assert done.exit_code == 0, done.output
    assert (atlas_copy / "site/index.html").is_file()


@pytest.mark.parametrize("count", [3, 250, 251, 1000])
def test_a_page_lists_a_hundred_neighbours_at_most_where_there_are_very_many(count):
    lines = mkdocs._shelf("Pictures", [f"'p{place}': demo/pictures/p{place}.md" for place in range(count)], "      ")
    (found,) = yaml.safe_load("\n".join(lines))
    within = found["Pictures"]
    shelves = [next(iter(one.values())) for one in within] if count > 250 else [within]
    assert [next(iter(one)) for shelf in shelves for one in shelf] == [f"p{place}" for place in range(count)]
    assert all(len(shelf) <= (250 if count <= 250 else 100) for shelf in shelves)
    assert count <= 250 or next(iter(within[2])) == f"Pictures 201 to {min(300, count)}"


def test_a_copied_site_is_not_stale(small_atlas, tmp_path):
    copied = Path(shutil.copytree(small_atlas, tmp_path / "copied", copy_function=shutil.copyfile))
    shutil.rmtree(copied / "cache")
    atlas = Atlas.open(copied, create=False)
    assert not mkdocs.is_stale(atlas)
    (copied / "docs/index.md").write_text("changed")
    assert mkdocs.is_stale(atlas)


# -- names


@pytest.mark.parametrize(
    "name", ["con", "CON", "nul.png", "com1", "LPT9.x", "aux.", "prn. ", "x" * 79 + ".y", "...", "con.tar.gz"]
)
def test_slugs_are_names_on_every_system(name):
    made = samples.slug(name)
    assert made and not made.endswith(".") and len(made) <= 81
    assert made.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert samples.slug("contact.png") == "contact.png" and samples.slug("console") == "console"


# -- what a killed build leaves


@pytest.mark.slow
def test_code_that_tensorflow_generates_goes_into_a_folder_that_the_next_process_clears(tmp_path):
    program = (
        "import os, tempfile\nfrom convreport.engines.keras import runtime\ntf = runtime.tensorflow()\n"
        "@tf.function\ndef f(x):\n    if x > 0:\n        x = x + 1\n    return x\nf(tf.constant(1))\n"
        "from pathlib import Path\n"
        "here = Path(tempfile.gettempdir())\n"
        "print(sorted(path.relative_to(here).as_posix() for path in here.rglob('*.py')), flush=True)\n"
        "os._exit(0)\n"  # as if it were killed
    )
    (tmp_path / "program.txt").write_text(program)  # TensorFlow must be able to read the source
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    left = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "program.txt")], env=env, capture_output=True, text=True, check=True
        )
        assert "convreport-" in done.stdout, "TensorFlow wrote its code elsewhere"
        left.append(sorted(path.name for path in tmp_path.glob("convreport-*")))
        assert not list(tmp_path.glob("__autograph*"))
    assert len(left[0]) == len(left[1]) == 1 and left[0] != left[1]
