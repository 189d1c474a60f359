"""Where in a picture a unit answered: a second look at the few pictures that are kept of each unit.

What is bright and what is dim is decided by whoever shows it, from the upsampled answer, as in network dissection
(Bau et al. 2017).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.windows import Window
from convreport.core.pictures.fitting import Fit
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network

TOGETHER = 16  # pictures looked at in one pass
MOST = 10  # cells that are kept along an axis
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"  # levels from nothing to the highest answer

Wish = tuple[Hashable, str, int]  # a name for the answer, its layer and unit


@dataclass
class SecondLook:
    """Shows pictures again, some together, and keeps of each only the maps that were wished for, by name."""

    net: Network
    layers: tuple[str, ...]
    fit: str
    found: dict[Hashable, Array] = field(default_factory=dict)
    _waiting: list[tuple[Array, bool, Sequence[Wish]]] = field(default_factory=list)

    def at(self, sample: Sample, wishes: Sequence[Wish]) -> None:
        """Look at a picture, now or with the next ones."""
        planes = self.net.read(sample, self.fit)
        if self._waiting and (planes.shape, sample.raw) != (self._waiting[0][0].shape, self._waiting[0][1]):
            self.finish()  # pictures of one size go together
        self._waiting.append((planes, sample.raw, wishes))
        if len(self._waiting) == TOGETHER:
            self.finish()

    def finish(self) -> None:
        """Look at what still waits."""
        if not self._waiting:
            return
        seen = self.net.observe(
            np.stack([planes for planes, _, _ in self._waiting]), self.layers, raw=self._waiting[0][1]
        )
        for place, (_, _, wishes) in enumerate(self._waiting):
            for name, layer, unit in wishes:
                self.found[name] = seen[layer].maps[place, :, :, unit].copy()
        self._waiting.clear()


def grid_of(answer: Array) -> tuple[int, int]:
    """How many (rows, columns) of an answer (height, width) are kept."""
    return min(answer.shape[0], MOST), min(answer.shape[1], MOST)


def digits(answer: Array, grid: tuple[int, int], window: Window, how: Fit, shown: tuple[int, int]) -> str:
    """A map (height, width) over the input as one digit a cell of `grid`, row by row, over a crop of size `shown`.

    The highest is z; 0 is no answer at all, or the lowest where none is above zero. The crop is `windows.cut` of `window`.
    """
    peak = float(answer.max())
    floor = 0.0 if peak > 0 else float(answer.min())
    shares = np.clip((answer - floor) / (peak - floor), 0, 1) if peak > floor else np.ones_like(answer)
    rows, columns = (_places(axis, grid[axis], answer.shape[axis], window, how, shown) for axis in (0, 1))
    across = np.stack([np.interp(columns, np.arange(answer.shape[1]), line) for line in shares])
    found = np.stack([np.interp(rows, np.arange(answer.shape[0]), line) for line in across.T], 1)
    levels = np.round(found / max(float(found.max()), 1e-9) * (len(DIGITS) - 1)).astype(int)
    return "".join(DIGITS[level] for level in levels.ravel())


def _places(axis: int, count: int, cells: int, window: Window, how: Fit, shown: tuple[int, int]) -> Array:
    """Where the centres of `count` equal parts of a crop lie among the cells of the map, cell 0's centre being 0."""
    scale = min(shown[side] / window.shape[side] for side in (0, 1))
    filled = window.shape[axis] * scale / shown[axis]  # the rest is gray beside it
    inside = ((np.arange(count) + 0.5) / count - (1 - filled) / 2) / filled
    at_picture = window.start[axis] + inside * (window.end[axis] - window.start[axis])
    at_input = at_picture * how.scale[axis] + how.offset[axis]
    return np.asarray(at_input * cells / how.size[axis] - 0.5)
