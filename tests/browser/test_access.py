"""Referees from outside: axe-core for people who cannot see or point, html5lib for the markup."""

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = [
    "index.html", "reproduction.html", "about.html", "how-to-read.html", "404.html", "demo/index.html",
    "demo/layers/block1_conv1.html", "demo/layers/block1_conv1.html#u3", "demo/pictures/flower.html",
    "demo/classes/flower.html", "demo/report.html",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing(browser, served, scheme):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    found = []
    for path in PAGES:
        page.goto(f"{served}/{path}")
        page.wait_for_function("!document.querySelector('.cr-units') || document.querySelector('.cr-unit')")
        for violation in Axe().run(page).response["violations"]:
            nodes = [node["target"] for node in violation["nodes"][:3]]
            found.append((path, violation["id"], nodes))
    context.close()
    assert found == []


def test_the_markup_is_valid(small_atlas):
    pages = list((small_atlas / "site").rglob("*.html"))
    assert len(pages) > 20
    for path in pages:
        html5lib.HTMLParser(strict=True).parse(path.read_bytes())


def test_every_picture_has_its_size_and_words(small_atlas):
    for path in (small_atlas / "site").rglob("*.html"):
        tree = html5lib.parse(path.read_bytes(), namespaceHTMLElements=False)
        identities = [node.get("id") for node in tree.iter() if node.get("id")]
        assert len(identities) == len(set(identities)), f"{path.name} has an id twice"
        for image in tree.iter("img"):
            assert image.get("alt") is not None, path
            if image.get("hidden") is None:
                assert image.get("width") and image.get("height"), (path, image.get("src")[:80])
