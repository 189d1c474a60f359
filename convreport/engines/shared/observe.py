"""What units answer to a batch of pictures, in one pass: the maps, and what they amount to."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields
from typing import Any

import numpy as np

from convreport.core.ascent.ops import Ops, Tensor
from convreport.core.base.kinds import Array
from convreport.core.network.card import LayerInfo
from convreport.core.seam import Responses
from convreport.engines.shared.forward import Forward

TOLD = 5  # of the numbers of Responses, all but the last two
# Where an activation goes no further: at this value and above (and for those of two ends, at the other and below).
CEILINGS = {
    "relu6": (None, 6.0), "sigmoid": (0.01, 0.99), "hard_sigmoid": (0.0, 1.0), "tanh": (-0.99, 0.99),
    "softsign": (-0.99, 0.99), "hard_tanh": (-1.0, 1.0),
}  # fmt: skip
# The activation that a layer is, where it is nothing else.
OWN_NAMES = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu6": "relu6", "HardSigmoid": "hard_sigmoid"}


def observing(
    forward: Forward, layers: Sequence[str], plain: Set[str] = frozenset(), *, settled: bool = False
) -> Callable[[Array], Mapping[str, Responses]]:
    """A function of pictures as the network is fed (n, height, width, channels): what these layers answer.

    It stops at the last of the layers. Of the layers `plain` it tells the maps alone. `settled`: the weights stay as they are,
    and the shares of positions are not asked for.
    """
    ops, card = forward.ops, forward.card

    def run(pictures: Tensor) -> dict[str, tuple[Any, ...]]:
        passed = forward.run(pictures, layers)
        found = {
            path: _maps(ops, forward.folded(path, passed.outputs[path])) for path in layers if path in passed.outputs
        }
        return {
            path: (maps,)
            if path in plain
            else (maps, *_reduced(ops, maps, card.layer(path)))[: TOLD if settled else None]
            for path, maps in found.items()
        }

    quick = forward.surveying(run, settled=settled)

    def observe(pictures: Array) -> Mapping[str, Responses]:
        found = quick(ops.tensor(pictures))
        nothing = np.zeros((len(pictures), 0), np.float32)
        return {
            path: Responses(
                *(ops.array(value) for value in values), *[nothing] * (len(fields(Responses)) - len(values))
            )
            for path, values in found.items()
        }

    return observe


def _maps(ops: Ops, value: Tensor) -> Tensor:
    """In float32; a vector is a map of one cell."""
    return ops.number(value[:, None, None, :] if len(value.shape) == 2 else value)


def _reduced(ops: Ops, maps: Tensor, layer: LayerInfo) -> tuple[Tensor, ...]:
    """What maps amount to, in the order of Responses; all reductions over both axes of space."""
    space = [1, 2]
    mean = ops.mean(maps, space)
    low, high = CEILINGS.get(layer.activation or OWN_NAMES.get(layer.kind, ""), (None, None))
    full = 0 * ops.number(mean > 0)
    if high is not None:
        full = full + ops.mean(ops.number(maps >= high), space)
    if low is not None:
        full = full + ops.mean(ops.number(maps <= low), space)
    drive = mean if layer.rectified else ops.mean(ops.maximum(maps, 0.0), space)
    positive = ops.mean(ops.number(maps > 0), space)
    return ops.most(maps, space), ops.least(maps, space), mean, drive, positive, full
