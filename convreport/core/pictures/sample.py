"""A picture: as it was read, and as the build knows it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from convreport.core.base.kinds import Array, Pixels


@dataclass(frozen=True)
class Sample:
    """A picture as its user sees it: upright, uint8 (height, width, 3), its name free of folders.

    `planes` is what the network is fed where that is more, or finer, than three channels of eight bits: float32 (height,
    width, channels), in 0..255, or where `raw` is set numbers that are no pixels and are fed as they are. `said` is what
    the user says it shows, in their words, and `truth` the class that means, if the model has it. `mask` (height, width) is
    where its object is, for drawn pictures of which that is known. `path` is the file it was read from, never published.
    """

    name: str
    slug: str
    digest: str
    pixels: Pixels = field(repr=False, compare=False)
    planes: Array | None = field(default=None, repr=False, compare=False)
    said: str = ""
    truth: int | None = None
    raw: bool = False
    mask: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)
    path: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Picture:
    """A picture as it was read, before it has a slug: see Sample. `said` is the name of its folder, or what --truth says."""

    name: str
    pixels: Pixels = field(repr=False, compare=False)
    planes: Array | None = field(default=None, repr=False, compare=False)
    said: str = ""
    raw: bool = False
    mask: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)
    path: str = field(default="", repr=False, compare=False)
