"""What all sections together tell of a book."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from convreport.book.values import Book, Chapter, Mosaic, ShownFigure
from convreport.core.base.codec import to_json
from convreport.core.pictures.samples import unique_slug
from convreport.sections import registry
from convreport.sections.telling import Alert, Cell, Line, Result, Rule, Shift

MOST_ANSWERS, LEAST_ANSWERS = (
    25_000,
    12,
)  # of channels to pictures, about 20 bytes each; to so many pictures in any case
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


def verdict(book: Book) -> str:
    """A model in one sentence, without markup."""
    clauses = [clause for kind in registry().values() for clause in kind.verdict(book)]
    raised = alerts(book)
    serious = sum(not one.mild for one in raised)
    if serious:
        clauses.append(f"raises {serious} alert{'s' if serious != 1 else ''}")
    elif not unmeasured(book):
        clauses.append("raises no serious alert" if raised else "raises no alert")
    if not clauses:
        return f"{book.name} predicts {book.answers}."
    return f"{book.name} {', '.join(clauses[:-1])}{' and ' if len(clauses) > 1 else ''}{clauses[-1]}."


def cells(book: Book) -> dict[str, Cell]:
    """What is measured of a model for the table of many, by column."""
    return {cell.column: cell for kind in registry().values() for cell in kind.cells(book)}


def cover(book: Book) -> Mosaic | None:
    """The picture that stands for the model."""
    return next((found for kind in registry().values() if (found := kind.cover(book))), None)


def social(book: Book) -> Mosaic | None:
    """The picture by which a link to the model is announced."""
    return next((found for kind in registry().values() if (found := kind.social(book))), None)


def unit_index(book: Book) -> dict[str, Any]:
    """What the viewer needs to look for units: of each layer with a page its units, and the words that stand for each."""
    shown: dict[str, dict[int, list[str]]] = {path: {} for path in book.paged}
    for chapter in book.sections:
        for sheet in chapter.sheets:
            units = shown.get(sheet.layer, {})
            units |= {unit: [] for one in sheet.files for unit in one.units if unit not in units}
    for kind in registry().values():
        for layer, unit, word in kind.words_of_units(book):
            if word not in (words := shown.get(layer, {}).get(unit, [word])):
                words.append(word)
    return {
        "layers": [{"name": path, "slug": book.slugs[path], "units": units} for path, units in shown.items() if units]
    }


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
                told = kind.units if kind is not None else None
                more = {"rows": dict(told.rows), "caption": told.caption} if told else {}
                said = {key: value for key, value in more.items() if value}
                sheets[sheet.figure] = {**to_json(sheet), **said, "units": units}
    found: dict[str, Any] = {"name": layer, "sheets": sheets, "answers": []}
    for kind in registry().values():
        found |= kind.layer_data(book, layer)
    return found | _some_of(found["answers"])


def _some_of(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers to as many pictures as do not hold up the tiles of the layer's page, and to how many others there are."""
    shown = max(LEAST_ANSWERS, MOST_ANSWERS // max((one["channels"] for one in answers), default=1))
    return {"answers": answers[:shown], "unshown": len(answers) - shown} if len(answers) > shown else {}


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
