"""The nouns of convreport, frozen: what is asked of a model, and what was drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convreport.core.card import LayerInfo, ModelCard

Pixels = NDArray[np.uint8]
Array = NDArray[Any]  # floats; float32 wherever it is large
Facts = Mapping[str, Any]  # JSON: text, numbers, booleans, None, lists and mappings of them


@dataclass(frozen=True)
class Sample:
    """A picture as its user sees it: upright, uint8 (height, width, 3), its name free of folders.

    `planes` is what the network is fed where that is more, or finer, than three channels of eight bits: float32 (height,
    width, channels), in 0..255, or where `raw` is set numbers that are no pixels and are fed as they are. `said` is what
    the user says it shows, in their words, and `truth` the class that means, if the model has it.
    """

    name: str
    slug: str
    digest: str
    pixels: Pixels = field(repr=False, compare=False)
    planes: Array | None = field(default=None, repr=False, compare=False)
    said: str = ""
    truth: int | None = None
    raw: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture as it was read, before it has a slug: see Sample. `said` is the name of its folder, or what --truth says."""

    name: str
    pixels: Pixels = field(repr=False, compare=False)
    planes: Array | None = field(default=None, repr=False, compare=False)
    said: str = ""
    raw: bool = False


@dataclass(frozen=True)
class Subject:
    """What one drawing is about: a layer, a unit of it, a sample, or (none of them) the model."""

    layer: str | None = None
    unit: int | None = None
    sample: str | None = None


FigureKind = Literal["pattern", "map", "photo"]
PageKind = Literal["model", "layer", "picture"]


@dataclass(frozen=True)
class Figure:
    """One picture of a drawing.

    `alt` says what is to be seen to someone who cannot see it; `scale` what black and white, or the colours, mean.
    `kind` chooses the published encoding: synthesized patterns and photos are lossy, maps are exact at native pixels.
    `pixels` is uint8 (height, width, 3), or 4 with alpha.
    """

    name: str
    pixels: Pixels = field(repr=False, compare=False)
    alt: str
    caption: str = ""
    scale: str = ""
    kind: FigureKind = "pattern"


@dataclass(frozen=True)
class Drawing:
    """All a section returns for one subject."""

    figures: tuple[Figure, ...]
    facts: Facts


@dataclass(frozen=True)
class Objective:
    """What an ascent maximizes: the mean of one unit of one layer."""

    layer: str
    unit: int


@dataclass(frozen=True)
class Recipe:
    """One way of maximizing an Objective; every field shapes the picture and is part of the cache key.

    `canvas` says what is optimized: a picture in 0..1 behind the model's own preprocessing, or the raw numbers fed to
    the network. `step` is how a gradient becomes an update: Adam, or plain ascent on the gradient divided by its L2 norm
    or by its root mean square. `size` 0 lets the receptive field decide; `start` is (low, high) of uniform noise on a raw
    canvas. `contrast` is the standard deviation a raw canvas is displayed with, `trim` what is cut off each side.
    """

    name: str
    canvas: Literal["picture", "raw"] = "picture"
    step: Literal["adam", "l2", "rms"] = "adam"
    rate: float = 0.1
    steps: int = 64
    size: int = 0
    preactivation: bool = True
    border: int = -1  # feature-map cells left out on each side; -1: by the size of the map
    start: tuple[float, float] = (0.0, 1.0)
    rotate: float = 0.0  # degrees, each way
    zoom: float = 0.0  # relative, each way
    shift: float = 0.0  # share of the canvas, each way
    contrast: float = 0.15
    trim: int = 0
    source: str = ""


@dataclass(frozen=True)
class Ascent:
    """What came of an ascent, one entry an objective: float scores before and after, and pictures.

    The pictures are uint8 (n, size, size, channels): colour for three channels, else a gray plane a channel. `batch` is
    how many climbed together in the end, fewer than usual where memory ran out.
    """

    pictures: Pixels
    scores: Array
    starts: Array
    batch: int = 0


@dataclass(frozen=True)
class Look:
    """A batch of n samples seen through the network.

    `activations`: path -> (n, h, w, c) or (n, c), tokens folded to their grid, channels last; `gradients`: path ->
    (n, k, h, w, c), of the k asked scores with respect to that layer's output. `scores` (n, classes): what
    `ModelCard.score` says, over a dense map its mean over the class's region; `probabilities` likewise: in 0..1, the
    share of the map a class takes where the output is dense, the scores themselves for a regression. `targets` (n, k):
    class indices. `regions` (n, h, w): of a dense output, the class at each of its cells, -1 for none.
    """

    activations: Mapping[str, Array]
    gradients: Mapping[str, Array]
    scores: Array
    probabilities: Array
    targets: NDArray[np.int64]
    regions: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Targets:
    """Whose gradients to take: the `top` classes of each sample, or the given ones, on the logit or the probability."""

    top: int = 0
    classes: tuple[int, ...] = ()
    score: Literal["logit", "probability"] = "logit"


@dataclass(frozen=True)
class UnitChoice:
    """Which units of a layer: the first `count`, all, `count` at random, or the listed ones."""

    how: Literal["first", "all", "random", "listed"] = "first"
    count: int = 64
    listed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What this atlas covers: the card, the layers the user chose (None: each section's own), units and samples."""

    card: ModelCard
    samples: tuple[Sample, ...]
    units: UnitChoice
    seed: int
    chosen: tuple[LayerInfo, ...] | None = None
    fit: str = "stretch"

    def sample(self, slug: str) -> Sample:
        """The sample of that slug; KeyError if there is none."""
        for sample in self.samples:
            if sample.slug == slug:
                return sample
        raise KeyError(slug)


@dataclass(frozen=True)
class Page:
    """One Markdown file of the site's source; `path` is relative to docs/."""

    path: str
    title: str
    markdown: str
