"""Which unit of a new layer is which unit of the old one, by what they answer to the same pictures."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from convreport.core.base.kinds import Array

SAME = 0.5  # correlation of answers from which two units have one role
CHUNK = 2048  # answers that are summed in single precision, before they go into double
ALONE = 1 << 18  # multiplications that BLAS does in one thread
LEAST_ROWS = 8
EVEN = 1e-6  # correlations that differ by no more are equal
Fate = Literal["kept", "moved", "changed", "silent", "new", "gone", "idle"]


@dataclass
class Together:
    """Sums of the answers of old x new units, less the first means, from which their correlations follow."""

    old: int
    new: int
    count: float = 0.0
    origin: tuple[Array, Array] | None = None
    sums: tuple[Array, Array] = field(init=False)
    squares: tuple[Array, Array] = field(init=False)
    products: Array = field(init=False)

    def __post_init__(self) -> None:
        self.sums = np.zeros(self.old), np.zeros(self.new)
        self.squares = np.zeros(self.old), np.zeros(self.new)
        self.products = np.zeros((self.old, self.new))

    def add(self, old: Array, new: Array) -> None:
        """Answers to the same pictures: (n, h, w, units) of maps of one size, position by position, or (n, units)."""
        x, y = old.reshape(-1, self.old), new.reshape(-1, self.new)
        if self.origin is None:
            self.origin = x.mean(0, dtype=np.float64), y.mean(0, dtype=np.float64)
        origin = [middle.astype(np.float32) for middle in self.origin]
        for first in range(0, len(x), CHUNK):
            self._gather(x[first : first + CHUNK] - origin[0], y[first : first + CHUNK] - origin[1])

    def _gather(self, x: Array, y: Array) -> None:
        self.count += len(x)
        for place, part in enumerate((x, y)):
            self.sums[place][:] += part.sum(0)
            self.squares[place][:] += np.einsum("iu,iu->u", part, part)
        self.products += _product(x, y)

    def correlations(self) -> Array:
        """Pearson's, float64 (old, new); 0 where one of the two never changes."""
        if not self.count:
            return np.zeros((self.old, self.new))
        x, y = (one / self.count for one in self.sums)
        across = self.products / self.count - x[:, None] * y[None]
        spread = [
            np.maximum(square / self.count - mean**2, 0) for square, mean in zip(self.squares, (x, y), strict=True)
        ]
        flat = [
            one <= 1e-12 * np.maximum(square / self.count, 1e-30)
            for one, square in zip(spread, self.squares, strict=True)
        ]
        below = np.sqrt(spread[0][:, None] * spread[1][None])
        known = (below > 0) & ~flat[0][:, None] & ~flat[1][None]
        return np.clip(np.divide(across, below, out=np.zeros_like(across), where=known), -1, 1)


def _product(x: Array, y: Array) -> Array:
    """X transposed times y, (n, u) and (n, v).

    In pieces so small that BLAS takes no second thread: on a busy machine its threads wait for each other far longer.
    """
    rows = ALONE // (x.shape[1] * y.shape[1])
    if rows < LEAST_ROWS:
        return np.asarray(x.T @ y)
    whole = len(x) - len(x) % rows
    first, second = (one[:whole].reshape(-1, rows, one.shape[1]) for one in (x, y))
    return np.asarray((first.transpose(0, 2, 1) @ second).sum(0) + x[whole:].T @ y[whole:])


@dataclass(frozen=True)
class Pair:
    """An old unit and the new one that has its role, or stands where it stood; None where there is none.

    `alike` is the correlation of their answers. Of those that answer at all: `kept` its role in its place, `moved` to
    another place, `changed` its role; `silent`: it answered and does not any more; `new`: it answers where none did;
    `gone`: the layer has fewer units; `idle`: neither ever answered.
    """

    old: int | None
    new: int | None
    alike: float
    fate: Fate


def match(correlations: Array, old_answers: Array, new_answers: Array) -> list[Pair]:
    """Pair the units of a layer, old units first in their order, then new ones without a counterpart.

    `correlations` (old, new); `old_answers` (old,) and `new_answers` (new,) say which ever answer. A unit whose own index
    is the best for both stays there; the rest is the assignment of greatest sum (Kuhn 1955). What is paired below `SAME`
    has lost its role, and is paired with what stands in its place.
    """
    mates = _assigned(correlations, old_answers, new_answers)
    free_old = [unit for unit in range(len(old_answers)) if unit not in mates]
    free_new = [unit for unit in range(len(new_answers)) if unit not in set(mates.values())]
    beside: dict[int, int] = {unit: unit for unit in free_old if unit in free_new}
    left = [unit for unit in free_new if unit not in beside]
    for unit in free_old:
        if unit not in beside and left:
            beside[unit] = left.pop(0)
    pairs = []
    for unit in range(len(old_answers)):
        mate = mates.get(unit, beside.get(unit))
        pairs.append(_pair(unit, mate, unit in mates, correlations, old_answers, new_answers))
    return pairs + [Pair(None, unit, 0.0, "new" if new_answers[unit] else "idle") for unit in left]


def _pair(unit: int, mate: int | None, same: bool, correlations: Array, old_answers: Array, new_answers: Array) -> Pair:
    if mate is None:
        return Pair(unit, None, 0.0, "gone")
    alike = float(correlations[unit, mate])
    if same:
        return Pair(unit, mate, alike, "kept" if unit == mate else "moved")
    fates: dict[tuple[bool, bool], Fate] = {
        (True, True): "changed", (True, False): "silent", (False, True): "new", (False, False): "idle",
    }  # fmt: skip
    return Pair(unit, mate, alike, fates[bool(old_answers[unit]), bool(new_answers[mate])])


def _assigned(correlations: Array, old_answers: Array, new_answers: Array) -> dict[int, int]:
    """Old unit -> the new one with its role."""
    from scipy.optimize import linear_sum_assignment

    usable = np.where(old_answers[:, None] & new_answers[None], correlations, 0.0)
    best_old, best_new = usable.max(1, initial=0), usable.max(0, initial=0)
    mates = {
        unit: unit
        for unit in range(min(usable.shape))
        if usable[unit, unit] >= max(best_old[unit], best_new[unit], SAME) - EVEN and usable[unit, unit] >= SAME
    }
    rows = [unit for unit in range(len(old_answers)) if unit not in mates]
    columns = [unit for unit in range(len(new_answers)) if unit not in mates]
    if rows and columns:
        rest = usable[np.ix_(rows, columns)]
        # A pair below SAME is worth nothing, so that it never costs a unit its true counterpart.
        worth = np.where(rest >= SAME, rest, 0.0)
        for row, column in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
            if worth[row, column] >= SAME:
                mates[rows[row]] = columns[column]
    return mates
