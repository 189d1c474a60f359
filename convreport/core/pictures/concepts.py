"""What the pixels of a picture are labelled as: concepts by their numbers, in planes, and how these meet a network's input."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convreport.core.base.errors import ImageError
from convreport.core.pictures.fitting import Fit
from convreport.core.pictures.sample import Sample
from convreport.core.pictures.samples import HUGE

VOID = 0xFFFF  # the number of pixels of which nobody says what they are
MOST = VOID - 1  # concepts that have room beside it

Plane = NDArray[np.uint16]
Planes = tuple[Plane, ...]


@dataclass(frozen=True)
class Concept:
    """Something that masks mark, and what kind of thing that is ("object", "part"), where there are several kinds."""

    name: str
    kind: str = ""


@dataclass(frozen=True)
class Labelled:
    """A picture with the masks of what it shows.

    Each plane is uint16 (height, width), in the proportions of the picture but not always of its size: 0 is nothing that has
    a name, n the n-th concept, VOID what is left out. There are several where a pixel may be of several concepts.
    """

    sample: Sample
    planes: Planes = field(repr=False, compare=False)


class Masks(Protocol):
    """The masks that a user gives, by their numbers from 0."""

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """What they mark; the first has the number 1."""
        ...

    @property
    def digest(self) -> str:
        """Names all of them."""
        ...

    def of(self, paths: Sequence[Path]) -> dict[int, int]:
        """Place among `paths` -> mask, of those pictures that have one; ImageError where two would share one."""
        ...

    def planes(self, mask: int, brought: bytes = b"") -> Planes:
        """Read one, from disk or from what was brought of it; ImageError with a reason."""
        ...

    def here(self, mask: int) -> bool:
        """Can it be read on this machine?"""
        ...

    def file(self, mask: int) -> bytes:
        """Its file as it is, to be brought elsewhere; empty where it is gone."""
        ...


def must_fit(size: tuple[int, int], name: str) -> None:
    """ImageError for a mask of a (height, width) that no picture here has, before any memory is asked for."""
    height, width = size
    if min(size) < 1 or height * width > HUGE:
        raise ImageError(f"the mask of {name} is said to be {width} x {height} pixels")


def proportional(plane: Plane, picture: tuple[int, int]) -> bool:
    """Has a plane the shape of a picture of (height, width), at whatever size, to within a pixel?"""
    (height, width), (high, wide) = plane.shape, picture
    return abs(height * wide - width * high) <= max(height, width, high, wide)


def on_grid(planes: Planes, fit: Fit, grid: tuple[int, int]) -> Plane:
    """The numbers at the centres of a grid of (rows, columns) over the input, uint16 (planes, rows, columns).

    VOID beyond the picture, and in all planes where one of them is.
    """
    found = np.full((len(planes), *grid), VOID, np.uint16)
    for place, plane in enumerate(planes):
        rows, columns = (_places(axis, fit, grid[axis], plane.shape[axis]) for axis in (0, 1))
        seen = (rows >= 0)[:, None] & (columns >= 0)[None, :]
        found[place] = np.where(seen, plane[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))], VOID)
    return np.where((found == VOID).any(0), np.uint16(VOID), found)


def _places(axis: int, fit: Fit, count: int, side: int) -> NDArray[np.int64]:
    """In which of `side` equal parts of the picture the centres of `count` equal parts of the input lie; -1 beyond it."""
    at_input = (np.arange(count) + 0.5) * fit.size[axis] / count
    share = (at_input - fit.offset[axis]) / (fit.scale[axis] * fit.picture[axis])
    places = np.floor(share * side).astype(np.int64)
    return np.where((share >= 0) & (share < 1), np.clip(places, 0, side - 1), -1)


def matched(paths: Sequence[Path], names: Sequence[str], *, whole: bool) -> dict[int, int]:
    """Place among `paths` -> place among `names`, endings of files apart: the longest name that the path ends with.

    Unless `whole`, the end of a name is enough, if no other name has it. ImageError where two paths have one name.
    """
    ends: dict[str, int | None] = {}
    every = [_ends(Path(name)) for name in names]
    if not whole:
        for number, some in enumerate(every):
            ends |= {end: number if end not in ends else None for end in some}
    ends |= {some[0]: number for number, some in enumerate(every) if some}
    taken: dict[int, tuple[int, int]] = {}  # name -> (path, how many parts they have in common)
    for place, path in enumerate(paths):
        end = next((end for end in _ends(path) if ends.get(end) is not None), None)
        if end is None:
            continue
        number, depth = ends[end] or 0, end.count("/")
        other, before = taken.get(number, (place, -1))
        if before == depth:
            raise ImageError(
                f"{paths[other]} and {path} would share the mask of {names[number]}.",
                "Keep masks in folders of the same names as those of the pictures.",
            )
        if depth > before:
            taken[number] = place, depth
    return {place: number for number, (place, _) in sorted(taken.items(), key=lambda one: one[1])}


def _ends(path: Path) -> list[str]:
    """All ends of a path, without its ending, the longest first: a/b/c, b/c and c of a/b/c.png."""
    parts = [part for part in path.with_suffix("").parts if part not in ("/", ".", "..")]
    return ["/".join(parts[first:]) for first in range(len(parts))]
