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
    forward: Forward,
    layers: Sequence[str],
    plain: Set[str] = frozenset(),
    *,
    settled: bool = False,
    shares: bool = True,
) -> Callable[[Array], Mapping[str, Responses]]:
    """A function of pictures as the network is fed (n, height, width, channels): what these layers answer.

    It stops at the last of the layers. Of the layers `plain` it tells the maps alone, of the others the shares of positions
    only where `shares` asks for them. `settled`: the weights stay as they are.
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
            else (maps, *_reduced(ops, maps, card.layer(path)))[: None if shares else TOLD]
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
    low, high = CEILINGS.get(layer.activation or OWN_NAMES.get(layer.kind, ""), (None, None))
    above = maps if layer.rectified else ops.maximum(maps, 0.0)
    mean = _over_space(ops.mean, maps)
    full = 0 * mean
    if high is not None:
        full = full + _over_space(ops.mean, ops.number(maps >= high))
    if low is not None:
        full = full + _over_space(ops.mean, ops.number(maps <= low))
    drive = mean if layer.rectified else _over_space(ops.mean, above)
    positive = _over_space(ops.mean, ops.sign(above))  # quicker than comparing and making numbers of it
    return _over_space(ops.most, maps), _over_space(ops.least, maps), mean, drive, positive, full


def _over_space(reduce: Callable[[Tensor, Sequence[int]], Tensor], maps: Tensor) -> Tensor:
    """Rows first: long stretches of memory are taken together, which is a third quicker than both axes at once."""
    return reduce(reduce(maps, [1]), [1])
