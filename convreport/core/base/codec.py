"""Frozen dataclasses to JSON and back, by their type hints.

A field that may be None, and is by default, is left out where it is None. JSON has no NaN and no infinity: they become null.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_HALVES = re.compile("[\ud800-\udfff]")


def to_json(value: Any) -> Any:
    """Plain JSON of a value made of dataclasses, tuples, mappings and scalars."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = ((name, optional, getattr(value, name)) for name, optional in _fields(type(value)))
        return {name: to_json(item) for name, optional, item in told if not (optional and item is None)}
    return str(value) if isinstance(value, Path) else value


def for_all(data: Any) -> Any:
    """Plain JSON that any program reads: in file names Python writes bytes that are no text as halves of a character
    (surrogates), which nobody else takes; each becomes U+FFFD.
    """
    if isinstance(data, str):
        return _HALVES.sub("\ufffd", data)
    if isinstance(data, list):
        return [for_all(item) for item in data]
    return {for_all(key): for_all(item) for key, item in data.items()} if isinstance(data, dict) else data


def from_json(kind: type[T], data: Any) -> T:
    """A `kind` from what `to_json` made of one; ValueError says what does not fit, and where."""
    try:
        return msgspec.convert(data, kind, dec_hook=_other)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


@cache
def _fields(kind: type[Any]) -> list[tuple[str, bool]]:
    """(name, may it be left out) of the fields that are told."""
    fields = [field for field in dataclasses.fields(kind) if field.metadata.get("json", True)]
    return [(field.name, field.default is None) for field in fields]


def _other(kind: type[Any], data: Any) -> Any:
    """What msgspec does not know by itself."""
    return kind(data) if kind is Path else data
