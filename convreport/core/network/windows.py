"""What a cell of a map has seen of a picture: the window of its receptive field, cut out of the picture itself."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from PIL import Image

from convreport.core.base.kinds import Pixels
from convreport.core.network.card import Field
from convreport.core.pictures.fitting import Fit

GROUND = 128  # what a window shows where it reaches beyond the picture


@dataclass(frozen=True)
class Window:
    """A part of a picture, in its pixels from its upper left corner: where it begins and ends, per axis (height, width),
    and the field's centre. It may reach beyond the picture. `shape` is its size in pixels of the input.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    centre: tuple[float, float]
    shape: tuple[float, float]

    @property
    def at(self) -> tuple[float, float]:
        """Where in the window the centre lies, in 0..1."""
        low, high = self.start, self.end
        spots = [(self.centre[axis] - low[axis]) / (high[axis] - low[axis]) for axis in (0, 1)]
        return min(max(spots[0], 0.0), 1.0), min(max(spots[1], 0.0), 1.0)


def window_of(field: Field | None, cell: tuple[int, int], cells: tuple[int, int], fit: Fit) -> Window:
    """What cell (row, column) of a map of `cells` sees of a picture that met the input by `fit`.

    Where the field is as large as the input, or not known, the window is all of the picture that was fed.
    """
    axes = [_along(axis, field, cell[axis], cells[axis], fit) for axis in (0, 1)]
    (top, bottom, row, high), (left, right, column, wide) = axes
    return Window((top, left), (bottom, right), (row, column), (high, wide))


def is_whole(field: Field | None, size: tuple[int, int]) -> bool:
    """Is the window of a field all of an input of (height, width)?"""
    return field is None or field.whole or all(field.size[axis] >= size[axis] for axis in (0, 1))


def _along(axis: int, field: Field | None, cell: int, cells: int, fit: Fit) -> tuple[float, float, float, float]:
    """(start, end, centre) along one axis in pixels of the picture, and the extent in pixels of the input."""

    def back(place: float) -> float:
        return (place - fit.offset[axis]) / fit.scale[axis]

    side, picture = fit.size[axis], fit.picture[axis]
    if field is None or field.whole:
        centre = (cell + 0.5) * side / cells
    else:
        begin = field.offset[axis] + cell * field.stride[axis]
        centre = begin + field.size[axis] / 2
        if field.size[axis] < side:
            return back(begin), back(begin + field.size[axis]), back(centre), field.size[axis]
    low, high = max(back(0), 0.0), min(back(side), float(picture))
    return low, high, back(centre), (high - low) * fit.scale[axis]


def size_of(field: Field | None, side: int, size: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) in pixels at which windows of a field are shown: the longer one is `side`.

    `size` is the input's. A window of an elongated input is elongated.
    """
    seen = [size[axis] if field is None or field.whole else min(field.size[axis], size[axis]) for axis in (0, 1)]
    longest = max(seen)
    return max(8, round(side * seen[0] / longest)), max(8, round(side * seen[1] / longest))


def cut(picture: Pixels, window: Window, size: tuple[int, int]) -> Pixels:
    """The window of a picture (height, width, 3) at another size, bicubic, gray where it reaches beyond the picture.

    A window of another shape than `size` keeps its own, with gray beside it.
    """
    made = np.full((*size, 3), GROUND, np.uint8)
    scale = min(size[axis] / window.shape[axis] for axis in (0, 1))
    into, box = [], []
    for axis in (0, 1):
        start, end, side = window.start[axis], window.end[axis], float(picture.shape[axis])
        shown = min(max(round(window.shape[axis] * scale), 1), size[axis])
        margin = (size[axis] - shown) // 2
        low, high = max(start, 0.0), min(end, side)
        first, last = (round((place - start) / (end - start) * shown) for place in (low, high))
        if last <= first:
            return made
        into.append(slice(margin + first, margin + last))
        box.append((low, high))
    (top, bottom), (left, right) = box
    high_, wide = (one.stop - one.start for one in into)
    # Only what lies in the window is handed on: a resampling filter would reach beyond its box.
    above, before = int(top), int(left)
    inside = np.ascontiguousarray(picture[above : ceil(bottom - 1e-9), before : ceil(right - 1e-9), :3])
    small = Image.fromarray(inside).resize(
        (wide, high_), Image.Resampling.BICUBIC,
        box=(left - before, top - above, min(right - before, inside.shape[1]), min(bottom - above, inside.shape[0])),
    )  # fmt: skip
    made[into[0], into[1]] = np.asarray(small)
    return made
