"""The JSON Schema of atlas.json, generated from the values."""

from collections.abc import Mapping
from typing import Any

import msgspec

from convreport.book.values import FORMAT, Book, Chapter

UNTOLD: dict[str, Any] = {"not": {}}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kinds: Mapping[str, tuple[type[Any], type[Any]]]) -> dict[str, Any]:
    """The schema of an atlas.json whose sections say what `kinds` has for their names; others may say anything."""
    chapters = {name: Chapter[facts, highlights] for name, (facts, highlights) in kinds.items()}  # type: ignore[valid-type]
    other = Chapter[dict[str, Any], dict[str, Any]]
    told, parts = msgspec.json.schema_components(
        [Book, other, *chapters.values()], schema_hook=lambda kind: UNTOLD, ref_template="#/$defs/{name}"
    )
    _leave_out_untold(parts)
    whole = parts["Book"]
    whole["properties"] |= {"$schema": {"type": "string"}, "format": {"const": FORMAT}}
    whole["properties"]["sections"] = {
        "type": "array",
        "items": {
            "allOf": [
                told[1],
                *(
                    {"if": {"properties": {"name": {"const": name}}}, "then": ref}
                    for name, ref in zip(chapters, told[2:], strict=True)
                ),
            ]
        },
    }
    return {"$schema": DIALECT, "title": "atlas.json of convreport", **told[0], "$defs": parts}


def _leave_out_untold(parts: dict[str, Any]) -> None:
    """What no JSON can hold (a function at hand) is never written, and has no place in the schema."""
    for part in parts.values():
        properties = part.get("properties", {})
        for name in [name for name, kind in properties.items() if UNTOLD in kind.get("anyOf", [])]:
            del properties[name]
