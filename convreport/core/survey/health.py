"""Which units of a layer are not well, by what a survey tallied of them."""

from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.network.layers import is_pooling
from convreport.core.survey.tally import Tally

# Activations that let through what is above zero and hold back, more or less, what is below.
RELU_LIKE = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish", "prelu", "celu", "hard_silu",
    "hard_swish",
)  # fmt: skip
RELU_LIKE_LAYERS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Relu", "Relu6", "Gelu", "Silu", "HardSilu")
KEEPING = ("Dropout", "SpatialDropout2D", "ZeroPadding2D", "Cropping2D", "Identity", "UpSampling2D")
JOINING = ("Add", "Concatenate", "Average", "Maximum")
SATURATED = 0.5  # share of positions at the ceiling


def gated(card: ModelCard, path: str) -> bool:
    """Does a value above zero here mean that a unit answers? So it is behind a ReLU or its like, and poolings, sums and
    concatenations of such.
    """
    layers = {layer.path: layer for layer in card.layers}
    waiting, seen = [path], set()
    while waiting:  # no recursion: a network may have a thousand layers that add to each other
        layer = layers.get(waiting.pop())
        if layer is None:
            return False
        if layer.path in seen or layer.activation in RELU_LIKE or layer.kind in RELU_LIKE_LAYERS:
            continue
        hands_on = is_pooling(layer) or layer.kind in KEEPING or layer.kind in JOINING
        if layer.activation not in (None, "linear") or not hands_on or not layer.inputs:
            return False
        seen.add(layer.path)
        waiting += layer.inputs
    return True


@dataclass(frozen=True)
class UnitHealth:
    """The units of a layer that are not well, by number, among all its `units`, on so many `pictures`.

    `silent`: never above zero; `constant`: the same number at every place of every picture; `always`: above zero at every
    place of every picture; `saturated`: at the ceiling of the activation at half of all places or more; `duplicates`:
    (unit, unit, cosine of kernels, correlation of responses), both above 0.95. Only a `gated` layer has silent and
    always-on units.
    """

    pictures: int
    units: int
    gated: bool
    silent: tuple[int, ...]
    constant: tuple[int, ...]
    always: tuple[int, ...]
    saturated: tuple[int, ...]
    duplicates: tuple[tuple[int, int, float, float], ...]


def of_layer(card: ModelCard, layer: LayerInfo, tally: Tally) -> UnitHealth:
    """Which units of a layer are not well, by its tally."""
    pictures = int(tally.pictures[0])
    opens = gated(card, layer.path)
    silent = (tally.most <= 0) & opens
    constant = (tally.most == tally.least) & ~silent
    always = (tally.positive >= pictures * (1 - 1e-6)) & opens & ~constant
    saturated = (tally.full >= SATURATED * pictures) & ~constant
    duplicates = tuple((one, other, short(a), short(b)) for one, other, a, b in tally.duplicates())
    return UnitHealth(
        pictures,
        tally.units,
        opens,
        _numbers(silent),
        _numbers(constant),
        _numbers(always),
        _numbers(saturated),
        duplicates,
    )


def _numbers(which: Array) -> tuple[int, ...]:
    return tuple(int(unit) for unit in np.flatnonzero(which))
