"""How a gradient becomes an update: Adam, Padam, RMSprop, or a step along the gradient divided by its size."""

from convreport.core.ascent.ops import Ops, Tensor
from convreport.core.ascent.recipes import Recipe

State = tuple[Tensor, ...]


def first_state(ops: Ops, recipe: Recipe, values: Tensor) -> State:
    """What an optimizer remembers before its first step."""
    zeros = ops.zeros(values.shape)
    return {"adam": (zeros, zeros), "padam": (zeros, zeros), "rmsprop": (zeros,)}.get(recipe.step, ())


def updated(
    ops: Ops, recipe: Recipe, values: Tensor, slope: Tensor, state: State, step: Tensor, rate: Tensor
) -> tuple[Tensor, State]:
    """Values one step further up, and the new state; `step` counts from 0, both it and `rate` are scalar tensors.

    adam: Kingma and Ba 2015 with betas `momentum` and 0.999, `decay` added to the gradient; padam: Chen et al. 2018.
    rmsprop: as keras-vis has it, decay 0.95 on the gradient over its L2 norm; l2, rms: the gradient of each canvas over its
    L2 norm, or its root mean square.
    """
    if recipe.decay:
        slope = slope - recipe.decay * values
    if recipe.step == "adam":
        kept = recipe.momentum
        first = kept * state[0] + (1 - kept) * slope
        second = 0.999 * state[1] + 0.001 * slope * slope
        # The two corrections for the zeros at the start, moved into the rate: one pass less over the coefficients.
        short = ops.sqrt(1 - ops.power(0.999, step + 1))
        moved = values + rate * short / (1 - ops.power(kept, step + 1)) * first / (ops.sqrt(second) + 1e-8 * short)
        return moved, (first, second)
    axes = range(1, len(slope.shape))
    if recipe.step == "padam":
        first = recipe.momentum * state[0] + (1 - recipe.momentum) * slope
        second = 0.999 * state[1] + 0.001 * slope * slope
        # Only the proportions within a picture matter, so that the corrections for the zeros at the start drop out.
        move = first * ops.power(second + 1e-30, -recipe.adaptive)
        return values + rate * move * ops.rsqrt(ops.mean(move * move, axes, keep=True) + 1e-30), (first, second)
    if recipe.step == "rms":
        return values + rate * slope / (ops.sqrt(ops.mean(slope * slope, axes, keep=True)) + 1e-5), ()
    slope = slope * ops.rsqrt(ops.maximum(ops.sum(slope * slope, axes, keep=True), 1e-12))
    if recipe.step == "l2":
        return values + rate * slope, ()
    second = 0.95 * state[0] + 0.05 * slope * slope
    return values + rate * slope / ops.sqrt(second + 1e-7), (second,)
