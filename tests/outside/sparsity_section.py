"""A section of another package: how many of a layer's weights are nearly zero. One module, one template, one entry point."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Desk, Section
from convreport.sections.telling import Alert, Line, Measured, Part, Rule, Units


@dataclass(frozen=True)
class SparsityFacts:
    """The share of a unit's weights below the threshold."""

    share: float


def _share(book: Book) -> Measured:
    shares = [one.facts.share for one in Sparsity.drawn(book)]
    if not shares:
        return Measured(None, "no weights were counted")
    return Measured(float(np.mean(shares)), f"mean of {len(shares)} units")


@section
@dataclass(frozen=True)
class Sparsity(Section[SparsityFacts, None]):
    """How many of a unit's weights are nearly zero."""

    below: float = field(default=0.01, metadata={"help": "what counts as zero, of the largest weight", "least": 0.0})

    name: ClassVar[str] = "sparsity"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 45
    batch: ClassVar[int] = 64
    asks: ClassVar[tuple[Asked, ...]] = ("kernels",)
    Facts: ClassVar[type[Any]] = SparsityFacts
    units: ClassVar[Units] = Units("Nearly zero", "share", word="share", rows=(("share", "nearly zero"),))
    rules: ClassVar[tuple[Rule, ...]] = (Rule("max_sparsity", "Weights that are nearly zero.", _share, share=True),)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Two units of the first convolution."""
        first = layers.first_convolution(scope.card)
        return [Subject(layer=first.path, unit=unit) for unit in range(2)] if first is not None else []

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and the unit."""
        return {"layer": scope.card.layer(subject.layer or "").digest, "unit": subject.unit}

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """A tile as light as the share is large."""
        drawings = []
        for one in batch:
            weights = np.abs(net.kernels(one.layer or "")[..., one.unit or 0])
            share = float((weights <= self.below * weights.max()).mean())
            tile = np.full((16, 16, 3), round(255 * share), np.uint8)
            figure = Figure("sparse", tile, f"Share of unit {one.unit}", kind="map")
            drawings.append(Drawing((figure,), SparsityFacts(share)))
        return drawings

    @classmethod
    def summary(cls, book: Book) -> Iterable[Line]:
        """How many units were counted."""
        yield Line(f"weights of {len(cls.drawn(book))} units counted")

    @classmethod
    def alerts(cls, book: Book) -> Iterable[Alert]:
        """Planted, so that the test can look for it."""
        for one in cls.drawn(book)[:1]:
            yield Alert("sparse", "Unit 0 was counted & found.", 500, 9.0, one.layer, (0,))

    @classmethod
    def report(cls, book: Book, desk: Desk) -> Iterable[Part]:
        """A part with a heading of its own."""
        yield Part("sparsity", "Sparsity", {"shown": cls.drawn(book)})
