"""The one reader of atlas.json."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from convreport.book.values import FORMAT, Book, Chapter
from convreport.book.whole import must_be_whole
from convreport.core.base.errors import UsageError

# The name of a section -> the types of what it says of a drawing and of what it shows beside; None for an unknown one.
Kinds = Callable[[str], tuple[type[Any], type[Any]] | None]
FILE = "atlas.json"


class OtherFormatError(UsageError):
    """An atlas.json that another version of convreport wrote; `model` is what it is about."""

    def __init__(self, model: str, format_: int) -> None:
        super().__init__(
            f"{model} was written by another version of convreport (format {format_}, not {FORMAT}).", "Build it again."
        )
        self.model = model


@dataclass(frozen=True)
class _Model:
    name: str


@dataclass(frozen=True)
class _Brief:
    model: _Model
    format: int = 0


@dataclass(frozen=True)
class _Named:
    name: str


def read(path: Path, kinds: Kinds) -> Book:
    """The book that a file holds; UsageError for one that does not fit, OtherFormatError for one of another version."""
    try:
        return parse(path.read_bytes(), kinds)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}).", "It lies in docs/MODEL/ of an atlas.") from None
    except ValueError as error:
        raise UsageError(
            f"{path} is damaged, or not an atlas.json: {error}.",
            "Build its model again: what is in the cache is not drawn again.",
        ) from None


def parse(data: bytes, kinds: Kinds) -> Book:
    """A book from the text of an atlas.json; ValueError says what does not fit, and where."""
    brief = _decode(data, _Brief)
    if brief.format != FORMAT:
        raise OtherFormatError(brief.model.name, brief.format)
    outer = _decode(data, _raw_book())
    chapters = []
    for place, raw in enumerate(outer.sections):
        name = _decode(raw, _Named, f"$.sections[{place}]").name
        facts, highlights = kinds(name) or (dict, dict)
        chapters.append(_decode(raw, Chapter[facts, highlights], f"$.sections[{place}]"))  # type: ignore[valid-type]
    plain = {field.name: getattr(outer, field.name) for field in fields(Book) if field.name != "sections"}
    book = Book(**plain, sections=tuple(chapters))
    must_be_whole(book)
    return book


@cache
def _raw_book() -> Any:
    """A Book whose sections are not looked into yet."""
    hints = {field.name: field.type for field in fields(Book)}
    hints["sections"] = tuple[msgspec.Raw, ...]
    return msgspec.defstruct("Book", list(hints.items()))


def _decode(data: Any, kind: Any, at: str = "$") -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `")
        raise ValueError(f"{said[:1].lower()}{said[1:]} at {at}{where.rstrip('`').removeprefix('$')}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
