"""The one writer of atlas.json, and of the schema beside it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from convreport.book.reader import FILE, Kinds, read
from convreport.book.values import Book
from convreport.core.base.codec import for_all, to_json
from convreport.core.base.errors import UsageError
from convreport.core.base.files import write_text

SCHEMA = "atlas.schema.json"


def write(folder: Path, book: Book, kinds: Kinds, schema: dict[str, Any]) -> Book:
    """Write a model's atlas.json, dated now, and the schema beside it; a model of which nothing has changed keeps its date."""
    path = folder / FILE
    dated = _dated(book, _date_of(path, book, kinds) or datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    write_text(folder / SCHEMA, json.dumps(schema, indent=1) + "\n")
    write_text(path, _dump({"$schema": SCHEMA, **for_all(to_json(dated))}))
    return dated


def _dump(data: dict[str, Any]) -> str:
    """atlas.json as text: a line a drawing, so that a diff can be read."""
    sections = []
    for section in data.pop("sections"):
        drawings = section.pop("drawings")
        lines = ",\n".join("    " + json.dumps(drawing, separators=(",", ":"), allow_nan=False) for drawing in drawings)
        rest = json.dumps(section, allow_nan=False)
        sections.append(f'  {{"drawings":[\n{lines}\n  ], {rest[1:]}')
    rest = json.dumps(data, indent=1, allow_nan=False)
    return rest[:-2].rstrip() + ',\n "sections":[\n' + ",\n".join(sections) + "\n]}\n"


def _date_of(path: Path, book: Book, kinds: Kinds) -> str | None:
    """When the atlas.json at `path` was made, if it says the same."""
    try:
        before = read(path, kinds)
    except UsageError:
        return None
    same = to_json(_dated(before, "")) == for_all(to_json(_dated(book, "")))
    return before.made.date if same else None


def _dated(book: Book, date: str) -> Book:
    return replace(book, made=replace(book.made, date=date))
