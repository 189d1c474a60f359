"""Where comparisons lie in an atlas: docs/comparisons/SLUG/comparison.json, its schema, and the pictures beside."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from convreport.book.comparison.values import FORMAT, Comparison
from convreport.book.values import Book
from convreport.core.base.codec import for_all, from_json, to_json
from convreport.core.base.files import write_atomically, write_text

FOLDER, FILE, SCHEMA, FIGURES = "comparisons", "comparison.json", "comparison.schema.json", "figures"


def place(docs: Path, slug: str) -> Path:
    """The folder of a comparison."""
    return docs / FOLDER / slug


def read(docs: Path, slug: str) -> Comparison | None:
    """The comparison of that slug with all its pictures; None where it is not there, damaged, or of another version."""
    folder = place(docs, slug)
    try:
        data = json.loads((folder / FILE).read_bytes())
        if data.pop("format", None) != FORMAT:
            return None
        data.pop("$schema", None)
        found = from_json(Comparison, {"format": FORMAT, **data})
    except (OSError, ValueError, AttributeError):
        return None
    return found if all((folder / file).is_file() for file in files(found)) else None


def all_of(docs: Path) -> tuple[Comparison, ...]:
    """All comparisons of an atlas that can be read, by slug."""
    found = [read(docs, path.parent.name) for path in sorted((docs / FOLDER).glob(f"*/{FILE}"))]
    return tuple(one for one in found if one is not None)


def of_new(docs: Path, book: Book) -> tuple[Comparison, ...]:
    """The comparisons of an atlas in which this very model is the new one."""
    return tuple(one for one in all_of(docs) if (one.new.slug, one.new.digest) == (book.slug, book.model.digest))


def write(docs: Path, comparison: Comparison, pictures: Mapping[str, bytes]) -> Comparison:
    """Write a comparison, dated now, its schema and its pictures, and delete the pictures of an earlier one."""
    folder = place(docs, comparison.slug)
    dated = replace(comparison, date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    for file, data in pictures.items():
        write_atomically(folder / file, data)
    for path in (folder / FIGURES).glob("*"):
        if f"{FIGURES}/{path.name}" not in pictures:
            path.unlink()
    write_text(folder / SCHEMA, json.dumps(schema(), indent=1) + "\n")
    text = json.dumps({"$schema": SCHEMA, **for_all(to_json(dated))}, indent=1, allow_nan=False)
    write_atomically(folder / FILE, (text + "\n").encode())
    return dated


def remove(docs: Path, slug: str) -> None:
    """Forget a comparison."""
    shutil.rmtree(place(docs, slug), ignore_errors=True)


def files(comparison: Comparison) -> list[str]:
    """The pictures that a comparison shows."""
    pairs: list[Any] = [one.overlays for one in comparison.decisions.flips] if comparison.decisions else []
    pairs += [one.overlays for one in comparison.attention.looks] if comparison.attention else []
    for layer in comparison.units:
        for pair in layer.pairs:
            pairs += (pair.tiles or {}).values()
    return [shown.file for pair in pairs if pair for shown in pair if shown]


def schema() -> dict[str, Any]:
    """The JSON Schema of comparison.json."""
    told = msgspec.json.schema(Comparison)
    told["$defs"]["Comparison"]["properties"]["$schema"] = {"type": "string"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "comparison.json of convreport", **told}
