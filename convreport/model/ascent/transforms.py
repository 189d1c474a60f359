"""What a canvas goes through before the network sees it: one affine warp, a roll, a window; a blur between scales."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convreport.core.recipes import Recipe
from convreport.core.types import Array
from convreport.model import runtime


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
    """Affine transforms about the centre, float32 (count, 8), in the order ImageProjectiveTransformV3 takes them."""
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


def warped(pictures: Any, transforms: Any, side: int) -> Any:
    """Each picture (n, h, w, c) under its own transform (n, 8), seen through (n, side, side, c): bilinear, reflected."""
    tf = runtime.tensorflow()
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=transforms,
        output_shape=tf.constant([side, side]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def rolled(pictures: Any, rolls: Any) -> Any:
    """Each picture (n, h, w, c) shifted around its edges by its own whole pixels (n, 2)."""
    tf = runtime.tensorflow()
    height, width = (tf.shape(pictures)[axis] for axis in (1, 2))
    rows = (tf.range(height)[None] - rolls[:, :1]) % height
    columns = (tf.range(width)[None] - rolls[:, 1:]) % width
    pictures = tf.gather(pictures, rows, axis=1, batch_dims=1)
    return tf.transpose(tf.gather(tf.transpose(pictures, [0, 2, 1, 3]), columns, axis=1, batch_dims=1), [0, 2, 1, 3])


def blurred(pictures: Any, side: int) -> Any:
    """The mean over a box of `side` pixels, edges reflected."""
    tf = runtime.tensorflow()
    before, after = side // 2, (side - 1) // 2
    padded = tf.pad(pictures, [[0, 0], [before, after], [before, after], [0, 0]], "REFLECT")
    return tf.nn.avg_pool2d(padded, side, 1, "VALID")
