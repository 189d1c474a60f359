"""Whether a class is told by a place in the picture rather than by what is shown."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.errors import ImageError
from convreport.core.base.kinds import Array, Pixels
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import heatmaps as explain
from convreport.core.explain import saliency
from convreport.core.network import layers
from convreport.core.pictures import colour, pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked
from convreport.sections.gradcam import STRENGTH

BATCH = 8
LEAST = 5  # pictures of a class
SIDE = 8  # cells a side at which maps are compared
AGREEING = 0.8  # mean correlation of a class's maps with each other from which they mark one place
# Correlation with the mean map of the other classes from which that place is the network's and not the class's.
COMMON = 0.5
OUTER = 0.25  # how far from the middle, as a share of the picture: what photographers put in the middle is no shortcut
SHOWN, THUMB = 6, 112  # pictures of a suspect class, and their pixels


@dataclass
class _Seen:
    """The heatmaps of one class, brought to one size, and a few of the pictures."""

    maps: list[Array]
    thumbs: list[Pixels]


@section
@dataclass(frozen=True)
class Shortcuts:
    """Classes whose evidence lies in the same place whatever the picture: a mark, a border (Lapuschkin et al. 2019)."""

    pictures: int = field(default=120, metadata={"help": "on how many examples, drawn at random", "least": 1})
    layer: str = field(default="", metadata={"help": "the map looked at; by default that of gradcam"})

    name: ClassVar[str] = "shortcuts"
    page: ClassVar[PageKind] = "model"
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = explain.SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("look",)
    of_examples: ClassVar[bool] = True

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The model, where it tells classes of whole pictures apart and there are enough examples for one of them."""
        card = scope.card
        told = card.head not in ("none", "regression") and not card.dense
        enough = scope.examples is not None and scope.examples.count >= LEAST
        return [Subject()] if told and enough and layers.cam_layer(card, self.layer) is not None else []

    def silence(self, scope: Scope) -> str:
        """Nothing: gradcam says why there are no heatmaps."""
        return ""

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

    def group(self, subject: Subject) -> Hashable:
        """There is one."""
        return None

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
            classes.append({"index": index, "name": name, "pictures": len(one.maps), **found})
            if found["suspect"]:
                strip = np.concatenate(one.thumbs, 1)
                alt = f"Where the evidence for {name} lies in {len(one.thumbs)} pictures: {found['where']} each time"
                figures.append(Figure(f"shortcut-{index}", strip, alt, kind="photo"))
        return [Drawing(tuple(figures), {"pictures": count, "classes": classes})]

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
                kept.thumbs.append(_overlay(heat, sample, scope))
        return len(some)


def _judged(maps: Sequence[Array], others: Array | None) -> dict[str, Any]:
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
    return {
        "agreement": short(agreement),
        "common": short(common),
        "where": _where(*spot),
        "suspect": bool(agreement >= AGREEING and outer and common < COMMON),
    }


def _where(row: float, column: float) -> str:
    """A place in 0..1 in words."""
    vertical = "upper" if row < 1 / 3 else "lower" if row > 2 / 3 else ""
    horizontal = "left" if column < 1 / 3 else "right" if column > 2 / 3 else ""
    if vertical and horizontal:
        return f"in the {vertical} {horizontal} corner"
    return f"at the {vertical or horizontal} edge" if vertical or horizontal else "in the middle"


def _overlay(heat: Array, sample: Sample, scope: Scope) -> Pixels:
    """The heatmap over a small square copy of its picture."""
    size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
    how = fit_of((THUMB, THUMB), size, scope.fit)
    levels = (np.clip(how.back(saliency.shares(heat)), 0, 1) * 255 + 0.5).astype(np.uint8)
    layer = np.dstack([colour.paint(levels, "inferno"), levels])
    return pixels.blend(pixels.resize_picture(sample.pixels, THUMB, THUMB), layer, STRENGTH["inferno"])
