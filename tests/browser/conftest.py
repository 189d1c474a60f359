"""The small atlas served, and a page that notes every fault."""

import pytest

from tests.serving import serving


@pytest.fixture(scope="session")
def served(small_atlas):
    with serving(small_atlas / "site") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session", params=["http", pytest.param("file", marks=pytest.mark.slow)])
def base(request, served, small_atlas):
    """Where the site is opened from; test_site opens it from the disk by default, too."""
    return served if request.param == "http" else (small_atlas / "site").resolve().as_uri()


@pytest.fixture
def page(browser, base):
    """A page that notes every error, and every request that leaves the site."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened = context.new_page()
    opened.faults = []
    opened.on("console", lambda said: opened.faults.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    # A lazy picture that is still on its way when the page is left is aborted, which is no fault.
    opened.on(
        "requestfailed",
        lambda r: None if r.failure == "net::ERR_ABORTED" else opened.faults.append(f"failed: {r.url} {r.failure}"),
    )
    root = base.rsplit("/site", 1)[0] if base.startswith("file") else base
    opened.on(
        "request",
        lambda r: None if r.url.startswith((root, "data:", "blob:")) else opened.faults.append(f"outside: {r.url}"),
    )
    yield opened
    assert opened.faults == []
    context.close()
