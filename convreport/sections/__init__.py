"""One file per visualization; adding a file adds a section. Other packages add theirs by `convreport.sections`."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.sections.base import Section

S = TypeVar("S", bound=type[Section])
_ORDER = (
    "overview",
    "kernels",
    "filters",
    "examples",
    "health",
    "circuits",
    "classes",
    "gradcam",
    "faithfulness",
    "activations",
    "sanity",
    "shortcuts",
)  # as a reader meets them on a page
_found: dict[str, type[Section]] = {}


def section(kind: S) -> S:
    """Register a section class under its `name`; it must be a frozen dataclass whose fields all have defaults."""
    _found[kind.name] = kind
    return kind


@cache
def registry() -> Mapping[str, type[Section]]:
    """All sections by name: this folder's first, in reading order, then other packages'."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for entry in entry_points(group="convreport.sections"):
        entry.load()
    known = [name for name in _ORDER if name in _found]
    return {name: _found[name] for name in (*known, *sorted(set(_found) - set(known)))}


def select(only: tuple[str, ...], without: tuple[str, ...]) -> list[str]:
    """The names of the sections to draw; UsageError with "did you mean" for an unknown one."""
    known = registry()
    for name in (*only, *without):
        if name not in known:
            raise UsageError(f"There is no section '{name}'.", did_you_mean(name, known))
    return [name for name in known if (not only or name in only) and name not in without]


def configure(name: str, options: Mapping[str, Any]) -> Section:
    """A section with its options set; UsageError names an unknown option or a value of the wrong kind."""
    kind = registry()[name]
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values = {}
    for option, value in options.items():
        if option not in fields:
            raise UsageError(
                f"The section {name} has no option '{option}'.",
                did_you_mean(option, fields) if fields else f"{name} has no options.",
            )
        values[option] = _converted(name, option, value, fields[option])
    return kind(**values)


def options_of(kind: type[Section]) -> dict[str, tuple[Any, str]]:
    """Option -> (default, what it does), for help and documentation."""
    return {
        field.name: (field.default, field.metadata.get("help", ""))
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
    }


def _converted(section_name: str, option: str, value: Any, field: "dataclasses.Field[Any]") -> Any:
    kind: type[Any] = type(field.default)
    try:
        if kind is tuple:
            words = value.split(",") if isinstance(value, str) else [str(word) for word in value]
            return tuple(word.strip() for word in words if word.strip())
        if kind is bool and isinstance(value, str):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(value, bool) is not (kind is bool):
            raise ValueError
        converted = kind(value)
    except (TypeError, ValueError, KeyError):
        raise UsageError(
            f"{section_name}.{option} takes {_KINDS.get(kind, kind.__name__)}, not {value!r}.",
            f"Its default is {field.default!r}.",
        ) from None
    choices = field.metadata.get("choices")
    if choices and converted not in choices:
        raise UsageError(f"{section_name}.{option} has no choice '{converted}'.", did_you_mean(str(converted), choices))
    least = field.metadata.get("least")
    if least is not None and converted < least:
        raise UsageError(f"{section_name}.{option} must be at least {least}, not {converted}.")
    return converted


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
