"""The mathematics of what changed, by a pencil and by plain formulas in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, spearmanr

from convreport.core.comparing.alignment import Alignment, cka, gram, hsic
from convreport.core.comparing.attention import overlap, shift
from convreport.core.comparing.decisions import Bin, calibration_error, mcnemar, reliability
from convreport.core.comparing.matching import Together, match


@pytest.mark.parametrize(
    ("lost", "gained", "p"), [(0, 0, 1.0), (1, 1, 1.0), (5, 0, 2 / 32), (0, 6, 2 / 64), (6, 1, 2 * (1 + 7) / 128)]
)
def test_mcnemar_by_a_pencil(lost, gained, p):
    assert mcnemar(lost, gained) == p


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_binomial_test(lost, gained):
    if lost + gained:
        assert mcnemar(lost, gained) == pytest.approx(binomtest(lost, lost + gained).pvalue, rel=1e-9)


def test_calibration_by_a_pencil():
    confidences, right = np.array([0.95, 0.95, 0.55, 1.0]), np.array([True, False, True, True])
    diagram = reliability(confidences, right)
    assert diagram == (Bin(1, 0.55, 1.0), Bin(3, pytest.approx(2.9 / 3), pytest.approx(2 / 3)))
    assert calibration_error(diagram) == pytest.approx((0.45 + 3 * 0.3) / 4)
    assert calibration_error(()) == 0


def plain_hsic(k, m):
    """Song et al. 2012, equation 5, as it is printed."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    whole = np.trace(k @ m) + one @ k @ one * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ k @ m @ one
    return whole / (n * (n - 3))


def test_hsic_is_the_plain_formula():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 7))
    assert hsic(x @ x.T, y @ y.T) == pytest.approx(plain_hsic(x @ x.T, y @ y.T), rel=1e-12)


def test_cka_of_minibatches_is_the_plain_formula_in_float64():
    """Maps in single precision, far from zero, batch by batch, against Nguyen et al. 2021, equation 4, in double."""
    rng = np.random.default_rng(1)
    old = [rng.normal(40, 3, (11, 5, 5, 6)).astype(np.float32) for _ in range(6)]
    new = [(one @ rng.normal(size=(6, 9))).astype(np.float32) for one in old]
    other = [rng.normal(5, 1, (11, 30)).astype(np.float32) for _ in range(6)]
    drift = Alignment.between(1, 2)
    for a, b, c in zip(old, new, other, strict=True):
        drift.add([gram(a)], [gram(b), gram(c)])
    for place, ours in enumerate((new, other)):
        sums = np.zeros(3)
        for a, b in zip(old, ours, strict=True):
            x, y = (one.reshape(len(one), -1).astype(np.float64) for one in (a, b))
            k, m = x @ x.T, y @ y.T
            sums += plain_hsic(k, m), plain_hsic(k, k), plain_hsic(m, m)
        assert drift.matrix()[0, place] == pytest.approx(sums[0] / np.sqrt(sums[1] * sums[2]), abs=1e-6)
    assert drift.pictures == 66


def test_cka_is_one_for_what_is_the_same_but_turned_and_scaled_and_none_for_noise():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 12))
    turned = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    assert cka(gram(x), gram(3 * x @ turned + 7)) == pytest.approx(1, abs=1e-12)
    assert abs(cka(gram(rng.normal(size=(200, 12))), gram(rng.normal(size=(200, 12))))) < 0.05
    assert cka(gram(x), gram(np.ones((40, 3)))) is None


def test_minibatches_of_fewer_than_four_say_nothing():
    drift = Alignment.between(1, 1)
    drift.add([gram(np.eye(3))], [gram(np.eye(3))])
    assert drift.pictures == 0 and np.isnan(drift.matrix()[0, 0])


def test_correlations_are_pearsons_over_all_positions():
    rng = np.random.default_rng(3)
    old = rng.normal(9, 1, (70, 6, 7, 3)).astype(np.float32)
    new = np.stack(
        [old[..., 2] * 2, rng.normal(size=old.shape[:3]).astype(np.float32), -old[..., 0], np.ones_like(old[..., 0])],
        -1,
    )
    together = Together(3, 4)
    for first in range(0, 70, 16):
        together.add(old[first : first + 16], new[first : first + 16])
    found = together.correlations()
    plain = np.corrcoef(old.reshape(-1, 3).T.astype(np.float64), new[..., :3].reshape(-1, 3).T)[:3, 3:]
    assert found[:, :3] == pytest.approx(plain, abs=1e-5)
    assert (found[:, 3] == 0).all(), "what never changes is correlated with nothing"
    wide = Together(200, 200)  # too many for one thread of BLAS
    some = rng.normal(size=(500, 200)).astype(np.float32)
    wide.add(some, some)
    assert wide.correlations() == pytest.approx(np.corrcoef(some.T), abs=1e-4)


def fates(correlations, old=None, new=None):
    correlations = np.array(correlations, float)
    old = np.ones(correlations.shape[0], bool) if old is None else np.array(old, bool)
    new = np.ones(correlations.shape[1], bool) if new is None else np.array(new, bool)
    return [(one.old, one.new, one.fate) for one in match(correlations, old, new)]


def test_units_are_matched_by_the_best_assignment():
    assert fates([[0.1, 0.9], [0.8, 0.2]]) == [(0, 1, "moved"), (1, 0, "moved")]
    assert fates([[1, 1], [1, 1]]) == [(0, 0, "kept"), (1, 1, "kept")], "its own place first where that is as good"
    assert fates([[0.9, 0.95], [0.94, 0.6]]) == [(0, 1, "moved"), (1, 0, "moved")]
    assert fates([[1.0, 0.0], [0.0, 0.3]]) == [(0, 0, "kept"), (1, 1, "changed")]
    assert fates([[0.1, 0.9, 0.1], [0.2, 0.1, 0.1], [0.0, 0.1, 0.9]]) == [
        (0, 1, "moved"),
        (1, 0, "changed"),
        (2, 2, "kept"),
    ]


def test_what_falls_silent_and_what_is_new_is_told_apart():
    assert fates([[1, 0], [0, 0]], new=[1, 0]) == [(0, 0, "kept"), (1, 1, "silent")]
    assert fates([[1, 0], [0, 0]], old=[1, 0]) == [(0, 0, "kept"), (1, 1, "new")]
    assert fates([[1, 0], [0, 0]], old=[1, 0], new=[1, 0]) == [(0, 0, "kept"), (1, 1, "idle")]
    assert fates([[1.0, 0.0, 0.0]]) == [(0, 0, "kept"), (None, 1, "new"), (None, 2, "new")]
    assert fates([[0.0], [1.0]]) == [(0, None, "gone"), (1, 0, "moved")]


def test_attention_is_compared_by_rank_and_by_the_hottest_fifth():
    rng = np.random.default_rng(4)
    one, other = rng.random((5, 5)), rng.random((5, 5))
    assert shift(one, one) == (pytest.approx(1), 1)
    assert shift(one, other)[0] == pytest.approx(spearmanr(one.ravel(), other.ravel())[0])
    hot = np.arange(25.0).reshape(5, 5)
    assert overlap(hot, hot[::-1, ::-1]) == 0 and overlap(hot, np.roll(hot, 2)) == pytest.approx(3 / 5)
    assert shift(hot, np.zeros((5, 5))) == (0, 0) and shift(np.zeros((3, 3)), np.zeros((3, 3))) == (1, 1)
    assert shift(np.kron(one, np.ones((2, 2))), one)[0] > 0.9, "of two sizes"
