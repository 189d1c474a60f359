"""Numbers as they are published."""

from typing import Any


def short(value: Any) -> float:
    """Four significant digits: enough to read, small to publish."""
    return float(f"{float(value):.4g}")
