"""The pattern each class looks for."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from convreport.core.ascent import recipes
from convreport.core.ascent.objectives import logit
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import labels
from convreport.core.network.card import ModelCard
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked
from convreport.sections.shared import tiles

FEW = 16  # classes of a network that are all drawn without asking
# Of ImageNet's thousand a handful with a look of its own, by name.
TELLING = ("jellyfish", "tiger", "school_bus", "strawberry")


@section
@dataclass(frozen=True)
class Classes:
    """Activation maximization of a class's score before the softmax: what would convince the network most of it."""

    which: tuple[str, ...] = field(
        default=("auto",),
        metadata={
            "help": "classes by name or index, all, none, or auto: all of a few, else a handful and the predicted"
        },
    )
    recipe: str = tiles.recipe_option()
    preset: str = tiles.preset_option()

    name: ClassVar[str] = "classes"
    page: ClassVar[PageKind] = "model"
    batch: ClassVar[int] = 8
    shaped_by: ClassVar[tuple[str, ...]] = (*tiles.SHAPED_BY,)
    asks: ClassVar[tuple[Asked, ...]] = ("ascend", "score")

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The asked classes; under `auto` all of a few, else a handful and for each picture the one predicted for it."""
        card = scope.card
        recipes.find(self.recipe, self.preset, scope.recipes)
        if card.head == "none" or self.which == ("none",):
            return []
        if self.which == ("all",) or (self.which == ("auto",) and card.classes <= FEW):
            return [Subject(label=index) for index in range(card.classes)]
        if self.which == ("auto",):
            handful = [Subject(label=index) for index in _telling(card)]
            return [*handful, *(Subject(sample=sample.slug) for sample in scope.samples)]
        asked = [labels.index_of(card, word, "Say all, none, auto, a name, ") for word in self.which]
        return [Subject(label=index) for index in dict.fromkeys(asked)]

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        if self.which == ("none",):
            return ""
        return "The network has no output that scores classes, so no class has a pattern."

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, the class or the picture that is to tell it, and what shapes every tile."""
        card = scope.card
        return {
            "model": card.digest,
            "class": subject.label,
            "sample": scope.sample(subject.sample).digest if subject.sample else None,
            "fit": scope.fit if subject.sample else None,
            "output": (card.output, card.head, card.dense, card.score),
            "labels": card.labels,
            **tiles.key(scope, self.recipe, self.preset),
        }

    def group(self, subject: Subject) -> Hashable:
        """All classes climb together."""
        return "classes"

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """One tile a class; pictures predicted as the same class share it."""
        card = scope.card
        classes = [_class_of(subject, scope, net) for subject in batch]
        distinct = list(dict.fromkeys(classes))
        recipe = recipes.find(self.recipe, self.preset, scope.recipes)
        ascent = net.ascend([logit(index) for index in distinct], recipe, scope.seed)
        names = [f"The pattern that the class {card.label(index).name} seeks" for index in distinct]
        made = dict(zip(distinct, tiles.drawings(ascent, names, recipe, self.preset), strict=True))
        return [_titled(made[index], index, card) for index in classes]


def _telling(card: ModelCard) -> list[int]:
    """The handful of classes drawn of a network with many: known ones of ImageNet, else evenly spread."""
    names = {label.name: index for index, label in enumerate(card.labels)}
    known = [names[name] for name in TELLING if name in names]
    return (
        known if len(known) == len(TELLING) else [place * card.classes // len(TELLING) for place in range(len(TELLING))]
    )


def _class_of(subject: Subject, scope: Scope, net: Network) -> int:
    """The class a subject is about; for a picture the one the network says of it."""
    if subject.label is not None:
        return subject.label
    look = net.look([scope.sample(subject.sample or "")], [], fit=scope.fit, targets=Targets(top=1))
    return int(look.probabilities[0].argmax())


def _titled(drawing: Drawing, index: int, card: ModelCard) -> Drawing:
    return replace(drawing, facts={"class": index, "name": card.label(index).name, **drawing.facts})
