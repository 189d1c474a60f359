"""Which units answer alike: correlations, and who is nearest to whom."""

from collections.abc import Sequence

import numpy as np

from convreport.core.base.kinds import Array


def nearest(answers: Array, units: Sequence[int], count: int, least: float) -> list[list[tuple[int, float]]]:
    """Of each of `units` the `count` others among them whose answers (pictures, all units) correlate most with its own
    (Pearson): (unit, correlation), the nearest first; none whose correlation is below `least`.
    """
    chosen = np.array(units, np.int64)
    values = answers[:, chosen].astype(np.float64)
    values -= values.mean(0)
    sizes = np.linalg.norm(values, axis=0)
    values /= np.where(sizes > 0, sizes, 1)  # of one that never changes nothing is known
    likeness = values.T @ values
    np.fill_diagonal(likeness, -1)
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
    return [
        [(int(chosen[other]), float(own[other])) for other in near if own[other] >= least]
        for own, near in zip(likeness, order, strict=True)
    ]


def correlation(sums: Array) -> float:
    """Pearson's, of (count, sums of x, y, x x, y y and x y); 0 where one of the two never changes."""
    count, x, y, xx, yy, xy = sums
    if not count:
        return 0.0
    spread = (xx - x * x / count) * (yy - y * y / count)
    return float((xy - x * y / count) / np.sqrt(spread)) if spread > 0 else 0.0
