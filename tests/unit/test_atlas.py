"""Activation atlases: places gathered and laid in cells, climbed by their likeness, and refused in a sentence."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from convreport.core.ascent.objectives import channel, likeness
from convreport.core.ascent.recipes import find
from convreport.core.base.errors import ModelError, UsageError
from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import UnitChoice
from convreport.core.survey import landscape
from convreport.demo import scenes
from convreport.engines.shared.heights import LayerHeights
from convreport.sections import configure
from convreport.sections.activation_atlas import BEHIND, SIDE, ActivationAtlas
from tests import models
from tests.models import sample

COUNT = 12
QUICK = replace(find("fourier", "draft"), name="quick", steps=10, smallest=32, largest=32)


class Pictures:
    """Drawn scenes of the network's size as examples, one of which cannot be read."""

    digest, count = "drawn", COUNT

    def name(self, number):
        return f"scene {number}"

    def said(self, number):
        return "odd" if number % 2 else "even"

    def samples(self, numbers):
        for number in numbers:
            yield None if number == 5 else sample(scenes.scene(number, size=32).pixels)


class Flat:
    """Instead of UMAP the two strongest directions, which take no time to import."""

    def __init__(self, **words):
        self.words = words

    def fit_transform(self, vectors):
        centred = vectors - vectors.mean(0)
        return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


@pytest.fixture
def flat(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Flat))
    monkeypatch.setattr(landscape, "find_spec", lambda name: object())


@pytest.fixture(scope="module")
def net():
    return models.network(models.small())


@pytest.fixture(scope="module")
def places(net):
    return landscape.gather(net, Pictures(), "rectify", "stretch", 100, 0)


def test_places_are_what_the_layer_answers_there(net, places):
    assert places.pictures == COUNT - 1 and 5 not in places.numbers and len(places.vectors) > 80
    place = len(places.vectors) // 2
    (picture,) = Pictures().samples([int(places.numbers[place])])
    maps = net.look([picture], ["rectify"], fit="stretch", targets=None).activations["rectify"][0]
    row, column, rows, columns = places.cells[place]
    assert (rows, columns) == maps.shape[:2] and 0 < row < rows - 1 and 0 < column < columns - 1
    np.testing.assert_allclose(places.vectors[place], maps[row, column], atol=1e-5)


def test_the_same_seed_takes_the_same_places_and_another_one_others(net, places):
    again = landscape.gather(net, Pictures(), "rectify", "stretch", 100, 0)
    other = landscape.gather(net, Pictures(), "rectify", "stretch", 100, 1)
    assert (again.vectors == places.vectors).all() and (again.cells == places.cells).all()
    assert other.cells.shape != places.cells.shape or (other.cells != places.cells).any()


def test_cells_hold_every_place_of_theirs_and_few_make_none():
    draw = np.random.default_rng(0)
    at, vectors = draw.random((200, 2)), draw.random((200, 5)).astype(np.float32)
    at[0] = (1.0, 1.0)  # the very corner belongs to the last cell
    cells = landscape.cells(at, vectors, 4, 1)
    assert sum(len(one.members) for one in cells) == 200
    for one in cells:
        inside = np.flatnonzero(
            (np.minimum(at[:, 1] * 4, 3).astype(int) == one.row)
            & (np.minimum(at[:, 0] * 4, 3).astype(int) == one.column)
        )
        assert set(one.members) == set(inside)
        np.testing.assert_allclose(one.mean, vectors[inside].mean(0), rtol=1e-5)
        cosines = vectors[one.members] @ one.mean / np.linalg.norm(vectors[one.members], axis=1)
        assert (np.diff(cosines) <= 1e-6).all()
    assert all(len(one.members) >= 14 for one in landscape.cells(at, vectors, 4, 14))
    numbers = np.arange(200) % 3
    behind = landscape.distinct(cells[0], numbers, 8)
    assert len(behind) == len({int(numbers[one]) for one in behind}) == min(3, len(set(numbers[cells[0].members])))


def test_the_height_of_a_likeness_is_the_dot_product_times_the_cosine(net):
    """By numpy, place by place, with Lucid's floor of 0.1; and a climb raises the cosine."""
    vector = tuple(np.random.default_rng(1).random(8).tolist())
    heights = LayerHeights(net._forward, likeness("rectify", vector), preactivation=True, border=-1)
    picture = sample(scenes.scene(1, size=32).pixels)
    maps = net.look([picture], ["rectify"], fit="stretch", targets=None).activations["rectify"][0]
    fed = net._ops.tensor(net._input(picture, "stretch")[None])
    found = float(heights.of(fed, heights.choice([likeness("rectify", vector)]))[0])
    inner, wanted = maps[2:-2, 2:-2].astype(np.float64), np.array(vector)
    dots = inner @ wanted
    cosines = dots / np.maximum(np.linalg.norm(inner, axis=2) * np.linalg.norm(wanted), 1e-12)
    assert found == pytest.approx((dots * np.maximum(cosines, 0.1)).mean(), rel=1e-3)


def test_a_climb_answers_in_that_direction(net, places):
    mean = places.vectors[:20].mean(0)
    made = net.ascend([likeness("rectify", tuple(mean.tolist()))], QUICK, 0)
    assert made.scores[0] > made.starts[0] and made.among == 0
    other = net.ascend([channel("rectify", int(mean.argmin()))], QUICK, 0)

    def cosine(pictures):
        maps = net.observe(pictures.astype(np.float32), ["rectify"])["rectify"].maps
        answer = maps.mean((0, 1, 2))
        return float(answer @ mean / np.linalg.norm(answer) / np.linalg.norm(mean))

    assert cosine(made.pictures) > max(0.8, cosine(other.pictures))


def test_the_section_draws_a_map_and_what_lies_behind(flat, net):
    scope = Scope(net.card, (), UnitChoice(), 0, examples=Pictures(), recipes=(QUICK,))
    section = ActivationAtlas(layer=("rectify",), grid=3, points=100, recipe="quick")
    assert section.subjects(scope) == [Subject(layer="rectify")]
    (drawing,) = section.draw(section.subjects(scope), scope, net)
    facts, (drawn, behind) = drawing.facts, drawing.figures
    assert drawn.pixels.shape == (3 * SIDE, 3 * SIDE, 4)
    assert behind.pixels.shape == (len(facts.cells) * facts.crop[0], BEHIND * facts.crop[1], 3)
    for row in range(3):
        for column in range(3):
            filled = any((one.row, one.column) == (row, column) for one in facts.cells)
            alpha = drawn.pixels[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE, 3]
            assert (alpha == (255 if filled else 0)).all()
    assert sum(one.places for one in facts.cells) <= facts.places and facts.pictures == COUNT - 1
    assert all(
        name.startswith("scene") and said in ("odd", "even") for one in facts.cells for name, said in one.origins
    )


def test_it_is_off_by_default_and_refuses_in_a_sentence(monkeypatch, flat, net):
    scope = Scope(net.card, (), UnitChoice(), 0, examples=Pictures())
    assert ActivationAtlas().subjects(scope) == [] and ActivationAtlas().silence(scope) == ""
    named = ActivationAtlas(layer=("rectify",))
    assert named.subjects(replace(scope, examples=None)) == []
    assert named.silence(scope) == "There are no examples to lay out."
    with pytest.raises(UsageError, match="head is not a stack of maps"):
        ActivationAtlas(layer=("head",)).subjects(scope)
    with pytest.raises(UsageError, match=r"activation_atlas\.grid must be at most 40, not 99"):
        configure("activation_atlas", {"grid": 99})
    monkeypatch.setattr(landscape, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="umap-learn, which is not installed") as raised:
        named.subjects(scope)
    assert raised.value.hint == "pip install 'convreport[atlas]'"


@pytest.mark.parametrize("count", [2, 0])
def test_too_few_places_are_no_atlas(net, count):
    few = Pictures()
    few.count = count
    with pytest.raises(ModelError, match=f"places of {count} pictures, too few for an atlas") as raised:
        landscape.gather(net, few, "rectify", "stretch", 50, 0)
    assert "--examples" in raised.value.hint


@pytest.mark.slow
def test_umap_keeps_groups_together_and_the_same_seed_gives_the_same_map():
    pytest.importorskip("umap")
    draw = np.random.default_rng(0)
    centres = np.eye(4, 16)[np.arange(160) % 4] * 4
    vectors = (centres + draw.random((160, 16)) * 0.3).astype(np.float32)
    at = landscape.laid_out(vectors, 3)
    assert at.min() == 0 and at.max() == 1 and (at == landscape.laid_out(vectors, 3)).all()
    within = np.mean([np.linalg.norm(at[one::4] - at[one::4].mean(0), axis=1).mean() for one in range(4)])
    assert within < 0.3 * np.linalg.norm(at - at.mean(0), axis=1).mean()
