"""atlas.json as text: the contract from which pages, site and exports are made."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from convreport.core.base.files import write_text


def write(path: Path, data: dict[str, Any]) -> None:
    """Write it, dated now; a model of which nothing has changed keeps its date."""
    data["made"]["date"] = _date_of(path, data) or datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_text(path, _dump(data))


def _dump(data: Mapping[str, Any]) -> str:
    """atlas.json as text: a line a drawing, so that a diff can be read."""
    sections = []
    for section in data["sections"]:
        lines = ",\n".join("    " + json.dumps(drawing, separators=(",", ":")) for drawing in section["drawings"])
        rest = json.dumps({key: value for key, value in section.items() if key != "drawings"})
        sections.append(f'  {{"drawings":[\n{lines}\n  ], {rest[1:]}')
    rest = json.dumps({key: value for key, value in data.items() if key != "sections"}, indent=1)
    return '{"sections":[\n' + ",\n".join(sections) + "\n], " + rest[1:].lstrip() + "\n"


def _date_of(path: Path, data: Mapping[str, Any]) -> str | None:
    """When the atlas.json at `path` was made, if it says the same as `data`: an unchanged model keeps its date."""
    try:
        before = json.loads(path.read_bytes())
        date = before["made"].pop("date")
    except (OSError, ValueError, KeyError):
        return None
    return str(date) if before == json.loads(json.dumps(data)) else None
