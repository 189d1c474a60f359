"""How well the answers of units cover the masks of concepts: intersection over union (Bau et al. 2017), as a stream."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.card import Field
from convreport.core.pictures.concepts import VOID, Plane

LONGEST = 112  # cells along the longer side of the grid on which both are compared, as in the Broden data set


@dataclass(frozen=True)
class Upsampling:
    """Brings maps to a grid over the input, bilinear: `down` (rows of the grid, of the map) and `across`, likewise.

    Each cell of a map stands where the middle of its receptive field is. None for a map that is as fine as the grid.
    """

    down: Array | None
    across: Array | None

    @classmethod
    def of(
        cls, field: Field | None, cells: tuple[int, int], grid: tuple[int, int], size: tuple[int, int]
    ) -> "Upsampling":
        """That of maps of (rows, columns) `cells` over an input of (height, width) `size`."""
        if cells == grid:
            return cls(None, None)
        return cls(*(_weights(field, axis, cells[axis], grid[axis], size[axis]) for axis in (0, 1)))

    def __call__(self, maps: Array) -> Array:
        """Maps (rows, columns, n) at the grid's size."""
        if self.down is None or self.across is None:
            return maps
        rows, columns, count = maps.shape
        wide = self.across @ maps.transpose(1, 0, 2).reshape(columns, rows * count)
        turned = wide.reshape(-1, rows, count).transpose(1, 0, 2).reshape(rows, -1)
        return np.asarray((self.down @ turned).reshape(len(self.down), len(self.across), count))


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
        limits = thresholds.astype(np.float32)
        # No upsampled value is higher than the highest of its map.
        answering = maps.max((1, 2)) >= limits
        for picture, on_grid, number, lit in zip(maps, labels, numbers, answering, strict=True):
            self._add(picture, limits, upsampling, on_grid, number, np.flatnonzero(lit))

    def _add(
        self, maps: Array, limits: Array, upsampling: Upsampling, on_grid: Plane, number: int, units: Array
    ) -> None:
        planes = on_grid.reshape(len(on_grid), -1)
        width, known = len(self.area), planes[0] != VOID
        area = np.bincount(planes[:, known].ravel(), minlength=width)
        self.area += area
        if not len(units):
            return
        answers = upsampling(maps[..., units]) >= limits[units]
        cell, place = np.divmod(np.flatnonzero(answers), len(units))
        cell, place = cell[known[cell]], place[known[cell]]
        active = np.bincount(place, minlength=len(units))
        tables = [np.bincount(place * width + plane[cell], minlength=len(units) * width) for plane in planes]
        both = np.sum(tables, 0).reshape(len(units), width)
        self.active[units] += active
        self.both[units] += both
        shown = (both * iou(active, area, both)).astype(np.float32)
        better = (shown > self.best[units]) | ((shown == self.best[units]) & (shown > 0) & (number < self.who[units]))
        row, concept = np.nonzero(better)
        self.best[units[row], concept], self.who[units[row], concept] = shown[row, concept], number

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


def _weights(field: Field | None, axis: int, cells: int, grid: int, side: int) -> Array:
    """(grid, cells): how much each cell of a map counts at each place of the grid; beyond the outermost, that one alone."""
    at_input = (np.arange(grid) + 0.5) * side / grid
    if field is None or field.whole:
        stride = side / cells
        first = stride / 2
    else:
        stride, first = field.stride[axis], field.offset[axis] + field.size[axis] / 2
    at = np.clip((at_input - first) / stride, 0, cells - 1)
    below = np.minimum(np.floor(at).astype(int), max(cells - 2, 0))
    found = np.zeros((grid, cells), np.float32)
    found[np.arange(grid), below] = 1 - (at - below)
    found[np.arange(grid), np.minimum(below + 1, cells - 1)] += at - below
    return found
