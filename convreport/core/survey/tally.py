"""What the units of a layer answered to many pictures, tallied as a stream: nothing in it grows with the pictures, but a
sample of answers as large as its caller allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.seam import Responses
from convreport.core.survey.likeness import correlation

KEPT = 9  # strongest responses a unit
BINS = 32  # of a unit's histogram
FINEST = 2.0**-16  # of the largest value: a bin is no narrower
TINY = 2.0**-40  # nor than this
ALIKE = 0.95  # cosine of kernels, and correlation of responses, above which two units are near-duplicates
MOST_PAIRS = 200  # near-duplicate kernels a layer, whose responses are correlated

Pairs = Sequence[tuple[int, int, float]]  # two units, and the cosine of their kernels


@dataclass
class Spread:
    """A histogram a unit whose bins depend on the values alone, not on their order: (units,) `low` and `width`.

    A bin is as wide as the smallest power of two with which all values fall into BINS bins, and no narrower than a
    fraction of the largest; `low` is the multiple of it at or below the least value.
    """

    low: Array
    width: Array
    counts: Array

    @classmethod
    def of(cls, values: Array) -> "Spread":
        """That of values (n, units)."""
        values = values.astype(np.float64)
        least, most = values.min(0), values.max(0)
        finest = np.maximum(np.maximum(np.abs(least), np.abs(most)) * FINEST, TINY)
        width = 2.0 ** np.ceil(np.log2(np.maximum((most - least) / BINS, finest)))
        too_narrow = np.floor(most / width) - np.floor(least / width) >= BINS
        width = np.where(too_narrow, width * 2, width)
        first = np.floor(least / width)
        place = np.clip(np.floor(values / width) - first, 0, BINS - 1).astype(np.int64)
        counts = np.zeros((values.shape[1], BINS), np.int64)
        np.add.at(counts, (np.arange(values.shape[1])[None, :], place), 1)
        return cls(first * width, width, counts)

    def joined(self, other: "Spread") -> "Spread":
        """That of both sets of values."""
        width = np.maximum(self.width, other.width)
        both = [one._in_bins(width) for one in (self, other)]
        while (
            apart := np.maximum(*(last for _, last, _ in both)) - np.minimum(*(first for first, _, _ in both)) >= BINS
        ).any():
            width = np.where(apart, width * 2, width)
            both = [one._in_bins(width) for one in (self, other)]
        low = np.minimum(*(first for first, _, _ in both))
        counts = np.zeros_like(self.counts)
        for _, _, places in both:
            which = places.counts > 0
            rows = np.nonzero(which)[0]
            np.add.at(counts, (rows, (places.at - low[:, None])[which].astype(np.int64)), places.counts[which])
        return Spread(low * width, width, counts)

    def _in_bins(self, width: Array) -> tuple[Array, Array, "_Places"]:
        """(number of the first filled bin, of the last, numbers and counts of all) with bins of that width."""
        at = np.floor((self.low / self.width)[:, None] + np.arange(BINS))
        at = np.floor(at * (self.width / width)[:, None])  # both are powers of two
        filled = self.counts > 0
        first = np.where(filled, at, np.inf).min(1)
        last = np.where(filled, at, -np.inf).max(1)
        return first, last, _Places(at, self.counts)


@dataclass(frozen=True)
class _Places:
    at: Array
    counts: Array


@dataclass
class Tally:
    """Of each unit of a layer the strongest responses, one a picture, and sums over all pictures and positions.

    `best` (units, KEPT) in falling order, -inf where there are fewer pictures; `who` the pictures' numbers; `cells` where on
    the map that was, (row, column, rows, columns), the first in reading order where several are equal. `total` sums the
    means over the map, `positive` the shares of positions above zero, `full` those at the activation's ceiling; `answering`
    counts pictures with a position above zero. `drive` (units, groups) sums the mean of what is above zero over the pictures
    of each group, of which `members` counts. `pairs` (near-duplicate kernels, 6): count, sums of x, y, x x, y y and x y over
    all positions, less the first means (`origin`). `low`, `width` and `counts` are those of a Spread. `sampled` (some
    pictures, units) are the highest responses to every so many-th picture, in the order of their numbers, `samples`.
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
    sampled: Array
    samples: Array
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
            zeros(), zeros(), np.zeros((units, BINS), np.int64), np.zeros(1, np.int64), np.zeros((0, units), np.float32),
            np.zeros(0, np.int64), suspects,
        )  # fmt: skip

    def arrays(self) -> dict[str, Array]:
        """All but the suspects, which follow from the model."""
        return {name: value for name, value in vars(self).items() if name != "suspects"}

    def __getstate__(self) -> dict[str, Any]:
        """As it is sent: of the groups only those that occur."""
        known = np.flatnonzero(self.members)
        return {**vars(self), "drive": (self.drive[:, known], known)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        columns, known = state["drive"]
        drive = np.zeros((len(columns), len(state["members"])))
        drive[:, known] = columns
        vars(self).update(state | {"drive": drive})

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array], suspects: Pairs) -> "Tally":
        """What `arrays` gave."""
        return cls(**arrays, suspects=suspects)

    def add(self, seen: Responses, numbers: Array, groups: Array, every: int = 1) -> None:
        """Tally n pictures: their responses, their numbers (n,), and the group each belongs to (n,), -1 for none.

        The responses to those whose numbers are multiples of `every` are kept.
        """
        self._count(seen, groups)
        self._keep_best(seen, numbers)
        self._correlate(seen.maps)
        self._sample(seen.most[numbers % every == 0], numbers[numbers % every == 0])
        self.pictures = self.pictures + len(numbers)

    def _count(self, seen: Responses, groups: Array) -> None:
        spread = Spread.of(seen.most)
        if self.pictures[0]:
            spread = Spread(self.low, self.width, self.counts).joined(spread)
        else:
            self.origin = seen.mean.mean(0).astype(np.float64)
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
        units = np.flatnonzero((seen.most >= self.best[:, -1]).any(0))
        values = np.concatenate([self.best[units], seen.most[:, units].T], 1)
        who = np.concatenate([self.who[units], np.broadcast_to(numbers, (len(units), len(numbers)))], 1)
        cells = np.concatenate([self.cells[units], np.zeros((len(units), len(numbers), 4), np.int32)], 1)
        order = _strongest(values, who)
        for picture in np.unique(order[order >= KEPT]) - KEPT:
            entering = np.flatnonzero((order == KEPT + picture).any(1))
            cells[entering, KEPT + picture] = _first_peaks(seen.maps[picture], units[entering])
        self.best[units], self.who[units] = (np.take_along_axis(known, order, 1) for known in (values, who))
        self.cells[units] = np.take_along_axis(cells, order[..., None], 1)

    def _sample(self, most: Array, numbers: Array) -> None:
        order = np.argsort(known := np.concatenate([self.samples, numbers]), kind="stable")
        self.sampled, self.samples = np.concatenate([self.sampled, most])[order].astype(np.float32), known[order]

    def _correlate(self, maps: Array) -> None:
        """The sums of all pairs at once: those of products stand in the matrix of every column with every column."""
        if not self.suspects:
            return
        asked, place = np.unique([pair[:2] for pair in self.suspects], return_inverse=True)
        first, second = place.reshape(-1, 2).T
        for picture in maps:
            columns = np.take(picture.reshape(-1, picture.shape[-1]), asked, axis=1).astype(np.float64)
            columns -= self.origin[asked]
            sums, products = columns.sum(0), columns.T @ columns
            squares = products.diagonal()
            count = np.full(len(first), len(columns))
            rows = (count, sums[first], sums[second], squares[first], squares[second], products[first, second])
            self.pairs += np.stack(rows, 1)

    def joined(self, other: "Tally") -> "Tally":
        """That of both sets of pictures, which have none in common.

        It minds neither order nor grouping, but for the last digits of sums. The sums of `pairs` are brought from the
        other's origin to this one's: with x' = x + d, sum x' y' = sum x y + dx sum y + dy sum x + n dx dy.
        """
        if not (self.pictures[0] and other.pictures[0]):
            return self if self.pictures[0] else other
        best, who, cells = (
            np.concatenate([getattr(self, name), getattr(other, name)], 1) for name in ("best", "who", "cells")
        )
        order = _strongest(best, who)
        spread = Spread(self.low, self.width, self.counts).joined(Spread(other.low, other.width, other.counts))
        sums = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("total", "positive", "full", "answering", "drive", "members", "pictures")
        }
        kept = np.argsort(numbers := np.concatenate([self.samples, other.samples]), kind="stable")
        return Tally(
            sampled=np.concatenate([self.sampled, other.sampled])[kept], samples=numbers[kept],
            best=np.take_along_axis(best, order, 1), who=np.take_along_axis(who, order, 1),
            cells=np.take_along_axis(cells, order[..., None], 1), most=np.maximum(self.most, other.most),
            least=np.minimum(self.least, other.least), pairs=self.pairs + other._pairs_about(self.origin),
            origin=self.origin, low=spread.low, width=spread.width, counts=spread.counts, suspects=self.suspects, **sums,
        )  # fmt: skip

    def _pairs_about(self, origin: Array) -> Array:
        """`pairs` as they were if the means taken off had been those of `origin`."""
        if not self.suspects:
            return self.pairs
        first, second = (np.array([pair[place] for pair in self.suspects]) for place in (0, 1))
        dx, dy = (self.origin[which] - origin[which] for which in (first, second))
        n, x, y, xx, yy, xy = self.pairs.T
        moved = (n, x + n * dx, y + n * dy, xx + 2 * dx * x + n * dx * dx, yy + 2 * dy * y + n * dy * dy)
        return np.stack([*moved, xy + dx * y + dy * x + n * dx * dy], 1)

    @property
    def units(self) -> int:
        """How many units the layer has."""
        return len(self.best)

    def duplicates(self) -> list[tuple[int, int, float, float]]:
        """(unit, unit, cosine of kernels, correlation of responses) of the pairs that are alike in both, most alike first."""
        found = []
        for (first, second, cosine), sums in zip(self.suspects, self.pairs, strict=True):
            together = correlation(sums)
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


def _strongest(values: Array, who: Array) -> Array:
    """The places of the KEPT highest along the last axis, in falling order; of equals the earlier picture."""
    known = np.where(who < 0, np.iinfo(np.int64).max, who)
    return np.lexsort((known, -values))[..., :KEPT]


def _first_peaks(maps: Array, units: Array) -> Array:
    """Where on (rows, columns, units) maps some units answer most: (n, 4), row, column, rows, columns."""
    rows, columns = maps.shape[:2]
    row, column = np.divmod(maps.reshape(rows * columns, -1)[:, units].argmax(0), columns)
    return np.stack([row, column, np.full(len(units), rows), np.full(len(units), columns)], 1)
