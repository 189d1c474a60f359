"""The nouns of convreport, frozen: what is asked of a model, and what was drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from convreport.core.card import LayerInfo, ModelCard
from convreport.core.recipes import Recipe

if TYPE_CHECKING:
    from convreport.core.examples import Examples

Pixels = NDArray[np.uint8]
Array = NDArray[Any]  # floats; float32 wherever it is large
Facts = Mapping[str, Any]  # JSON: text, numbers, booleans, None, lists and mappings of them


@dataclass(frozen=True)
class Sample:
    """A picture as its user sees it: upright, uint8 (height, width, 3), its name free of folders.

    `planes` is what the network is fed where that is more, or finer, than three channels of eight bits: float32 (height,
    width, channels), in 0..255, or where `raw` is set numbers that are no pixels and are fed as they are. `said` is what
    the user says it shows, in their words, and `truth` the class that means, if the model has it. `mask` (height, width) is
    where its object is, for drawn pictures of which that is known.
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


@dataclass(frozen=True)
class Picture:
    """A picture as it was read, before it has a slug: see Sample. `said` is the name of its folder, or what --truth says."""

    name: str
    pixels: Pixels = field(repr=False, compare=False)
    planes: Array | None = field(default=None, repr=False, compare=False)
    said: str = ""
    raw: bool = False
    mask: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Subject:
    """What one drawing is about: a layer, a unit of it, a sample, a class by its index, or (none of them) the model."""

    layer: str | None = None
    unit: int | None = None
    sample: str | None = None
    label: int | None = None


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


Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Means:
    """What a network may use: the precision of an ascent, the file that remembers what `auto` came to mean, and bytes of
    memory (0: a share of what is free).
    """

    precision: Precision = "auto"
    decisions: Path | None = None
    memory: int = 0


@dataclass(frozen=True)
class Ascent:
    """What came of an ascent, one entry an objective.

    `pictures` are uint8 (n, height, width, channels): colour for three channels, else a gray plane a channel. `starts` is
    the height before the first step and `scores` the robust one after the last: the mean over the picture and fixed warps
    of it. `evens` is that at equal contrast, and `ranks` how the unit stands by it, from 1, `among` all units of its layer
    (NaN and 0 where that has no meaning). `precision` is what was climbed in; scores are always float32. `batch` is how
    many climbed together in the end, fewer than usual where memory ran out.
    """

    pictures: Pixels
    scores: Array
    starts: Array
    evens: Array
    ranks: Array
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
            for name in ("pictures", "scores", "evens", "ranks"):
                getattr(made, name)[place] = getattr(other, name)[index]
        return made

    ARRAYS: ClassVar[tuple[str, ...]] = ("pictures", "scores", "starts", "evens", "ranks")

    def _with(self, change: Callable[[Array], Array]) -> "Ascent":
        changed: dict[str, Any] = {name: change(getattr(self, name)) for name in self.ARRAYS}
        return replace(self, **changed)


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
class Responses:
    """What the units of one layer answer to n pictures: `maps` (n, h, w, units), and of each map (n, units) the highest
    and lowest value, the mean, the mean of what is above zero (`drive`), and the shares of positions that are above zero
    (`positive`) and at the ceiling of the layer's activation (`full`; 0 where it has none).
    """

    maps: Array
    most: Array
    least: Array
    mean: Array
    drive: Array
    positive: Array
    full: Array


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
    """What this atlas covers: the card, the layers the user chose (None: each section's own), units and samples.

    `recipes` are the user's own, `precision` what ascents were asked to compute in, `examples` the pictures among which
    units find what they answer to.
    """

    card: ModelCard
    samples: tuple[Sample, ...]
    units: UnitChoice
    seed: int
    chosen: tuple[LayerInfo, ...] | None = None
    fit: str = "stretch"
    precision: Precision = "auto"
    recipes: tuple[Recipe, ...] = ()
    examples: "Examples | None" = None

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
