"""The grid of units and its dialog: order, filters, histogram, percentiles, links."""

import json
import re

import pytest
from PIL import Image


def labels(page):
    return page.locator(".cr-units[data-main] .cr-unit b").all_inner_texts()


@pytest.fixture
def layer(page, base):
    """Sixteen kernels and four patterns: the first grid of the page is that of the kernels."""
    page.goto(f"{base}/demo/layers/block1_conv1.html")
    page.locator(".cr-units .cr-unit").nth(19).wait_for()
    return page


def test_the_grid_sorts_by_score_and_walks_by_arrow_keys(page, base):
    page.goto(f"{base}/demo/layers/block2_conv1.html")
    grid = page.locator(".cr-units[data-main]")
    grid.locator(".cr-unit").nth(3).wait_for()
    assert grid.locator(".cr-unit b").all_inner_texts() == ["0", "1", "2", "3"]
    grid.locator("select").first.select_option("high")
    scores = [float(text) for text in grid.locator(".cr-label > span").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    order = grid.locator(".cr-unit b").all_inner_texts()
    grid.locator(".cr-unit").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.unit") == int(order[1])
    page.keyboard.press("Enter")
    assert page.locator("dialog[open] h2").inner_text().endswith(f"unit {order[1]}")
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog[open] h2").inner_text().endswith(f"unit {order[2]}"), "in the present order"
    page.keyboard.press("Escape")
    page.wait_for_function(f"document.activeElement.unit === {order[2]}")  # the focus goes back to the tile


def test_tiles_show_their_unit(page, base):
    """The painted part of the sprite sheet is the tile of that unit, at its corner half a pixel in."""
    page.goto(f"{base}/demo/layers/block3_conv1.html")
    tile = page.locator(".cr-units[data-main] .cr-tile").nth(3)
    tile.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.cr-units[data-main] .cr-tile')[3].style.backgroundImage")
    style = tile.evaluate("({ style: s }) => [s.backgroundSize, s.backgroundPosition, s.backgroundImage]")
    assert float(style[0].split("%")[0]) == pytest.approx(400 * 64 / 63, rel=1e-3)
    # tile 3 of 4, half a pixel in: offset 192.5 / 63 tiles, as a share of what a background can move
    assert float(style[1].split("%")[0]) == pytest.approx(100 * (192.5 / 63) / (4 * 64 / 63 - 1), rel=1e-3)
    assert "block3_conv1-pattern-0.webp" in style[2]


def test_a_list_of_numbers_filters_and_the_count_follows(layer):
    kernels = layer.locator(".cr-units").first
    kernels.locator("input").fill("3, 7-9")
    assert kernels.locator(".cr-unit b").all_inner_texts() == ["3", "7", "8", "9"]
    assert kernels.locator(".cr-count").inner_text() == "4 of 16 units"
    assert kernels.locator(".cr-count").get_attribute("role") == "status"
    kernels.locator("text=show all").click()
    assert kernels.locator(".cr-unit").count() == 16
    assert kernels.locator(".cr-count").inner_text() == "16 units"
    kernels.locator("input").fill("11")
    layer.keyboard.press("Enter")
    assert layer.locator("dialog[open] h2").inner_text() == "block1_conv1 · unit 11"


def test_the_histogram_counts_and_its_bars_filter(layer):
    kernels = layer.locator(".cr-units").first
    bars = kernels.locator(".cr-bars button")
    counts = [int(bar.get_attribute("title").split()[0]) for bar in bars.all()]
    assert sum(counts) == 16 and len(counts) == 4
    chosen = counts.index(max(counts))
    bars.nth(chosen).click()
    assert bars.nth(chosen).get_attribute("aria-pressed") == "true"
    assert kernels.locator(".cr-unit").count() == max(counts)
    low, high = map(float, re.search(r", (\S+) to (\S+)", bars.nth(chosen).get_attribute("title")).groups())
    shown = [float(text.lstrip("±")) for text in kernels.locator(".cr-label > span").all_inner_texts()]
    assert all(low * 0.99 <= value <= high * 1.01 for value in shown)
    bars.nth(chosen).press("Enter")
    assert kernels.locator(".cr-unit").count() == 16, "pressed again, it keeps everything"


def test_the_answer_to_a_picture_orders_the_units(layer, small_atlas):
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    most = next(
        drawing["facts"]["most"]
        for section in data["sections"]
        for drawing in section["drawings"]
        if section["name"] == "activations" and drawing["layer"] == "block1_conv1" and drawing["sample"] == "flower"
    )
    kernels = layer.locator(".cr-units").first
    kernels.locator("select").first.select_option("to flower")
    assert kernels.locator(".cr-unit b").all_inner_texts() == [
        str(unit) for unit in sorted(range(16), key=lambda unit: -most[unit])
    ]


def test_only_the_units_of_a_kind(page, base, small_atlas):
    """Kinds are offered where some units, but not all, are of them; the demo's layers have both sorts."""
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    drawings = next(section["drawings"] for section in data["sections"] if section["name"] == "filters")
    found = 0
    for layer in dict.fromkeys(one["layer"] for one in drawings):
        kinds = {one["unit"]: one["facts"]["verdict"] for one in drawings if one["layer"] == layer}
        mixed = [kind for kind in set(kinds.values()) if 0 < list(kinds.values()).count(kind) < len(kinds)]
        if not mixed:
            continue
        found += 1
        page.goto(f"{base}/demo/layers/{layer}.html")
        grid = page.locator(".cr-units[data-main]")
        grid.locator(".cr-unit").first.wait_for()
        grid.locator("select").nth(1).select_option(mixed[0])
        assert labels(page) == [str(unit) for unit, kind in kinds.items() if kind == mixed[0]]
    assert found, "no layer of the demo has units of two kinds"


def test_a_link_to_a_unit_can_be_copied_or_seen(page, base):
    page.goto(f"{base}/demo/layers/block1_conv1.html#u2")
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    dialog.locator("text=Copy link").click()
    field = dialog.locator("input[readonly]")
    assert field.input_value().endswith("block1_conv1.html#u2")


def test_the_picture_of_a_unit_can_be_saved(page, base):
    page.goto(f"{base}/demo/layers/block3_conv1.html#u2")
    save = page.locator("dialog[open] >> text=Save picture")
    if base.startswith("file"):  # a page from a file may not read its own pictures: the sheet is opened
        with page.context.expect_page() as opened:
            save.click()
        assert opened.value.url.endswith("block3_conv1-pattern-0.webp")
        return
    with page.expect_download() as kept:
        save.click()
    assert kept.value.suggested_filename == "block3_conv1-unit-2.png"
    with Image.open(kept.value.path()) as tile:
        assert tile.size == (64, 64)


def test_units_are_found_by_number_layer_and_class(page, base, small_atlas):
    page.goto(f"{base}/demo/index.html")
    field = page.locator(".cr-find input")
    field.fill("block3 2")
    found = page.locator(".cr-found a")
    found.first.wait_for()
    assert found.count() == 1 and found.first.get_attribute("href") == "layers/block3_conv1.html#u2"
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    section = next(one for one in data["sections"] if one["name"] == "examples")
    driven = [one for one in section["drawings"] if one["facts"]["driven"]["name"] == "spiral"]
    field.fill("spiral")
    page.wait_for_function("document.querySelector('.cr-find [role=status]').textContent !== '1 unit'")
    links = found.evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert {f"layers/{one['layer']}.html#u{one['unit']}" for one in driven} <= set(links)
    field.fill("nothing of that name")
    page.wait_for_function("document.querySelector('.cr-find [role=status]').textContent === '0 units'")
    field.fill("block3 2")
    page.locator(".cr-found a").first.click()
    page.locator("dialog[open] h2").wait_for()
    assert page.locator("dialog[open] h2").inner_text() == "block3_conv1 · unit 2"


def test_units_are_found_and_ordered_by_what_they_detect(page, base, small_atlas):
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    section = next(one for one in data["sections"] if one["name"] == "dissection")
    layer, unit, best = next(
        (one["layer"], unit, best)
        for one in section["drawings"]
        for unit, best in enumerate(one["facts"]["best"][:4])
        if best and best["iou"] > one["facts"]["least"]
    )
    page.goto(f"{base}/demo/index.html")
    page.locator(".cr-find input").fill(f"{best['concept']} {unit}")
    link = page.locator(f'.cr-found a[href="layers/{layer}.html#u{unit}"]')
    link.wait_for()
    assert best["concept"] in link.inner_text()
    link.click()
    page.locator("dialog[open] h2").wait_for()
    assert f"detects\t{best['concept']}, IoU 0." in page.locator("dialog[open]").inner_text()
    page.keyboard.press("Escape")
    grid = page.locator(".cr-units[data-main]")
    grid.locator("select").first.select_option("detects")
    assert re.search(r"[a-z] 0\.\d\d$", grid.locator(".cr-label").first.inner_text())


def test_the_dialog_says_how_a_unit_stands(page, base):
    page.goto(f"{base}/demo/layers/block2_conv1.html")
    grid = page.locator(".cr-units[data-main]")
    grid.locator("select").first.select_option("high")
    grid.locator(".cr-unit").first.click()
    text = page.locator("dialog[open]").inner_text()
    assert "1 of 4, 88th percentile" in text, "three of four below it and half of itself: 3.5 of 4"
    assert "1 of 4 in the present order" in text
    assert page.locator("dialog[open] .cr-answers figcaption span").count() == 3


def test_printing_paints_every_tile(page, base):
    page.goto(f"{base}/demo/layers/block1_conv1.html")
    page.locator(".cr-units .cr-unit").nth(19).wait_for()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(
        "[...document.querySelectorAll('.cr-unit .cr-tile')].every(tile => tile.style.backgroundImage)"
    )
    page.emulate_media(media="print")
    assert not page.locator(".cr-bar-of-controls").first.is_visible()
    assert not page.locator(".md-header").is_visible()
    assert page.locator(".cr-unit").first.is_visible()
