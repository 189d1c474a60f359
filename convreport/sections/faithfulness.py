"""Whether the heatmaps mark what counts."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book
from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import faithfulness, heatmaps, saliency
from convreport.core.explain.heatmaps import heatmap
from convreport.core.network import layers
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.gradcam import GradCam
from convreport.sections.telling import Measured, Rule, Shift


@dataclass(frozen=True)
class Areas:
    """The areas under the probability's curve while places vanish and while they appear, 0..1."""

    deletion: float
    insertion: float


@dataclass(frozen=True)
class Traces:
    """The curves themselves."""

    deletion: tuple[float, ...]
    insertion: tuple[float, ...]


@dataclass(frozen=True)
class Traced(Areas):
    """Areas with their curves."""

    curves: Traces


@dataclass(frozen=True)
class OfMethod(Traced):
    """A method's areas, and how many times as fast the probability falls (`drop`) and rises (`rise`) as for random maps, None
    where those came to nothing. Where the object is known: does the map point into it, the share of its heat (`energy`) that
    lies there, and what share of the picture it `covers`.
    """

    drop: float | None = None
    rise: float | None = None
    pointing: bool | None = None
    energy: float | None = None
    covers: float | None = None


@dataclass(frozen=True)
class OfClass:
    """A class: its probability for the `whole` picture and for the blurred (`empty`) one, and every map's areas.

    `methods` is empty where the class is too unlikely to be measured.
    """

    index: int
    name: str
    whole: float
    empty: float
    random: Areas
    centre: Traced
    methods: Mapping[str, OfMethod]


@dataclass(frozen=True)
class FaithFacts:
    """Each explained class of a picture; `blur` is the deviation, as a share of the shorter side, of what vanished places
    give way to, `random` the number of random maps.
    """

    layer: str
    classes: tuple[OfClass, ...]
    steps: int
    blur: float
    random: int


@dataclass(frozen=True)
class MeanRow:
    """A method, or one of its rivals, in the mean over pictures, for the class explained first; None where unknown."""

    name: str
    pictures: int
    deletion: float
    insertion: float
    drop: float | None = None
    rise: float | None = None
    pointing: float | None = None
    energy: float | None = None
    covers: float | None = None


def _gain(key: str) -> Callable[[Book], Measured]:
    def measured(book: Book) -> Measured:
        rows = [row for row in Faithfulness.means(book) if getattr(row, key) is not None]
        if not rows:
            return Measured(None, "no heatmap was measured")
        return Measured(getattr(rows[0], key), f"{rows[0].name}, mean of {rows[0].pictures} pictures")

    return measured


@section
@dataclass(frozen=True)
class Faithfulness(Section[FaithFacts, None]):
    """Insertion and deletion (Petsiuk et al. 2018): how much the marked places affect the probability, against random maps."""

    classes: tuple[str, ...] = field(
        default=("top3",), metadata={"help": "topN, or names or indices of classes", "word": "classes"}
    )
    methods: tuple[str, ...] = field(
        default=("gradcam",), metadata={"help": "the heatmap methods to measure", "word": "cam"}
    )
    layer: str = field(
        default="", metadata={"help": "the layer they use; by default that of gradcam", "word": "cam_layer"}
    )
    steps: int = field(default=faithfulness.STEPS, metadata={"help": "points on a curve", "least": 2})

    name: ClassVar[str] = "faithfulness"
    page: ClassVar[PageKind] = "picture"
    order: ClassVar[float] = 90
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = ("convreport.core.explain.faithfulness", *heatmaps.SHAPED_BY)
    asks: ClassVar[tuple[Asked, ...]] = ("look",)
    Facts: ClassVar[type[Any]] = FaithFacts
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "min_insertion_gain", "How much faster heatmaps raise the probability than random maps do.", _gain("rise")
        ),
        Rule(
            "min_deletion_gain",
            "How much faster removing what heatmaps mark lowers the probability than random maps do.",
            _gain("drop"),
        ),
    )

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Each picture, where the network gives classes probabilities and has a map to look at."""
        card = scope.card
        if card.head in ("none", "regression") or card.dense or layers.cam_layer(card, self.layer) is None:
            return []
        for method in self.methods:
            saliency.find(method)
        self._explained.targets(scope.card)  # a wrong class is told before anything is drawn
        return [Subject(sample=sample.slug) for sample in scope.samples]

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to measure; nothing where gradcam says it already."""
        card = scope.card
        if card.head == "none" or layers.cam_layer(card, self.layer) is None or not scope.samples:
            return ""
        return "Whether heatmaps mark what matters is measured only where classes have probabilities for the whole picture."

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, the picture, and the seed of the random maps."""
        return {**self._explained.key(subject, scope), "seed": scope.seed}

    def group(self, subject: Subject) -> Hashable:
        """One picture at a time."""
        return subject.sample

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """For each explained class and method the areas and curves, beside those of random maps and of a centred one."""
        layer = layers.cam_layer(scope.card, self.layer)
        assert layer is not None
        return [self._measure(scope.sample(one.sample or ""), layer.path, scope, net) for one in batch]

    @property
    def _explained(self) -> GradCam:
        return GradCam(classes=self.classes, layer=self.layer)

    def _measure(self, sample: Sample, layer: str, scope: Scope, net: Network) -> Drawing:
        look = net.look([sample], [layer], fit=scope.fit, targets=self._explained.targets(scope.card, sample.truth))
        planes = net.read(sample, scope.fit)
        cells = look.activations[layer].shape[1:3]

        def of(heat: Array) -> list[faithfulness.Curves]:
            return faithfulness.curves(net, planes, heat, raw=sample.raw, steps=self.steps)

        noise = [of(one) for one in faithfulness.random_maps(cells, faithfulness.RANDOM, scope.seed)]
        middle = of(faithfulness.centred(cells))
        explained = []
        for index in dict.fromkeys(look.targets[0].tolist()):
            whole, empty = (float(middle[index].deletion[at]) for at in (0, -1))
            fall = [whole - one[index].deleted for one in noise]
            rise = [one[index].inserted - empty for one in noise]
            found: dict[str, OfMethod] = {}
            for name in self.methods if whole >= faithfulness.LEAST else ():
                heat = heatmap(name, net, sample, scope.fit, layer, look, index, seed=scope.seed)
                made = of(heat)[index]
                found[name] = OfMethod(
                    **vars(_said(made)),
                    drop=faithfulness.gain(whole - made.deleted, _mean(fall)),
                    rise=faithfulness.gain(made.inserted - empty, _mean(rise)),
                    **(self._inside(heat, cells, sample, scope) if index == sample.truth else {}),
                )
            random = Areas(_mean([one[index].deleted for one in noise]), _mean([one[index].inserted for one in noise]))
            name = scope.card.label(index).name
            explained.append(OfClass(index, name, whole, empty, random, _said(middle[index]), found))
        facts = FaithFacts(layer, tuple(explained), self.steps, faithfulness.BLUR, faithfulness.RANDOM)
        return Drawing((), facts)

    def _inside(self, heat: Array, cells: tuple[int, int], sample: Sample, scope: Scope) -> dict[str, Any]:
        """Does the map point into the object, and how much of it lies there? Only where the object's mask is known."""
        if sample.mask is None:
            return {}
        height, width = sample.mask.shape
        at_picture = fit_of((height, width), size_for(scope.card.input, (height, width)), scope.fit).back(heat)
        pointing, energy = faithfulness.inside(at_picture, sample.mask, (height // cells[0], width // cells[1]))
        return {"pointing": pointing, "energy": short(energy), "covers": short(sample.mask.mean())}

    # -- telling

    @classmethod
    def means(cls, book: Book) -> list[MeanRow]:
        """Of each method, then of random maps and a centred one; nothing where nothing was measured."""
        drawn = [one.facts for one in cls.drawn(book)]
        first = [one.classes[0] for one in drawn]
        rows = []
        for name in dict.fromkeys(name for one in first for name in one.methods):
            found = [one.methods[name] for one in first if name in one.methods]
            every = [one.methods[name] for facts in drawn for one in facts.classes if name in one.methods]
            areas = {key: _mean_of(found, key) for key in ("drop", "rise")}
            inside = {key: _mean_of(every, key) for key in ("pointing", "energy", "covers")}
            deletion, insertion = (_mean([getattr(one, key) for one in found]) for key in ("deletion", "insertion"))
            rows.append(MeanRow(name, len(found), deletion, insertion, **areas, **inside))
        if rows:
            for name, some in (("random", [one.random for one in first]), ("centre", [one.centre for one in first])):
                areas_ = _mean([one.deletion for one in some]), _mean([one.insertion for one in some])
                rows.append(MeanRow(name, len(first), *areas_))
        return rows

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """Beside a heatmap what was found of it; on the model's page and in the report the means."""
        if place == "heatmap":
            some = [one for own in cls.drawn_of(book, subject["sample"].slug) for one in own.facts.classes]
            return {"found": next((one for one in some if one.index == subject["index"]), None)}
        return {"rows": book.once(cls.means)}

    @classmethod
    def shifts(cls, now: Book, before: Book) -> Iterable[Shift]:
        """How often heatmaps point at the object, and how much better than random maps they mark what counts."""
        first, second = (next(iter(book.once(cls.means)), None) for book in (before, now))
        for key, name, share in (
            ("pointing", "heatmaps that point at the object", True),
            ("rise", "insertion gain of heatmaps over random maps", False),
            ("drop", "deletion gain of heatmaps over random maps", False),
        ):
            earlier, later = (None if row is None else getattr(row, key) for row in (first, second))
            if (earlier, later) != (None, None):
                yield Shift(name, earlier, later, "higher", share)


def _said(made: faithfulness.Curves) -> Traced:
    return Traced(made.deleted, made.inserted, Traces(_short(made.deletion), _short(made.insertion)))


def _short(curve: Array) -> tuple[float, ...]:
    return tuple(float(f"{value:.3g}") for value in curve)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _mean_of(found: Iterable[OfMethod], key: str) -> float | None:
    values = [getattr(one, key) for one in found if getattr(one, key) is not None]
    return sum(values) / len(values) if values else None
