"""What a section is: one visualization, which declares what there is to draw, draws it, and owns all that is told of it."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, cast

from convreport.book.values import Book, Chapter, Drawing, Mosaic, ShownFigure
from convreport.core.base.codec import from_json, to_json
from convreport.core.drawing import figures
from convreport.core.drawing.drawn import SectionDrawn
from convreport.core.drawing.figures import PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Record, StoredFigure
from convreport.core.network.layers import paths
from convreport.core.seam import Network
from convreport.core.survey.shards import Surveyor
from convreport.sections.shared.surveyed import surveyed_layers
from convreport.sections.telling import (
    Alert,
    Cell,
    Line,
    OwnPage,
    Part,
    Place,
    Result,
    Rule,
    SaidClass,
    Shift,
    Strip,
    Units,
)

F = TypeVar("F")
H = TypeVar("H")
Asked = Literal["look", "score", "observe", "ascend", "kernels"]
Box = tuple[int, int, int, int]  # top, left, height, width


class Press(Protocol):
    """What publishes pictures beside the drawings."""

    slugs: Mapping[str, str]  # of layers, by path

    def mosaic(
        self, file: str, figures: Sequence[StoredFigure], columns: int, side: int = 0, boxes: Sequence[Box] = ()
    ) -> Mosaic | None:
        """Some stored tiles as one published picture; None if there are none."""
        ...


class Desk(Protocol):
    """What a part of the one-file report is written with."""

    def inline(self, file: str, kind: Literal["tile", "photo", "layer"]) -> "Inline":
        """A published picture as an address that holds it, as large as the report has room for."""
        ...


class Inline(Protocol):
    """A picture inside the page."""

    @property
    def source(self) -> str:
        """Its address, which holds it."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Its (height, width) in pixels."""
        ...


class Section(ABC, Generic[F, H]):
    """One visualization: a frozen dataclass whose fields are its options, their help and part of its cache key.

    `F` is the type of a drawing's facts, `H` of what the section shows besides its drawings (None for nothing): frozen
    dataclasses, also given as `Facts` and `Highlights`. An option's metadata: `help`, `choices`, `least`, `most`, and `word`,
    the option of `convreport build` that sets it. Class methods say what a book tells, whatever the options were; the words
    are in the blocks of the section's template (see `telling`). The template `NAME.md` of a section from another package
    lies next to its module.
    """

    name: ClassVar[str]
    page: ClassVar[PageKind]
    order: ClassVar[float]  # of sections on a page
    order_at: ClassVar[Mapping[Place, float]] = {}  # in places where it differs
    batch: ClassVar[int]  # the most subjects to draw at a time
    shaped_by: ClassVar[tuple[str, ...]] = ()  # other modules of convreport that shape its pixels
    asks: ClassVar[tuple[Asked, ...]] = ()  # which methods of a network it calls
    of_examples: ClassVar[bool] = False  # do its drawings depend on the examples?
    Facts: ClassVar[type[Any]]
    Highlights: ClassVar[type[Any]] = type(None)

    # -- drawing

    @abstractmethod
    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Declare what there is to draw."""

    @abstractmethod
    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """Everything in `scope` that shapes this drawing, as JSON."""

    def group(self, subject: Subject) -> Hashable:
        """Subjects of equal groups may be drawn together: by layer for ascent, by picture for Grad-CAM; by default all."""
        return None

    @property
    def climbs(self) -> int:
        """About how many optimized pictures a subject takes; asked only of sections with a recipe."""
        return 1

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw, in one sentence; asked only if `subjects` is empty."""
        return ""

    def prepare(self, scope: Scope, surveyor: Surveyor, rests_on: str) -> None:
        """Have passes over the examples made by whoever has the network, before it is drawn elsewhere; what comes of them is
        kept with the examples. Asked of sections that ask for `observe`: they rest on the survey unless they say otherwise.
        """
        if scope.examples is not None:
            scope.examples.survey_by(surveyor, scope.card, rests_on, paths(surveyed_layers(scope)), scope.fit)

    def passes(self, scope: Scope) -> int:
        """How many pictures it shows to the network in passes of its own, beside the survey, each counted once."""
        return 0

    @abstractmethod
    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[figures.Drawing]:
        """Draw: one drawing per subject, in order."""

    def highlights(self, press: Press, scope: Scope, drawn: Mapping[str, SectionDrawn]) -> H | None:
        """Pictures published along with the drawings; `drawn` is what every section drew."""
        return None

    # -- reading

    @classmethod
    def chapter(cls, book: Book) -> Chapter[F, H] | None:
        """What the book says of this section."""
        return cast(Chapter[F, H] | None, book.chapters.get(cls.name))

    @classmethod
    def drawn(cls, book: Book) -> tuple[Drawing[F], ...]:
        """Its drawings that did not fail."""
        chapter = cls.chapter(book)
        return chapter.drawings if chapter is not None else ()

    @classmethod
    def drawn_of(cls, book: Book, sample: str) -> Sequence[Drawing[F]]:
        """Those about one picture, by its slug."""
        chapter = cls.chapter(book)
        return chapter.of_sample.get(sample, ([], []))[0] if chapter is not None else ()

    @classmethod
    def facts_of(cls, record: Record) -> F:
        """What a stored drawing says; ValueError where it does not fit."""
        return cast(F, from_json(cls.Facts, record.facts))

    # -- telling

    rules: ClassVar[tuple[Rule, ...]] = ()
    units: ClassVar[Units | None] = None  # for a section that draws tiles of units
    unmeasured: ClassVar[str] = ""  # what to say if it drew nothing and its alerts are counted

    @classmethod
    def context(cls, book: Book, place: Place, **subject: Any) -> Mapping[str, Any]:
        """What its template needs in a place, in addition to the book and the subject of the place."""
        return {}

    @classmethod
    def summary(cls, book: Book) -> Iterable[Line]:
        """Its lines in the model's summary."""
        return ()

    @classmethod
    def verdict(cls, book: Book) -> Iterable[str]:
        """What it adds to the model's one-sentence verdict: "classifies 4 of 4 pictures correctly"."""
        return ()

    @classmethod
    def cells(cls, book: Book) -> Iterable[Cell]:
        """Its columns in the table of several models."""
        return ()

    @classmethod
    def alerts(cls, book: Book) -> Iterable[Alert]:
        """What is wrong with the model."""
        return ()

    @classmethod
    def compared(cls, now: Book, before: Book) -> Iterable[Result]:
        """Did anything get worse compared with another book?"""
        return ()

    @classmethod
    def shifts(cls, now: Book, before: Book) -> Iterable[Shift]:
        """Its numbers in two books, for the table of changes."""
        return ()

    @classmethod
    def pages(cls, book: Book) -> Iterable[OwnPage]:
        """Pages of its own."""
        return ()

    @classmethod
    def said_classes(cls, book: Book) -> Iterable[SaidClass]:
        """The classes it has something to say of."""
        return ()

    @classmethod
    def cover(cls, book: Book) -> Mosaic | None:
        """The picture that stands for the model on the home page."""
        return None

    @classmethod
    def social(cls, book: Book) -> Mosaic | None:
        """The picture by which messengers announce a link to the model: a JPEG, twice as wide as high."""
        return None

    @classmethod
    def face(cls, book: Book, sample: str) -> ShownFigure | None:
        """What stands for a picture on the model's page."""
        return None

    @classmethod
    def layer_data(cls, book: Book, layer: str) -> Mapping[str, Any]:
        """What the viewer needs of a layer, as JSON."""
        return {}

    @classmethod
    def picture_data(cls, book: Book, sample: str) -> Mapping[str, Any]:
        """What the viewer needs of a picture, as JSON."""
        return {}

    @classmethod
    def unit_data(cls, book: Book, layer: str) -> list[dict[str, Any]]:
        """What the viewer needs of the units of a layer, as JSON, in the order of the sheets."""
        some = [one for one in cls.drawn(book) if one.layer == layer and one.unit is not None]
        return [{"unit": one.unit, **to_json(one.facts)} for one in some]

    @classmethod
    def words_of_units(cls, book: Book) -> Iterable[tuple[str, int, str]]:
        """Words by which a reader may look for a unit: (layer, unit, word), such as the class or part that it detects."""
        return ()

    @classmethod
    def contact(cls, book: Book) -> Iterable[Strip]:
        """Its rows of the contact sheet, beside those of units."""
        return ()

    @classmethod
    def report(cls, book: Book, desk: Desk) -> Iterable[Part]:
        """Its parts of the one-file report."""
        return ()

    @classmethod
    def left_out(cls, book: Book) -> Iterable[str]:
        """What of it the one-file report has not, in words."""
        return ()

    @classmethod
    def file_name(cls, drawing: Drawing[F], figure: str, slugs: Mapping[str, str]) -> str:
        """The name, without its ending, of a picture that is exported by itself."""
        layer = slugs.get(drawing.layer or "", "")
        if drawing.unit is not None:
            return f"{layer}_{drawing.unit}_{figure}"
        return "_".join(part for part in (drawing.sample or "", layer, cls.name, figure) if part)
