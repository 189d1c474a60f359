"""A book -> the data files that the viewer's script reads: one a layer, one a picture, and one of all units."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from convreport.book.values import Book
from convreport.sections import together
from convreport.site.page import Page

UNITS = "data/units.js"  # what units can be looked for by


def data_files(book: Book) -> Iterator[Page]:
    """The files of one model. They are scripts that call convreport(...), as file:// allows no fetch."""
    for path in book.paged:
        yield _script(book, f"data/layer-{book.slugs[path]}.js", together.layer_data(book, path))
    yield _script(book, UNITS, together.unit_index(book))
    for sample in book.samples:
        yield _script(book, f"data/picture-{sample.slug}.js", together.picture_data(book, sample.slug))


def as_json(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: nothing in it can end one."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _script(book: Book, path: str, content: Mapping[str, Any]) -> Page:
    return Page(f"{book.slug}/{path}", path, f"convreport({as_json(content)});\n")
