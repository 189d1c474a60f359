"""Several different pictures of one unit."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from convreport.core.ascent.diversity import MOST
from convreport.core.ascent.objectives import channel
from convreport.core.ascent.outcome import Ascent
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.pictures import pixels
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.shared import tiles
from convreport.sections.telling import Units


@dataclass(frozen=True)
class VariantFacts:
    """The scores of a unit's pictures, the first being its pattern; `least` is the lowest, `responds` whether all rose."""

    scores: tuple[float | None, ...]
    least: float | None
    responds: bool


@section
@dataclass(frozen=True)
class Variants(Section[VariantFacts, None]):
    """Several pictures that drive one unit, kept different from each other: what else it could be looking for."""

    pictures: int = field(
        default=1,
        metadata={
            "help": "how many different pictures to draw of each unit, up to 8; 1: only its pattern",
            "least": 1,
            "most": MOST,
            "word": "diversity",
        },
    )
    recipe: str = tiles.recipe_option()
    preset: str = tiles.preset_option()

    name: ClassVar[str] = "variants"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 35
    batch: ClassVar[int] = 8
    shaped_by: ClassVar[tuple[str, ...]] = (*tiles.SHAPED_BY, "convreport.core.ascent.diversity")
    asks: ClassVar[tuple[Asked, ...]] = ("ascend",)
    Facts: ClassVar[type[Any]] = VariantFacts
    units: ClassVar[Units] = Units(
        "Different pictures of a unit",
        "least",
        word="lowest score",
        beside="pattern",
        caption="Its pattern, and others unlike it",
    )

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers, where more than one picture is asked for."""
        tiles.check(scope, self.recipe, self.preset)
        shown = layers.shown(scope.card, scope.chosen) if self.pictures > 1 else []
        return tiles.units_of(shown, scope)

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the unit, and every number of the recipe; how many pictures is an option."""
        return tiles.unit_key(subject, scope, self.recipe, self.preset)

    def group(self, subject: Subject) -> Hashable:
        """The units of one layer climb together."""
        return subject.layer

    @property
    def climbs(self) -> int:
        """All of a unit's."""
        return self.pictures

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """A row of pictures a unit, the first its pattern."""
        recipe = replace(tiles.recipe_of(scope, self.recipe, self.preset), diversity=self.pictures)
        made = net.ascend([channel(one.layer or "", one.unit or 0) for one in batch], recipe, scope.seed)
        return [self._drawing(subject, made, place * self.pictures) for place, subject in enumerate(batch)]

    def _drawing(self, subject: Subject, made: Ascent, first: int) -> Drawing:
        places = range(first, first + self.pictures)
        row = pixels.tile(np.stack([tiles.shown(made, place) for place in places]), self.pictures)
        scores = [float(made.scores[place]) for place in places]
        told = tuple(short(score) if np.isfinite(score) else None for score in scores)
        known = [score for score in told if score is not None]
        responds = all(bool(made.scores[place] > made.starts[place]) for place in places)
        alt = f"{self.pictures} different patterns that excite unit {subject.unit} of {subject.layer}"
        facts = VariantFacts(told, min(known) if len(known) == len(told) else None, responds)
        return Drawing((Figure("variants", row, alt, kind="pattern"),), facts)
