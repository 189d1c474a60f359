"""What the units of a layer answered to many pictures, tallied as a stream: nothing in it grows with the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.seam import Responses

KEPT = 9  # strongest responses a unit
BINS = 32  # of a unit's histogram
ALIKE = 0.95  # cosine of kernels, and correlation of responses, above which two units are near-duplicates
MOST_PAIRS = 200  # near-duplicate kernels a layer, whose responses are correlated

Pairs = Sequence[tuple[int, int, float]]  # two units, and the cosine of their kernels


@dataclass
class Spread:
    """A histogram a unit, whose range doubles whenever a value falls out of it: `low` and `width` (units,) of its bins."""

    low: Array
    width: Array
    counts: Array

    @classmethod
    def around(cls, values: Array) -> "Spread":
        """Empty bins around the first values, (n, units)."""
        low = values.min(0).astype(np.float64)
        span = values.max(0) - low
        least = np.maximum(np.abs(low) * 2.0**-10, 1e-12)
        return cls(low, np.maximum(span, least) / BINS, np.zeros((values.shape[1], BINS), np.int64))

    def add(self, values: Array) -> None:
        """Count values (n, units)."""
        self._reach(values.max(0))
        self._reach(values.min(0))
        place = np.clip((values - self.low) // self.width, 0, BINS - 1).astype(int)
        np.add.at(self.counts, (np.arange(values.shape[1])[None, :], place), 1)

    def _reach(self, row: Array) -> None:
        while (above := row > self.low + BINS * self.width * (1 + 1e-9)).any():
            self._double(above, 0)
        while (below := row < self.low).any():
            self.low = np.where(below, self.low - BINS * self.width, self.low)
            self._double(below, BINS // 2)

    def _double(self, which: Array, into: int) -> None:
        """Join the bins of these units two by two, into the half that begins at `into`."""
        joined = self.counts[which].reshape(-1, BINS // 2, 2).sum(2)
        self.counts[which] = 0
        rows = self.counts[which]
        rows[:, into : into + BINS // 2] = joined
        self.counts[which] = rows
        self.width = np.where(which, self.width * 2, self.width)


@dataclass
class Tally:
    """Of each unit of a layer the strongest responses, one a picture, and sums over all pictures and positions.

    `best` (units, KEPT) in falling order, -inf where there are fewer pictures; `who` the pictures' numbers; `cells` where on
    the map that was, (row, column, rows, columns), the first in reading order where several are equal. `total` sums the
    means over the map, `positive` the shares of positions above zero, `full` those at the activation's ceiling; `answering`
    counts pictures with a position above zero. `drive` (units, groups) sums the mean of what is above zero over the pictures
    of each group, of which `members` counts. `pairs` (near-duplicate kernels, 6): count, sums of x, y, x x, y y and x y over
    all positions, less the first means (`origin`). `low`, `width` and `counts` are those of a Spread.
    """

    best: Array
    who: Array
    cells: Array
    most: Array
    least: Array
    total: Array
    positive: Array
    full: Array
    answering: Array
    drive: Array
    members: Array
    pairs: Array
    origin: Array
    low: Array
    width: Array
    counts: Array
    pictures: Array
    suspects: Pairs = field(default=())

    @classmethod
    def empty(cls, units: int, groups: int, suspects: Pairs) -> "Tally":
        """Before the first picture."""

        def zeros() -> Array:
            return np.zeros(units)

        return cls(
            np.full((units, KEPT), -np.inf, np.float32), np.full((units, KEPT), -1, np.int64),
            np.zeros((units, KEPT, 4), np.int32), np.full(units, -np.inf), np.full(units, np.inf), zeros(), zeros(),
            zeros(), zeros(), np.zeros((units, groups)), np.zeros(groups), np.zeros((len(suspects), 6)), zeros(),
            zeros(), zeros(), np.zeros((units, BINS), np.int64), np.zeros(1, np.int64), suspects,
        )  # fmt: skip

    def arrays(self) -> dict[str, Array]:
        """All but the suspects, which follow from the model."""
        return {name: value for name, value in vars(self).items() if name != "suspects"}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array], suspects: Pairs) -> "Tally":
        """What `arrays` gave."""
        return cls(**arrays, suspects=suspects)

    def add(self, seen: Responses, numbers: Array, groups: Array) -> None:
        """Tally n pictures: their responses, their numbers (n,), and the group each belongs to (n,), -1 for none."""
        self._count(seen, groups)
        self._keep_best(seen, numbers)
        self._correlate(seen.maps)
        self.pictures = self.pictures + len(numbers)

    def _count(self, seen: Responses, groups: Array) -> None:
        if not self.pictures[0]:
            self.origin = seen.mean.mean(0).astype(np.float64)
            first = Spread.around(seen.most)
            self.low, self.width = first.low, first.width
        spread = Spread(self.low, self.width, self.counts)
        spread.add(seen.most)
        self.low, self.width, self.counts = spread.low, spread.width, spread.counts
        self.most = np.maximum(self.most, seen.most.max(0))
        self.least = np.minimum(self.least, seen.least.min(0))
        self.total = self.total + seen.mean.sum(0, dtype=np.float64)
        self.positive = self.positive + seen.positive.sum(0, dtype=np.float64)
        self.full = self.full + seen.full.sum(0, dtype=np.float64)
        self.answering = self.answering + (seen.most > 0).sum(0)
        for group in np.unique(groups[groups >= 0]):
            inside = groups == group
            self.drive[:, group] += seen.drive[inside].sum(0, dtype=np.float64)
            self.members[group] += inside.sum()

    def _keep_best(self, seen: Responses, numbers: Array) -> None:
        """Only what enters the best is looked for on its map: that becomes rare soon."""
        entering = seen.most > self.best[:, -1]
        for unit in np.flatnonzero(entering.any(0)):
            new = np.flatnonzero(entering[:, unit])
            places = [_first_peak(seen.maps[picture, :, :, unit]) for picture in new]
            values = np.concatenate([self.best[unit], seen.most[new, unit]])
            who = np.concatenate([self.who[unit], numbers[new]])
            cells = np.concatenate([self.cells[unit], np.array(places, np.int32)])
            known = np.where(who < 0, np.iinfo(np.int64).max, who)  # of equals the earlier picture
            order = np.lexsort((known, -values))[:KEPT]
            self.best[unit], self.who[unit], self.cells[unit] = values[order], who[order], cells[order]

    def _correlate(self, maps: Array) -> None:
        for row, (first, second, _) in enumerate(self.suspects):
            x = maps[..., first].astype(np.float64) - self.origin[first]
            y = maps[..., second].astype(np.float64) - self.origin[second]
            self.pairs[row] += (x.size, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum())

    @property
    def units(self) -> int:
        """How many units the layer has."""
        return len(self.best)

    def duplicates(self) -> list[tuple[int, int, float, float]]:
        """(unit, unit, cosine of kernels, correlation of responses) of the pairs that are alike in both, most alike first."""
        found = []
        for (first, second, cosine), sums in zip(self.suspects, self.pairs, strict=True):
            together = _correlation(sums)
            if cosine > ALIKE and together > ALIKE:
                found.append((first, second, cosine, together))
        return sorted(found, key=lambda one: -one[2] * one[3])

    def selectivity(self, unit: int) -> tuple[int, float] | None:
        """The group that drives a unit most, and how exclusively: (m - r) / (m + r) in 0..1, of the group's mean m of what
        is above zero and the mean r of the other groups' means (Morcos et al. 2018). None with fewer than two groups.
        """
        known = np.flatnonzero(self.members)
        if len(known) < 2:
            return None
        means = self.drive[unit, known] / self.members[known]
        if means.max() <= 0:
            return None
        top = int(means.argmax())
        rest = (means.sum() - means[top]) / (len(means) - 1)
        return int(known[top]), float((means[top] - rest) / (means[top] + rest))

    def histogram(self, unit: int) -> tuple[float, float, list[int]]:
        """(where it begins, the width of a bin, counts) of a unit's highest responses to the pictures, empty ends cut."""
        counts = self.counts[unit]
        filled = np.flatnonzero(counts)
        first, last = int(filled[0]), int(filled[-1])
        low = float(self.low[unit] + first * self.width[unit])
        return low, float(self.width[unit]), [int(count) for count in counts[first : last + 1]]


def _first_peak(plane: Array) -> tuple[int, int, int, int]:
    row, column = divmod(int(plane.argmax()), plane.shape[1])
    return row, column, plane.shape[0], plane.shape[1]


def _correlation(sums: Array) -> float:
    """Pearson's, of the sums in a row of `pairs`; 0 where one of the two never changes."""
    count, x, y, xx, yy, xy = sums
    if not count:
        return 0.0
    spread = (xx - x * x / count) * (yy - y * y / count)
    return float((xy - x * y / count) / np.sqrt(spread)) if spread > 0 else 0.0
