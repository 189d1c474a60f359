"""Natural examples and circuits in a browser: rows beside patterns, crops in the dialog, from unit to unit."""

import json
import re

import pytest


@pytest.fixture
def rows(page, base):
    page.goto(f"{base}/demo/layers/block3_conv1.html")
    box = page.locator(".cr-units[data-figure=crops]")
    box.locator(".cr-unit").nth(3).wait_for()
    return box


@pytest.fixture
def facts(small_atlas):
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    section = next(one for one in data["sections"] if one["name"] == "examples")
    return {one["unit"]: one["facts"] for one in section["drawings"] if one["layer"] == "block3_conv1"}


def test_each_unit_has_a_row_of_its_pattern_and_nine_crops(page, rows, facts):
    row = rows.locator(".cr-unit").nth(2)
    row.scroll_into_view_if_needed()
    page.wait_for_function(
        "document.querySelectorAll('.cr-rows .cr-unit')[2].querySelectorAll('.cr-crop')[8].style.backgroundImage"
    )
    assert row.locator(".cr-crop").count() == 9
    images = row.locator(".cr-tile").evaluate_all("all => all.map(one => one.style.backgroundImage)")
    assert "block3_conv1-pattern-0.webp" in images[0] and all("block3_conv1-crops-0.webp" in one for one in images[1:])
    first, last = (
        row.locator(".cr-crop").nth(place).evaluate("one => one.style.backgroundPosition") for place in (0, 8)
    )
    assert first != last
    # Crop 0 of tile 2 of four, 172 pixels wide: 344.5 of what 688 less 55 can move.
    assert float(first.split("%")[0]) == pytest.approx(100 * 344.5 / (688 - 55), rel=1e-3)
    assert float(first.split("%")[1]) == pytest.approx(100 * 0.5 / (172 - 55), rel=1e-2)
    counted = row.locator(".cr-origin").inner_text()
    word, count = re.match(r"(\w+)(?: (\d+))?", counted).groups()
    assert [said for _, said in facts[2]["origins"]].count(word) == int(count or 1)


def test_rows_can_be_ordered_by_what_was_measured(rows, facts):
    rows.locator("select").first.select_option("high")
    order = [int(text) for text in rows.locator(".cr-label b").all_inner_texts()]
    assert order == sorted(facts, key=lambda unit: -facts[unit]["most"])
    rows.locator("select").first.select_option("class")
    order = [int(text) for text in rows.locator(".cr-label b").all_inner_texts()]
    assert order == sorted(facts, key=lambda unit: -facts[unit]["driven"]["selectivity"])
    rows.locator("select").first.select_option("share")
    shares = [int(text.split()[0]) for text in rows.locator(".cr-label > span").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)


def test_the_dialog_shows_the_crops_and_the_numbers(page, base, facts):
    page.goto(f"{base}/demo/layers/block3_conv1.html#u1")
    dialog = page.locator("dialog[open]")
    dialog.locator(".cr-natural .cr-crop").nth(8).wait_for()
    assert dialog.locator(".cr-natural figcaption").first.inner_text().split()[0] == facts[1]["origins"][0][1]
    text = dialog.inner_text()
    assert "Strongest responses among 96 pictures" in text and "highest on 96 pictures" in text
    assert facts[1]["driven"]["name"] in text
    assert dialog.locator(".cr-spread i").count() == len(facts[1]["histogram"]["counts"])
    assert dialog.locator(".cr-spot").count() == 0, "a small window's centre is where its middle is"
    page.goto(f"{base}/demo/layers/block5_conv1.html#u1")
    page.locator("dialog[open] .cr-natural .cr-spot").first.wait_for()


def test_the_spotlight_is_bright_where_the_unit_answered_and_can_be_switched_off(page, base, small_atlas):
    page.goto(f"{base}/demo/layers/block5_conv1.html")
    veil = page.locator(".cr-rows .cr-light").first
    veil.wait_for(state="attached")
    data = json.loads((small_atlas / "docs/demo/atlas.json").read_bytes())
    section = next(one for one in data["sections"] if one["name"] == "examples")
    facts = next(one["facts"] for one in section["drawings"] if one["layer"] == "block5_conv1" and one["unit"] == 0)
    rows, columns = facts["cells"]
    alpha = veil.evaluate(
        "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data].filter((_, i) => i % 4 === 3)"
    )
    row, column = divmod(facts["answers"][0].index("z"), columns)
    at = round((row + 0.5) * 32 / rows - 0.5) * 32 + round((column + 0.5) * 32 / columns - 0.5)
    assert alpha[at] == 0 and max(alpha) > 120
    page.locator(".cr-switch input").uncheck()
    assert not veil.is_visible()
    page.reload()
    page.locator(".cr-rows .cr-light").first.wait_for(state="attached")
    assert not page.locator(".cr-rows .cr-light").first.is_visible(), "what was chosen is kept"
    page.locator(".cr-switch input").check()
    assert page.locator(".cr-rows .cr-light").first.is_visible()
    page.goto(f"{base}/demo/layers/block3_conv1.html")
    page.locator(".cr-rows .cr-crop").first.wait_for()
    assert page.locator(".cr-light").count() == 0, "a part of a picture is a spotlight already"


@pytest.fixture(scope="module")
def walk(tmp_path_factory, convreport):
    """An atlas of two layers of which one reads the other, without patterns."""
    folder = tmp_path_factory.mktemp("walk") / "atlas"
    done = convreport(
        "build", "demo", "--out", folder, "--layers", "block1_conv1", "--layers", "block1_conv2", "--max-examples", "24",
        "--sections", "examples,circuits", "--filters", "all", "--max-images", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.slow
def test_one_can_walk_from_unit_to_unit_and_back(browser, walk):
    opened = browser.new_page()
    faults = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(f"{walk.as_uri()}/demo/layers/block1_conv2.html#u3")
    wires = opened.locator("dialog[open] .cr-wires a")
    wires.first.wait_for()
    opened.wait_for_function("document.querySelector('dialog[open] .cr-wires .cr-tile').style.backgroundImage")
    named = wires.first.inner_text().split()
    assert named[0] == "block1_conv1"
    wires.first.click()
    opened.wait_for_url("**/block1_conv1.html#u*")
    assert opened.url.endswith(f"#u{named[1]}")
    back = opened.locator("dialog[open] .cr-wires a").first
    back.wait_for()
    assert back.inner_text().startswith("block1_conv2"), "what reads it is linked as well"
    assert faults == []
    opened.close()


@pytest.mark.slow
def test_without_a_script_there_are_sheets_and_a_table_of_links(walk):
    page = (walk / "demo/layers/block1_conv2.html").read_text()
    assert 'alt="What units 0 to 15 of block1_conv2 respond to most, nine crops per unit, 8 units per row"' in page
    assert re.search(
        r'<summary>Strongest connections of its units.*?href="(\./|\.\./layers/)?block1_conv1\.html#u\d+"', page, re.S
    )


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("block3_conv1", "cropped to the 24 × 24 pixels of the input"),
        ("block5_conv1", "shown whole, because the receptive field is as large as the input"),
    ],
)
def test_a_page_says_how_much_of_a_picture_a_crop_is(small_atlas, layer, said):
    assert said in (small_atlas / f"docs/demo/layers/{layer}.md").read_text()
