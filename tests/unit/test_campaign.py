"""The campaign of faults, in short; `python -m tests.campaign` plays more."""

import pytest

from tests.campaign.bench import play
from tests.campaign.families import FAMILIES


# Whole builds, which are heavier, are played with -m slow alone.
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.few])
def test_a_few_cases_of_every_family(name):
    tally = play(FAMILIES[name], FAMILIES[name].few, seed=0)
    assert not tally.findings, "\n".join(tally.findings)
    assert tally.cases == FAMILIES[name].few


# The other families of whole builds are played by the command alone.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.many])
def test_many_cases_of_every_family(name):
    tally = play(FAMILIES[name], FAMILIES[name].many, seed=1)
    assert not tally.findings, "\n".join(tally.findings)
