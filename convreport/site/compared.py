"""Comparisons -> Markdown, and what their pages and parts of reports are drawn with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convreport.book.comparison import words
from convreport.book.comparison.folder import FOLDER
from convreport.book.comparison.values import Comparison, Layers, Shown
from convreport.book.values import Book
from convreport.core.pictures import colour
from convreport.site import templating
from convreport.site.page import Page
from convreport.site.strip import strip
from convreport.site.templating import Environment
from convreport.site.wording import anchor

CELL, LETTER = 18, 5.6  # of the matrix, in pixels: a cell's side, and the width of a letter of a layer's name
FAR = 0.5  # 1 - CKA from which a bar has the full colour; a small drift must be seen too
LONGEST = 24  # letters of a name


@dataclass(frozen=True)
class Seen:
    """A picture on a page: its address, and its (height, width)."""

    source: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Bar:
    """A layer on the strip: see `strip`; `drift` the strength of its colour in percent, `said` in words."""

    height: int
    width: int
    family: str
    drift: int
    anchor: str
    said: str


def pages(environment: Environment, comparisons: Sequence[Comparison], books: Sequence[Book]) -> Iterator[Page]:
    """The pages of all comparisons; models that are not in this atlas are not linked to."""
    for one in comparisons:
        scene = scene_of(one, books, lambda shown: Seen(shown.file, shown.size))
        wanted = [("index.md", "comparison.md", one.name), ("units.md", "comparison-units.md", f"{one.name}: units")]
        if one.decisions is not None and one.decisions.flips:
            wanted.append(("flips.md", "comparison-flips.md", f"{one.name}: decisions"))
        for path, template, title in wanted:
            text = templating.rendered(environment, template, {**scene, "title": title})
            yield Page(f"{FOLDER}/{one.slug}/{path}", title, templating.tidy(text))


def scene_of(one: Comparison, books: Sequence[Book], see: Callable[[Shown], Any]) -> Mapping[str, Any]:
    """What the templates of a comparison need; `see` makes an address of a picture."""
    known = {book.slug: book for book in books}
    new = known.get(one.new.slug)
    said = {
        "decisions": words.decisions(one.decisions) if one.decisions else "",
        "calibration": words.calibration(one.decisions) if one.decisions else "",
        "attention": words.attention(one.attention) if one.attention else "",
        "layers": words.layers(one.layers) if one.layers else "",
        "units": words.units(one.units) if one.units else "",
        "alarms": words.alarms(one),
    }
    return {
        "c": one,
        "names": (one.old.name, one.new.name),
        "sides": [(side, side.slug in known) for side in (one.old, one.new)],
        "stale": [side.name for side in (one.old, one.new) if _differs(side, known.get(side.slug))],
        "summary": words.summary(one),
        "said": said,
        "see": see,
        "bars": _bars(new, one.layers) if new is not None and one.layers else [],
        "matrix": _matrix(one.layers) if one.layers and one.layers.pictures else None,
    }


def _differs(side: Any, book: Book | None) -> bool:
    return book is not None and book.model.digest != side.digest


def _bars(book: Book, layers: Layers) -> list[Bar]:
    """The strip of the new model, each layer by its drift; those that were not looked at stay plain."""
    drifts = {one.new: one for one in layers.drifts}
    found = []
    for bar in strip(book.model.layers):
        one = drifts.get(bar.path)
        known = one is not None and one.cka is not None
        said = (
            f"{bar.path}: CKA {one.cka:.3f}"
            if one is not None and one.cka is not None
            else f"{bar.path}: not looked at"
        )
        far = min((one.drift or 0.0) / FAR, 1) if one is not None and known else 0.0
        drift = round(100 * far**0.5)
        found.append(Bar(bar.height, bar.width, bar.family, drift, anchor(bar.path), said))
    return found


def _matrix(layers: Layers) -> dict[str, Any]:
    """Every cell with its colour, and the names of rows and columns."""
    table = colour.table("viridis")
    names = [[_brief(path) for path in some] for some in (layers.old, layers.new)]
    left = max((len(name) for name in names[0]), default=0) * LETTER + 10
    top = max((len(name) for name in names[1]), default=0) * LETTER * 0.87 + 12
    cells = []
    for row, values in enumerate(layers.matrix):
        for column, value in enumerate(values):
            shade = (
                "none"
                if value is None
                else "#" + "".join(f"{part:02x}" for part in table[round(255 * min(max(value, 0), 1))])
            )
            said = f"{layers.old[row]} and {layers.new[column]}: " + ("none" if value is None else f"{value:.3f}")
            cells.append({"x": left + column * CELL, "y": top + row * CELL, "colour": shade, "said": said})
    return {
        "left": left, "top": top, "cell": CELL, "cells": cells,
        "width": round(left + len(names[1]) * CELL + top * 0.6), "height": round(top + len(names[0]) * CELL),
        "rows": [{"y": top + place * CELL, "name": name} for place, name in enumerate(names[0])],
        "columns": [{"x": left + place * CELL, "name": name} for place, name in enumerate(names[1])],
    }  # fmt: skip


def _brief(path: str) -> str:
    return path if len(path) <= LONGEST else "…" + path[1 - LONGEST :]
