"""The pictures that each filter really answers to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book
from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import windows
from convreport.core.network.card import LayerInfo
from convreport.core.network.units import pick
from convreport.core.network.windows import Window
from convreport.core.pictures import pixels
from convreport.core.pictures.fitting import Fit, fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.core.survey import spotlight
from convreport.core.survey.spotlight import SecondLook
from convreport.core.survey.tally import KEPT, Tally
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.filters import Filters
from convreport.sections.shared.surveyed import SHAPED_BY, survey, survey_key, surveyed_layers
from convreport.sections.telling import Units

COLUMNS = 3
MARGIN = 2  # pixels between crops; the viewer knows it
LARGE, SMALL, MANY = 56, 40, 1000  # pixels of a crop in atlases of up to so many units, and of more


@dataclass(frozen=True)
class Crop:
    """Its place among the strongest, its pixels, and what part of the picture it is; `whole` if that is all of it."""

    place: int
    pixels: Array
    window: Window
    how: Fit
    whole: bool


@dataclass(frozen=True)
class Histogram:
    """Where it begins, the width of a bin, and how many values fell into each."""

    low: float
    width: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Driven:
    """The class that drives a unit most, and how exclusively, in 0..1 (Morcos et al. 2018)."""

    name: str
    selectivity: float


@dataclass(frozen=True, kw_only=True)
class ExampleFacts:
    """What a unit answered to all `pictures`, and its strongest answers.

    `best` are the highest values of the strongest, one a picture, in falling order, and `origins` the (name, what its user
    says it shows) of each picture; `crop` is the size of all crops together, `at` where in each the answering cell's centre
    lies (None: in the middle of all). Where the crops are whole pictures, `answers` tell where in each the unit answered, a
    digit a cell of a grid of (rows, columns) `cells`, see `spotlight.digits`. `mean`, `most` and `least` are over all
    positions, `positive` the share of positions above zero, `answering` that of pictures with one; `histogram` counts the
    highest values.
    """

    pictures: int
    best: tuple[float, ...]
    origins: tuple[tuple[str, str], ...]
    crop: tuple[int, int]
    mean: float
    most: float
    least: float
    positive: float
    answering: float
    histogram: Histogram
    at: tuple[tuple[float, float], ...] | None = None
    driven: Driven | None = None
    cells: tuple[int, int] | None = None
    answers: tuple[str, ...] | None = None


@section
@dataclass(frozen=True)
class Examples(Section[ExampleFacts, None]):
    """Natural examples: the pictures a unit responds to most strongly, of all examples, cropped to its receptive field."""

    crop: int = field(
        default=0,
        metadata={
            "help": "longest side of a crop in pixels; 0: 56, or 40 in atlases of over 1,000 units",
            "least": 0,
        },
    )

    name: ClassVar[str] = "examples"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 40
    batch: ClassVar[int] = 256
    shaped_by: ClassVar[tuple[str, ...]] = (
        *SHAPED_BY, "convreport.core.network.windows", "convreport.core.pictures.pixels", "convreport.core.survey.spotlight",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("observe",)
    of_examples: ClassVar[bool] = True
    Facts: ClassVar[type[Any]] = ExampleFacts
    units: ClassVar[Units] = Units("What they respond to", "most", word="highest response", beside="pattern")

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

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Three rows of three crops a unit, the strongest first, and what was measured over all examples."""
        surveyed = survey(scope, net)
        tallies = {subject: surveyed.of(subject.layer or "") for subject in batch}
        wide = dict.fromkeys(one.layer or "" for one in batch if self._sees_all(one, scope))
        look = SecondLook(net, tuple(wide), scope.fit)
        crops = self._crops(tallies, scope, look)
        return [self._drawing(one, tallies[one], crops[one], surveyed.groups, scope, look) for one in batch]

    def _sees_all(self, subject: Subject, scope: Scope) -> bool:
        """May one cell of its layer have seen all of some picture?"""
        size = size_for(scope.card.input, (1, 1))
        return windows.is_whole(scope.card.layer(subject.layer or "").receptive_field, size)

    def _crops(self, tallies: Mapping[Subject, Tally], scope: Scope, look: SecondLook) -> dict[Subject, list[Crop]]:
        """Of each subject its crops, strongest first; every picture is read once, whoever answered it.

        Those that units saw all of are looked at again.
        """
        assert scope.examples is not None
        wanted: dict[int, list[tuple[Subject, int]]] = {}
        for subject, tally in tallies.items():
            for place in range(_answered(tally, subject.unit or 0)):
                wanted.setdefault(int(tally.who[subject.unit or 0, place]), []).append((subject, place))
        made: dict[Subject, list[Crop]] = {subject: [] for subject in tallies}
        numbers = sorted(wanted)
        for number, sample in zip(numbers, scope.examples.samples(numbers), strict=True):
            if sample is None:  # it has gone since the pass
                continue
            wishes: list[spotlight.Wish] = []
            for subject, place in wanted[number]:
                cell = [int(one) for one in tallies[subject].cells[subject.unit or 0, place]]
                crop = self._crop(place, sample, scope.card.layer(subject.layer or ""), cell, scope)
                made[subject].append(crop)
                if crop.whole and subject.layer in look.layers:
                    wishes.append(((subject, place), subject.layer or "", subject.unit or 0))
            if wishes:
                look.at(sample, wishes)
        look.finish()
        return {subject: sorted(crops, key=lambda crop: crop.place) for subject, crops in made.items()}

    def _crop(self, place: int, sample: Sample, layer: LayerInfo, cell: Sequence[int], scope: Scope) -> Crop:
        """What that cell, (row, column, rows, columns), has seen of a picture."""
        shape = sample.pixels.shape[0], sample.pixels.shape[1]
        size, seen = size_for(scope.card.input, shape), layer.receptive_field
        row, column, rows, columns = cell
        how = fit_of(shape, size, scope.fit)
        window = windows.window_of(seen, (row, column), (rows, columns), how)
        free = None in scope.card.input[:2]
        grid = (max(size), max(size)) if free else size  # pictures of all shapes stand in one grid
        shown = windows.cut(sample.pixels, window, windows.size_of(seen, self._side(scope), grid))
        return Crop(place, shown, window, how, windows.is_whole(seen, size))

    def _drawing(
        self,
        subject: Subject,
        tally: Tally,
        crops: Sequence[Crop],
        groups: Sequence[str],
        scope: Scope,
        look: SecondLook,
    ) -> Drawing:
        examples, unit = scope.examples, subject.unit or 0
        assert examples is not None
        sheet = _sheet([crop.pixels for crop in crops], self._side(scope))
        places = [crop.place for crop in crops]
        named = [int(number) for number in tally.who[unit, places]]
        spots = tuple((round(crop.window.at[0], 3), round(crop.window.at[1], 3)) for crop in crops)
        centred = all(spot == (0.5, 0.5) for spot in spots)  # a window about its cell needs no telling where that is
        driven = tally.selectivity(unit)
        low, width, counts = tally.histogram(unit)
        pictures = int(tally.pictures[0])
        facts = ExampleFacts(
            pictures=pictures,
            best=tuple(short(value) for value in tally.best[unit, places]),
            origins=tuple((examples.name(number), examples.said(number)) for number in named),
            crop=(int(sheet.shape[0]), int(sheet.shape[1])),
            mean=short(tally.total[unit] / pictures),
            most=short(tally.most[unit]),
            least=short(tally.least[unit]),
            positive=short(tally.positive[unit] / pictures),
            answering=short(tally.answering[unit] / pictures),
            histogram=Histogram(short(low), short(width), tuple(counts)),
            at=None if centred else spots,
            driven=None if driven is None else Driven(groups[driven[0]], short(driven[1])),
            **_lit(subject, crops, look),
        )
        what = ", ".join(dict.fromkeys(said or name for name, said in facts.origins))
        alt = f"What unit {unit} of {subject.layer} responded to most strongly: {what}"
        if not crops:
            alt = f"Unit {unit} of {subject.layer} responded to none of {tally.pictures[0]:,} pictures"
        return Drawing((Figure("crops", sheet, alt, kind="photo"),), facts)

    def _side(self, scope: Scope) -> int:
        if self.crop:
            return self.crop
        units = sum(len(pick(scope.units, one, scope.seed)) for one in surveyed_layers(scope))
        return LARGE if units <= MANY else SMALL

    # -- telling

    @classmethod
    def words_of_units(cls, book: Book) -> Iterable[tuple[str, int, str]]:
        """The class that drives a unit most, and what most of its strongest examples show."""
        for one in cls.drawn(book):
            shown = [said for _, said in one.facts.origins if said]
            common = {said for said in shown if 2 * shown.count(said) > len(one.facts.origins)}
            driven = {one.facts.driven.name} if one.facts.driven is not None else set()
            for word in sorted(common | driven):
                yield one.layer or "", one.unit or 0, word

    @classmethod
    def unit_data(cls, book: Book, layer: str) -> list[dict[str, Any]]:
        """Also the share of the highest answer to its own pattern that a unit's best example reaches, where both answer."""
        peaks = {one.unit: one.facts.peak or 0.0 for one in Filters.drawn(book) if one.layer == layer}
        units = super().unit_data(book, layer)
        for one in units:
            if one["best"] and one["best"][0] > 0 and peaks.get(one["unit"], 0) > 0:
                one["share"] = short(one["best"][0] / peaks[one["unit"]])
        return units


def _lit(subject: Subject, crops: Sequence[Crop], look: SecondLook) -> dict[str, Any]:
    """Where in each crop the unit answered, as facts; nothing where not all of them were looked at again."""
    found = [look.found.get((subject, crop.place)) for crop in crops]
    answers = [one for one in found if one is not None]
    if not answers or len(answers) < len(crops) or answers[0].size == 1:
        return {}
    grid = spotlight.grid_of(answers[0])
    told = [
        spotlight.digits(answer, grid, crop.window, crop.how, (crop.pixels.shape[0], crop.pixels.shape[1]))
        for answer, crop in zip(answers, crops, strict=True)
    ]
    return {"cells": grid, "answers": tuple(told)}


def _sheet(crops: Sequence[Array], side: int) -> Array:
    """The crops in three rows of three; gray where there are fewer pictures."""
    height, width = crops[0].shape[:2] if crops else (side, side)
    tiles = np.full((KEPT, height, width, 3), windows.GROUND, np.uint8)
    for place, crop in enumerate(crops):
        tiles[place] = crop
    return pixels.tile(tiles, COLUMNS, margin=MARGIN, ground=windows.GROUND)


def _answered(tally: Tally, unit: int) -> int:
    """How many of a unit's best are answers at all: behind a ReLU nothing below or at zero is one."""
    best = tally.best[unit]
    known = best > 0 if tally.least[unit] >= 0 else np.isfinite(best)
    return int(known.sum())
