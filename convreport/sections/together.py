"""What all sections together tell of a book."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from convreport.book.values import Book, Chapter, Mosaic, ShownFigure
from convreport.core.base.codec import to_json
from convreport.core.pictures.samples import unique_slug
from convreport.sections import registry
from convreport.sections.telling import Alert, Cell, Line, Result, Rule, Shift

MOST_LONE = 100  # pages of classes that nothing but a pattern is known of


@dataclass(frozen=True)
class ClassPage:
    """A class with a page of its own."""

    index: int
    name: str
    wnid: str
    slug: str


def alerts(book: Book) -> list[Alert]:
    """What is wrong with a model, the worst first."""
    found = [alert for kind in registry().values() for alert in kind.alerts(book)]
    return sorted(found, key=lambda one: -one.weight)


def summary(book: Book) -> list[Line]:
    """A model in a few lines; the last says whether anything failed."""
    lines = [line for kind in registry().values() for line in kind.summary(book)]
    failed = f"{book.failed} drawing{'s' if book.failed != 1 else ''} failed"
    return [*lines, Line(failed, "bad") if book.failed else Line("nothing failed")]


def cells(book: Book) -> dict[str, Cell]:
    """What is measured of a model for the table of many, by column."""
    return {cell.column: cell for kind in registry().values() for cell in kind.cells(book)}


def cover(book: Book) -> Mosaic | None:
    """The picture that stands for the model."""
    return next((found for kind in registry().values() if (found := kind.cover(book))), None)


def face(book: Book, sample: str) -> ShownFigure | None:
    """What stands for a picture where it is one of many."""
    return next((found for kind in registry().values() if (found := kind.face(book, sample))), None)


def classes(book: Book) -> dict[int, ClassPage]:
    """The classes with a page of their own, by index: all that pictures are about, and a number of others."""
    said = [one for kind in registry().values() for one in kind.said_classes(book)]
    about = {one.index for one in said if not one.lone}
    lone = list(dict.fromkeys(one.index for one in said if one.index not in about))[:MOST_LONE]
    taken = {"index"}  # a page of that name would stand for all of them
    found = {}
    for index in sorted({*about, *lone}):
        names = [one for one in said if one.index == index]
        wnid = next((one.wnid for one in names if one.wnid), "")
        found[index] = ClassPage(index, names[-1].name, wnid, unique_slug(names[-1].name, taken))
    return found


def layer_data(book: Book, layer: str) -> dict[str, Any]:
    """What the viewer needs of a layer: the sheets of its units with their facts, and what sections add."""
    sheets: dict[str, Any] = {}
    for chapter in book.sections:
        kind = registry().get(chapter.name)
        for sheet in chapter.sheets:
            if sheet.layer == layer:
                units = kind.unit_data(book, layer) if kind is not None else _plain(chapter, layer)
                rows = {"rows": dict(kind.units.rows)} if kind is not None and kind.units and kind.units.rows else {}
                sheets[sheet.figure] = {**to_json(sheet), **rows, "units": units}
    found: dict[str, Any] = {"name": layer, "sheets": sheets, "answers": []}
    for kind in registry().values():
        found |= kind.layer_data(book, layer)
    return found


def _plain(chapter: Chapter[Any, Any], layer: str) -> list[dict[str, Any]]:
    """The units of a section that is not installed here."""
    return [{"unit": one.unit, **one.facts} for one in chapter.drawings if one.layer == layer and one.unit is not None]


def picture_data(book: Book, sample: str) -> dict[str, Any]:
    """What the viewer needs of a picture."""
    found: dict[str, Any] = {"name": book.by_slug[sample].name, "tilings": {}}
    for kind in registry().values():
        found |= kind.picture_data(book, sample)
    return found


@cache
def rules() -> Mapping[str, Rule]:
    """The rules that sections bring to `check`, by name."""
    return {rule.name: rule for kind in registry().values() for rule in kind.rules}


def compared(now: Book, before: Book) -> Iterator[Result]:
    """Has anything become worse than in another book?"""
    for kind in registry().values():
        yield from kind.compared(now, before)


def shifts(now: Book, before: Book) -> list[Shift]:
    """The numbers of two books that sections tell of."""
    return [one for kind in registry().values() for one in kind.shifts(now, before)]


def unmeasured(book: Book) -> str:
    """What is missing where alerts are to be counted; nothing if all is there."""
    missing = (kind.unmeasured for kind in registry().values() if kind.unmeasured and not kind.drawn(book))
    return next(missing, "")
