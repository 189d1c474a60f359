"""Visualizations, one module each; adding a module adds a section. Other packages add theirs by `convreport.sections`.

A section owns all that is told of it: its drawings and their facts, its words on pages, in the report and in comments, its
alerts and rules. Imports `core`, `book` and `sections.shared`; the rest of convreport asks sections through `sections.base`
and `sections.together`, and knows none by name.
"""

import dataclasses
import importlib
import operator
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.sections.base import Section

S = TypeVar("S", bound=type[Section[Any, Any]])
_found: dict[str, type[Section[Any, Any]]] = {}


def section(kind: S) -> S:
    """Register a section class under its `name`; it must be a frozen dataclass whose fields all have defaults."""
    _found[kind.name] = kind
    return kind


@cache
def registry() -> Mapping[str, type[Section[Any, Any]]]:
    """All sections by name, in reading order: those of this folder, and other packages'."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for entry in entry_points(group="convreport.sections"):
        entry.load()
    return {kind.name: kind for kind in sorted(_found.values(), key=lambda kind: (kind.order, kind.name))}


def kinds(name: str) -> tuple[type[Any], type[Any]] | None:
    """The types of a section's facts and highlights, as a reader of books asks for them; None for an unknown one."""
    kind = registry().get(name)
    return (kind.Facts, kind.Highlights) if kind is not None else None


def select(only: tuple[str, ...], without: tuple[str, ...]) -> list[str]:
    """The names of the sections to draw; UsageError with "did you mean" for an unknown one."""
    known = registry()
    for name in (*only, *without):
        if name not in known:
            raise UsageError(f"There is no section '{name}'.", did_you_mean(name, known))
    return [name for name in known if (not only or name in only) and name not in without]


def configure(name: str, options: Mapping[str, Any]) -> Section[Any, Any]:
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


def options_of(kind: type[Section[Any, Any]]) -> dict[str, tuple[Any, str]]:
    """Option -> (default, what it does), for help and documentation."""
    return {
        field.name: (field.default, field.metadata.get("help", ""))
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
    }


@dataclasses.dataclass(frozen=True)
class Word:
    """An option of `convreport build` that sets options of sections: `places` are (section, option), `list` says that it takes
    several values, by comma.
    """

    name: str
    help: str
    default: Any
    list: bool
    places: tuple[tuple[str, str], ...]


@cache
def words() -> Mapping[str, Word]:
    """The words that sections' options declare, by name; several sections may share one, the first says what it means."""
    found: dict[str, Word] = {}
    for kind in registry().values():
        for field in dataclasses.fields(kind):  # type: ignore[arg-type]
            if name := field.metadata.get("word"):
                place = (kind.name, field.name)
                several = isinstance(field.default, tuple)
                first = found.get(name) or Word(name, field.metadata["help"], field.default, several, ())
                found[name] = dataclasses.replace(first, places=(*first.places, place))
    return found


def _converted(section_name: str, option: str, value: Any, field: "dataclasses.Field[Any]") -> Any:
    kind: type[Any] = type(field.default)
    word = field.metadata.get("word", "").replace("_", "-")
    said = f"--{word}" if word else f"{section_name}.{option}"
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
            f"{said} takes {_KINDS.get(kind, kind.__name__)}, not {value!r}.",
            f"Its default is {field.default!r}.",
        ) from None
    choices = field.metadata.get("choices")
    if choices and converted not in choices:
        raise UsageError(f"{said} has no choice '{converted}'.", did_you_mean(str(converted), choices))
    for bound, wrong, how in (("least", operator.lt, "at least"), ("most", operator.gt, "at most")):
        limit = field.metadata.get(bound)
        if limit is not None and wrong(converted, limit):
            raise UsageError(f"{said} must be {how} {limit}, not {converted}.")
    return converted


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
