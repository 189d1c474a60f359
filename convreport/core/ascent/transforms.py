"""What a canvas goes through before the network sees it: one affine warp, a roll, a window."""

from dataclasses import dataclass

import numpy as np

from convreport.core.ascent.recipes import Recipe
from convreport.core.base.kinds import Array


@dataclass(frozen=True)
class Moves:
    """The transforms of one picture, a row a step: `warps` (steps, 8) and `rolls` (steps, 2) in whole pixels."""

    warps: Array
    rolls: Array

    @classmethod
    def drawn(cls, recipe: Recipe, draw: np.random.Generator, side: int, steps: int) -> "Moves":
        """Random moves of a canvas of that side."""
        rolls = draw.integers(-recipe.roll, recipe.roll + 1, (steps, 2)) if recipe.roll else np.zeros((steps, 2), int)
        return cls(warps(recipe, draw, side, steps), rolls.astype(np.int32))


def moves_anything(recipe: Recipe) -> bool:
    """Does this recipe warp at all?"""
    return bool(recipe.rotate or recipe.zoom or recipe.shift or recipe.crop)


def seen_side(recipe: Recipe, side: int) -> int:
    """The side of the window through which a step sees a canvas."""
    return side - 2 * recipe.crop


def warps(recipe: Recipe, draw: np.random.Generator, side: int, count: int) -> Array:
    """Affine transforms about the centre, float32 (count, 8), as `Ops.warp` takes them."""
    angle = np.radians(draw.uniform(-recipe.rotate, recipe.rotate, count))
    scale = 1 + draw.uniform(-recipe.zoom, recipe.zoom, count)
    free = (side - seen_side(recipe, side)) / 2
    shift = draw.uniform(-1, 1, (2, count)) * (recipe.shift * side + free)
    a, b = np.cos(angle) * scale, np.sin(angle) * scale
    centre, seen = (side - 1) / 2, (seen_side(recipe, side) - 1) / 2
    rows = [
        a, -b, centre - seen * a + seen * b + shift[0],
        b, a, centre - seen * a - seen * b + shift[1],
        np.zeros(count), np.zeros(count),
    ]  # fmt: skip
    return np.stack(rows, 1).astype(np.float32)
