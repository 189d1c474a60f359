"""Numbers as they are published."""

from typing import Any

import numpy as np


def short(value: Any) -> float:
    """Four significant digits: enough to read, small to publish."""
    return float(f"{float(value):.4g}")


def unheard() -> np.errstate:
    """Around arithmetic on what a network answers: numbers that are none, or endless, are told as such by whoever finds them,
    and numpy's warnings on the way would tell a user nothing.
    """
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")
