"""The pictures that each filter really answers to."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.core import layers, pixels, windows
from convreport.core.card import LayerInfo
from convreport.core.fitting import fit_of, size_for
from convreport.core.numbers import short
from convreport.core.protocols import Network
from convreport.core.tally import KEPT, Tally
from convreport.core.types import Array, Drawing, Figure, PageKind, Sample, Scope, Subject
from convreport.core.units import pick
from convreport.core.windows import Window
from convreport.sections import section

COLUMNS = 3
MARGIN = 2


@section
@dataclass(frozen=True)
class Examples:
    """Natural examples: what a unit answered most strongly among all example pictures, cut to its receptive field."""

    crop: int = field(default=56, metadata={"help": "longest side of a crop in pixels", "least": 16})

    name: ClassVar[str] = "examples"
    page: ClassVar[PageKind] = "layer"
    batch: ClassVar[int] = 256
    shaped_by: ClassVar[tuple[str, ...]] = (
        "convreport.core.tally", "convreport.core.windows", "convreport.core.fitting", "convreport.core.pixels",
        "convreport.model.observe", "convreport.model.probe", "convreport.model.feed",
    )  # fmt: skip
    of_examples: ClassVar[bool] = True

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers that are stacks of maps."""
        if scope.examples is None or not scope.examples.count:
            return []
        return [
            Subject(layer=layer.path, unit=unit)
            for layer in layers.shown(scope.card, scope.chosen)
            for unit in pick(scope.units, layer, scope.seed)
        ]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the unit, all the examples, and how pictures are fed."""
        return {**survey_key(subject, scope), "unit": subject.unit}

    def group(self, subject: Subject) -> Hashable:
        """One pass for all."""
        return None

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw; nothing where filters says it already."""
        return ""

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Three rows of three crops a unit, the strongest first, and what was measured over all examples."""
        assert scope.examples is not None
        surveyed = scope.examples.survey(net, layers.paths(layers.shown(scope.card, scope.chosen)), scope.fit)
        tallies = {subject: surveyed.of(subject.layer or "") for subject in batch}
        found = {subject: _answered(tallies[subject], subject.unit or 0) for subject in batch}
        crops = self._crops(batch, tallies, found, scope)
        return [self._drawing(one, tallies[one], found[one], crops[one], surveyed.groups, scope) for one in batch]

    def _crops(
        self, batch: Sequence[Subject], tallies: Mapping[Subject, Tally], found: Mapping[Subject, int], scope: Scope
    ) -> dict[Subject, list[tuple[Array, Window]]]:
        """Of each subject its crops, strongest first; every picture is read once, whoever answered it."""
        assert scope.examples is not None
        wanted: dict[int, list[tuple[Subject, int]]] = {}
        for subject in batch:
            for place in range(found[subject]):
                number = int(tallies[subject].who[subject.unit or 0, place])
                wanted.setdefault(number, []).append((subject, place))
        made: dict[tuple[Subject, int], tuple[Array, Window]] = {}
        numbers = sorted(wanted)
        for number, sample in zip(numbers, scope.examples.samples(numbers), strict=True):
            for subject, place in wanted[number] if sample is not None else ():
                tally = tallies[subject]
                cell = tally.cells[subject.unit or 0, place]
                layer = scope.card.layer(subject.layer or "")
                assert sample is not None
                made[subject, place] = self._crop(sample, layer, (int(cell[0]), int(cell[1])), tally, scope)
        return {
            subject: [made[subject, place] for place in range(found[subject]) if (subject, place) in made]
            for subject in batch
        }

    def _crop(
        self, sample: Sample, layer: LayerInfo, cell: tuple[int, int], tally: Tally, scope: Scope
    ) -> tuple[Array, Window]:
        shape = sample.pixels.shape[0], sample.pixels.shape[1]
        size = size_for(scope.card.input, shape)
        window = windows.window_of(
            layer.receptive_field, cell, (int(tally.map[0]), int(tally.map[1])), fit_of(shape, size, scope.fit)
        )
        fixed = scope.card.input[0] or size[0], scope.card.input[1] or size[1]
        if None in scope.card.input[:2]:
            fixed = max(size), max(size)  # pictures of all shapes stand in one grid
        return windows.cut(sample.pixels, window, windows.size_of(layer.receptive_field, self.crop, fixed)), window

    def _drawing(
        self, subject: Subject, tally: Tally, count: int, crops: Sequence[tuple[Array, Window]],
        groups: Sequence[str], scope: Scope,
    ) -> Drawing:  # fmt: skip
        examples, unit = scope.examples, subject.unit or 0
        assert examples is not None
        sheet = self._sheet([crop for crop, _ in crops])
        named = [int(number) for number in tally.who[unit, : len(crops)]]
        facts: dict[str, Any] = {
            "pictures": int(tally.pictures[0]),
            "best": [short(value) for value in tally.best[unit, : len(crops)]],
            "from": [[examples.name(number), examples.said(number)] for number in named],
            "at": [[round(spot, 3) for spot in window.at] for _, window in crops],
            "crop": [*sheet.shape[:2]],
            **measured(tally, unit),
        }
        if (driven := tally.selectivity(unit)) is not None:
            facts["class"] = {"name": groups[driven[0]], "selectivity": short(driven[1])}
        what = ", ".join(dict.fromkeys(said or name for name, said in facts["from"]))
        alt = f"What unit {unit} of {subject.layer} answered most strongly: {what}"
        if not crops:
            alt = f"Unit {unit} of {subject.layer} answered none of {tally.pictures[0]:,} pictures"
        return Drawing((Figure("crops", sheet, alt, kind="photo"),), facts)

    def _sheet(self, crops: Sequence[Array]) -> Array:
        """The crops in three rows of three; gray where there are fewer pictures."""
        height, width = crops[0].shape[:2] if crops else (self.crop, self.crop)
        tiles = np.full((KEPT, height, width, 3), windows.GROUND, np.uint8)
        for place, crop in enumerate(crops):
            tiles[place] = crop
        return pixels.tile(tiles, COLUMNS, margin=MARGIN, ground=windows.GROUND)


def survey_key(subject: Subject, scope: Scope) -> dict[str, Any]:
    """What shapes everything that a survey says of a layer, as JSON."""
    assert scope.examples is not None
    return {
        "layer": scope.card.layer(subject.layer or "").digest,
        "examples": scope.examples.digest,
        "input": scope.card.input,
        "preprocessing": scope.card.preprocessing.key,
        "fit": scope.fit,
    }


def measured(tally: Tally, unit: int) -> dict[str, Any]:
    """What was measured of a unit over all examples, as JSON."""
    pictures = int(tally.pictures[0])
    low, width, counts = tally.histogram(unit)
    return {
        "mean": short(tally.total[unit] / pictures),
        "most": short(tally.most[unit]),
        "least": short(tally.least[unit]),
        "positive": short(tally.positive[unit] / pictures),
        "answering": short(tally.answering[unit] / pictures),
        "histogram": {"low": short(low), "width": short(width), "counts": counts},
    }


def _answered(tally: Tally, unit: int) -> int:
    """How many of a unit's best are answers at all: behind a ReLU nothing below or at zero is one."""
    best = tally.best[unit]
    known = best > 0 if tally.least[unit] >= 0 else np.isfinite(best)
    return int(known.sum())
