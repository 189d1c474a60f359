"""The model at a glance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Section


@dataclass(frozen=True)
class OverviewFacts:
    """Counts: of layers, of layers by kind (the most frequent first), of parameters and of trainable ones."""

    layers: int
    kinds: Mapping[str, int]
    params: int
    trainable: int


@section
@dataclass(frozen=True)
class Overview(Section[OverviewFacts, None]):
    """What the network is made of: counts of layers, units and parameters, by kind."""

    name: ClassVar[str] = "overview"
    page: ClassVar[PageKind] = "model"
    order: ClassVar[float] = 10
    batch: ClassVar[int] = 1
    Facts: ClassVar[type[Any]] = OverviewFacts

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The model."""
        return [Subject()]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model."""
        return {"model": scope.card.digest}

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Totals; the layers themselves are on the card."""
        card = scope.card
        kinds: dict[str, int] = {}
        for layer in card.layers:
            kinds[layer.kind] = kinds.get(layer.kind, 0) + 1
        ordered = dict(sorted(kinds.items(), key=lambda kind: -kind[1]))
        return [Drawing((), OverviewFacts(len(card.layers), ordered, card.params, card.trainable)) for _ in batch]
