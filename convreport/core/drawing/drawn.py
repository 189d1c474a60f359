"""What became of what was to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convreport.core.drawing.figures import Subject
from convreport.core.drawing.store import Record


@dataclass(frozen=True)
class Drawn:
    """What became of one subject: its record, or why there is none."""

    subject: Subject
    key: str
    record: Record | None
    failure: str = ""
    reused: bool = False


@dataclass(frozen=True)
class SectionDrawn:
    """Everything one section drew, with what a page must know of the section; `silence` says why it drew nothing."""

    name: str
    page: str
    options: Mapping[str, Any]
    purpose: str
    drawn: tuple[Drawn, ...]
    silence: str = ""


def count(drawn: Sequence[Drawn]) -> tuple[int, int, int]:
    """How many are new, reused, failed."""
    failed = sum(one.record is None for one in drawn)
    reused = sum(one.reused for one in drawn)
    return len(drawn) - failed - reused, reused, failed
