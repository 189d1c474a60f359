"""An activation atlas: what a layer tells apart, as a map that can be walked."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book, Drawing
from convreport.core.ascent.objectives import likeness
from convreport.core.base.codec import to_json
from convreport.core.base.errors import UsageError
from convreport.core.base.kinds import Array, Pixels
from convreport.core.base.numbers import short
from convreport.core.drawing import figures
from convreport.core.drawing.figures import Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers, windows
from convreport.core.network.card import LayerInfo
from convreport.core.pictures import pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.core.survey import landscape
from convreport.core.survey.landscape import Cell, Places
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.shared import tiles
from convreport.sections.shared.surveyed import survey_key
from convreport.sections.telling import OwnPage

SIDE = 96  # pixels of a cell
CROP = 56  # of a picture behind one
BEHIND = 8  # pictures behind a cell that are shown
FEWEST = 4  # places that make a cell


@dataclass(frozen=True)
class ShownCell:
    """A cell of the grid: how many places fell into it, what its picture scored, and the (name, what its user says it shows)
    of the pictures behind it, nearest to its mean first.
    """

    row: int
    column: int
    places: int
    score: float | None
    origins: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AtlasFacts:
    """How an atlas was laid out: so many `places` in so many `pictures`, on `grid` cells a side, in pixels `side` of a cell
    and `crop` (height, width) of a picture behind one, of which each cell has a row, `behind` at most.
    """

    places: int
    pictures: int
    grid: int
    side: int
    crop: tuple[int, int]
    behind: int
    cells: tuple[ShownCell, ...]


@section
@dataclass(frozen=True)
class ActivationAtlas(Section[AtlasFacts, None]):
    """Activation atlas: a layer's activations at many places in the examples, laid out by similarity and drawn as patterns."""

    layer: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "layers to draw an activation atlas of, by glob or index; needs pip install 'convreport[atlas]'",
            "word": "atlas_layer",
        },
    )
    grid: int = field(default=10, metadata={"help": "cells per side, up to 40", "least": 2, "most": 40})
    points: int = field(default=2000, metadata={"help": "about how many places in examples to lay out", "least": 50})
    recipe: str = tiles.recipe_option()
    preset: str = tiles.preset_option()

    name: ClassVar[str] = "activation_atlas"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 25
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = (
        *tiles.SHAPED_BY, "convreport.core.survey.landscape", "convreport.core.network.windows",
        "convreport.core.pictures.pixels", "convreport.core.pictures.fitting",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("observe", "ascend")
    of_examples: ClassVar[bool] = True
    Facts: ClassVar[type[Any]] = AtlasFacts

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The layers that are named; UsageError where one is not a stack of maps, or umap-learn is not installed."""
        if not self.layer:
            return []
        tiles.check(scope, self.recipe, self.preset)
        landscape.must_be_installed()
        chosen = layers.choose(scope.card, self.layer) or ()
        if flat := [one.path for one in chosen if not layers.is_map(one)]:
            raise UsageError(f"The output of {flat[0]} is not a stack of maps.", "`convreport layers` lists them.")
        return [Subject(layer=one.path) for one in chosen] if scope.examples is not None else []

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "There are no examples to lay out." if self.layer else ""

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, the examples, what shapes every tile, and what lays them out."""
        return {
            **survey_key(subject, scope),
            **tiles.key(scope, self.recipe, self.preset),
            "umap": version("umap-learn"),
        }

    def group(self, subject: Subject) -> Hashable:
        """One at a time."""
        return subject.layer

    @property
    def climbs(self) -> int:
        """Two thirds of the cells, as a layout leaves corners empty."""
        return max(self.grid**2 * 2 // 3, 1)

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[figures.Drawing]:
        """The map as one picture, transparent where nothing lies, and below each other the pictures behind its cells."""
        return [self._drawing(scope.card.layer(one.layer or ""), scope, net) for one in batch]

    def _drawing(self, layer: LayerInfo, scope: Scope, net: Network) -> figures.Drawing:
        assert scope.examples is not None
        found = landscape.gather(net, scope.examples, layer.path, scope.fit, self.points, scope.seed)
        cells = landscape.cells(landscape.laid_out(found.vectors, scope.seed), found.vectors, self.grid, FEWEST)
        recipe = tiles.recipe_of(scope, self.recipe, self.preset)
        made = net.ascend([likeness(layer.path, tuple(one.mean.tolist())) for one in cells], recipe, scope.seed)
        shown = [tiles.shown(made, place) for place in range(len(cells))]
        behind = [landscape.distinct(cell, found.numbers, BEHIND) for cell in cells]
        sheet, crop = _behind(behind, found, layer, scope)
        named = [
            tuple(
                (scope.examples.name(number), scope.examples.said(number)) for number in found.numbers[members].tolist()
            )
            for members in behind
        ]
        scores = [short(score) if np.isfinite(score) else None for score in made.scores.tolist()]
        told = tuple(
            ShownCell(cell.row, cell.column, len(cell.members), score, origins)
            for cell, score, origins in zip(cells, scores, named, strict=True)
        )
        facts = AtlasFacts(len(found.vectors), found.pictures, self.grid, SIDE, crop, BEHIND, told)
        alt = f"Activation atlas of {layer.path}: {len(cells)} patterns, similar ones side by side"
        pictures = (
            Figure("map", _map(cells, shown, self.grid), alt, kind="pattern"),
            Figure("behind", sheet, f"The pictures behind the cells of the atlas of {layer.path}", kind="photo"),
        )
        return figures.Drawing(pictures, facts)

    # -- telling

    @classmethod
    def pages(cls, book: Book) -> Iterable[OwnPage]:
        """A page of each atlas."""
        drawn = cls.drawn(book)
        for one in drawn:
            path = one.layer or ""
            nav = "Activation atlas" if len(drawn) == 1 else f"Activation atlas of {path}"
            context = {
                "drawing": one,
                "layer": book.layers[path],
                "slug": book.slugs[path],
                "fewest": FEWEST,
                "chapter": cls.chapter(book),
            }
            yield OwnPage(_page(book, one), f"{book.name}: activation atlas of {path}", nav, "page", context)

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """On the page of its layer where the atlas lies."""
        return {"pages": {one.layer: _page(book, one) for one in cls.drawn(book)}}

    @classmethod
    def layer_data(cls, book: Book, layer: str) -> Mapping[str, Any]:
        """The cells, for the viewer."""
        found = next((one for one in cls.drawn(book) if one.layer == layer), None)
        if found is None:
            return {}
        shown = {name: {"file": one.file, "size": one.size} for name, one in found.figures.items()}
        return {"atlas": {**to_json(found.facts), "figures": shown}}


def _page(book: Book, drawing: Drawing[AtlasFacts]) -> str:
    return f"atlas-{book.slugs[drawing.layer or '']}.md"


def _map(cells: Sequence[Cell], shown: Sequence[Pixels], grid: int) -> Pixels:
    """RGBA (grid * SIDE, grid * SIDE, 4)."""
    whole = np.zeros((grid * SIDE, grid * SIDE, 4), np.uint8)
    for cell, picture in zip(cells, shown, strict=True):
        small = pixels.resize_picture(picture, SIDE, SIDE)
        place = slice(cell.row * SIDE, cell.row * SIDE + SIDE), slice(cell.column * SIDE, cell.column * SIDE + SIDE)
        whole[place] = small if small.shape[2] == 4 else np.dstack([small, np.full((SIDE, SIDE), 255, np.uint8)])
    return whole


def _behind(
    behind: Sequence[Sequence[int]], found: Places, layer: LayerInfo, scope: Scope
) -> tuple[Pixels, tuple[int, int]]:
    """A row of crops a cell, each what its place saw of its picture; and the size of a crop. Every picture is read once."""
    assert scope.examples is not None
    size = windows.size_of(layer.receptive_field, CROP, size_for(scope.card.input, (1, 1)))
    sheet = np.full((len(behind) * size[0], BEHIND * size[1], 3), windows.GROUND, np.uint8)
    wanted: dict[int, list[tuple[int, int, int]]] = {}
    for row, members in enumerate(behind):
        for column, member in enumerate(members):
            wanted.setdefault(int(found.numbers[member]), []).append((row, column, member))
    numbers = sorted(wanted)
    for number, sample in zip(numbers, scope.examples.samples(numbers), strict=True):
        if sample is None:  # it has gone since
            continue
        for row, column, member in wanted[number]:
            place = slice(row * size[0], (row + 1) * size[0]), slice(column * size[1], (column + 1) * size[1])
            sheet[place] = _crop(sample, found.cells[member], layer, size, scope)
    return sheet, size


def _crop(sample: Sample, cell: Array, layer: LayerInfo, size: tuple[int, int], scope: Scope) -> Pixels:
    """What a place, (row, column, rows, columns) of the map, has seen of a picture."""
    shape = sample.pixels.shape[0], sample.pixels.shape[1]
    how = fit_of(shape, size_for(scope.card.input, shape), scope.fit)
    row, column, rows, columns = (int(one) for one in cell)
    window = windows.window_of(layer.receptive_field, (row, column), (rows, columns), how)
    return windows.cut(sample.pixels, window, size)
