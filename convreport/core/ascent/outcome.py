"""What comes of an ascent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.kinds import Array, Pixels


@dataclass(frozen=True)
class Ascent:
    """What came of an ascent, one entry an objective.

    `pictures` are uint8 (n, height, width, channels): colour for three channels, else a gray plane a channel. `starts` is
    the height before the first step and `scores` the robust one after the last: the mean over the picture and fixed warps
    of it. `evens` is that at equal contrast, and `ranks` how the unit stands by it, from 1, `among` all units of its layer
    (NaN and 0 where that has no meaning). `precision` is what was climbed in; scores are always float32. `batch` is how
    many climbed together in the end, fewer than usual where memory ran out. `opacity` is uint8 (n, height, width), how much
    the steps cared for each pixel, of recipes with transparency; (n, 0, 0) of others.
    """

    pictures: Pixels
    scores: Array
    starts: Array
    evens: Array
    ranks: Array
    opacity: Pixels
    among: int = 0
    precision: str = "float32"
    batch: int = 0

    def first(self, count: int) -> "Ascent":
        """Without what stands beyond `count`."""
        return self._with(lambda values: values[:count])

    @classmethod
    def joined(cls, parts: "list[Ascent]") -> "Ascent":
        """One after the other; all of one batch and precision."""
        arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.ARRAYS}
        return replace(parts[0], **arrays)

    def with_some(self, other: "Ascent", taken: "list[tuple[int, int]]") -> "Ascent":
        """A copy in which for each (place, index) the entry at `place` is the other's at `index`."""
        made = self._with(np.array)
        for place, index in taken:
            for name in ("pictures", "scores", "evens", "ranks", "opacity"):
                getattr(made, name)[place] = getattr(other, name)[index]
        return made

    ARRAYS: ClassVar[tuple[str, ...]] = ("pictures", "scores", "starts", "evens", "ranks", "opacity")

    def _with(self, change: Callable[[Array], Array]) -> "Ascent":
        changed: dict[str, Any] = {name: change(getattr(self, name)) for name in self.ARRAYS}
        return replace(self, **changed)
