"""Frozen dataclasses to JSON and back, by their type hints."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Plain JSON of a value made of dataclasses, tuples, mappings and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = [field for field in dataclasses.fields(value) if field.metadata.get("json", True)]
        return {field.name: to_json(getattr(value, field.name)) for field in told}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def from_json(kind: type[T], data: Any) -> T:
    """A `kind` from what `to_json` made of one; TypeError, KeyError or ValueError if `data` is something else."""
    return typing.cast(T, _from(kind, data))


def _from(kind: Any, data: Any) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        names = {field.name for field in dataclasses.fields(kind)}
        return kind(**{name: _from(hints[name], item) for name, item in data.items() if name in names})
    origin = typing.get_origin(kind)
    if origin is tuple:
        kinds = typing.get_args(kind)
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return tuple(_from(kinds[0], item) for item in data)
        return tuple(_from(one, item) for one, item in zip(kinds, data, strict=True))
    if origin in (types.UnionType, typing.Union):
        inner = [one for one in typing.get_args(kind) if one is not type(None)]
        return None if data is None else _from(inner[0], data)
    return data
