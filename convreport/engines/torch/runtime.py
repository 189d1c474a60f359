"""PyTorch, imported late."""

from functools import cache
from typing import Any

from convreport.core.base.errors import ModelError


@cache
def torch() -> Any:
    """The module `torch`; ModelError where it is not installed."""
    try:
        import torch
    except ModuleNotFoundError:
        raise ModelError(
            "This is a PyTorch model, and PyTorch is not installed.", "Install it: pip install 'convreport[torch]'."
        ) from None
    return torch


def told(error: BaseException) -> str:
    """An error in a line: its kind and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
