"""The pattern each filter looks for."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from convreport.core import layers, pixels
from convreport.core.protocols import Network
from convreport.core.recipes import RECIPES
from convreport.core.types import Drawing, Figure, Objective, PageKind, Scope, Subject
from convreport.core.units import pick
from convreport.sections import section


@section
@dataclass(frozen=True)
class Filters:
    """Activation maximization: a picture made from noise, step by step, to drive one unit as far up as it goes."""

    recipe: str = field(default="fourier", metadata={"help": "how the picture is made", "choices": tuple(RECIPES)})

    name: ClassVar[str] = "filters"
    page: ClassVar[PageKind] = "layer"
    batch: ClassVar[int] = 8
    shaped_by: ClassVar[tuple[str, ...]] = (
        "convreport.model.ascent",
        "convreport.model.canvas",
        "convreport.model.probe",
        "convreport.model.feed",
        "convreport.core.recipes",
    )

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers that are stacks of maps."""
        shown = layers.telling(scope.card) if scope.chosen is None else list(scope.chosen)
        return [
            Subject(layer=layer.path, unit=unit)
            for layer in shown
            if layers.is_map(layer)
            for unit in pick(scope.units, layer, scope.seed)
        ]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the unit, what pictures are made of, the seed, and every number of the recipe."""
        assert subject.layer is not None
        return {
            "layer": scope.card.layer(subject.layer).digest,
            "path": subject.layer,  # randomness is keyed by it
            "unit": subject.unit,
            "input": scope.card.input,
            "preprocessing": scope.card.preprocessing.key,
            "seed": scope.seed,
            "recipe": RECIPES[self.recipe],
        }

    def group(self, subject: Subject) -> Hashable:
        """The units of one layer climb together."""
        return subject.layer

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "No layer of the chosen ones has an output that is a stack of maps."

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """One tile a unit, with the score it reached and the one it began with."""
        recipe = RECIPES[self.recipe]
        objectives = [Objective(subject.layer or "", subject.unit or 0) for subject in batch]
        ascent = net.ascend(objectives, recipe, scope.seed)
        drawings = []
        for subject, picture, score, start in zip(batch, ascent.pictures, ascent.scores, ascent.starts, strict=True):
            rose = bool(score > start)
            facts: dict[str, Any] = {"score": float(score), "start": float(start), "responds": rose}
            if ascent.batch < self.batch // 2:
                facts["batch"] = ascent.batch  # memory ran out with more
            alt = f"The pattern that unit {subject.unit} of {subject.layer} seeks" + (
                "" if rose else ": no response found"
            )
            drawings.append(Drawing((Figure("pattern", pixels.in_colour(picture), alt, kind="pattern"),), facts))
        return drawings
