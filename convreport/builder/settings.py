"""The settings of a build as they are published."""

import dataclasses
from pathlib import Path
from typing import Any

from convreport.builder import model
from convreport.builder.plan import Plan
from convreport.core.base.codec import to_json

UNTOLD = (
    "out", "templates", "site_url", "sections", "fresh", "strict", "at_hand", "workers", "dashboard",
    "recipe", "preset",  # sections tell of recipes
)  # fmt: skip


def published(plan: Plan) -> dict[str, Any]:
    """The plan as JSON: files by their names, folders not at all, so that no page tells of the machine."""
    shown = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan) if field.name not in UNTOLD}
    shown["images"] = ["DIR" if Path(image).is_dir() else Path(image).name for image in plan.images]
    shown["examples"] = ["DIR" if Path(one).is_dir() else Path(one).name for one in plan.examples]
    shown["model"] = model.request_of(plan).shown
    shown["input"] = [f"{name}={Path(value).name}" for name, _, value in (one.partition("=") for one in plan.input)]
    for name in ("weights", "labels", "truth"):
        if shown[name] is not None:
            shown[name] = Path(shown[name]).name
    if plan.masks is not None:
        shown["masks"] = "DIR" if plan.masks.is_dir() else plan.masks.name
    unsaid = {name for name in ("memory", "budget", "max_examples") if not shown[name]}
    return {
        key: to_json(value)
        for key, value in shown.items()
        if value not in (None, [], ()) and value is not False and key not in unsaid
    }
