"""How high the answers of units go, as a stream: the value that a small share of all places exceeds.

Network dissection (Bau et al. 2017) takes for each unit the value that 0.5 % of its answers, over all places of all pictures,
lie above. Only the upper end of the values has to be known for that, and of it only how many fall into narrow bins.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array

BINS = 2048  # of a unit, of which the highest holds its greatest value
FINEST = 2.0**-20  # of the largest value: a bin is no narrower
TINY = 2.0**-60  # nor than this
TOGETHER = 8  # pictures that are counted at a time: after each time more is known to be too low to count


@dataclass
class Heights:
    """Of each unit its `most` and `least` value (units,), and `counts` (units, BINS) of the values in bins below the most.

    A bin is as wide as the smallest power of two by which the values span no more than BINS of them, and begins at a multiple
    of that: so it depends on neither the order nor the grouping of pictures. `places` is how many values a unit has.
    """

    most: Array
    least: Array
    counts: Array
    places: int = 0

    @classmethod
    def empty(cls, units: int) -> "Heights":
        """Before the first picture."""
        return cls(np.full(units, -np.inf), np.full(units, np.inf), np.zeros((units, BINS), np.int64))

    def __getstate__(self) -> dict[str, Any]:
        """As it is sent: of the counts only those that are not zero."""
        known = np.flatnonzero(self.counts)
        return {**vars(self), "counts": (known.astype(np.int32), self.counts.ravel()[known], len(self.counts))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        known, counts, units = state["counts"]
        whole = np.zeros(units * BINS, np.int64)
        whole[known] = counts
        vars(self).update(state | {"counts": whole.reshape(units, BINS)})

    def add(self, maps: Array, most: Array, least: Array, above: float | None) -> None:
        """Count maps (n, height, width, units), with the most and the least of each, (n, units). Of values below those that
        `above` others reach only some are counted; None: all are.
        """
        for first in range(0, len(maps), TOGETHER):
            some = slice(first, first + TOGETHER)
            self._count(maps[some].reshape(-1, maps.shape[-1]), most[some].max(0), least[some].min(0), above)

    def joined(self, other: "Heights") -> "Heights":
        """That of both sets of pictures."""
        if not (self.places and other.places):
            return self if self.places else other
        most, least = np.maximum(self.most, other.most), np.minimum(self.least, other.least)
        counts = sum(one._counted(most, least) for one in (self, other))
        return Heights(most, least, np.asarray(counts), self.places + other.places)

    def threshold(self, share: float) -> Array:
        """Of each unit the value (units,) that `share` of its values reach, to within a bin.

        It is above the least value, and infinite for a unit that only has one: what is everywhere marks nothing.
        """
        width, top = _bins(self.most, self.least)
        lowest = self._lowest(share * self.places) + top - BINS + 1
        # A little below the bin, so that a value on its edge, such as the ceiling of an activation, is not lost by rounding.
        found = np.maximum((lowest - 1 / 64) * width, self.least + width / 2)
        return np.where(self.most > self.least, found, np.inf)

    def _count(self, values: Array, highest: Array, lowest: Array, above: float | None) -> None:
        most, least = np.maximum(self.most, highest), np.minimum(self.least, lowest)
        if self.places:
            self.counts = self._counted(most, least)
        self.most, self.least = most, least
        self.places += len(values)
        width, top = _bins(most, least)
        first = top - BINS + 1
        units = values.shape[1]
        if above is None:
            chosen = np.arange(values.size)
        else:
            enough = (self._lowest(above) + first) * width
            chosen = np.flatnonzero(values >= enough.astype(values.dtype))
        unit = chosen % units
        place = np.floor(values.ravel()[chosen] / width[unit]).astype(np.int64) - first[unit]
        inside = place >= 0
        at = unit[inside] * BINS + place[inside]
        self.counts += np.bincount(at, minlength=units * BINS).reshape(units, BINS)

    def _lowest(self, above: float) -> Array:
        """The highest bin (units,) that, with all above it, holds so many values; the lowest where none does."""
        reached = self.counts[:, ::-1].cumsum(1)[:, ::-1] >= above
        return np.where(reached.any(1), BINS - 1 - reached[:, ::-1].argmax(1), 0)

    def _counted(self, most: Array, least: Array) -> Array:
        """`counts` as they were if these had been the most and the least."""
        (width, top), (wider, higher) = _bins(self.most, self.least), _bins(most, least)
        if (width == wider).all() and (top == higher).all():
            return self.counts
        at = (top - BINS + 1)[:, None] + np.arange(BINS)
        place = np.floor(at * (width / wider)[:, None]).astype(np.int64) - (higher - BINS + 1)[:, None]
        counts = np.zeros_like(self.counts)
        unit, old = np.nonzero((place >= 0) & (self.counts > 0))
        np.add.at(counts, (unit, place[unit, old]), self.counts[unit, old])
        return counts


def _bins(most: Array, least: Array) -> tuple[Array, Array]:
    """(width of a bin, number of the one that holds the most), of each unit."""
    finest = np.maximum(np.maximum(np.abs(most), np.abs(least)) * FINEST, TINY)
    width = 2.0 ** np.ceil(np.log2(np.maximum((most - least) / BINS, finest)))
    return width, np.floor(most / width).astype(np.int64)
