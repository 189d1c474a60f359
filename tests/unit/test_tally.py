"""What is tallied of a stream of responses equals what is computed from all of them at once."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convreport.core.network import kernels
from convreport.core.network.kernels import Kernel
from convreport.core.seam import Responses
from convreport.core.survey.tally import BINS, KEPT, Spread, Tally


def seen(maps, ceiling=None):
    space = (1, 2)
    full = (maps >= ceiling).mean(space) if ceiling is not None else np.zeros((len(maps), maps.shape[3]))
    return Responses(
        maps,
        maps.max(space),
        maps.min(space),
        maps.mean(space),
        np.maximum(maps, 0).mean(space),
        (maps > 0).mean(space),
        full,
    )


def tallied(maps, groups=None, suspects=(), batch=7):
    groups = np.full(len(maps), -1) if groups is None else np.asarray(groups)
    tally = Tally.empty(maps.shape[3], int(groups.max()) + 1 if len(groups) else 0, suspects)
    for first in range(0, len(maps), batch):
        some = slice(first, first + batch)
        tally.add(seen(maps[some], 1.5), np.arange(len(maps))[some], groups[some])
    return tally


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(60, 3, 4, 5)).astype(np.float32)


def test_the_nine_best_are_those_of_all_pictures_one_a_picture(maps):
    tally = tallied(maps)
    for unit in range(5):
        peaks = maps[..., unit].reshape(60, -1).max(1)
        order = np.argsort(-peaks, kind="stable")[:KEPT]
        np.testing.assert_array_equal(tally.who[unit], order)
        np.testing.assert_array_equal(tally.best[unit], peaks[order])
        for (row, column, rows, columns), picture in zip(tally.cells[unit], order, strict=True):
            assert maps[picture, row, column, unit] == peaks[picture] and (rows, columns) == (3, 4)


def test_of_equals_the_earlier_picture_and_the_first_place_are_kept():
    maps = np.zeros((20, 2, 2, 1), np.float32)
    maps[3:18, 1, :, 0] = 2  # fifteen pictures alike, each at two places
    tally = tallied(maps, batch=4)
    assert tally.who[0].tolist() == list(range(3, 12))
    assert tally.cells[0].tolist() == [[1, 0, 2, 2]] * KEPT


def test_fewer_pictures_than_nine_leave_the_rest_empty(maps):
    tally = tallied(maps[:4])
    assert (tally.who[:, 4:] == -1).all() and np.isneginf(tally.best[:, 4:]).all()


def test_sums_do_not_depend_on_batches_and_equal_those_of_all_at_once(maps):
    for batch in (1, 7, 60):
        tally = tallied(maps, batch=batch)
        np.testing.assert_allclose(tally.total / 60, maps.mean((0, 1, 2)), atol=1e-6)
        np.testing.assert_allclose(tally.positive / 60, (maps > 0).mean((0, 1, 2)), atol=1e-6)
        np.testing.assert_allclose(tally.full / 60, (maps >= 1.5).mean((0, 1, 2)), atol=1e-6)
        np.testing.assert_array_equal(tally.answering, (maps.max((1, 2)) > 0).sum(0))
        np.testing.assert_array_equal(tally.most, maps.max((0, 1, 2)))
        np.testing.assert_array_equal(tally.least, maps.min((0, 1, 2)))


def test_nothing_in_it_grows_with_the_pictures(maps):
    def bytes_of(tally):
        return sum(array.nbytes for array in tally.arrays().values())

    few, many = tallied(maps[:7]), tallied(maps)
    for one in (few, many):  # the one thing that does, as far as its caller allows
        assert len(one.sampled) == len(one.samples) == one.pictures[0]
        one.sampled, one.samples = one.sampled[:0], one.samples[:0]
    assert bytes_of(few) == bytes_of(many)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_histogram_counts_all_and_each_in_its_bin(scale):
    values = (np.random.default_rng(1).normal(size=(500, 3)) * scale).astype(np.float32)
    values[:, 2] = 3.25  # one value alone
    spread = Spread.of(values[:2])
    for row in values[2:]:
        spread = spread.joined(Spread.of(row[None]))
    for name, value in vars(Spread.of(values)).items():
        np.testing.assert_array_equal(value, getattr(spread, name), err_msg="whatever order they came in")
    assert (spread.counts.sum(1) == 500).all()
    for unit in range(3):
        edges = spread.low[unit] + spread.width[unit] * np.arange(BINS + 1)
        expected, _ = np.histogram(values[:, unit].astype(np.float64), edges)
        # A value on an edge may be counted on either side of it.
        assert np.abs(spread.counts[unit] - expected).sum() <= 4
    assert (values.max(0) - values.min(0))[:2].min() > BINS / 8 * spread.width[:2].max(), (
        "the range is not far too wide"
    )


def test_a_published_histogram_has_no_empty_ends(maps):
    tally = tallied(maps)
    low, width, counts = tally.histogram(0)
    peaks = maps[..., 0].reshape(60, -1).max(1)
    assert sum(counts) == 60 and counts[0] and counts[-1]
    assert (
        low <= peaks.min() < low + width
        and low + width * (len(counts) - 1) <= peaks.max() <= low + width * len(counts) + 1e-6
    )


def test_correlations_are_those_over_all_positions_also_far_from_zero(maps):
    maps = maps + 1000  # where sums of squares would lose everything
    maps[..., 1] = maps[..., 0] + np.random.default_rng(2).normal(0, 0.1, maps.shape[:3])
    tally = tallied(maps, suspects=[(0, 1, 0.99), (0, 2, 0.99), (1, 2, 0.5)])
    expected = np.corrcoef(maps[..., 0].ravel(), maps[..., 1].ravel())[0, 1]
    ((first, second, cosine, together),) = tally.duplicates()
    assert (first, second, cosine) == (0, 1, 0.99) and together == pytest.approx(expected, abs=1e-6)


def test_a_pair_of_which_one_never_changes_is_no_duplicate():
    maps = np.random.default_rng(3).normal(size=(9, 2, 2, 2)).astype(np.float32)
    maps[..., 1] = 5
    assert tallied(maps, suspects=[(0, 1, 1.0)]).duplicates() == []


def test_selectivity_by_pencil():
    maps = np.zeros((6, 1, 1, 3), np.float32)
    maps[:, 0, 0, 0] = [4, 4, 1, 1, 1, 1]  # groups 0, 0, 1, 1, 2, 2: (4 - 1) / (4 + 1)
    maps[:, 0, 0, 1] = [0, 0, 0, 2, -9, -9]  # only above zero counts: group 1 alone
    tally = tallied(maps, groups=[0, 0, 1, 1, 2, 2], batch=4)
    assert tally.selectivity(0) == (0, pytest.approx(0.6))
    assert tally.selectivity(1) == (1, pytest.approx(1.0))
    assert tally.selectivity(2) is None, "it answered nothing"
    assert tallied(maps, groups=[0] * 6).selectivity(0) is None, "one group alone"
    assert tallied(maps).selectivity(0) is None, "nobody said what they show"


def test_what_was_written_goes_on_as_if_nothing_had_happened(maps):
    whole = tallied(maps, suspects=[(0, 1, 0.99)])
    half = tallied(maps[:28], suspects=[(0, 1, 0.99)])
    again = Tally.of_arrays({name: value.copy() for name, value in half.arrays().items()}, half.suspects)
    for first in range(28, 60, 7):
        some = slice(first, first + 7)
        again.add(seen(maps[some], 1.5), np.arange(60)[some], np.full(len(maps[some]), -1))
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(value, again.arrays()[name], err_msg=name)


@st.composite
def shared_out(draw):
    """Whole numbers as maps, their groups, and the pictures dealt to some parts, which are joined in some order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, scale = draw(st.integers(1, 40)), draw(st.sampled_from([1, 7, 4096]))
    maps = rng.integers(-3 * scale, 4 * scale, (count, 2, 2, 3)).astype(np.float32)
    maps[..., 2] = np.where(draw(st.booleans()), maps[..., 0], scale)  # a twin of the first, or one value everywhere
    whose = rng.integers(0, 4, count)
    parts = [whose == part for part in range(4)]
    return maps, rng.integers(-1, 3, count), parts, draw(st.permutations(range(4))), draw(st.booleans())


@settings(max_examples=150, deadline=None)
@given(shared_out())
def test_parts_joined_in_any_order_and_grouping_are_the_whole(dealt):
    """Exact, as sums of whole numbers are."""
    maps, groups, parts, order, left = dealt

    def of(which):
        tally = Tally.empty(3, 3, [(0, 1, 0.97), (0, 2, 0.99)])
        if which.any():
            tally.add(seen(maps[which], 5), np.flatnonzero(which), groups[which])
        return pickle.loads(pickle.dumps(tally))  # as it is sent

    a, b, c, d = (of(parts[place]) for place in order)
    joined = a.joined(b).joined(c).joined(d) if left else a.joined(b.joined(c.joined(d)))
    whole = of(np.ones(len(maps), bool))
    for name, value in whole.arrays().items():
        if name in ("pairs", "origin", "cells"):
            continue  # sums about other means, compared by what they say; cells of no picture are nothing
        np.testing.assert_array_equal(value, joined.arrays()[name], err_msg=name)
    known = whole.who >= 0
    np.testing.assert_array_equal(whole.cells[known], joined.cells[known])
    assert [one[:2] for one in joined.duplicates()] == [one[:2] for one in whole.duplicates()]
    for one, other in zip(joined.duplicates(), whole.duplicates(), strict=True):
        assert one[3] == pytest.approx(other[3], abs=1e-9)


def test_kernels_that_are_alike():
    weights = np.random.default_rng(4).normal(size=(9, 3, 5)).astype(np.float32)
    weights[..., 3] = weights[..., 1] * 2.5  # the same but for its size
    weights[..., 4] = 0
    ((one, other, cosine),) = kernels.alike(Kernel(weights, np.zeros(5, int)), 0.95, 10)
    assert (one, other) == (1, 3) and cosine == pytest.approx(1)
    apart = Kernel(np.ones((9, 1, 4), np.float32), np.array([0, 0, 1, 1]))  # the same weights for other channels
    assert [pair[:2] for pair in kernels.alike(apart, 0.95, 10)] == [(0, 1), (2, 3)]
    assert len(kernels.alike(Kernel(np.ones((9, 1, 30), np.float32), np.zeros(30, int)), 0.95, 10)) == 10
