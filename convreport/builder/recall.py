"""The plan an atlas was built by, kept in its cache so that it can be verified; it names paths and is never published."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from convreport.book.folder import Atlas
from convreport.builder.plan import AtHand, Plan
from convreport.core.base.codec import from_json, to_json
from convreport.core.base.errors import UsageError
from convreport.core.base.files import read_json, write_atomically
from convreport.sections.base import Section

OF_FILES = (
    "model",
    "weights",
    "arch",
    "labels",
    "truth",
    "masks",
)  # said as they were, or as whole paths where they name a file
LEFT_OUT = ("sections", "at_hand", "fresh", "strict", "templates", "site_url", "out", "workers", "dashboard")


def remember(atlas: Atlas, slug: str, plan: Plan) -> None:
    """Keep how this model was built; of what was handed over in Python only that it was."""
    kept: dict[str, Any] = {"live": plan.at_hand != AtHand(), "folder": str(Path.cwd())}
    kept |= {
        "plan": {field.name: to_json(getattr(plan, field.name)) for field in fields(plan) if field.name not in LEFT_OUT}
    }
    for name in OF_FILES:
        kept["plan"][name] = _whole(kept["plan"][name])
    for name in ("images", "examples"):
        kept["plan"][name] = [str(Path.cwd() / one) for one in getattr(plan, name)]
    kept["sections"] = {section.name: to_json(section) for section in plan.sections}
    write_atomically(_place(atlas, slug), json.dumps(kept, indent=1).encode())


def recall(atlas: Atlas, slug: str, configure: Callable[[str, Mapping[str, Any]], Section[Any, Any]]) -> Plan:
    """The plan of that model's last build; UsageError where the cache has it no more, or it was built from Python."""
    kept = read_json(_place(atlas, slug))
    try:
        return _plan(atlas, slug, kept, configure)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(
            f"The cache of {atlas.out} does not say how {slug} was built.",
            "Run its build again: what is stored is not drawn again.",
        ) from None


def _plan(
    atlas: Atlas, slug: str, kept: Mapping[str, Any], configure: Callable[[str, Mapping[str, Any]], Section[Any, Any]]
) -> Plan:
    if kept["live"]:
        raise UsageError(
            f"{slug} was built from a model, pictures or functions of a Python process, which are gone.",
            "Save the model to a file and build from that, and it can be verified.",
        )
    names = {field.name for field in fields(Plan)}
    plain = from_json(Plan, {key: value for key, value in kept["plan"].items() if key in names})
    return replace(plain, out=atlas.out, sections=tuple(configure(*one) for one in kept["sections"].items()))


def _place(atlas: Atlas, slug: str) -> Path:
    return atlas.cache / f"plan-{slug}.json"


def _whole(said: str | None) -> str | None:
    return str(Path(said).resolve()) if said and Path(said).exists() else said
