"""Tokens that were cut from a picture: the grid they lie on."""

from collections.abc import Iterable, Sequence

import numpy as np

from convreport.core.network.card import LayerInfo

FIRST_TOKENS = 5  # in front of those of the picture: of the class, of distillation, registers


def grid_of(
    shape: Sequence[int | None], sources: Sequence[LayerInfo], before: Iterable[LayerInfo], *, guessed: bool
) -> tuple[int, int] | None:
    """(height, width) of tokens (tokens, channels) cut from a picture, perhaps behind a few others; None if they are not.

    The grid is that of the map they were cut from, or of as many tokens before; else, where that may be `guessed`, they must
    make a square: inside Python code a row of tokens may be one of many windows.
    """
    if len(shape) != 2 or shape[0] is None or shape[0] < 4:
        return None
    tokens = shape[0]
    for source in sources:
        if source.spatial and None not in source.map:
            height, width = source.map
            if height and width and 0 <= tokens - height * width <= FIRST_TOKENS:
                return height, width
    for other in before:
        if other.grid is not None and other.shape[0] == tokens:
            return other.grid
    for count in (tokens, tokens - 1) if guessed else ():
        side = int(np.sqrt(count))
        if side * side == count and side > 1:
            return side, side
    return None
