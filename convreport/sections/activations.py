"""What every channel answers to a picture."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.book import values
from convreport.book.values import Book, Mosaic
from convreport.core.base.codec import to_json
from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.drawing.drawn import Drawn, SectionDrawn
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import StoredFigure
from convreport.core.network import layers
from convreport.core.network.card import LayerInfo
from convreport.core.pictures import colour, pixels
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Press, Section
from convreport.sections.filters import Filters

COLUMNS = 16
MARGIN = 1
SIDE = 96  # pixels of a map, or a pattern, that stands among those of other layers
MOST = 8  # units of a layer that answered a picture most


@dataclass(frozen=True)
class ActivationFacts:
    """What the channels of a layer answer to a picture: of each the least, greatest and mean value.

    `map` is the size of a map, `tile` that of a tile of the tiling, which has `columns` and `margin` pixels between; `silent`
    channels are nowhere above zero. `rectified`: no value is negative.
    """

    channels: int
    map: tuple[int, int]
    tile: tuple[int, int]
    columns: int
    margin: int
    silent: tuple[int, ...]
    rectified: bool
    least: tuple[float, ...]
    most: tuple[float, ...]
    mean: tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """A unit of a layer."""

    layer: str
    unit: int


@dataclass(frozen=True)
class Way:
    """One picture's way through the layers: of each the channel that answers it most, as a map."""

    picture: Mosaic
    steps: tuple[Step, ...]
    sample: str


@dataclass(frozen=True)
class Answering:
    """A unit and the highest value it had."""

    unit: int
    most: float


@dataclass(frozen=True)
class Row:
    """The units of a layer that answered most, the strongest first."""

    layer: str
    units: tuple[Answering, ...]


@dataclass(frozen=True)
class Answered:
    """Of each layer the drawn units that answered a picture most, as the patterns they seek, a row a layer."""

    picture: Mosaic
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ActivationHighlights:
    """The first picture's way, and by picture the units that answered it most."""

    way: Way | None
    answered: Mapping[str, Answered]


@section
@dataclass(frozen=True)
class Activations(Section[ActivationFacts, ActivationHighlights]):
    """Every channel of a layer tiled, standardized one by one as in the book, and a second sheet with the raw range."""

    tile: int = field(
        default=64, metadata={"help": "longest side of a tile in pixels; 0: as large as the map", "least": 0}
    )

    name: ClassVar[str] = "activations"
    page: ClassVar[PageKind] = "picture"
    order: ClassVar[float] = 100
    batch: ClassVar[int] = 64
    shaped_by: ClassVar[tuple[str, ...]] = (
        "convreport.core.pictures.pixels", "convreport.core.pictures.colour", "convreport.core.pictures.fitting",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("look",)
    Facts: ClassVar[type[Any]] = ActivationFacts
    Highlights: ClassVar[type[Any]] = ActivationHighlights

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Each picture with each layer, by default the telling ones and every pooling."""
        shown = layers.telling_and_pooled(scope.card) if scope.chosen is None else scope.chosen
        return [
            Subject(layer=layer.path, sample=sample.slug)
            for sample in scope.samples
            for layer in shown
            if layers.is_map(layer)
        ]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, and what the picture is turned into."""
        card = scope.card
        return {
            "layer": card.layer(subject.layer or "").digest,
            "sample": scope.sample(subject.sample or "").digest,
            "input": card.input,
            "preprocessing": card.preprocessing.key,
            "fit": scope.fit,
        }

    def group(self, subject: Subject) -> Hashable:
        """One pass a picture."""
        return subject.sample

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "None of the chosen layers has an output that is a stack of feature maps."

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Two sheets a layer, 16 channels a row, and the range and share of silent channels."""
        sample = scope.sample(batch[0].sample or "")
        wanted = [subject.layer or "" for subject in batch]
        look = net.look([sample], wanted, fit=scope.fit, targets=None)
        return [self._tiling(look.activations[path][0], scope.card.layer(path), sample.name) for path in wanted]

    def _tiling(self, response: Array, layer: LayerInfo, picture: str) -> Drawing:
        """`response`: (height, width, channels)."""
        maps = np.ascontiguousarray(response.transpose(2, 0, 1))
        high, low = maps.max((1, 2)), maps.min((1, 2))
        silent = high <= 0 if layer.rectified or _pools_rectified(layer, maps) else np.zeros(len(maps), bool)
        standard, raw = pixels.standardize(maps), pixels.stretch(maps)
        standard[silent], raw[silent] = 0, 0
        height, width = pixels.shrink(standard[:1], self.tile).shape[1:3]
        facts = ActivationFacts(
            channels=len(maps),
            map=(maps.shape[1], maps.shape[2]),
            tile=(height, width),
            columns=min(COLUMNS, len(maps)),
            margin=MARGIN,
            silent=tuple(int(channel) for channel in np.flatnonzero(silent)),
            rectified=bool((low >= 0).all()),
            least=tuple(short(value) for value in low),
            most=tuple(short(value) for value in high),
            mean=tuple(short(value) for value in maps.mean((1, 2))),
        )
        alt = f"Activations of the {len(maps)} channels of {layer.path} for {picture}"
        return Drawing(
            (
                self._sheet("tiling", standard, alt, "each channel from -2 (dark) to +2 (light) standard deviations"),
                self._sheet(
                    "raw", raw, alt + ", raw", "each channel from its own minimum (dark) to its maximum (light)"
                ),
            ),
            facts,
        )

    def _sheet(self, name: str, tiles: np.ndarray, alt: str, scale: str) -> Figure:
        painted = colour.paint(pixels.shrink(tiles, self.tile), "viridis")
        sheet = pixels.tile(painted, COLUMNS, margin=MARGIN, ground=(128, 128, 128))
        return Figure(name, sheet, alt, scale=scale, kind="map")

    def highlights(self, press: Press, scope: Scope, drawn: Mapping[str, SectionDrawn]) -> ActivationHighlights | None:
        """The first picture's way, and of every picture the patterns of the units that answered it most."""
        answers = [one for one in drawn[self.name].drawn if one.record is not None]
        patterns = drawn[Filters.name].drawn if Filters.name in drawn else ()
        found = {
            sample.slug: self._answered(press, patterns, [one for one in answers if one.subject.sample == sample.slug])
            for sample in scope.samples
        }
        known = {slug: one for slug, one in found.items() if one is not None}
        return ActivationHighlights(self._way(press, answers, scope), known)

    def _way(self, press: Press, drawn: Sequence[Drawn], scope: Scope) -> Way | None:
        if not scope.samples:
            return None
        sample = scope.samples[0].slug
        figures, boxes, steps = [], [], []
        for one in drawn:
            if one.record is None or one.subject.sample != sample:
                continue
            facts = self.facts_of(one.record)
            channel = max(range(facts.channels), key=lambda index: facts.most[index])
            height, width = facts.tile
            row, column = divmod(channel, facts.columns)
            figures.append(next(figure for figure in one.record.figures if figure.name == "raw"))
            boxes.append((row * (height + facts.margin), column * (width + facts.margin), height, width))
            steps.append(Step(one.subject.layer or "", channel))
        made = press.mosaic("figures/activations/way.webp", figures, len(figures), side=SIDE, boxes=boxes)
        return Way(made, tuple(steps), sample) if made else None

    def _answered(self, press: Press, patterns: Sequence[Drawn], answers: Sequence[Drawn]) -> Answered | None:
        ranked: list[tuple[str, list[tuple[Answering, StoredFigure]]]] = []
        for answer in answers:
            most = self.facts_of(answer.record).most if answer.record else ()
            units = [
                (Answering(one.subject.unit, most[one.subject.unit]), one.record.figures[0])
                for one in patterns
                if one.record and one.subject.layer == answer.subject.layer and one.subject.unit is not None
            ]
            if units:
                ranked.append((answer.subject.layer or "", sorted(units, key=lambda unit: -unit[0].most)))
        if not ranked:
            return None
        count = min(MOST, *(len(units) for _, units in ranked), MOST)
        tiles = [figure for _, units in ranked for _, figure in units[:count]]
        made = press.mosaic(f"figures/pictures/{answers[0].subject.sample}-units.webp", tiles, count, side=SIDE)
        rows = tuple(Row(layer, tuple(unit for unit, _ in units[:count])) for layer, units in ranked)
        return Answered(made, rows) if made else None

    # -- telling

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """On a layer's page its answers, on a picture's the units that answered most, on the model's the way."""
        chapter = cls.chapter(book)
        shown = chapter.highlights if chapter is not None else None
        if place == "layer":
            drawn = [one for one in cls.drawn(book) if one.layer == subject["layer"].path]
            return {"answers": [(book.by_slug[one.sample or ""], one.facts) for one in drawn]}
        if place == "picture":
            return {"answered": shown.answered.get(subject["sample"].slug) if shown is not None else None}
        return {"way": shown.way if shown is not None else None}

    @classmethod
    def layer_data(cls, book: Book, layer: str) -> Mapping[str, Any]:
        """The pictures whose activations of this layer were drawn, with where each channel's map lies."""
        found = []
        for one in cls.drawn(book):
            if one.layer == layer:
                sample = book.by_slug[one.sample or ""]
                shown = {"name": sample.name, "picture": sample.file, "size": list(sample.size)}
                found.append({"slug": sample.slug, **shown, **_tiling(one)})
        return {"answers": found}

    @classmethod
    def picture_data(cls, book: Book, sample: str) -> Mapping[str, Any]:
        """The tilings of all layers."""
        drawn = cls.drawn_of(book, sample)
        return {"tilings": {book.slugs[one.layer or ""]: {"layer": one.layer, **_tiling(one)} for one in drawn}}

    @classmethod
    def left_out(cls, book: Book) -> Iterable[str]:
        """The tilings."""
        if cls.drawn(book):
            yield "the maps of all channels for every picture (their highest values are here)"


def _tiling(drawing: values.Drawing[ActivationFacts]) -> dict[str, Any]:
    return {"raw": drawing.figures["raw"].file, **to_json(drawing.facts)}


def _pools_rectified(layer: LayerInfo, maps: Array) -> bool:
    """A pooling or merge of rectified maps is itself never negative: silence means the same there."""
    return layer.activation is None and bool((maps >= 0).all())
