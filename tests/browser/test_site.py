"""The built site in a real browser: over http and file://, light and dark, wide and 390 px, with and without JavaScript."""

import re

import pytest

PAGES = [
    "index.html",
    "demo/index.html",
    "demo/layers/block1_conv1.html",
    "demo/pictures/flower.html",
    "demo/classes/flower.html",
    "how-to-read.html",
    "reproduction.html",
    "about.html",
]


@pytest.fixture(scope="module", params=["http", "file"])
def base(request, served, small_atlas):
    return served if request.param == "http" else (small_atlas / "site").resolve().as_uri()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_without_a_fault_and_every_picture_decodes(page, base, path):
    page.goto(f"{base}/{path}")
    page.evaluate("document.querySelectorAll('img').forEach(img => img.loading = 'eager')")
    page.wait_for_function("[...document.images].filter(i => i.offsetParent).every(i => i.complete)")
    broken = page.evaluate("[...document.images].filter(i => i.offsetParent && !i.naturalWidth).map(i => i.src)")
    assert broken == []
    assert page.evaluate("[...document.images].every(i => i.hasAttribute('alt'))")
    assert page.title()


def test_from_home_to_a_unit_and_back_by_its_address(page, base):
    page.goto(f"{base}/index.html")
    page.click(".cr-card h2 a")
    page.wait_for_url(re.compile("demo/index.html"))
    assert page.locator(".cr-strip a").count() == 18
    page.click(".cr-journey >> nth=2 >> strong a")
    page.wait_for_url(re.compile("block3_conv1"))
    grid = page.locator(".cr-units[data-main] .cr-unit")
    grid.nth(3).wait_for()
    assert grid.count() == 4
    grid.nth(1).click()
    dialog = page.locator("dialog[open]")
    assert dialog.locator("h2").inner_text() == "block3_conv1 · unit 1"
    page.wait_for_function("location.hash === '#u1'")
    assert dialog.locator("tr").count() >= 3
    assert dialog.locator("canvas").count() == 3
    page.keyboard.press("ArrowRight")
    assert dialog.locator("h2").inner_text() == "block3_conv1 · unit 2"
    page.wait_for_function("location.hash === '#u2'")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert dialog.locator("h2").inner_text() == "block3_conv1 · unit 0", "it stops at the first"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.wait_for_function("!location.hash")
    page.goto(f"{base}/demo/layers/block3_conv1.html#u3")
    page.reload()
    assert page.locator("dialog[open] h2").inner_text() == "block3_conv1 · unit 3"


def test_a_channel_of_a_tiling_opens_with_its_raw_values(page, base):
    page.goto(f"{base}/demo/pictures/flower.html")
    tiling = page.locator(".cr-tiling").nth(2)
    tiling.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.cr-tiling img')[2].naturalWidth > 0")
    box = tiling.locator("img").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 1.5 / 16, box["y"] + box["height"] * 0.25)
    page.wait_for_selector(".cr-tiling .cr-mark:not([hidden])")
    page.mouse.click(box["x"] + box["width"] * 1.5 / 16, box["y"] + box["height"] * 0.25)
    dialog = page.locator("dialog[open]")
    assert dialog.locator("h2").inner_text() == "block2_conv1 · channel 1 on flower"
    assert dialog.locator("tr").count() == 4
    page.wait_for_function(
        "document.querySelector('dialog canvas').getContext('2d') && document.querySelector('dialog canvas').width == 48"
    )
    page.keyboard.press("ArrowRight")
    assert "channel 2" in dialog.locator("h2").inner_text()


def test_the_strength_of_a_heatmap_follows_mouse_and_keyboard(page, base):
    page.goto(f"{base}/demo/pictures/flower.html")
    slider = page.locator(".cr-cam input").first
    heat = page.locator(".cr-cam .cr-heat").first
    assert heat.evaluate("node => node.style.opacity") == "0.75"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert float(heat.evaluate("node => node.style.opacity")) == pytest.approx(0.7)
    slider.fill("0")
    assert heat.evaluate("node => node.style.opacity") == "0"
    sizes = page.evaluate("[...document.querySelector('.cr-stack').children].map(i => [i.clientWidth, i.clientHeight])")
    assert sizes[0] == sizes[1], "the heat lies exactly over the picture"


def test_search_finds_layers_and_pictures_also_from_file(page, base):
    page.goto(f"{base}/index.html")
    page.click("[data-md-component='search-query']")
    for word, target in (
        ("block4_conv1", "layers/block4_conv1.html"),
        ("fish", "pictures/fish.html"),
        ("snail", "classes/snail.html"),
        ("demo", "demo/index.html"),
    ):
        page.locator("[data-md-component='search-query']").fill("")
        page.keyboard.type(word)
        page.wait_for_selector(f".md-search-result__link[href*='{target}']", timeout=10_000)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_nothing_is_wider_than_a_telephone(browser, served, path, scheme):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(f"{served}/{path}")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    dark = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    levels = [int(number) for number in re.findall(r"\d+", dark)[:3]]
    assert (max(levels) < 60) == (scheme == "dark")
    context.close()


def test_without_javascript_everything_is_still_there(browser, served):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.goto(f"{served}/demo/layers/block1_conv1.html")
    for kind in ("kernel", "pattern"):
        sheet = opened.locator(f".cr-sheet[src*='{kind}']").first
        assert sheet.is_visible()
    opened.goto(f"{served}/demo/pictures/flower.html")
    assert opened.locator(".cr-cam figure").nth(0).locator("img").get_attribute("src").endswith("overlay0.webp")
    assert opened.locator(".cr-predictions tr").count() == 5
    assert opened.locator(".cr-tiling img").count() == 9
    context.close()


def test_every_link_of_the_site_leads_somewhere(small_atlas):
    from html.parser import HTMLParser
    from urllib.parse import unquote, urlsplit

    class Links(HTMLParser):
        def __init__(self):
            super().__init__()
            self.links, self.ids = [], set()

        def handle_starttag(self, tag, attributes):
            found = dict(attributes)
            self.ids.add(found.get("id"))
            self.links += [
                found[key]
                for key in ("href", "src", "data-source", "data-heat", "data-heat-0", "data-heat-1", "data-picture")
                if found.get(key)
            ]

    site = small_atlas / "site"
    parsed = {}
    for path in site.rglob("*.html"):
        parsed[path.resolve()] = Links()
        parsed[path.resolve()].feed(path.read_text("utf-8"))
    for path, found in parsed.items():
        if path.name == "404.html":
            continue
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "data") or link.startswith("javascript"):
                assert parts.scheme != "http"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            assert target.is_file(), f"{path.name} -> {link}"
            if parts.fragment and target in parsed and not parts.fragment.startswith(("u", "__")):
                assert parts.fragment in parsed[target].ids, f"{path.name} -> {link}"


def test_the_markdown_source_reads_on_its_own(small_atlas):
    """Links between pages are Markdown links to Markdown files, so the source can be read where no site was built."""
    text = (small_atlas / "docs/demo/index.md").read_text("utf-8")
    assert "[block1_conv1](layers/block1_conv1.md)" in text
    assert "| 2 |" in re.sub(r"<span[^>]*></span>", "", text).replace("|  ", "| ")
    assert (small_atlas / "docs/demo/layers/block1_conv1.md").is_file()
