"""The pattern each class looks for."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from convreport.book.values import Book, Drawing
from convreport.core.ascent.objectives import logit
from convreport.core.drawing import figures
from convreport.core.drawing.figures import PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import labels
from convreport.core.network.card import ModelCard
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked, Desk, Section
from convreport.sections.shared import tiles
from convreport.sections.shared.tiles import TileFacts
from convreport.sections.telling import Part, SaidClass, Strip

FEW = 20  # classes of a network that are all drawn without asking
# Of ImageNet's thousand a handful with a look of its own, by name.
TELLING = ("jellyfish", "tiger", "school_bus", "strawberry")


@dataclass(frozen=True, kw_only=True)
class ClassFacts(TileFacts):
    """What was measured of the pattern of a class: its index and name, too."""

    index: int
    name: str


@section
@dataclass(frozen=True)
class Classes(Section[ClassFacts, None]):
    """Activation maximization of a class's score before the softmax: the picture that would convince the network most."""

    which: tuple[str, ...] = field(
        default=("auto",),
        metadata={
            "help": "classes to draw patterns of: names or indices, all, none, or auto: all if there are few, otherwise a"
            " handful and the predicted ones",
            "word": "class_patterns",
        },
    )
    recipe: str = tiles.recipe_option()
    preset: str = tiles.preset_option()

    name: ClassVar[str] = "classes"
    page: ClassVar[PageKind] = "model"
    order: ClassVar[float] = 70
    batch: ClassVar[int] = 8
    shaped_by: ClassVar[tuple[str, ...]] = tiles.SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("ascend", "score")
    Facts: ClassVar[type[Any]] = ClassFacts

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The asked classes; under `auto` all of a few, else a handful and for each picture the one predicted for it."""
        card = scope.card
        tiles.check(scope, self.recipe, self.preset)
        if card.head == "none" or self.which == ("none",):
            return []
        if self.which == ("all",) or (self.which == ("auto",) and card.classes <= FEW):
            return [Subject(label=index) for index in range(card.classes)]
        if self.which == ("auto",):
            handful = [Subject(label=index) for index in _telling(card)]
            return [*handful, *(Subject(sample=sample.slug) for sample in scope.samples)]
        asked = [labels.index_of(card, word, "Give all, none, auto, a name, ") for word in self.which]
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

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[figures.Drawing]:
        """One tile a class; pictures predicted as the same class share it."""
        card = scope.card
        classes = [_class_of(subject, scope, net) for subject in batch]
        distinct = list(dict.fromkeys(classes))
        recipe = tiles.recipe_of(scope, self.recipe, self.preset)
        ascent = net.ascend([logit(index) for index in distinct], recipe, scope.seed)
        names = [f"Pattern that excites the class {card.label(index).name}" for index in distinct]
        made = dict(zip(distinct, tiles.drawings(ascent, names, recipe, self.preset), strict=True))
        return [_titled(made[index], index, card) for index in classes]

    # -- telling

    @classmethod
    def patterns(cls, book: Book) -> dict[int, Drawing[ClassFacts]]:
        """The pattern of each class, also where several pictures asked for the same."""
        return {one.facts.index: one for one in cls.drawn(book)}

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """All patterns in the order of their classes; on a class's page its own."""
        found = cls.patterns(book)
        if place == "class":
            return {"pattern": found.get(subject["found"].index)}
        return {"patterns": [found[index] for index in sorted(found)]}

    @classmethod
    def said_classes(cls, book: Book) -> Iterable[SaidClass]:
        """Those with a pattern; of a regression the numbers are no classes."""
        if book.model.head not in ("none", "regression"):
            for index, one in cls.patterns(book).items():
                yield SaidClass(index, one.facts.name, lone=True)

    @classmethod
    def contact(cls, book: Book) -> Iterable[Strip]:
        """One tile a class."""
        files = dict.fromkeys(one.figures["pattern"].file for one in cls.drawn(book))
        if files:
            yield Strip("classes", tuple(files))

    @classmethod
    def report(cls, book: Book, desk: Desk) -> Iterable[Part]:
        """The pattern of each class."""
        shown = [(one, desk.inline(one.figures["pattern"].file, "tile")) for one in cls.patterns(book).values()]
        if shown:
            yield Part("classes", "Classes", {"shown": shown})

    @classmethod
    def file_name(cls, drawing: Drawing[ClassFacts], figure: str, slugs: Mapping[str, str]) -> str:
        """`class_<index>`."""
        return f"class_{drawing.facts.index}"


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


def _titled(drawing: figures.Drawing, index: int, card: ModelCard) -> figures.Drawing:
    facts = ClassFacts(**vars(drawing.facts), index=index, name=card.label(index).name)
    return figures.Drawing(drawing.figures, facts)
