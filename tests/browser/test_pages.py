"""Class pages, the choice of a heatmap's layer, the units that answered most, the missing page, and the one file."""

import pytest

from tests import books


def test_a_class_has_its_pattern_and_its_pictures(page, base):
    page.goto(f"{base}/demo/pictures/flower.html")
    page.click(".cr-predictions .cr-true a")
    page.wait_for_url("**/classes/flower.html")
    assert page.locator("main h1").inner_text() == "flower"
    assert page.locator(".cr-answer img").evaluate("i => i.naturalWidth") > 60
    card = page.locator(".cr-medium .cr-card")
    assert card.count() == 1 and "flower" in card.inner_text() and "%" in card.inner_text()
    page.click(".cr-medium .cr-card img")
    page.wait_for_url("**/pictures/flower.html")
    page.goto(f"{base}/demo/classes/snail.html")
    assert "None of the 3 pictures" in page.inner_text("main")


def test_breadcrumbs_lead_back_and_neighbours_on(page, base):
    page.goto(f"{base}/demo/layers/block2_conv1.html")
    page.click(".cr-next a >> nth=1")
    page.wait_for_url("**/block2_pool.html")
    page.locator(".md-path a", has_text="demo").click()
    page.wait_for_url("**/demo/index.html")


def test_a_heatmap_can_be_seen_from_an_earlier_layer(page, base):
    page.goto(f"{base}/demo/pictures/flower.html")
    choice = page.locator(".cr-cam select").first
    assert choice.locator("option").all_inner_texts() == ["Grad-CAM at block5_conv2", "block3_conv2", "block4_conv2"]
    heat = page.locator(".cr-cam .cr-heat").first
    before = heat.get_attribute("src")
    choice.select_option("2")
    assert heat.get_attribute("src") != before
    page.wait_for_function(
        "document.querySelector('.cr-heat').complete && document.querySelector('.cr-heat').naturalWidth"
    )


def test_the_units_that_answered_most_lead_to_their_patterns(page, base, small_atlas):
    row = books.of(small_atlas).chapters["activations"].highlights.answered["flower"].rows[1]
    page.goto(f"{base}/demo/pictures/flower.html")
    links = page.locator(".cr-most").nth(1).locator("a")
    assert [text.split()[0] for text in links.all_inner_texts()] == [str(one.unit) for one in row.units]
    assert [one.most for one in row.units] == sorted((one.most for one in row.units), reverse=True)
    page.locator(".cr-most").nth(1).scroll_into_view_if_needed()
    box = page.locator(".cr-most").nth(1).locator("img").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)  # the tile itself is the link
    page.wait_for_url(f"**/layers/{row.layer}.html#u{row.units[2].unit}")
    assert page.locator("dialog[open] h2").inner_text().endswith(f"unit {row.units[2].unit}")


def test_a_missing_page_says_so_wherever_it_was_looked_for(browser, served):
    page = browser.new_page()
    answer = page.goto(f"{served}/demo/layers/gone.html")
    assert answer.status == 404
    page.wait_for_url("**/404.html")
    assert "There is no such page" in page.inner_text("main")
    page.click("text=To the models of this atlas")
    page.wait_for_url("**/index.html")
    page.close()


def test_the_viewer_works_in_a_sandboxed_frame(browser, served):
    """Where storage and history are forbidden, as in a preview of an artifact."""
    page = browser.new_page()
    page.set_content(
        f'<iframe sandbox="allow-scripts" src="{served}/demo/layers/block3_conv1.html" width=900 height=700>'
    )
    inside = page.frames[1]
    inside.locator(".cr-units[data-main] .cr-unit").first.click()
    assert inside.locator("dialog[open] h2").inner_text() == "block3_conv1 · unit 0"
    page.close()


@pytest.fixture
def report(browser, small_atlas, tmp_path):
    """The one-file report in a sandboxed frame of another page, with the network off."""
    frame = (small_atlas / "docs/demo/report.html").read_text("utf-8")
    (tmp_path / "report.html").write_text(frame, "utf-8")
    (tmp_path / "outer.html").write_text(
        "<!doctype html><title>review</title>"
        '<iframe sandbox="allow-scripts" src="report.html" style="width:1200px;height:800px"></iframe>'
    )
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.faults = []
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else page.faults.append(r.url))
    page.goto((tmp_path / "outer.html").as_uri())
    yield page
    assert page.faults == []
    context.close()


def test_the_one_file_works_in_a_sandboxed_frame_without_a_network(report):
    inside = report.frames[1]
    inside.wait_for_selector(".cr-unit")
    grid = inside.locator("#units-block3_conv1 .cr-units[data-figure=pattern]")
    assert grid.locator(".cr-unit").count() == 4
    grid.scroll_into_view_if_needed()
    grid.locator(".cr-tile[style*='blob:']").first.wait_for()
    grid.locator("select").first.select_option("high")
    grid.locator(".cr-unit").first.click()
    dialog = inside.locator("dialog[open]")
    assert dialog.locator("h2").inner_text().startswith("block3_conv1 · unit")
    assert dialog.locator("table >> nth=1").locator("tr").count() == 3, "its answers to the three pictures"
    inside.page.keyboard.press("Escape")
    heat = inside.locator(".cr-cam .cr-heat").first
    inside.locator(".cr-cam input").first.fill("0.2")
    assert heat.evaluate("node => node.style.opacity") == "0.2"
    assert inside.evaluate("[...document.images].every(i => i.complete && i.naturalWidth)")


def test_the_one_file_allows_no_network_and_no_other_script(report, small_atlas):
    inside = report.frames[1]
    inside.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.bad = 1'}))"
    )
    assert inside.evaluate("window.bad") is None
    refused = inside.evaluate("fetch('https://example.org/').then(() => 'answered', error => 'refused')")
    assert refused == "refused"
    assert any("Content Security Policy" in fault for fault in report.faults)
    report.faults.clear()


@pytest.mark.parametrize("script", [True, False])
def test_the_one_file_reads_on_a_telephone_and_without_javascript(browser, small_atlas, script):
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=script)
    page = context.new_page()
    page.goto((small_atlas / "docs/demo/report.html").resolve().as_uri())
    if script:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    else:
        assert page.locator(".cr-sheet").count() == 11
        assert page.locator("#units-block3_conv1 .cr-sheet").first.is_visible()
        assert "Units 0 (" in page.inner_text("#units-block3_conv1")
        assert page.locator(".cr-cam figure img").first.is_visible()
    context.close()


def test_a_unit_of_the_one_file_has_an_address(browser, small_atlas):
    page = browser.new_page()
    page.goto((small_atlas / "docs/demo/report.html").resolve().as_uri() + "#block3_conv1-u2")
    assert page.locator("dialog[open] h2").inner_text() == "block3_conv1 · unit 2"
    page.close()
