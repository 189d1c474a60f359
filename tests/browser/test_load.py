"""Very large atlases in Chromium: a layer of 4,096 units shows its first tiles within a second at 9 Mb/s and 60 ms."""

import time

import pytest

from convreport.builder import pipeline
from tests.bench import load
from tests.serving import serving

WITHIN = 1.0  # seconds
# The reader goes to the units at once; a sheet of tiles, which every page shows until its viewer is there, or a tile is painted.
SHOWN = """() => {
  const units = document.querySelector('.cr-units[data-main]');
  if (!units) return false;
  if (!window.gone) { window.gone = true; units.scrollIntoView(); }
  const sheet = units.querySelector('img.cr-sheet');
  if (sheet && sheet.complete && sheet.naturalWidth) return true;
  const found = /url\\("(.*?)"\\)/.exec(units.querySelector('.cr-tile')?.style.backgroundImage ?? '');
  return !!found && performance.getEntriesByName(new URL(found[1], location.href).href).some((one) => one.responseEnd > 0);
}"""
# All units can be sorted and opened.
LIVE = "() => document.querySelector('.cr-units[data-main]')?.classList.contains('cr-live')"


@pytest.fixture(scope="module")
def large(small_atlas, tmp_path_factory):
    """An atlas with a layer of 4,096 units, served."""
    out = tmp_path_factory.mktemp("large") / "atlas"
    out.mkdir()
    atlas = load.of_size(small_atlas, out, 1, 4096)
    pipeline.make_site(atlas, None, lambda event: None)
    with serving(atlas.site) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.slow
def test_the_first_of_4096_tiles_show_within_a_second(large, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 60, "downloadThroughput": 9e6 / 8, "uploadThroughput": 9e6 / 8},
    )
    took = []
    for _ in range(5):  # the machine may be busy: the best of five
        session.send("Network.clearBrowserCache")
        started = time.monotonic()
        page.goto(f"{large}/demo/layers/copy0.html", wait_until="commit")
        page.wait_for_function(SHOWN, timeout=30_000)
        took.append(time.monotonic() - started)
    assert min(took) < WITHIN, took
    grid = page.locator(".cr-units[data-main]")
    assert grid.locator(".cr-count").inner_text() == "4096 units" and grid.locator(".cr-unit").count() == 4096
    assert faults == []
    context.close()


@pytest.mark.slow
def test_a_long_table_of_layers_scrolls_by_itself_and_its_head_stays(small_atlas, tmp_path, browser):
    atlas = load.of_size(small_atlas, tmp_path, 30, 2)
    pipeline.make_site(atlas, None, lambda event: None)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{(atlas.site / 'demo/index.html').resolve().as_uri()}#layer-copy20")
    page.wait_for_function("document.querySelector('.cr-tall')?.scrollTop > 0")
    window, row, head = (
        page.locator(place).first.bounding_box() for place in (".cr-tall", "tr:has(#layer-copy20)", ".cr-tall thead th")
    )
    assert window["height"] <= 600
    assert window["y"] < row["y"] < window["y"] + window["height"]
    assert abs(head["y"] - window["y"]) < 3
    page.close()
