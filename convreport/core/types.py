"""The nouns of convreport, frozen: what a model is, what is asked of it, what was drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convreport.core.preprocessing import Preprocessing

Pixels = NDArray[np.uint8]
Array = NDArray[Any]  # floats; float32 wherever it is large
Facts = Mapping[str, Any]  # JSON: text, numbers, booleans, None, lists and mappings of them


@dataclass(frozen=True)
class Field:
    """The part of the input one cell of a feature map depends on, per axis (height, width), in input pixels.

    Cell i sees the pixels offset + i * stride ... offset + i * stride + size - 1. `whole` says that every cell sees the
    whole input (after global pooling, flattening, squeeze-and-excite): size and offset then mean nothing, and the stride
    is (0, 0) where no map is left.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]
    whole: bool = False


@dataclass(frozen=True)
class LayerInfo:
    """One layer as it stands in the network.

    `path` is unique and names nested layers with slashes; `shape` is the output's without the batch axis, None where
    the size is free; `inputs` are the paths of the layers it reads; `digest` covers its own and all its ancestors'
    configuration and weights, so that a fine-tuned head leaves the digests below it alone.
    """

    path: str
    kind: str
    shape: tuple[int | None, ...]
    params: int
    trainable: int
    activation: str | None
    inputs: tuple[str, ...]
    kernel: tuple[int, ...] | None
    receptive_field: Field | None
    digest: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def units(self) -> int:
        """The number of channels (of a feature map) or of neurons (of a dense layer)."""
        return int(self.shape[-1] or 0) if self.shape else 0

    @property
    def spatial(self) -> bool:
        """Is the output a stack of two-dimensional maps (height, width, channels)?"""
        return len(self.shape) == 3

    @property
    def rectified(self) -> bool:
        """Is the output never negative because a ReLU made it?"""
        return self.activation in ("relu", "relu6")


@dataclass(frozen=True)
class Label:
    """The name of a class, and its WordNet id where it has one."""

    name: str
    wnid: str = ""


Head = Literal["softmax", "sigmoid", "logits", "none"]


@dataclass(frozen=True)
class ModelCard:
    """All that is known of a model without TensorFlow; remembered by the digest of its weights.

    `input` is (height, width, channels), None where the size is free; `classes` the length of the score vector, 0 for a
    model without a classifier; `origin` says in words where the weights came from.
    """

    name: str
    slug: str
    source: str
    origin: str
    digest: str
    layers: tuple[LayerInfo, ...]
    input: tuple[int | None, int | None, int]
    preprocessing: Preprocessing
    head: Head
    classes: int
    labels: tuple[Label, ...]
    params: int
    trainable: int
    repairs: tuple[str, ...] = ()

    def layer(self, path: str) -> LayerInfo:
        """The layer of that path; KeyError if there is none."""
        for layer in self.layers:
            if layer.path == path:
                return layer
        raise KeyError(path)

    def label(self, index: int) -> Label:
        """The label of a class index; a bare index where no names are known."""
        return self.labels[index] if index < len(self.labels) else Label(f"class {index}")


@dataclass(frozen=True)
class Sample:
    """A picture as its user sees it: upright, uint8 (height, width, 3), its name free of folders."""

    name: str
    slug: str
    digest: str
    pixels: Pixels = field(repr=False, compare=False)


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
    """What came of an ascent, one entry an objective: pictures uint8 (n, size, size, 3), float scores before and after."""

    pictures: Pixels
    scores: Array
    starts: Array


@dataclass(frozen=True)
class Look:
    """A batch of n samples seen through the network.

    `activations`: path -> (n, h, w, c) or (n, c); `gradients`: path -> (n, k, h, w, c), of the k asked scores with respect
    to that layer's output; `scores` (n, classes): logits; `probabilities` likewise, in 0..1; `targets` (n, k): class indices.
    """

    activations: Mapping[str, Array]
    gradients: Mapping[str, Array]
    scores: Array
    probabilities: Array
    targets: NDArray[np.int64]


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
