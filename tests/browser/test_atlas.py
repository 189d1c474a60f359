"""The activation atlas: a cell is selected by a click or by arrow keys, and the map is dragged and zoomed."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from convreport.core.base.assets import folder

CELLS = [(0, 0, 4), (0, 2, 9), (1, 2, 5), (2, 1, 7)]  # row, column, places: of a grid of three


@pytest.fixture
def atlas(browser, tmp_path):
    """A page with nothing but an atlas of four cells, opened from the disk."""
    for name in ("convreport.js", "convreport.css"):
        shutil.copy(folder("site_src") / "docs/assets" / name, tmp_path)
    for name, size in (("map", (288, 288)), ("behind", (4 * 20, 2 * 20))):
        Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    cells = [
        {"row": row, "column": column, "places": places, "score": 1.5, "origins": [["a", f"of {place}"], ["b", ""]]}
        for place, (row, column, places) in enumerate(CELLS)
    ]
    figures = {"map": {"file": "map.png", "size": [288, 288]}, "behind": {"file": "behind.png", "size": [80, 40]}}
    data = {"atlas": {"grid": 3, "side": 96, "crop": [20, 20], "behind": 2, "cells": cells, "figures": figures}}
    (tmp_path / "data.js").write_text(f"convreport({json.dumps(data)});", "utf-8")
    (tmp_path / "page.html").write_text(
        '<!doctype html><meta charset="utf-8">'
        '<link rel="stylesheet" href="convreport.css"><div class="md-typeset"><div class="cr-atlas" '
        'data-source="data.js"><div class="cr-atlas-view"><div class="cr-atlas-map"><img src="map.png" width="288" '
        'height="288" alt="map"></div></div></div></div><script src="convreport.js"></script>',
        "utf-8",
    )
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.locator(".cr-atlas-panel .cr-natural").wait_for()
    yield page
    assert page.faults == []
    context.close()


def test_a_cell_shows_its_picture_and_what_lies_behind(atlas):
    panel = atlas.locator(".cr-atlas-panel")
    assert panel.locator("p").inner_text() == "9 places · score 1.5", "the fullest to begin with"
    assert panel.locator("figcaption").all_inner_texts() == ["of 1", "b"]
    atlas.locator(".cr-atlas-map button").nth(3).click()
    assert panel.locator("p").inner_text().startswith("7 places")
    assert panel.locator("figcaption").first.inner_text() == "of 3"
    assert atlas.locator(".cr-selected").count() == 1


def test_arrow_keys_walk_to_the_nearest_cell(atlas):
    selected = (
        "[...document.querySelectorAll('.cr-atlas-map button')].findIndex((one) => one === document.activeElement)"
    )
    atlas.locator(".cr-atlas-map .cr-selected").focus()
    walked = []
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowRight"):
        atlas.keyboard.press(key)
        walked.append(atlas.evaluate(selected))
    assert walked == [2, 3, 2, 1, 1], "there is nothing to the right of the last"


def test_the_map_is_zoomed_about_its_middle_and_dragged_without_selecting(atlas):
    view = atlas.locator(".cr-atlas-view")
    wide = atlas.locator(".cr-atlas-map").bounding_box()["width"]
    for _ in range(2):
        atlas.locator(".cr-bar-of-controls button").first.click()
    assert atlas.locator(".cr-atlas-map").bounding_box()["width"] == pytest.approx(wide * 2.25, rel=0.05)
    at = view.evaluate("(one) => [one.scrollLeft, one.scrollTop, one.clientWidth]")
    assert at[0] == pytest.approx((wide * 2.25 - at[2]) / 2, abs=12)
    box = view.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = atlas.locator(".cr-atlas-panel p").inner_text()
    atlas.mouse.move(x, y)
    atlas.mouse.down()
    atlas.mouse.move(x + 60, y + 40, steps=3)
    atlas.mouse.up()
    now = view.evaluate("(one) => [one.scrollLeft, one.scrollTop]")
    assert now[0] == pytest.approx(at[0] - 60, abs=2) and now[1] == pytest.approx(at[1] - 40, abs=2)
    assert atlas.locator(".cr-atlas-panel p").inner_text() == before
