"""The pattern each filter looks for."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import isqrt
from typing import Any, ClassVar

from convreport.book.values import Book, Drawing, Mosaic
from convreport.core.ascent.objectives import channel
from convreport.core.base.numbers import short
from convreport.core.drawing import figures
from convreport.core.drawing.drawn import SectionDrawn
from convreport.core.drawing.figures import PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Record, StoredFigure
from convreport.core.network import layers
from convreport.core.network.units import must_exist
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Press, Section
from convreport.sections.shared import tiles
from convreport.sections.shared.tiles import TileFacts
from convreport.sections.telling import Line, Measured, Rule, Shift, Spot, Units, listed

COLUMNS = 10
COVER = 40  # tiles of the picture that stands for the model on the home page
ROW = 8  # tiles of a row
SOCIAL = 1200  # pixels across the picture for previews of links
SIDE = 96  # pixels of a tile that stands among tiles of other layers


@dataclass(frozen=True, kw_only=True)
class PatternFacts(TileFacts):
    """What was measured of a unit's pattern; `peak` is the highest value the unit has anywhere on it, after its activation."""

    peak: float | None = None


@dataclass(frozen=True)
class Patterns:
    """Eight units of each layer, from strong to middling, and strong ones of all layers in one picture, and in another for
    previews of links.
    """

    rows: Mapping[str, Mosaic]
    cover: Mosaic | None = None
    social: Mosaic | None = None


@dataclass(frozen=True)
class Verdicts:
    """How many of a layer's patterns speak of their own unit, and for how many no response was found."""

    layer: str
    units: int
    specific: int
    grey: int


def _grey(book: Book) -> Measured:
    drawn = Filters.drawn(book)
    if not drawn:
        return Measured(None, "no patterns were drawn")
    grey = [one for one in drawn if not one.facts.responds]
    of: dict[str, list[int]] = {}
    for one in grey:
        of.setdefault(one.layer or "", []).append(one.unit or 0)
    spots = [
        Spot(f"{layer}: no response of {listed(tuple(units))}", layer, tuple(units)) for layer, units in of.items()
    ]
    return Measured(len(grey) / len(drawn), f"no response found for {len(grey)} of {len(drawn)} units", tuple(spots))


@section
@dataclass(frozen=True)
class Filters(Section[PatternFacts, Patterns]):
    """Activation maximization: a picture made from noise, step by step, to drive one unit as high as it goes."""

    recipe: str = tiles.recipe_option()
    preset: str = tiles.preset_option()

    name: ClassVar[str] = "filters"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 30
    batch: ClassVar[int] = 8
    shaped_by: ClassVar[tuple[str, ...]] = tiles.SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("ascend",)
    Facts: ClassVar[type[Any]] = PatternFacts
    Highlights: ClassVar[type[Any]] = Patterns
    units: ClassVar[Units] = Units("Patterns that excite its units", "score", main=True)
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("max_grey", "Share of units for which no pattern was found, such as 5%.", _grey, share=True),
    )

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen units of the chosen layers that are stacks of maps."""
        tiles.check(scope, self.recipe, self.preset)
        shown = layers.shown(scope.card, scope.chosen)
        must_exist(scope.units, shown)
        return tiles.units_of(shown, scope)

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the unit, what pictures are made of, the seed, and every number of the recipe."""
        return tiles.unit_key(subject, scope, self.recipe, self.preset)

    def group(self, subject: Subject) -> Hashable:
        """The units of one layer climb together."""
        return subject.layer

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "None of the chosen layers has an output that is a stack of feature maps."

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[figures.Drawing]:
        """One tile a unit, with the score it reached, the one it began with, how specific it is, and the highest value the
        unit has anywhere on it, to be compared with what it has on pictures.
        """
        objectives = [channel(subject.layer or "", subject.unit or 0) for subject in batch]
        recipe = tiles.recipe_of(scope, self.recipe, self.preset)
        ascent = net.ascend(objectives, recipe, scope.seed)
        names = [f"Pattern that excites unit {subject.unit} of {subject.layer}" for subject in batch]
        peaks = net.peaks(ascent.pictures, batch[0].layer or "", [subject.unit or 0 for subject in batch])
        made = tiles.drawings(ascent, names, recipe, self.preset)
        found = [None] * len(made) if peaks is None else [short(peak) for peak in peaks]
        return [
            replace(one, facts=PatternFacts(**vars(one.facts), peak=peak))
            for one, peak in zip(made, found, strict=True)
        ]

    def highlights(self, press: Press, scope: Scope, drawn: Mapping[str, SectionDrawn]) -> Patterns | None:
        """A row of each layer, and a cover; the weakest quarter of each layer left out."""
        done = [one for one in drawn[self.name].drawn if one.record is not None]
        rows: dict[str, Mosaic] = {}
        strong: dict[str, list[StoredFigure]] = {}
        for layer, group in groupby(done, key=lambda one: one.subject.layer or ""):
            records = [one.record for one in group if one.record is not None]
            records.sort(key=self._place)
            strong[layer] = [record.figures[0] for record in records[: -(-len(records) * 3 // 4)]]
            place = f"figures/filters/{press.slugs[layer]}-row.webp"
            if row := press.mosaic(place, _spread(strong[layer], ROW), ROW):
                rows[layer] = row
        per_layer = -(-COVER // max(len(strong), 1))
        best = [figure for some in strong.values() for figure in _spread(some, per_layer)][-COVER:]
        best = best[len(best) % COLUMNS if len(best) > COLUMNS else 0 :]  # whole rows
        if not done:
            return None
        wide = isqrt(2 * len(best))  # about twice as wide as high, and no row left unfinished
        high = min(-(-wide // 2), len(best) // wide)
        social = press.mosaic("figures/social.jpg", best[-wide * high :], wide, side=SOCIAL // wide)
        return Patterns(rows, press.mosaic("figures/cover.webp", best, COLUMNS, side=SIDE), social)

    @classmethod
    def _place(cls, record: Record) -> tuple[bool, float]:
        """What orders the units of a layer: tiles that excite many others more come last, then the height reached."""
        facts = cls.facts_of(record)
        return facts.verdict == "unspecific", -facts.height

    # -- telling

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """Of the summary for a pull request the verdicts."""
        return {"verdicts": _verdicts(cls.drawn(book))} if place == "comment" else {}

    @classmethod
    def shifts(cls, now: Book, before: Book) -> Iterable[Shift]:
        """For how many units no pattern was found."""
        first, second = (_grey(book).value for book in (before, now))
        if (first, second) != (None, None):
            yield Shift("units without a pattern", first, second, "lower", share=True)

    @classmethod
    def summary(cls, book: Book) -> Iterable[Line]:
        """For how many units no pattern was found."""
        drawn = cls.drawn(book)
        grey = sum(not one.facts.responds for one in drawn)
        if grey:
            yield Line(f"no pattern found for {grey} of {len(drawn)} units", "notable")

    @classmethod
    def verdict(cls, book: Book) -> Iterable[str]:
        """How many of its patterns speak of their own unit."""
        ranked = [one.facts for one in cls.drawn(book) if one.facts.rank]
        if ranked:
            own = sum(one.verdict == "specific" for one in ranked)
            yield f"has a pattern of its own for {own} of the {len(ranked)} units shown"

    @classmethod
    def words_of_units(cls, book: Book) -> Iterable[tuple[str, int, str]]:
        """How specific its pattern is."""
        for one in cls.drawn(book):
            if one.facts.verdict:
                yield one.layer or "", one.unit or 0, one.facts.verdict

    @classmethod
    def social(cls, book: Book) -> Mosaic | None:
        """The cover in the proportions of previews."""
        chapter = cls.chapter(book)
        return chapter.highlights.social if chapter is not None and chapter.highlights is not None else None

    @classmethod
    def cover(cls, book: Book) -> Mosaic | None:
        """Strong units of all layers."""
        chapter = cls.chapter(book)
        return chapter.highlights.cover if chapter is not None and chapter.highlights is not None else None

    @classmethod
    def file_name(cls, drawing: Drawing[PatternFacts], figure: str, slugs: Mapping[str, str]) -> str:
        """`<layer>_<unit>`."""
        return f"{slugs.get(drawing.layer or '', '')}_{drawing.unit}"


def _verdicts(drawn: Sequence[Drawing[PatternFacts]]) -> list[Verdicts]:
    found = []
    for layer, group in groupby(drawn, key=lambda one: one.layer or ""):
        facts = [one.facts for one in group]
        specific = sum(one.verdict == "specific" for one in facts)
        found.append(Verdicts(layer, len(facts), specific, sum(not one.responds for one in facts)))
    return found


def _spread(ranked: Sequence[Any], count: int) -> list[Any]:
    """`count` of them from first to last: the very strongest units of a layer tend to look alike."""
    step = max(len(ranked) / count, 1)
    return [ranked[int(index * step)] for index in range(min(count, len(ranked)))]
