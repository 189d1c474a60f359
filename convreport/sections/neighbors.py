"""Which units answer to the same pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from convreport.book.values import Book
from convreport.core.base.codec import to_json
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import pick
from convreport.core.seam import Network
from convreport.core.survey.likeness import nearest
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.shared.surveyed import SHAPED_BY, survey, survey_key, surveyed_layers

LEAST = 0.3  # correlation of units that are called neighbors
FEWEST = 16  # pictures below which a correlation says nothing


@dataclass(frozen=True)
class NeighborFacts:
    """Of each shown unit of a layer, by its number, its neighbors: (unit, correlation), the nearest first; and by how many
    pictures they were compared. Nothing where these were too few.
    """

    pictures: int
    units: Mapping[str, tuple[tuple[int, float], ...]]


@section
@dataclass(frozen=True)
class Neighbors(Section[NeighborFacts, None]):
    """The units of the same layer that respond to the same pictures, by the correlation of their highest responses."""

    count: int = field(default=6, metadata={"help": "how many neighbors per unit", "least": 1})

    name: ClassVar[str] = "neighbors"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 62
    batch: ClassVar[int] = 4096
    shaped_by: ClassVar[tuple[str, ...]] = SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("observe",)
    of_examples: ClassVar[bool] = True
    Facts: ClassVar[type[Any]] = NeighborFacts

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen layers that are stacks of maps."""
        return [Subject(layer=layer.path) for layer in surveyed_layers(scope)]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, all the examples, how pictures are fed, and which units are shown."""
        return {**survey_key(subject, scope), "units": self._units(subject, scope)}

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """The neighbors of every shown unit."""
        surveyed, drawings = survey(scope, net), []
        for subject in batch:
            tally, units = surveyed.of(subject.layer or ""), self._units(subject, scope)
            pictures = len(tally.samples)
            found = nearest(tally.sampled, units, self.count, LEAST) if pictures >= FEWEST else []
            named = {
                str(unit): tuple((other, short(likeness)) for other, likeness in near)
                for unit, near in zip(units, found, strict=False)
                if near
            }
            drawings.append(Drawing((), NeighborFacts(pictures, named)))
        return drawings

    def _units(self, subject: Subject, scope: Scope) -> tuple[int, ...]:
        return pick(scope.units, scope.card.layer(subject.layer or ""), scope.seed)

    # -- telling

    @classmethod
    def layer_data(cls, book: Book, layer: str) -> Mapping[str, Any]:
        """Who is near whom, for the dialog of a unit."""
        found = next((one.facts for one in cls.drawn(book) if one.layer == layer), None)
        return {"near": to_json(found)} if found is not None and found.units else {}
