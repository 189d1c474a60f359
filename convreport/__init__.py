"""Turns a convolutional network into a model atlas: a static site of what its layers, filters and decisions look like."""

from typing import Any

from convreport.builder.api import Atlas, build, draw, read
from convreport.reviewing.api import Change, compare

__all__ = ["Atlas", "Change", "Watch", "build", "compare", "draw", "read"]
__version__ = "0.6.0"


def __getattr__(name: str) -> Any:
    """`Watch` is one of Keras's callbacks, and importing convreport must not import Keras."""
    if name == "Watch":
        from convreport.engines.keras.watch import callback

        return callback()
    raise AttributeError(f"module 'convreport' has no attribute '{name}'")
