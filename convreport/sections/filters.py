"""The pattern each filter looks for."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from convreport.core import layers, recipes, tiles
from convreport.core.objectives import channel
from convreport.core.protocols import Network
from convreport.core.types import Drawing, PageKind, Scope, Subject
from convreport.core.units import must_exist, pick
from convreport.sections import section


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

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers that are stacks of maps."""
        recipes.find(self.recipe, self.preset, scope.recipes)
        chosen = layers.telling(scope.card) if scope.chosen is None else list(scope.chosen)
        shown = [layer for layer in chosen if layers.is_map(layer)]
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
        """One tile a unit, with the score it reached, the one it began with, and how specific it is."""
        objectives = [channel(subject.layer or "", subject.unit or 0) for subject in batch]
        recipe = recipes.find(self.recipe, self.preset, scope.recipes)
        ascent = net.ascend(objectives, recipe, scope.seed)
        names = [f"The pattern that unit {subject.unit} of {subject.layer} seeks" for subject in batch]
        return tiles.drawings(ascent, names, recipe, self.preset)
