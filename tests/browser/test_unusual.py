"""Pages that only some models have, in a real browser: mistakes, maps of classes, many channels, numbers."""

import dataclasses

import numpy as np
import pytest

import convreport
from convreport.builder.pipeline import build
from convreport.builder.plan import AtHand, Plan
from convreport.core.pictures.sample import Picture
from convreport.demo import scenes
from convreport.sections import configure
from tests.zoo import ZOO

PAGES = [
    "demo/mistakes.html",
    "demo/index.html",
    "demo/pictures/wrong.html",
    "segmentation/pictures/scene.html",
    "five-channels/pictures/picture-1.html",
    "five-channels/layers/body_a.html",
    "regression/pictures/scene.html",
    "vision-transformer/index.html",
    "two-inputs/index.html",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Five unusual models and the demo with a picture it gets wrong, because its label is."""
    folder = tmp_path_factory.mktemp("any") / "atlas"
    first = scenes.scene(0, seed=scenes.SHOWN)
    other = next(name for name in scenes.CLASSES if name != scenes.CLASSES[first.label])
    shown = (
        Picture("wrong", first.pixels, said=other),
        Picture("right", first.pixels, said=scenes.CLASSES[first.label]),
    )
    sections = tuple(configure(name, {}) for name in ("overview", "gradcam"))
    build(
        Plan(out=folder, sections=sections, at_hand=dataclasses.replace(AtHand(), pictures=shown)), lambda event: None
    )
    picture = scenes.scene(3, seed=scenes.SHOWN).pixels
    for kind in ("segmentation", "regression", "vision_transformer", "two_inputs"):
        name = kind.replace("_", "-")
        convreport.build(ZOO[kind](), name=name, out=folder, images={"scene": picture}, filters=2, preset="draft")
    many = np.random.default_rng(0).uniform(0, 1, (40, 30, 5))
    convreport.build(ZOO["five_channels"](), name="five-channels", out=folder, images=[many], filters=2, preset="draft")
    return (folder / "site").resolve().as_uri()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_of_unusual_models_open_without_a_fault(browser, site, path, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    faults = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{site}/{path}")
    page.evaluate("document.querySelectorAll('img').forEach(img => img.loading = 'eager')")
    page.wait_for_function("[...document.images].filter(i => i.offsetParent).every(i => i.complete)")
    assert page.evaluate("[...document.images].filter(i => i.offsetParent && !i.naturalWidth).map(i => i.src)") == []
    assert page.evaluate("[...document.images].every(i => i.hasAttribute('alt'))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
    context.close()


@pytest.mark.slow
def test_a_mistake_shows_both_classes_and_leads_to_its_picture(browser, site):
    page = browser.new_page()
    page.goto(f"{site}/demo/index.html")
    page.click("text=The mistakes")
    page.wait_for_url("**/mistakes.html")
    assert "Of the 2 pictures whose true class is known, it classified 1 correctly" in page.inner_text("main")
    assert page.locator(".cr-row img").count() == 3
    page.click("main h2 a")
    page.wait_for_url("**/pictures/wrong.html")
    assert "Wrong: it is" in page.inner_text("main")
    page.close()
