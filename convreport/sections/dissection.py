"""Which concept each unit detects: an object or a part that masks mark (network dissection, Bau et al. 2017)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from convreport.book.values import Book, ShownFigure
from convreport.core.base.errors import ImageError
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.layers import paths
from convreport.core.pictures.concepts import Concept
from convreport.core.seam import Network
from convreport.core.survey.dissection import DETECTOR, Dissected
from convreport.core.survey.shards import Surveyor
from convreport.sections import section
from convreport.sections.base import Asked, Desk, Inline, Section
from convreport.sections.shared.detections import Detection, Found
from convreport.sections.shared.surveyed import surveyed_layers
from convreport.sections.telling import Line, Part

SHOWN = 8  # detectors of a layer that are shown with a picture
TOLD = 5  # concepts of a layer that are named in the report and the comment


@dataclass(frozen=True)
class Best:
    """The concept that a unit's answers cover best, its kind ("object", "part", or nothing), and the intersection over union."""

    concept: str
    kind: str
    iou: float


@dataclass(frozen=True, kw_only=True)
class DissectionFacts:
    """What the units of a layer detect, of so many `concepts` marked in so many `pictures`.

    `best` has one for each unit, in their order; None for a unit that answers nowhere, or everywhere alike. A unit is a
    detector where the intersection over union is above `least`. `kinds` are those of concepts.
    """

    pictures: int
    concepts: int
    kinds: tuple[str, ...]
    least: float
    best: tuple[Best | None, ...]

    @property
    def detectors(self) -> tuple[tuple[int, Best], ...]:
        """(unit, what it detects), the surest first."""
        found = [(unit, one) for unit, one in enumerate(self.best) if one is not None and one.iou > self.least]
        return tuple(sorted(found, key=lambda pair: -pair[1].iou))

    @property
    def shown(self) -> tuple[tuple[int, Best], ...]:
        """The detectors that have a picture: the surest of each concept first of all, as many as there is room for."""
        first = {best.concept: unit for unit, best in reversed(self.detectors)}
        ranked = sorted(self.detectors, key=lambda pair: (first[pair[1].concept] != pair[0], -pair[1].iou))
        return tuple(sorted(ranked[:SHOWN], key=lambda pair: -pair[1].iou))

    @property
    def by_concept(self) -> tuple[tuple[str, tuple[tuple[int, float], ...]], ...]:
        """(concept, its detectors as (unit, intersection over union)), those that most units detect first."""
        units: dict[str, list[tuple[int, float]]] = {}
        for unit, one in self.detectors:
            units.setdefault(one.concept, []).append((unit, one.iou))
        return tuple((name, tuple(some)) for name, some in sorted(units.items(), key=lambda pair: -len(pair[1])))


@dataclass(frozen=True)
class Shown:
    """A detector with its picture in the report."""

    unit: int
    best: Best
    figure: ShownFigure
    inline: Inline


@section
@dataclass(frozen=True)
class Dissection(Section[DissectionFacts, None]):
    """What units detect: the object or part whose masks their strongest activations cover best (Bau et al. 2017)."""

    pictures: int = field(
        default=384, metadata={"help": "how many pictures with masks to use, sampled evenly", "least": 1}
    )

    name: ClassVar[str] = "dissection"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 45
    batch: ClassVar[int] = 4096
    shaped_by: ClassVar[tuple[str, ...]] = (
        "convreport.core.survey.dissection", "convreport.core.survey.heights", "convreport.core.survey.overlap",
        "convreport.core.pictures.concepts", "convreport.core.pictures.label_images", "convreport.core.pictures.coco",
        "convreport.core.pictures.fitting", "convreport.sections.shared.detections",
        "convreport.sections.shared.surveyed",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("observe",)
    of_examples: ClassVar[bool] = True
    Facts: ClassVar[type[Any]] = DissectionFacts

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen layers that are stacks of maps; none where no example has a mask: then nothing is claimed."""
        masked = scope.examples is not None and len(scope.examples.masked) > 0
        return [Subject(layer=layer.path) for layer in surveyed_layers(scope)] if masked else []

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the masks, the examples, and how pictures are fed."""
        assert scope.examples is not None
        return {
            "layer": scope.card.layer(subject.layer or "").digest,
            "examples": scope.examples.digest,
            "masks": scope.examples.masks,
            "input": scope.card.input,
            "preprocessing": scope.card.preprocessing.key,
            "fit": scope.fit,
        }

    def prepare(self, scope: Scope, surveyor: Surveyor, rests_on: str) -> None:
        """Two passes of its own; it does not rest on the survey."""
        assert scope.examples is not None
        layers = paths(surveyed_layers(scope))
        scope.examples.dissect_by(surveyor, scope.card, layers, scope.fit, self.pictures)

    def passes(self, scope: Scope) -> int:
        """The pictures with masks that are looked at."""
        return 0 if scope.examples is None else min(self.pictures, len(scope.examples.masked))

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Of each layer what its units detect, and of the surest detectors the picture that shows it best."""
        examples = scope.examples
        assert examples is not None
        layers = paths(surveyed_layers(scope))
        found = examples.dissect(net, layers, scope.fit, self.pictures)
        facts = {one: _facts(found.of(one.layer or ""), examples.concepts) for one in batch}
        seen = Detection(net, layers, scope.fit)
        for one in batch:
            dissected, path = found.of(one.layer or ""), one.layer or ""
            iou = dissected.overlap.iou
            for unit, _ in facts[one].shown:
                concept = int(iou[unit].argmax()) + 1
                number = int(dissected.overlap.who[unit, concept])
                seen.wish(number, Found(path, unit, concept, float(dissected.thresholds[unit])))
        numbers = seen.numbers
        for number, labelled in zip(numbers, examples.labelled(numbers), strict=True):
            if not isinstance(labelled, ImageError):  # else it has gone since the pass
                seen.at(number, labelled)
        seen.finish()
        return [Drawing(tuple(_figures(one.layer or "", facts[one], seen)), facts[one]) for one in batch]

    # -- telling

    @classmethod
    def count(cls, book: Book) -> tuple[int, int]:
        """(detectors, units) of all layers."""
        facts = [one.facts for one in cls.drawn(book)]
        return sum(len(one.detectors) for one in facts), sum(len(one.best) for one in facts)

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """How many concepts are named, of what kind; which units of the layer have a tile to be opened; all layers."""
        drawn = cls.drawn(book)
        path = subject["layer"].path if "layer" in subject else None
        sheets = [sheet for chapter in book.sections for sheet in chapter.sheets if sheet.layer == path]
        tiled = {unit for sheet in sheets for one in sheet.files for unit in one.units}
        what = _what(drawn[0].facts.kinds) if drawn else ""
        return {"told": TOLD, "of_layers": drawn, "tiled": tiled, "what": what}

    @classmethod
    def summary(cls, book: Book) -> Iterable[Line]:
        """How many units are detectors."""
        detectors, units = cls.count(book)
        if units:
            what = _what(cls.drawn(book)[0].facts.kinds)
            yield Line(f"{detectors} of {units:,} units detect {what} (IoU above {DETECTOR:g})")

    @classmethod
    def layer_data(cls, book: Book, layer: str) -> Mapping[str, Any]:
        """Of each unit the concept, the intersection over union, and whether it is a detector."""
        facts = next((one.facts for one in cls.drawn(book) if one.layer == layer), None)
        if facts is None:
            return {}
        found = {
            unit: [one.concept, one.iou, one.iou > facts.least]
            for unit, one in enumerate(facts.best)
            if one is not None
        }
        return {"detects": found}

    @classmethod
    def words_of_units(cls, book: Book) -> Iterable[tuple[str, int, str]]:
        """What detectors detect."""
        for one in cls.drawn(book):
            for unit, best in one.facts.detectors:
                yield one.layer or "", unit, best.concept

    @classmethod
    def report(cls, book: Book, desk: Desk) -> Iterable[Part]:
        """The surest detectors of all layers, and how many each layer has."""
        if not cls.drawn(book):
            return
        surest: list[tuple[str, Shown]] = []
        for one in cls.drawn(book):
            for unit, best in one.facts.shown:
                figure = one.figures.get(figure_of(unit))
                if figure is not None:
                    surest.append((one.layer or "", Shown(unit, best, figure, desk.inline(figure.file, "tile"))))
        surest = sorted(surest, key=lambda pair: -pair[1].best.iou)[:SHOWN]
        yield Part("detectors", "What units detect", {"surest": surest})


def figure_of(unit: int) -> str:
    """The name of the picture of a detector."""
    return f"unit-{unit}"


def _facts(found: Dissected, concepts: Sequence[Concept]) -> DissectionFacts:
    iou, top = found.overlap.iou, found.overlap.iou.argmax(1)
    best = [
        Best(concepts[concept].name, concepts[concept].kind, short(iou[unit, concept])) if iou[unit, concept] else None
        for unit, concept in enumerate(top)
    ]
    there = int((found.overlap.area[1:] > 0).sum())
    kinds = tuple(dict.fromkeys(one.kind for one in concepts if one.kind))
    return DissectionFacts(pictures=found.pictures, concepts=there, kinds=kinds, least=DETECTOR, best=tuple(best))


def _figures(layer: str, facts: DissectionFacts, seen: "Detection") -> Iterable[Figure]:
    for unit, best in facts.shown:
        tile = seen.tiles.get((layer, unit))
        if tile is not None:
            alt = f"Where unit {unit} of {layer} answered in a picture with {best.concept}, which is outlined"
            yield Figure(figure_of(unit), tile, alt, kind="photo")


def _what(kinds: Sequence[str]) -> str:
    """In words what there is to detect: an object or part."""
    return f"{'an' if kinds[0][0] in 'aeiou' else 'a'} {' or '.join(kinds)}" if kinds else "a concept"
