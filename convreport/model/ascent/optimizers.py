"""How a gradient becomes an update: Adam, Padam, RMSprop, or a step along the gradient divided by its size."""

from typing import Any

from convreport.core.recipes import Recipe
from convreport.model import runtime

State = tuple[Any, ...]


def first_state(recipe: Recipe, values: Any) -> State:
    """What an optimizer remembers before its first step."""
    zeros = runtime.tensorflow().zeros_like(values)
    return {"adam": (zeros, zeros), "padam": (zeros, zeros), "rmsprop": (zeros,)}.get(recipe.step, ())


def updated(recipe: Recipe, values: Any, slope: Any, state: State, step: Any, rate: Any) -> tuple[Any, State]:
    """Values one step further up, and the new state; `step` counts from 0, both it and `rate` are scalar tensors.

    adam: Kingma and Ba 2015 with betas `momentum` and 0.999, `decay` added to the gradient.
    rmsprop: as keras-vis has it, decay
    0.95 on the gradient over its L2 norm; l2, rms: the gradient of each canvas over its L2 norm, or its root mean square.
    """
    tf = runtime.tensorflow()
    if recipe.decay:
        slope = slope - recipe.decay * values
    if recipe.step == "adam":
        kept = recipe.momentum
        first = kept * state[0] + (1 - kept) * slope
        second = 0.999 * state[1] + 0.001 * slope * slope
        # The two corrections for the zeros at the start, moved into the rate: one pass less over the coefficients.
        short = tf.sqrt(1 - tf.pow(0.999, step + 1))
        moved = values + rate * short / (1 - tf.pow(kept, step + 1)) * first / (tf.sqrt(second) + 1e-8 * short)
        return moved, (first, second)
    axes = list(range(1, len(slope.shape)))
    if recipe.step == "padam":
        first = recipe.momentum * state[0] + (1 - recipe.momentum) * slope
        second = 0.999 * state[1] + 0.001 * slope * slope
        # Only the proportions within a picture matter, so that the corrections for the zeros at the start drop out.
        move = first * tf.pow(second + 1e-30, -recipe.adaptive)
        return values + rate * move * tf.math.rsqrt(tf.reduce_mean(move * move, axes, keepdims=True) + 1e-30), (
            first,
            second,
        )
    if recipe.step == "rms":
        return values + rate * slope / (tf.sqrt(tf.reduce_mean(slope * slope, axes, keepdims=True)) + 1e-5), ()
    slope = slope * tf.math.rsqrt(tf.maximum(tf.reduce_sum(slope * slope, axes, keepdims=True), 1e-12))
    if recipe.step == "l2":
        return values + rate * slope, ()
    second = 0.95 * state[0] + 0.05 * slope * slope
    return values + rate * slope / tf.sqrt(second + 1e-7), (second,)
