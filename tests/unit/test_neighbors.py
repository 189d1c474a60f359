"""Units that answer to the same pictures: the correlation is numpy's, of the pictures that were kept."""

from types import SimpleNamespace

import numpy as np
import pytest

from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import UnitChoice
from convreport.core.seam import Responses
from convreport.core.survey import conduct
from convreport.core.survey.examples import Survey
from convreport.core.survey.likeness import nearest
from convreport.core.survey.tally import Tally
from convreport.sections.neighbors import Neighbors


def answers(count=90, units=12):
    draw = np.random.default_rng(5)
    causes = draw.normal(size=(count, 3))
    return (causes @ draw.normal(size=(3, units)) + 0.3 * draw.normal(size=(count, units))).astype(np.float32)


def tally(most, every=1, parts=1):
    """What `most` (pictures, units) comes to, in parts that are joined from the last to the first."""
    made = []
    for part in np.array_split(np.arange(len(most)), parts):
        one = Tally.empty(most.shape[1], 0, ())
        maps = most[part][:, None, None, :]
        values = most[part]
        zeros = np.zeros_like(values)
        one.add(Responses(maps, values, values, values, zeros, zeros, zeros), part, np.full(len(part), -1), every)
        made.append(one)
    whole = made[-1]
    for one in made[-2::-1]:
        whole = whole.joined(one)
    return whole


@pytest.mark.parametrize(("every", "parts"), [(1, 1), (1, 4), (7, 3)])
def test_neighbors_are_those_that_correlate_most(every, parts):
    most = answers()
    found = tally(most, every, parts)
    assert found.samples.tolist() == list(range(0, 90, every))
    referee = np.corrcoef(most[::every].T)
    units = [0, 2, 3, 7, 11]
    for unit, near in zip(units, nearest(found.sampled, units, 3, 0.2), strict=True):
        others = sorted((one for one in units if one != unit), key=lambda one: -referee[unit, one])
        wanted = [one for one in others[:3] if referee[unit, one] >= 0.2]
        assert [one for one, _ in near] == wanted
        np.testing.assert_allclose([likeness for _, likeness in near], referee[unit, wanted], atol=1e-5)


def test_a_unit_that_never_changes_has_no_neighbors_and_is_none():
    most = answers()
    most[:, 2] = 1.5
    near = nearest(tally(most).sampled, range(12), 11, 0.01)
    assert near[2] == [] and all(unit != 2 for one in near for unit, _ in one)


def test_how_many_answers_are_kept_is_bounded():
    """A few hundred units: those to 1,024 pictures; a hundred thousand: fewer, but never fewer than 128."""
    assert conduct._every(500, 600) == 1
    assert 900 <= 50_000 / conduct._every(50_000, 600) <= 1024
    assert 120 <= 50_000 / conduct._every(50_000, 100_000) <= 168
    assert 100 <= 50_000 / conduct._every(50_000, 10**9) <= 128
    assert conduct._every(0, 0) == 1


@pytest.mark.parametrize("pictures", [90, 12])
def test_the_section_tells_of_shown_units_only_and_of_enough_pictures_only(monkeypatch, pictures):
    survey = Survey({"conv": tally(answers(pictures))}, {}, ())
    layer = SimpleNamespace(path="conv", units=12, digest="d")
    card = SimpleNamespace(layer=lambda path: layer)
    examples = SimpleNamespace(count=pictures, digest="x", survey=lambda net, layers, fit: survey)
    scope = Scope(card, (), UnitChoice("first", 5), 0, examples=examples)
    section = Neighbors(count=2)
    monkeypatch.setattr("convreport.sections.neighbors.survey", lambda scope, net: survey)
    (drawing,) = section.draw([Subject(layer="conv")], scope, None)
    assert drawing.facts.pictures == pictures
    if pictures == 12:
        assert drawing.facts.units == {}
        return
    assert set(drawing.facts.units) <= {str(unit) for unit in range(5)} and drawing.facts.units
    assert all(other < 5 and len(near) <= 2 for near in drawing.facts.units.values() for other, _ in near)
