"""Several pictures of one unit: their likeness is numpy's, the first is the pattern, and the others are held apart from it."""

from dataclasses import replace

import numpy as np
import pytest

from convreport.core.ascent import diversity
from convreport.core.ascent.objectives import channel
from convreport.core.ascent.recipes import find
from convreport.core.base.errors import UsageError
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import UnitChoice
from convreport.sections import configure
from convreport.sections.variants import Variants
from tests import models
from tests.models import ops

QUICK = replace(find("fourier", "draft"), steps=10, smallest=32, largest=32)


def cosines(maps):
    """Of Gram matrices of (n, h, w, c), (n, n)."""
    grams = [one.reshape(-1, one.shape[-1]).T @ one.reshape(-1, one.shape[-1]) for one in maps.astype(np.float64)]
    flat = np.stack([gram.ravel() / np.linalg.norm(gram) for gram in grams])
    return flat @ flat.T


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 30)])  # more cells than channels, and fewer
def test_likeness_is_the_mean_cosine_of_gram_matrices(shape):
    maps = np.random.default_rng(0).random((6, *shape)).astype(np.float32)
    found = np.asarray(diversity.likeness(ops(), ops().tensor(maps), 3))
    for unit in (0, 1):
        wanted = cosines(maps[unit * 3 : unit * 3 + 3])
        assert found[unit * 3] == 0
        np.testing.assert_allclose(found[unit * 3 + 1], (wanted[1, 0] + wanted[1, 2]) / 2, rtol=1e-4)
        np.testing.assert_allclose(found[unit * 3 + 2], (wanted[2, 0] + wanted[2, 1]) / 2, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 30)])
def test_each_moves_away_from_the_others_and_not_they_from_it(shape):
    """By a small step: along the gradient each cosine changes by its own picture alone."""
    maps = np.random.default_rng(1).random((3, *shape)).astype(np.float32)
    _, slope = ops().slope(
        lambda x: (ops().sum(diversity.likeness(ops(), x, 3), [0]), diversity.likeness(ops(), x, 3)),
        ops().tensor(maps),
    )
    slope = np.asarray(slope, np.float64)
    assert np.abs(slope[0]).max() < 1e-7
    step = 1e-3
    for one in (1, 2):
        along = slope[one] / np.linalg.norm(slope[one])
        moved = maps.astype(np.float64)
        moved[one] += step * along
        others = [other for other in range(3) if other != one]
        rise = (cosines(moved)[one, others].mean() - cosines(maps)[one, others].mean()) / step
        assert rise == pytest.approx(np.linalg.norm(slope[one]), rel=0.02)


@pytest.fixture(scope="module")
def net():
    return models.network(models.small())


@pytest.fixture(scope="module")
def made(net):
    return climbed(net)


def climbed(net, units=(0, 3), count=4):
    recipe = replace(QUICK, diversity=count)
    return net.ascend([channel("second", unit) for unit in units], recipe, 0)


def like(net, pictures):
    maps = net.observe(pictures.astype(np.float32), ["second"])["second"].maps
    return [cosines(maps[first : first + 4])[np.triu_indices(4, 1)].mean() for first in range(0, len(maps), 4)]


def test_the_first_is_the_pattern_and_the_others_are_unlike_it(net, made):
    alone = net.ascend([channel("second", 0), channel("second", 3)], QUICK, 0)
    assert len(made.pictures) == 8
    for place in (0, 1):
        same = np.corrcoef(alone.pictures[place].ravel(), made.pictures[4 * place].ravel())[0, 1]
        assert same > 0.95  # the same climb; its sums are taken in another order
        others = [
            np.corrcoef(made.pictures[4 * place].ravel(), made.pictures[4 * place + n].ravel())[0, 1] for n in (1, 2, 3)
        ]
        assert max(others) < 0.9
    assert (made.scores > made.starts).all()


@pytest.mark.slow
def test_the_more_likeness_weighs_the_less_there_is(net, monkeypatch):
    found = []
    for weight in (0.0, 16.0):  # all textures are much alike to random weights
        net._climbs.clear()
        monkeypatch.setattr(diversity, "WEIGHT", weight)
        recipe = replace(find("fourier", "draft"), diversity=4)
        made = net.ascend([channel("second", unit) for unit in (0, 3)], recipe, 0)
        found.append(like(net, made.pictures[:, 16:48, 16:48]))  # of the network's size
    net._climbs.clear()
    assert all(held < loose - 0.1 for loose, held in zip(*found, strict=True))


def test_a_row_does_not_depend_on_its_company(net, made):
    again = climbed(net, units=(3,))
    assert np.corrcoef(again.pictures.ravel(), made.pictures[4:].ravel())[0, 1] > 0.999


def test_the_section_draws_a_row_of_each_unit_and_nothing_unless_asked(net):
    scope = Scope(net.card, (), UnitChoice("first", 2), 0, chosen=(net.card.layer("second"),))
    assert Variants().subjects(scope) == [] and Variants().silence(scope) == ""
    scope = replace(scope, recipes=(replace(QUICK, name="quick"),))
    section = Variants(pictures=3, recipe="quick")
    subjects = section.subjects(scope)
    drawings = section.draw(subjects, scope, net)
    side = drawings[0].figures[0].pixels.shape[0]
    assert [one.figures[0].pixels.shape for one in drawings] == [(side, 3 * side, 3)] * 2
    facts = drawings[1].facts
    assert facts.responds and len(facts.scores) == 3 and facts.least == min(facts.scores)
    with pytest.raises(UsageError, match=r"^--diversity must be at most 8, not 9"):
        configure("variants", {"pictures": "9"})
