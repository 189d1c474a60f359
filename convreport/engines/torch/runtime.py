"""PyTorch, imported late."""

import os
from functools import cache
from typing import Any

from convreport.core.base.errors import ModelError


@cache
def torch() -> Any:
    """The module `torch`; ModelError where it is not installed."""
    # Threads that wait for each other must not burn the cores that the others need: with two threads on two busy cores a
    # step of a climb took 1.40 s, and 0.20 s with this. It is read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch
    except ModuleNotFoundError:
        raise ModelError(
            "This is a PyTorch model, and PyTorch is not installed.", "Install it: pip install 'convreport[torch]'."
        ) from None
    return torch
