"""Whether a class is told by a place in the picture rather than by what is shown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book
from convreport.core.base.errors import ImageError
from convreport.core.base.kinds import Array, Pixels
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import heatmaps, saliency
from convreport.core.network import layers
from convreport.core.pictures import pixels
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.shared.overlays import small_overlay
from convreport.sections.telling import Alert, Shift

BATCH = 8
LEAST = 5  # pictures of a class
SIDE = 8  # cells a side at which maps are compared
AGREEING = 0.8  # mean correlation of a class's maps with each other from which they mark one place
# Correlation with the mean map of the other classes from which that place is the network's and not the class's.
COMMON = 0.5
OUTER = 0.25  # how far from the middle, as a share of the picture: what photographers put in the middle is no shortcut
SHOWN, THUMB = 6, 112  # pictures of a suspect class, and their pixels
FEW = 10  # pictures of a class, below which an alert about it is called a hint
WEIGHT = 8.0  # of an alert: worse than a whole layer of silent units


@dataclass(frozen=True)
class Suspicion:
    """How the heatmaps of a class agree: their mean correlation (`agreement`), and the correlation of their mean with that of
    the other classes (`common`); `where` says in words where their mean is highest.
    """

    agreement: float
    common: float
    where: str
    suspect: bool


@dataclass(frozen=True)
class OfClass(Suspicion):
    """The same, of a class by its index and name, on so many pictures."""

    index: int
    name: str
    pictures: int


@dataclass(frozen=True)
class ShortcutFacts:
    """All classes that were said of enough of the `pictures`."""

    pictures: int
    classes: tuple[OfClass, ...]


@dataclass
class _Seen:
    """The heatmaps of one class, brought to one size, and a few of the pictures."""

    maps: list[Array]
    thumbs: list[Pixels]


@section
@dataclass(frozen=True)
class Shortcuts(Section[ShortcutFacts, None]):
    """Classes whose evidence lies in the same place in every picture, such as a watermark (Lapuschkin et al. 2019)."""

    pictures: int = field(default=120, metadata={"help": "how many randomly chosen examples to use", "least": 1})
    layer: str = field(
        default="", metadata={"help": "the layer to use; by default that of gradcam", "word": "cam_layer"}
    )

    name: ClassVar[str] = "shortcuts"
    page: ClassVar[PageKind] = "model"
    order: ClassVar[float] = 120
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = (*heatmaps.SHAPED_BY, "convreport.sections.shared.overlays")
    asks: ClassVar[tuple[Asked, ...]] = ("look",)
    Facts: ClassVar[type[Any]] = ShortcutFacts
    of_examples: ClassVar[bool] = True

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The model, where it tells classes of whole pictures apart and there are enough examples for one of them."""
        card = scope.card
        told = card.head not in ("none", "regression") and not card.dense
        enough = scope.examples is not None and scope.examples.count >= LEAST
        return [Subject()] if told and enough and layers.cam_layer(card, self.layer) is not None else []

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model and all the examples."""
        assert scope.examples is not None
        card = scope.card
        return {
            "model": card.digest,
            "examples": scope.examples.digest,
            "output": (card.output, card.head, card.score),
            "labels": card.labels,
            "input": card.input,
            "preprocessing": card.preprocessing.key,
            "fit": scope.fit,
            "seed": scope.seed,
        }

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Of each class that was said of enough pictures how its heatmaps agree, and where; suspects are shown."""
        seen: dict[int, _Seen] = {}
        count = 0
        for some in self._in_batches(scope):
            count += self._look(some, scope, net, seen)
        known = {index: one for index, one in sorted(seen.items()) if len(one.maps) >= LEAST}
        means = {index: np.mean(one.maps, 0) for index, one in known.items()}
        classes, figures = [], []
        for index, one in known.items():
            others = [mean for other, mean in means.items() if other != index]
            found = _judged(one.maps, np.mean(others, 0) if others else None)
            name = scope.card.label(index).name
            classes.append(OfClass(**vars(found), index=index, name=name, pictures=len(one.maps)))
            if found.suspect:
                strip = np.concatenate(one.thumbs, 1)
                alt = f"Where the evidence for {name} lies in {len(one.thumbs)} pictures: {found.where} each time"
                figures.append(Figure(f"shortcut-{index}", strip, alt, kind="photo"))
        return [Drawing(tuple(figures), ShortcutFacts(count, tuple(classes)))]

    def _in_batches(self, scope: Scope) -> Iterator[list[Sample]]:
        """The examples that can be read, some at a time; one at a time where each has a size of its own."""
        assert scope.examples is not None
        count = scope.examples.count
        # At random, as classes that take turns would fall into step with anything even.
        draw = np.random.default_rng(scope.seed).choice(count, min(self.pictures, count), replace=False)
        size = 1 if None in scope.card.input[:2] else BATCH
        waiting: list[Sample] = []
        for sample in scope.examples.samples(sorted(int(number) for number in draw)):
            waiting += [] if sample is None else [sample]
            if len(waiting) == size:
                yield waiting
                waiting = []
        if waiting:
            yield waiting

    def _look(self, some: Sequence[Sample], scope: Scope, net: Network, seen: dict[int, _Seen]) -> int:
        """Gather the heatmaps of some pictures; how many of them the network could be shown."""
        layer = layers.cam_layer(scope.card, self.layer)
        assert layer is not None
        try:
            look = net.look(some, [layer.path], fit=scope.fit, targets=Targets(top=1))
        except ImageError:  # one of them has another number of channels; the survey tells of it
            return sum(self._look([one], scope, net, seen) for one in some) if len(some) > 1 else 0
        for place, sample in enumerate(some):
            index = int(look.probabilities[place].argmax())
            spot = look.targets[place].tolist().index(index)
            heat = saliency.gradcam(look.activations[layer.path][place], look.gradients[layer.path][place, spot])
            kept = seen.setdefault(index, _Seen([], []))
            kept.maps.append(pixels.resize(saliency.shares(heat), SIDE, SIDE))
            if len(kept.thumbs) < SHOWN:
                thumb = pixels.resize_picture(sample.pixels, THUMB, THUMB)
                kept.thumbs.append(small_overlay(heat, sample, thumb, scope))
        return len(some)

    # -- telling

    @classmethod
    def alerts(cls, book: Book) -> Iterable[Alert]:
        """One for each suspect class; it rests on that class's pictures alone."""
        for drawing in cls.drawn(book):
            for one in drawing.facts.classes:
                if one.suspect:
                    name = one.name.replace("_", " ")
                    said = (
                        f"The evidence for {name} always lies {one.where}, whatever the picture shows: the heatmaps of the"
                        f" {one.pictures} pictures looked at are correlated at {one.agreement:.2f} on average. The network may"
                        " rely on a mark or a border rather than on the object."
                    )
                    yield Alert("shortcut", said, one.pictures, WEIGHT, label=one.index, few=FEW)

    @classmethod
    def shifts(cls, now: Book, before: Book) -> Iterable[Shift]:
        """How many classes are told by a place, and how much the maps of each that is suspect in either agree."""
        first, second = ([one for drawn in cls.drawn(book) for one in drawn.facts.classes] for book in (before, now))
        counts = [float(sum(one.suspect for one in some)) if some else None for some in (first, second)]
        if counts != [None, None]:
            yield Shift("classes recognized by a place in the picture", counts[0], counts[1], "lower")
        for name in dict.fromkeys(one.name for one in (*first, *second) if one.suspect):
            found = [next((one.agreement for one in some if one.name == name), None) for some in (first, second)]
            yield Shift(f"agreement of the heatmaps of {name.replace('_', ' ')}", found[0], found[1], "lower")


def _judged(maps: Sequence[Array], others: Array | None) -> Suspicion:
    """How the maps of a class agree, where their mean is highest, in words, and whether that is suspect."""
    flat = np.stack([one.ravel() for one in maps]).astype(np.float64)
    varying = flat[flat.std(1) > 0]
    agreement = 0.0
    if len(varying) > 1:
        between = np.corrcoef(varying)
        agreement = float((between.sum() - len(between)) / (len(between) * (len(between) - 1)))
    mean = flat.mean(0)
    row, column = divmod(int(mean.argmax()), SIDE)
    spot = ((row + 0.5) / SIDE, (column + 0.5) / SIDE)
    common = 0.0
    if others is not None and others.std() > 0 and mean.std() > 0:
        common = float(np.corrcoef(mean, others.ravel())[0, 1])
    outer = max(abs(one - 0.5) for one in spot) > OUTER
    suspect = bool(agreement >= AGREEING and outer and common < COMMON)
    return Suspicion(short(agreement), short(common), _where(*spot), suspect)


def _where(row: float, column: float) -> str:
    """A place in 0..1 in words."""
    vertical = "upper" if row < 1 / 3 else "lower" if row > 2 / 3 else ""
    horizontal = "left" if column < 1 / 3 else "right" if column > 2 / 3 else ""
    if vertical and horizontal:
        return f"in the {vertical} {horizontal} corner"
    return f"at the {vertical or horizontal} edge" if vertical or horizontal else "in the middle"
