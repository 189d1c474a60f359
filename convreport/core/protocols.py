"""The two seams: what convreport asks of a framework, and of a section; and the request that brings them together."""

from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from convreport.core.card import ModelCard
from convreport.core.kernels import Kernel
from convreport.core.objectives import Objective
from convreport.core.recipes import Recipe
from convreport.core.types import (
    Array,
    Ascent,
    Drawing,
    Look,
    PageKind,
    Picture,
    Pixels,
    Precision,
    Responses,
    Sample,
    Scope,
    Subject,
    Targets,
)


class Network(Protocol):
    """The narrow waist to the framework, opened on the first store miss."""

    card: ModelCard

    def kernels(self, layer: str) -> Array:
        """The kernel of a convolution, (height, width, input channels, units)."""
        ...

    def kernel(self, layer: str) -> Kernel | None:
        """The weights by which a convolution or dense layer mixes channels; None for a layer of another kind."""
        ...

    def observe(self, planes: Array, layers: Sequence[str], *, raw: bool = False) -> Mapping[str, Responses]:
        """What the units of `layers` answer to pictures as `read` gives them, some dozens at a time."""
        ...

    def look(self, samples: Sequence[Sample], layers: Sequence[str], *, fit: str, targets: Targets | None) -> Look:
        """Activations of `layers`; with `targets`, also gradients with respect to them and the scores."""
        ...

    def read(self, sample: Sample, fit: str) -> Array:
        """What the network reads of a picture, (height, width, channels) in 0..255, before its preprocessing."""
        ...

    def answer(self, planes: Array, *, raw: bool = False) -> tuple[Array, Array]:
        """Scores and probabilities (n, classes) for pictures as `read` gives them; `raw` ones are fed as they are."""
        ...

    def slope(self, planes: Array, index: int, *, raw: bool = False) -> Array:
        """The derivative of a class's score with respect to such pictures, of their shape."""
        ...

    def scrambled(self, share: float, seed: int) -> AbstractContextManager[None]:
        """For the length of the block that share of the layers, from the top down, have their weights shuffled."""
        ...

    def ascend(self, objectives: Sequence[Objective], recipe: Recipe, seed: int) -> Ascent:
        """Pictures that drive each objective; all objectives of one form."""
        ...

    def peaks(self, pictures: Pixels, layer: str, units: Sequence[int]) -> Array | None:
        """The highest value on picture i of unit i of a layer's output; None where they are not of the size it needs."""
        ...

    def pace(self, objective: Objective, recipe: Recipe) -> float:
        """About how many seconds one picture of such an objective takes among many, measured on a few steps."""
        ...


class Section(Protocol):
    """One visualization: a frozen dataclass whose fields are its options, their help and part of its cache key."""

    name: ClassVar[str]
    page: ClassVar[PageKind]
    batch: ClassVar[int]  # at most so many subjects are drawn at a time
    shaped_by: ClassVar[tuple[str, ...]]  # modules beside its own that shape its pixels

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Declare what there is to draw."""
        ...

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """Everything in `scope` that shapes this drawing, as JSON."""
        ...

    def group(self, subject: Subject) -> Hashable:
        """What may be drawn together: by layer for ascent, by picture for Grad-CAM and activations."""
        ...

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw, in one sentence; asked only where `subjects` is empty."""
        ...

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Do it: one drawing a subject, in order."""
        ...


@dataclass(frozen=True)
class AtHand:
    """What a caller in Python hands over instead of naming it: a model, a preprocessing, inputs, labels, pictures."""

    model: Any = None
    preprocess: Any = None
    inputs: tuple[tuple[str, Any], ...] = ()
    labels: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The whole request."""

    model: str = "demo"
    name: str | None = None
    out: Path = Path("atlas")
    images: tuple[str, ...] = ()
    max_images: int = 12
    examples: tuple[str, ...] = ()
    max_examples: int = 0
    layers: tuple[str, ...] = ()
    all_layers: bool = False
    filters: str = "64"
    weights: str | None = None
    preprocess: str = "auto"
    fit: str = "stretch"
    templates: Path | None = None
    seed: int = 0
    fresh: bool = False
    strict: bool = False
    arch: str | None = None
    no_top: bool = False
    custom: tuple[str, ...] = ()
    unsafe: bool = False
    input: tuple[str, ...] = ()
    output: str | None = None
    labels: Path | None = None
    truth: Path | None = None
    precision: Precision = "auto"
    memory: int = 0
    budget: float = 0.0
    recipes: tuple[Recipe, ...] = ()
    sections: tuple[Section, ...] = ()
    at_hand: AtHand = AtHand()
