"""How far the evidence for a class has moved over a picture."""

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.explain.likeness import rank_correlation
from convreport.core.pictures import pixels

HOTTEST = 0.2  # the share of a heatmap whose place is compared


def shift(old: Array, new: Array) -> tuple[float, float]:
    """(Spearman's rank correlation, share of the hottest fifth that stays) of two heatmaps (h, w), 1 and 1 for the same.

    The finer one is brought to the size of the other. Of two empty maps, or a hottest fifth that is not there, 1 and 1 where
    both are empty, 0 and 0 where one is.
    """
    if old.max(initial=0) <= 0 or new.max(initial=0) <= 0:
        both = float(old.max(initial=0) <= 0 and new.max(initial=0) <= 0)
        return both, both
    height, width = min(old.shape[0], new.shape[0]), min(old.shape[1], new.shape[1])
    first, second = (one if one.shape == (height, width) else pixels.resize(one, height, width) for one in (old, new))
    return rank_correlation(first, second), overlap(first, second)


def overlap(one: Array, other: Array, share: float = HOTTEST) -> float:
    """The share of the hottest cells of a heatmap that are among the hottest of another of the same size."""
    count = max(round(share * one.size), 1)
    hottest = [set(np.argsort(-heat.ravel(), kind="stable")[:count].tolist()) for heat in (one, other)]
    return len(hottest[0] & hottest[1]) / count
