"""Two sets of decisions on the same pictures: is the difference more than chance, and are the confidences true?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array

BINS = 10  # of a reliability diagram


def mcnemar(lost: int, gained: int) -> float:
    """The exact two-sided p of McNemar's test (1947): how likely so uneven a split of the pictures that changed is by chance.

    `lost` were right and are wrong, `gained` the other way round; 1 where nothing changed.
    """
    changed, fewer = lost + gained, min(lost, gained)
    tail = sum(math.comb(changed, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / 2**changed)


@dataclass(frozen=True)
class Bin:
    """The pictures of one range of confidence: how many, their mean confidence, and the share of them that is right."""

    count: int
    confidence: float
    accuracy: float


def reliability(confidences: Array, right: Array, bins: int = BINS) -> tuple[Bin, ...]:
    """The reliability diagram of confidences in 0..1, in bins of equal width; empty bins are left out."""
    place = np.clip((confidences * bins).astype(int), 0, bins - 1)
    found = []
    for one in np.unique(place):
        inside = place == one
        found.append(Bin(int(inside.sum()), float(confidences[inside].mean()), float(right[inside].mean())))
    return tuple(found)


def calibration_error(diagram: Sequence[Bin]) -> float:
    """The expected calibration error (Naeini et al. 2015): the mean gap of confidence and accuracy, weighted by pictures."""
    count = sum(one.count for one in diagram)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in diagram) / count if count else 0.0
