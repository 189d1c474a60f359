"""The pattern each filter looks for."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from convreport.core.ascent import recipes
from convreport.core.ascent.objectives import channel
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.network.units import must_exist, pick
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked
from convreport.sections.shared import tiles


@section
@dataclass(frozen=True)
class Filters:
    """Activation maximization: a picture made from noise, step by step, to drive one unit as far up as it goes."""

    recipe: str = tiles.recipe_option()
    preset: str = tiles.preset_option()

    name: ClassVar[str] = "filters"
    page: ClassVar[PageKind] = "layer"
    batch: ClassVar[int] = 8
    shaped_by: ClassVar[tuple[str, ...]] = tiles.SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("ascend",)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers that are stacks of maps."""
        recipes.find(self.recipe, self.preset, scope.recipes)
        shown = layers.shown(scope.card, scope.chosen)
        must_exist(scope.units, shown)
        return [
            Subject(layer=layer.path, unit=unit) for layer in shown for unit in pick(scope.units, layer, scope.seed)
        ]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the unit, what pictures are made of, the seed, and every number of the recipe."""
        assert subject.layer is not None
        return {
            "layer": scope.card.layer(subject.layer).digest,
            "path": subject.layer,  # randomness is keyed by it
            "unit": subject.unit,
            **tiles.key(scope, self.recipe, self.preset),
        }

    def group(self, subject: Subject) -> Hashable:
        """The units of one layer climb together."""
        return subject.layer

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "No layer of the chosen ones has an output that is a stack of maps."

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """One tile a unit, with the score it reached, the one it began with, how specific it is, and the highest value the
        unit has anywhere on it, to be compared with what it has on pictures.
        """
        objectives = [channel(subject.layer or "", subject.unit or 0) for subject in batch]
        recipe = recipes.find(self.recipe, self.preset, scope.recipes)
        ascent = net.ascend(objectives, recipe, scope.seed)
        names = [f"The pattern that unit {subject.unit} of {subject.layer} seeks" for subject in batch]
        peaks = net.peaks(ascent.pictures, batch[0].layer or "", [subject.unit or 0 for subject in batch])
        made = tiles.drawings(ascent, names, recipe, self.preset)
        if peaks is None:
            return made
        return [replace(one, facts={**one.facts, "peak": short(peak)}) for one, peak in zip(made, peaks, strict=True)]
