"""What a link to a page announces: relative addresses, whole ones where the site knows its own, and a picture that is there."""

import re

import pytest
from PIL import Image

from convreport.book.folder import Atlas
from convreport.core.base.errors import UsageError
from convreport.site import mkdocs
from tests.command import run


def announced(page):
    return dict(
        re.findall(r'<meta (?:property|name)="((?:og|twitter):\w+)" content="([^"]*)"', page.read_text("utf-8"))
    )


def test_every_page_announces_its_title_and_a_picture_that_is_there(small_atlas):
    site = small_atlas / "site"
    for path in ("index.html", "demo/index.html", "demo/layers/block1_conv1.html", "demo/pictures/flower.html"):
        found = announced(site / path)
        assert found["og:title"] and found["og:description"] and found["twitter:card"] == "summary_large_image"
        with Image.open((site / path).parent / found["og:image"]) as picture:
            assert min(picture.size) >= 96
    assert announced(site / "demo/pictures/flower.html")["og:image"].endswith("overlay0.webp")
    with Image.open(site / "demo" / announced(site / "demo/index.html")["og:image"]) as picture:
        assert picture.format == "JPEG" and 1.6 <= picture.width / picture.height <= 2.2
    assert not (site / "assets/theme").exists(), "the theme's part is no page"


def test_where_the_site_knows_its_address_pictures_have_whole_ones(atlas_copy):
    done = run("site", str(atlas_copy), "--site-url", "https://name.github.io/repo")
    assert done.exit_code == 0, done.output
    found = announced(atlas_copy / "site/demo/index.html")
    assert found["og:image"] == "https://name.github.io/repo/demo/figures/social.jpg"
    assert found["og:url"] == "https://name.github.io/repo/demo/index.html"
    atlas = Atlas.open(atlas_copy, create=False)
    assert mkdocs.standing(atlas) == "https://name.github.io/repo/" and not mkdocs.is_stale(atlas)


def test_an_address_is_kept_until_another_is_said(tmp_path):
    atlas = Atlas(tmp_path)
    mkdocs.move(atlas, "https://example.org/a/")
    mkdocs.move(atlas, "")
    assert mkdocs.standing(atlas) == "https://example.org/a/"
    for wrong in ("example.org", "ftp://example.org", "https://exa mple.org", "https://a.org/'"):
        with pytest.raises(UsageError, match="cannot be at"):
            mkdocs.move(atlas, wrong)
    mkdocs.move(atlas, "none")
    assert mkdocs.standing(atlas) == ""
