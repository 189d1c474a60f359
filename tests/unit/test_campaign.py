"""The campaign of faults, in short; `python -m tests.campaign` plays more."""

import pytest

from tests.campaign import pages
from tests.campaign.bench import play
from tests.campaign.families import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_a_few_cases_of_every_family(name):
    tally = play(FAMILIES[name], FAMILIES[name].few, seed=0)
    assert not tally.findings, "\n".join(tally.findings)
    assert tally.cases == FAMILIES[name].few


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_many_cases_of_every_family(name):
    tally = play(FAMILIES[name], FAMILIES[name].many, seed=1)
    assert not tally.findings, "\n".join(tally.findings)


@pytest.mark.slow
def test_what_a_page_may_not_do_is_seen(tmp_path):
    for name, body in {
        "plain": "<p>plain",
        "run": "<img src=data:, onerror=window.INJECTED=1>",
        "asks": "<img src=https://evil.example/x.png>",
        "speaks": "<script>alert('hello')</script>",
        "breaks": "<script>null.src</script>",
    }.items():
        (tmp_path / f"{name}.html").write_text(f"<!doctype html><title>{name}</title>{body}")
    if pages.CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    said = "\n".join(pages.looked_at(tmp_path))
    for line in ("run.html: injected", "asks.html: request", "speaks.html: dialog: hello", "breaks.html: error"):
        assert f"/{line}" in said
    assert "plain.html" not in said
