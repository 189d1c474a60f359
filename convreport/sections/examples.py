"""The pictures that each filter really answers to."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers, windows
from convreport.core.network.card import LayerInfo
from convreport.core.network.units import pick
from convreport.core.network.windows import Window
from convreport.core.pictures import pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.core.survey.examples import Survey
from convreport.core.survey.tally import KEPT, Tally
from convreport.sections import section
from convreport.sections.base import Asked

COLUMNS = 3
MARGIN = 2  # pixels between crops; the viewer knows it
Crop = tuple[int, Array, Window]  # its place among the strongest, its pixels, and what part of the picture it is
LARGE, SMALL, MANY = 56, 40, 1000  # pixels of a crop in atlases of up to so many units, and of more


@section
@dataclass(frozen=True)
class Examples:
    """Natural examples: what a unit answered most strongly among all example pictures, cut to its receptive field."""

    crop: int = field(
        default=0,
        metadata={
            "help": "longest side of a crop in pixels; 0: 56, and 40 where over 1,000 units are shown",
            "least": 0,
        },
    )

    name: ClassVar[str] = "examples"
    page: ClassVar[PageKind] = "layer"
    batch: ClassVar[int] = 256
    shaped_by: ClassVar[tuple[str, ...]] = ( "convreport.core.survey.tally", "convreport.core.network.windows",
        "convreport.core.pictures.fitting", "convreport.core.pictures.pixels",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("observe",)
    of_examples: ClassVar[bool] = True

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers that are stacks of maps."""
        return [
            Subject(layer=layer.path, unit=unit)
            for layer in surveyed_layers(scope)
            for unit in pick(scope.units, layer, scope.seed)
        ]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the unit, all the examples, and how pictures are fed."""
        return {**survey_key(subject, scope), "unit": subject.unit, "side": self._side(scope)}

    def group(self, subject: Subject) -> Hashable:
        """One pass for all."""
        return None

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw; nothing where filters says it already."""
        return ""

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Three rows of three crops a unit, the strongest first, and what was measured over all examples."""
        surveyed = survey(scope, net)
        tallies = {subject: surveyed.of(subject.layer or "") for subject in batch}
        crops = self._crops(tallies, scope)
        return [self._drawing(one, tallies[one], crops[one], surveyed.groups, scope) for one in batch]

    def _crops(self, tallies: Mapping[Subject, Tally], scope: Scope) -> dict[Subject, list[Crop]]:
        """Of each subject its crops, strongest first; every picture is read once, whoever answered it."""
        assert scope.examples is not None
        wanted: dict[int, list[tuple[Subject, int]]] = {}
        for subject, tally in tallies.items():
            for place in range(_answered(tally, subject.unit or 0)):
                wanted.setdefault(int(tally.who[subject.unit or 0, place]), []).append((subject, place))
        made: dict[Subject, list[Crop]] = {subject: [] for subject in tallies}
        numbers = sorted(wanted)
        for number, sample in zip(numbers, scope.examples.samples(numbers), strict=True):
            for subject, place in wanted[number]:
                if sample is not None:  # else it has gone since the pass
                    layer, cell = (
                        scope.card.layer(subject.layer or ""),
                        tallies[subject].cells[subject.unit or 0, place],
                    )
                    made[subject].append((place, *self._crop(sample, layer, [int(one) for one in cell], scope)))
        return {subject: sorted(crops, key=lambda crop: crop[0]) for subject, crops in made.items()}

    def _crop(self, sample: Sample, layer: LayerInfo, cell: Sequence[int], scope: Scope) -> tuple[Array, Window]:
        """What that cell, (row, column, rows, columns), has seen of a picture."""
        shape = sample.pixels.shape[0], sample.pixels.shape[1]
        size = size_for(scope.card.input, shape)
        row, column, rows, columns = cell
        window = windows.window_of(
            layer.receptive_field, (row, column), (rows, columns), fit_of(shape, size, scope.fit)
        )
        free = None in scope.card.input[:2]
        grid = (max(size), max(size)) if free else size  # pictures of all shapes stand in one grid
        return windows.cut(
            sample.pixels, window, windows.size_of(layer.receptive_field, self._side(scope), grid)
        ), window

    def _drawing(
        self, subject: Subject, tally: Tally, crops: Sequence[Crop], groups: Sequence[str], scope: Scope
    ) -> Drawing:
        examples, unit = scope.examples, subject.unit or 0
        assert examples is not None
        sheet = _sheet([crop for _, crop, _ in crops], self._side(scope))
        places = [place for place, _, _ in crops]
        named = [int(number) for number in tally.who[unit, places]]
        facts: dict[str, Any] = {
            "pictures": int(tally.pictures[0]),
            "best": [short(value) for value in tally.best[unit, places]],
            "from": [[examples.name(number), examples.said(number)] for number in named],
            "crop": [*sheet.shape[:2]],
            **measured(tally, unit),
        }
        spots = [[round(spot, 3) for spot in window.at] for _, _, window in crops]
        if any(spot != [0.5, 0.5] for spot in spots):  # a window about its cell needs no telling where that is
            facts["at"] = spots
        if (driven := tally.selectivity(unit)) is not None:
            facts["class"] = {"name": groups[driven[0]], "selectivity": short(driven[1])}
        what = ", ".join(dict.fromkeys(said or name for name, said in facts["from"]))
        alt = f"What unit {unit} of {subject.layer} answered most strongly: {what}"
        if not crops:
            alt = f"Unit {unit} of {subject.layer} answered none of {tally.pictures[0]:,} pictures"
        return Drawing((Figure("crops", sheet, alt, kind="photo"),), facts)

    def _side(self, scope: Scope) -> int:
        if self.crop:
            return self.crop
        units = sum(len(pick(scope.units, one, scope.seed)) for one in surveyed_layers(scope))
        return LARGE if units <= MANY else SMALL


def _sheet(crops: Sequence[Array], side: int) -> Array:
    """The crops in three rows of three; gray where there are fewer pictures."""
    height, width = crops[0].shape[:2] if crops else (side, side)
    tiles = np.full((KEPT, height, width, 3), windows.GROUND, np.uint8)
    for place, crop in enumerate(crops):
        tiles[place] = crop
    return pixels.tile(tiles, COLUMNS, margin=MARGIN, ground=windows.GROUND)


def surveyed_layers(scope: Scope) -> list[LayerInfo]:
    """The layers whose units are looked for among the examples; none where there are no examples."""
    return layers.shown(scope.card, scope.chosen) if scope.examples is not None and scope.examples.count else []


def survey(scope: Scope, net: Network) -> Survey:
    """What those layers answer to all examples; the pass is made once, whichever section asks first."""
    assert scope.examples is not None
    return scope.examples.survey(net, layers.paths(surveyed_layers(scope)), scope.fit)


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
