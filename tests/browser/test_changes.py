"""The pages of a comparison and of a training that was watched, as a browser shows them: on a phone and on a desk, by day and
by night.
"""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from convreport.core.comparing import snapshot
from convreport.core.comparing.alignment import gram
from convreport.core.comparing.snapshot import Answer, OfLayer, Snapshot, Watched
from convreport.share import watched

PAGES = [
    "comparisons/june-to-july/index.html", "comparisons/june-to-july/units.html", "comparisons/june-to-july/flips.html",
    "july/report.html",
]  # fmt: skip
SIZES = [(390, 844), (1280, 900)]


@pytest.fixture(scope="session")
def training(tmp_path_factory):
    """The page of a training of six epochs with made-up numbers, in which units die."""
    folder, rng = tmp_path_factory.mktemp("training"), np.random.default_rng(0)
    layers = {"block1_conv1": (0, 1, 2, 3), "a_layer_with_a_name_that_is_quite_long_conv2": (0, 1, 2, 3)}
    snapshot.begin(folder, Watched("trained", layers, tuple(f"picture {number}" for number in range(8))))
    answers = rng.normal(size=(8, 30))
    for epoch in range(6):
        grams = {path: gram(answers + rng.normal(0, 3 / (epoch + 1), (8, 30))) for path in layers}
        told = {path: OfLayer(16, tuple(range(epoch // 2)), epoch / 10) for path in layers}
        drawn = (
            {path: rng.integers(0, 255, (4, 48, 48, 3)).astype(np.uint8) for path in layers} if epoch % 2 == 0 else {}
        )
        logs = (
            {"accuracy": 0.5 + epoch / 10, "loss": 1 / (epoch + 1), "val_accuracy": 0.4 + epoch / 10} if epoch else {}
        )
        said = tuple(Answer("a class", 0.5) for _ in range(8))
        kernels = rng.integers(0, 255, (16, 3, 3, 3)).astype(np.uint8)
        snapshot.write(folder, Snapshot(epoch, logs, told, said, 0.2, grams, drawn, kernels))
    return watched.write(folder, None)[0]


def shown(context, address):
    """A page with all its pictures loaded, and every fault on the way."""
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.goto(address)
    page.evaluate("document.querySelectorAll('img').forEach(one => { one.loading = 'eager'; })")
    page.wait_for_function("[...document.querySelectorAll('img:not([hidden])')].every(one => one.complete)")
    return page, faults


def trouble(page):
    """What is wrong with what is shown: pictures that are none, a page that is wider than the window."""
    found = page.evaluate(
        "[...document.querySelectorAll('img:not([hidden])')].filter(one => !one.naturalWidth).map(one => one.src.slice(0, 80))"
    )
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return found + ([f"{wide} pixels too wide"] if wide > 0 else [])


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_pages_of_changes_are_sound_wherever_they_are_read(browser, compared, training, scheme):
    site = (compared / "atlas/site").resolve().as_uri()
    found = []
    for width, height in SIZES:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        for address in [*(f"{site}/{path}" for path in PAGES), training.as_uri()]:
            page, faults = shown(context, address)
            found += [(address, width, one) for one in [*faults, *trouble(page)]]
            violations = Axe().run(page).response["violations"] if width == SIZES[0][0] else []
            for violation in violations:
                found.append((address, width, violation["id"], [node["target"] for node in violation["nodes"][:3]]))
            page.close()
        context.close()
    assert not found, "\n".join(map(str, found))


def test_the_slider_goes_through_the_epochs(browser, training):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, faults = shown(context, training.as_uri())
    assert page.inner_text("#said") == "after 5" and "accuracy 1" in page.inner_text("#moment")
    page.locator("#epoch").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert page.inner_text("#said") == "after 2" and page.locator("#moment img").count() == 3
    assert page.locator("#epoch").get_attribute("aria-valuetext") == "after epoch 2"
    page.keyboard.press("ArrowLeft")
    assert "No patterns were drawn here" in page.inner_text("#moment") and trouble(page) == [] and faults == []
    context.close()
