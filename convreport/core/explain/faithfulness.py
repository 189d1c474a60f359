"""Does a heatmap mark what counts? Its places are removed from the picture, or put into an empty one, the hottest first.

Insertion and deletion after Petsiuk, Das and Saenko, RISE (BMVC 2018): the faster the probability of the class falls while
its places vanish, and the faster it rises while they appear, the more they counted. What vanishes gives way to a strongly
blurred copy of the picture, which has its colours and none of its edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convreport.core.base.kinds import Array
from convreport.core.pictures import pixels
from convreport.core.seam import Network

STEPS = 10  # of a curve
RANDOM = 2  # maps of noise that a heatmap is compared with
BLUR = 0.08  # deviation of the blur, as a share of the shorter side
CENTRE = 0.25  # deviation of the centred Gaussian, as a share of each side
LEAST = 0.02  # of probability: classes below are too unlikely for a curve to say anything


@dataclass(frozen=True)
class Curves:
    """The probability of a class, 0..1, (steps + 1) values each, while places vanish and while they appear."""

    deletion: Array
    insertion: Array

    @property
    def deleted(self) -> float:
        """The area under the deletion curve, 0..1: the smaller, the more the marked places counted."""
        return area(self.deletion)

    @property
    def inserted(self) -> float:
        """The area under the insertion curve, 0..1: the larger, the more the marked places counted."""
        return area(self.insertion)


def area(curve: Array) -> float:
    """The area under a curve over 0..1, by trapezoids."""
    return float(((curve[1:] + curve[:-1]) / 2).mean())


def gain(of_map: float, of_random: float) -> float | None:
    """How many times as much as for random maps; None where those came to nothing, and the quotient to no number."""
    return of_map / of_random if of_random > 1e-3 else None


def curves(net: Network, planes: Array, heat: Array, *, raw: bool = False, steps: int = STEPS) -> list[Curves]:
    """The curves of every class for one heatmap, any resolution, over `planes` (height, width, channels) as the net reads."""
    pictures = _stages(planes, heat, steps)
    _, shares = net.answer(pictures, raw=raw)
    return [Curves(shares[: steps + 1, index], shares[steps + 1 :, index]) for index in range(shares.shape[1])]


def _stages(planes: Array, heat: Array, steps: int) -> Array:
    """The pictures of both curves: without the hottest places, then of nothing but them."""
    height, width = planes.shape[:2]
    empty = blurred(planes)
    order = np.argsort(-pixels.resize(heat, height, width).ravel(), kind="stable")
    rank = np.empty(height * width, np.int64)
    rank[order] = np.arange(height * width)
    rank = rank.reshape(height, width, 1)
    taken = [rank < round(step / steps * height * width) for step in range(steps + 1)]
    return np.stack(
        [np.where(one, empty, planes) for one in taken] + [np.where(one, planes, empty) for one in taken]
    ).astype(np.float32)


def random_maps(cells: Sequence[int], count: int, seed: int) -> list[Array]:
    """Maps of noise with as many cells (height, width) as the heatmap has, so that resolution is no advantage."""
    draw = np.random.default_rng(seed)
    return [draw.uniform(0, 1, tuple(cells)).astype(np.float32) for _ in range(count)]


def centred(cells: Sequence[int]) -> Array:
    """A Gaussian in the middle: what a photographer would guess."""
    rows, columns = (((np.arange(side) + 0.5) / side - 0.5) / CENTRE for side in cells)
    return np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / 2).astype(np.float32)


def blurred(planes: Array) -> Array:
    """A picture (height, width, channels) under a Gaussian blur, mirrored at its borders."""
    deviation = BLUR * min(planes.shape[:2])
    down, across = (_blur_of(side, deviation) for side in planes.shape[:2])
    return np.einsum("ab,bcd->acd", down, np.einsum("ab,cbd->cad", across, planes, optimize=True), optimize=True)


def _blur_of(side: int, deviation: float) -> Array:
    """The blur of one axis as a matrix (side, side), each row of which sums to one."""
    reach = max(1, round(3 * deviation))
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    matrix = np.zeros((side, side), np.float32)
    for at in range(side):
        places = np.arange(at - reach, at + reach + 1)
        places = np.abs(np.where(places % (2 * side) >= side, 2 * side - 1 - places % (2 * side), places % (2 * side)))
        np.add.at(matrix[at], places, weights / weights.sum())
    return matrix


def inside(heat: Array, mask: NDArray[np.bool_], by: tuple[int, int]) -> tuple[bool, float]:
    """(pointing, energy) of a map at the picture's size, (height, width), against the mask of its object.

    Pointing: does the hottest place lie within `by` (rows, columns) of the object (Zhang et al. 2018)? Energy: the share of
    the map's sum inside it (Wang et al. 2020), 0 for an empty map.
    """
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    near = mask[max(0, row - by[0]) : row + by[0] + 1, max(0, column - by[1]) : column + by[1] + 1]
    whole = float(heat.sum())
    return bool(near.any()), float(heat[mask].sum()) / whole if whole > 0 else 0.0
