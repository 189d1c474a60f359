"""Which units of a layer are shown: `64`, `all`, `random:12` or `3,17,40`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np

from convreport.core.base.errors import UsageError
from convreport.core.network.card import LayerInfo


@dataclass(frozen=True)
class UnitChoice:
    """Which units of a layer: the first `count`, all, `count` at random, or the listed ones."""

    how: Literal["first", "all", "random", "listed"] = "first"
    count: int = 64
    listed: tuple[int, ...] = ()


def parse(words: str) -> UnitChoice:
    """A UnitChoice from the user's words; UsageError if they are none of the four forms."""
    text = words.strip().lower()
    if text == "all":
        return UnitChoice("all")
    if re.fullmatch(r"[1-9]\d*", text):
        return UnitChoice("first", int(text))
    if match := re.fullmatch(r"random:([1-9]\d*)", text):
        return UnitChoice("random", int(match[1]))
    if re.fullmatch(r"0|\d+(\s*,\s*\d+)*\s*,|\d+(\s*,\s*\d+)+", text):
        return UnitChoice("listed", listed=tuple(dict.fromkeys(int(part) for part in text.split(",") if part.strip())))
    raise UsageError(
        f"--filters cannot be '{words}'.", "Give a number (64), all, random:12, or which (3,17,40; a single one: 3,)."
    )


def must_exist(choice: UnitChoice, shown: Sequence[LayerInfo]) -> None:
    """UsageError where a listed unit is in none of these layers."""
    widest = max(shown, key=lambda layer: layer.units, default=None)
    beyond = [unit for unit in choice.listed if widest is not None and unit >= widest.units]
    if beyond and widest is not None:
        raise UsageError(
            f"No layer in this atlas has a unit {beyond[0]}.",
            f"The widest, {widest.path}, has units 0 to {widest.units - 1}.",
        )


def pick(choice: UnitChoice, layer: LayerInfo, seed: int) -> tuple[int, ...]:
    """The chosen units of a layer, in order; listed ones beyond a layer's range are left out of that layer."""
    if choice.how == "all":
        return tuple(range(layer.units))
    if choice.how == "first":
        return tuple(range(min(choice.count, layer.units)))
    if choice.how == "random":
        draw = np.random.default_rng([seed, crc32(layer.path.encode())])
        chosen = draw.choice(layer.units, min(choice.count, layer.units), replace=False)
        return tuple(sorted(int(unit) for unit in chosen))
    return tuple(sorted(unit for unit in choice.listed if unit < layer.units))
