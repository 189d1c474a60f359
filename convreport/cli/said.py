"""What was said on the command line, as keys of a Plan."""

from collections.abc import Mapping
from typing import Any

BY_COMMA = ("sections", "skip")
OF_THE_COMMAND = ("as_json", "quiet", "config")  # not of the plan


def said(given: Mapping[str, Any], *others: str) -> dict[str, Any]:
    """What was said, of a command's arguments as `locals()` holds them, as keys of a Plan; all but `others`."""
    found = {}
    for name, value in given.items():
        key = name.rstrip("_")  # input_ and set_ keep out of Python's way
        if value is None or key in (*OF_THE_COMMAND, *others):
            continue
        if key in BY_COMMA:
            value = [part.strip() for words in value for part in words.split(",") if part.strip()]
        found[key] = tuple(value) if isinstance(value, list) else value
    return found
