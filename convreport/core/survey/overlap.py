"""How well the answers of units cover the masks of concepts: intersection over union (Bau et al. 2017), as a stream."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.card import Field
from convreport.core.pictures.concepts import VOID, Plane

LONGEST = 112  # cells along the longer side of the grid on which both are compared, as in the Broden data set


TOGETHER = 8  # pictures that are upsampled at a time


@dataclass(frozen=True)
class Axis:
    """Where the places of a grid lie along one axis of a map: place i between cell `low[i]` and the next, `share[i]` of the way.

    Of each pair of neighbouring cells `first` and `count` say which places lie between them.
    """

    low: Array
    share: Array
    first: Array
    count: Array

    @classmethod
    def of(cls, field: Field | None, axis: int, cells: int, grid: int, side: int) -> "Axis":
        """Each cell stands where the middle of its receptive field is; beyond the outermost there is that one alone."""
        at_input = (np.arange(grid) + 0.5) * side / grid
        if field is None or field.whole:
            stride = side / cells
            begin = stride / 2
        else:
            stride, begin = field.stride[axis], field.offset[axis] + field.size[axis] / 2
        at = np.clip((at_input - begin) / stride, 0, cells - 1)
        low = np.minimum(np.floor(at).astype(np.int64), max(cells - 2, 0))
        pairs = np.arange(max(cells - 1, 1))
        first = np.searchsorted(low, pairs)
        return cls(low, (at - low).astype(np.float32), first, np.searchsorted(low, pairs, "right") - first)


@dataclass(frozen=True)
class Upsampling:
    """Brings maps to a grid over the input, bilinear; `down` and `across` are None for maps that are as fine as the grid."""

    grid: tuple[int, int]
    down: Axis | None
    across: Axis | None

    @classmethod
    def of(
        cls, field: Field | None, cells: tuple[int, int], grid: tuple[int, int], size: tuple[int, int]
    ) -> "Upsampling":
        """That of maps of (rows, columns) `cells` over an input of (height, width) `size`."""
        if cells == grid:
            return cls(grid, None, None)
        return cls(grid, *(Axis.of(field, axis, cells[axis], grid[axis], size[axis]) for axis in (0, 1)))

    def __call__(self, plane: Array) -> Array:
        """One map (rows, columns) at the grid's size."""
        if self.down is None or self.across is None:
            return plane
        down, across = self.down, self.across
        rows, columns = (
            np.minimum(one.low + 1, side - 1) for one, side in zip((down, across), plane.shape, strict=True)
        )
        above, below = plane[down.low], plane[rows]
        left, right = (
            above[:, at] + (below[:, at] - above[:, at]) * down.share[:, None] for at in (across.low, columns)
        )
        return np.asarray(left + (right - left) * across.share)

    def reaching(self, maps: Array, limits: Array) -> tuple[Array, Array, Array]:
        """Where the upsampled maps (n, rows, columns, units) reach the limits (units,): (picture, place on the grid, unit), by
        pictures. What lies between four cells is looked at only where one of them reaches it.
        """
        some = [self._reaching(maps[first : first + TOGETHER], limits) for first in range(0, len(maps), TOGETHER)]
        pictures = [one[0] + TOGETHER * place for place, one in enumerate(some)]
        places, units = (np.concatenate([one[axis] for one in some]) for axis in (1, 2))
        return np.concatenate(pictures), places, units

    def _reaching(self, maps: Array, limits: Array) -> tuple[Array, Array, Array]:
        _, rows, columns, units = maps.shape
        reached = maps >= limits
        if self.down is None or self.across is None:
            place, unit = np.divmod(np.flatnonzero(reached), units)
            picture, place = np.divmod(place, rows * columns)
            return picture, place, unit
        down, across = self.down, self.across
        tall = reached[:, :-1] | reached[:, 1:] if rows > 1 else reached
        square = tall[:, :, :-1] | tall[:, :, 1:] if columns > 1 else tall
        picture, row, column, unit = np.unravel_index(np.flatnonzero(square), square.shape)
        # Each of those squares of four cells becomes as many rows as columns of places as it has.
        high, wide = down.count[row], across.count[column]
        each = high * wide
        which = np.repeat(np.arange(len(each)), each)
        inside = np.arange(len(which)) - np.repeat(each.cumsum() - each, each)
        y = down.first[row][which] + inside // wide[which]
        x = across.first[column][which] + inside % wide[which]
        flat = maps.ravel()
        corner = ((picture * rows + row) * columns + column) * units + unit
        lower, right = (units * columns if rows > 1 else 0), (units if columns > 1 else 0)
        upper_left, upper_right, lower_left, lower_right = (
            flat[corner + step][which] for step in (0, right, lower, lower + right)
        )
        fall, along = down.share[y], across.share[x]
        left = upper_left + (lower_left - upper_left) * fall
        answers = left + (upper_right + (lower_right - upper_right) * fall - left) * along
        unit = unit[which]
        found = answers >= limits[unit]
        return picture[which][found], (y * self.grid[1] + x)[found], unit[found]


@dataclass
class Overlap:
    """Sums over pictures, in cells of the grid, that do not grow with them.

    `active` (units,): where a unit's answer reaches its threshold; `area` (concepts + 1,): where a concept is, 0 being none;
    `both` (units, concepts + 1): where both are. Of each unit and concept `best` is how well the picture `who` shows them
    together: the cells that they share there, times their intersection over union there.
    """

    active: Array
    area: Array
    both: Array
    best: Array
    who: Array

    @classmethod
    def empty(cls, units: int, concepts: int) -> "Overlap":
        """Before the first picture."""
        table = (units, concepts + 1)
        return cls(
            np.zeros(units, np.int64), np.zeros(concepts + 1, np.int64), np.zeros(table, np.int64),
            np.zeros(table, np.float32), np.full(table, -1, np.int32),
        )  # fmt: skip

    def add(
        self, maps: Array, thresholds: Array, upsampling: Upsampling, labels: Sequence[Plane], numbers: Sequence[int]
    ) -> None:
        """Add the maps (n, rows, columns, units) of n pictures, each with its labels on the grid and its number."""
        picture, place, unit = upsampling.reaching(maps, thresholds.astype(np.float32))
        ends = np.searchsorted(picture, np.arange(len(maps) + 1))
        for which, (on_grid, number) in enumerate(zip(labels, numbers, strict=True)):
            mine = slice(ends[which], ends[which + 1])
            self._add(place[mine], unit[mine], on_grid.reshape(len(on_grid), -1), number)

    def _add(self, place: Array, unit: Array, planes: Plane, number: int) -> None:
        """One picture: where (place on the grid, unit) answers are, and its labels (planes, places)."""
        width, known = len(self.area), planes[0] != VOID
        area = np.bincount(planes[:, known].ravel(), minlength=width)
        self.area += area
        seen = known[place]
        counts = np.bincount(unit[seen], minlength=len(self.active))
        units = np.flatnonzero(counts)
        if not len(units):
            return
        row = np.zeros(len(counts), np.int64)
        row[units] = np.arange(len(units))
        table = row[unit[seen]] * width + planes[:, place[seen]]
        both = np.bincount(table.ravel(), minlength=len(units) * width).reshape(len(units), width)
        active = counts[units]
        self.active[units] += active
        self.both[units] += both
        shown = (both * iou(active, area, both)).astype(np.float32)
        better = (shown > self.best[units]) | ((shown == self.best[units]) & (shown > 0) & (number < self.who[units]))
        at, concept = np.nonzero(better)
        self.best[units[at], concept], self.who[units[at], concept] = shown[at, concept], number

    def joined(self, other: "Overlap") -> "Overlap":
        """That of both sets of pictures, which have none in common; it minds neither order nor grouping."""
        first = (self.best > other.best) | ((self.best == other.best) & (self.who < other.who))
        return Overlap(
            self.active + other.active, self.area + other.area, self.both + other.both,
            np.where(first, self.best, other.best), np.where(first, self.who, other.who),
        )  # fmt: skip

    @property
    def iou(self) -> Array:
        """Intersection over union of each unit with each concept, (units, concepts) in 0..1: column 0 is the first concept."""
        return iou(self.active, self.area, self.both)[:, 1:]


def iou(active: Array, area: Array, both: Array) -> Array:
    """Of cells: `both` (units, concepts) over what either of `active` (units,) and `area` (concepts,) has; 0 for nothing."""
    either = active[:, None] + area[None, :] - both
    return np.asarray(both / np.maximum(either, 1))


def grid_of(cells: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The (rows, columns) on which maps of `cells` are compared with masks: the input's (height, width) `size`, brought down
    to LONGEST, and no coarser than the map.
    """
    share = min(1.0, LONGEST / max(size))
    rows, columns = (max(cells[axis], round(size[axis] * share)) for axis in (0, 1))
    return rows, columns
