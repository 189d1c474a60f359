"""Everything that atlas.json says of a model, as frozen values.

Sizes are (height, width) in pixels, files are relative to the folder of atlas.json. `F` is what one section says of a drawing,
`H` what it shows beside its drawings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from convreport.core.network.card import LayerInfo, ModelCard

FORMAT = 6  # of atlas.json; a model of another format is left out until it is built again

F = TypeVar("F")
H = TypeVar("H")
T = TypeVar("T")
Size = tuple[int, int]


@dataclass(frozen=True)
class ShownFigure:
    """One picture of a drawing; a unit's picture has no file of its own, but a place on a sheet."""

    alt: str
    caption: str = ""
    scale: str = ""
    file: str = ""
    size: Size = (0, 0)


@dataclass(frozen=True)
class Drawing(Generic[F]):
    """What was drawn of a layer, a unit, a sample (by its slug), a class (`label`, its index), or the model.

    `key` names it in the cache.
    """

    layer: str | None
    unit: int | None
    sample: str | None
    label: int | None
    key: str
    facts: F
    figures: Mapping[str, ShownFigure]


@dataclass(frozen=True)
class Failure:
    """Something that could not be drawn, and why."""

    layer: str | None
    unit: int | None
    sample: str | None
    label: int | None
    reason: str


@dataclass(frozen=True)
class SheetFile:
    """A file with the tiles of some units, row by row."""

    file: str
    size: Size
    units: tuple[int, ...]


@dataclass(frozen=True)
class Sheet:
    """The tiles of a layer's units for one figure: `tile` is the size of one, `columns` how many there are per row.

    `contact` is the stitched sheet of the first of them, a JPEG, where there is one.
    """

    layer: str
    figure: str
    tile: Size
    columns: int
    files: tuple[SheetFile, ...]
    contact: str = ""


@dataclass(frozen=True)
class Mosaic:
    """Some tiles as one published picture."""

    file: str
    size: Size


@dataclass(frozen=True)
class Chapter(Generic[F, H]):
    """What one section drew: on which page it is shown, with which options, and why if there is nothing."""

    name: str
    page: str
    options: Mapping[str, Any]
    purpose: str
    silence: str
    drawings: tuple[Drawing[F], ...]
    failures: tuple[Failure, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    highlights: H | None = None

    @cached_property
    def of_layer(self) -> Mapping[str | None, tuple[list[Drawing[F]], list[Failure]]]:
        """The drawings and the failures about each layer, by path."""
        return _sorted_by("layer", self)

    @cached_property
    def of_sample(self) -> Mapping[str | None, tuple[list[Drawing[F]], list[Failure]]]:
        """The drawings and the failures about each picture, by slug."""
        return _sorted_by("sample", self)


def _sorted_by(key: str, chapter: Chapter[F, Any]) -> Mapping[str | None, tuple[list[Drawing[F]], list[Failure]]]:
    """What a chapter says, by subject: each of thousands of pages asks for its own."""
    found: dict[str | None, tuple[list[Drawing[F]], list[Failure]]] = {}
    for drawing in chapter.drawings:
        found.setdefault(getattr(drawing, key), ([], []))[0].append(drawing)
    for failure in chapter.failures:
        found.setdefault(getattr(failure, key), ([], []))[1].append(failure)
    return found


@dataclass(frozen=True)
class Channels:
    """The channels of a picture with more than three, as one picture of gray tiles, and each one's (lowest, highest) value."""

    file: str
    size: Size
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ShownSample:
    """A picture of the atlas."""

    name: str
    slug: str
    digest: str
    file: str
    size: Size
    channels: Channels | None = None


@dataclass(frozen=True)
class ExampleSet:
    """The pictures from which the units' natural examples come."""

    words: str
    count: int
    digest: str


@dataclass(frozen=True)
class Made:
    """How an atlas was made: the command, the settings (keys of convreport.toml), when, and with which versions."""

    command: str
    settings: Mapping[str, Any]
    convreport: str
    python: str
    packages: Mapping[str, str]
    date: str = ""


@dataclass(frozen=True)
class Book:
    """One model: its card, and a chapter for each section.

    `preprocessing` and `answers` say in words what pictures become and what the output is, `notes` what is out of the
    ordinary; `slugs` are layers' names in files and addresses.
    """

    format: int
    model: ModelCard
    preprocessing: str
    answers: str
    notes: tuple[str, ...]
    slugs: Mapping[str, str]
    samples: tuple[ShownSample, ...]
    examples: ExampleSet | None
    sections: tuple[Chapter[Any, Any], ...]
    made: Made

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def slug(self) -> str:
        """The model's folder."""
        return self.model.slug

    @cached_property
    def chapters(self) -> Mapping[str, Chapter[Any, Any]]:
        """Chapters by the names of their sections."""
        return {chapter.name: chapter for chapter in self.sections}

    @cached_property
    def layers(self) -> Mapping[str, LayerInfo]:
        """Layers by path."""
        return {layer.path: layer for layer in self.model.layers}

    @cached_property
    def by_slug(self) -> Mapping[str, ShownSample]:
        """Samples by slug."""
        return {sample.slug: sample for sample in self.samples}

    @cached_property
    def paged(self) -> tuple[str, ...]:
        """The layers with a page of their own, in network order: those for which there was anything to draw."""
        shown = {one.layer for chapter in self.sections for one in chapter.drawings}
        shown |= {one.layer for chapter in self.sections for one in chapter.failures}
        return tuple(layer.path for layer in self.model.layers if layer.path in shown)

    @cached_property
    def _found(self) -> dict[Callable[["Book"], Any], Any]:
        return {}

    def once(self, search: Callable[["Book"], T]) -> T:
        """What `search` finds in this book, computed once even if thousands of pages ask for it."""
        if search not in self._found:
            self._found[search] = search(self)
        return cast(T, self._found[search])

    @property
    def failed(self) -> int:
        """How many drawings could not be made."""
        return sum(len(chapter.failures) for chapter in self.sections)
