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
