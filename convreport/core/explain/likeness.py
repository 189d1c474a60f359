"""How like two heatmaps are."""

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.explain import saliency
from convreport.core.pictures import pixels


def rank_correlation(one: Array, other: Array) -> float:
    """Spearman's rank correlation of two maps, ties at their mean rank; 0 where one of them is flat."""
    first, second = (_ranks(heat.ravel()) for heat in (one, other))
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]


def structure(one: Array, other: Array) -> float:
    """Structural similarity (Wang et al. 2004) of two maps, each in 0..1."""
    from skimage.metrics import structural_similarity

    even = [pixels.resize(saliency.shares(heat), 56, 56) for heat in (one, other)]
    return float(structural_similarity(*even, data_range=1.0))
