"""The model at a glance."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked


@section
@dataclass(frozen=True)
class Overview:
    """What the network is made of: counts of layers, units and parameters, by kind."""

    name: ClassVar[str] = "overview"
    page: ClassVar[PageKind] = "model"
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = ()
    asks: ClassVar[tuple[Asked, ...]] = ()

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The model."""
        return [Subject()]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model."""
        return {"model": scope.card.digest}

    def group(self, subject: Subject) -> Hashable:
        """One drawing, one group."""
        return None

    def silence(self, scope: Scope) -> str:
        """There is always something."""
        return ""

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Totals; the layers themselves are on the card."""
        card = scope.card
        kinds: dict[str, int] = {}
        for layer in card.layers:
            kinds[layer.kind] = kinds.get(layer.kind, 0) + 1
        facts = {
            "layers": len(card.layers),
            "kinds": dict(sorted(kinds.items(), key=lambda kind: -kind[1])),
            "params": card.params,
            "trainable": card.trainable,
        }
        return [Drawing((), facts) for _ in batch]
