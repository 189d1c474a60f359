"""Digests of layers: of what they are, of their weights, and of all they read."""

import inspect
import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from convreport.core.base.files import digest_bytes
from convreport.core.base.provenance import source_of
from convreport.engines.keras.wiring.feed import Feed


def of_layer(operation: Any, weights: list[Any], below: list[str], given: bytes) -> str:
    """The digest of a layer's kind, configuration (its name left out), weights, and everything it reads."""
    own = {key: value for key, value in _config(operation).items() if key not in ("name", "trainable")}
    state = blake2b(given, digest_size=16)
    state.update(json.dumps([type(operation).__name__, own, below], sort_keys=True, default=str).encode())
    _add_weights(state, weights)
    return state.hexdigest()


def of_code(owner: Any, feed: Feed) -> str:
    """The digest of what is wired in Python: all its weights and its source, as nobody knows which layer reads which."""
    state = blake2b(digest_size=16)
    state.update(source_of(type(owner)).encode())
    state.update(json.dumps(_config(owner), sort_keys=True, default=str).encode())
    for slot in feed.slots:
        state.update(feed.digest_of(slot.name))
    _add_weights(state, owner.weights)
    return state.hexdigest()


def _add_weights(state: Any, weights: Sequence[Any]) -> None:
    for weight in weights:
        value = np.ascontiguousarray(weight.numpy())
        state.update(value.view(np.uint8).data if value.size and value.ndim else value.tobytes())


def _config(operation: Any) -> Mapping[str, Any]:
    """What a layer says of itself; of one that says nothing, its source and the values that it keeps."""
    try:
        return dict(operation.get_config())
    except Exception:  # Keras has none where it cannot write an argument down; and it may be anybody's code, that fails
        kept = {key: _value(value) for key, value in vars(operation).items() if not key.startswith("_")}
        return {"source": source_of(type(operation)), "kept": {key: value for key, value in kept.items() if value}}


def _value(value: Any, deep: int = 8) -> str:
    """A plain value, an array or a function as text that is the same in every process; of anything else, nothing.

    Lists and mappings are followed `deep` levels down: one may hold itself.
    """
    if isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(inner, deep - 1) for inner in value)}]" if deep else ""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!s}: {_value(inner, deep - 1)}' for key, inner in value.items())}}}" if deep else ""
    if inspect.isroutine(value):
        return source_of(value)
    value = value.numpy() if callable(getattr(value, "numpy", None)) else value
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return f"{value.dtype} {value.shape} {digest_bytes(value.tobytes())}"
    return ""
