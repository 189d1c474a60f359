"""The cache and the site of an atlas while builds run: measured, pruned, published; and what comparisons drew is kept."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from convreport.book.folder import Atlas
from convreport.builder import stock
from convreport.core.base.errors import UsageError
from convreport.core.drawing.figures import Drawing, Figure
from convreport.core.drawing.store import Store, pack
from convreport.share import publish


@pytest.fixture
def atlas(tmp_path):
    made = Atlas.open(tmp_path / "a", create=True)
    Store(made.cache).put("ab12", pack(Drawing((Figure("tile", np.full((4, 4, 3), 7, np.uint8), "x"),), {})))
    return made


def test_what_a_build_has_drawn_is_not_pruned_before_it_is_published(atlas):
    with atlas.building(), atlas.building():
        assert atlas.is_building()
        with pytest.raises(UsageError, match="is under way") as caught:
            stock.prune(atlas)
        assert caught.value.hint and Store(atlas.cache).get("ab12") is not None
    assert not atlas.is_building() and not list((atlas.cache / "builds").iterdir())
    stock.prune(atlas)
    assert Store(atlas.cache).get("ab12") is None


def test_a_killed_build_is_not_under_way(atlas):
    (atlas.cache / "builds").mkdir()
    (atlas.cache / "builds/ff.lock").touch()
    assert not atlas.is_building() and not list((atlas.cache / "builds").iterdir())


def test_what_only_a_comparison_refers_to_is_kept(atlas, monkeypatch):
    monkeypatch.setattr(stock.folder, "all_of", lambda docs: [SimpleNamespace(drawn=("ab12",))])
    stock.prune(atlas)
    assert Store(atlas.cache).get("ab12") is not None


def test_files_that_come_and_go_while_the_cache_is_measured_do_not_count(atlas):
    done = threading.Event()

    def write():
        place = atlas.cache / "pictures/00"
        place.mkdir()
        while not done.is_set():
            (place / ".x.tmp").write_bytes(b"x")
            (place / ".x.tmp").unlink()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(100):
            assert sum(one.bytes for one in stock.kinds(atlas)) > 0
    finally:
        done.set()
        thread.join()


def test_what_is_published_is_one_whole_site_never_one_that_a_build_is_replacing(atlas, monkeypatch):
    monkeypatch.setattr(publish, "_git", lambda *words, **more: "")
    atlas.site.mkdir()
    (atlas.site / "index.html").write_text("old")
    held = threading.Event()

    def replace():
        with atlas.locked():
            (atlas.site / "index.html").unlink()
            held.set()
            time.sleep(0.2)
            (atlas.site / "index.html").write_text("the new one")

    thread = threading.Thread(target=replace)
    thread.start()
    held.wait()
    offer = publish.prepare(atlas, "https://example.org/x.git", "gh-pages", stale=False)
    thread.join()
    assert (offer.files, offer.bytes) == (1, len("the new one"))
