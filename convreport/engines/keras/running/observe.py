"""What units answer to a batch of pictures, in one compiled pass: the maps, and what they amount to."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.seam import Responses
from convreport.engines.keras import runtime
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.folding import folded
from convreport.engines.keras.wiring.graph import Call, Wiring
from convreport.engines.keras.wiring.probe import Reached, probing

# Where an activation goes no further: at this value and above (and for those of two ends, at the other and below).
CEILINGS = {
    "relu6": (None, 6.0), "sigmoid": (0.01, 0.99), "hard_sigmoid": (0.0, 1.0), "tanh": (-0.99, 0.99),
    "softsign": (-0.99, 0.99), "hard_tanh": (-1.0, 1.0),
}  # fmt: skip


def compiled(
    card: ModelCard, wiring: Wiring, feed: Feed, layers: Sequence[str]
) -> Callable[[Array], Mapping[str, Responses]]:
    """A function of pictures as the network is fed (n, height, width, channels): what these layers answer.

    It is traced once, for any number and size of pictures, and stops at the last of the layers.
    """
    tf = runtime.tensorflow()
    calls = {call.path: call for call in wiring.calls}
    wanted = [calls[path] for path in layers]

    def run(pictures: Any) -> dict[str, tuple[Any, ...]]:
        with probing(wanted, stop=True, operations=wiring.operations) as taps, suppress(Reached):
            feed.run(pictures)
        return {
            path: _reduced(_in_space(folded(taps.outputs[path], calls[path], card)), card.layer(path), calls[path])
            for path in layers
            if path in taps.outputs
        }

    traced = tf.function(run, input_signature=[tf.TensorSpec([None, *card.input], tf.float32)])

    def observe(pictures: Array) -> Mapping[str, Responses]:
        found = traced(tf.constant(pictures, tf.float32))
        return {path: Responses(*(np.asarray(value) for value in values)) for path, values in found.items()}

    return observe


def _in_space(maps: Any) -> Any:
    """A vector a picture, as of a dense layer, is a map of one cell."""
    return maps[:, None, None, :] if len(maps.shape) == 2 else maps


def _reduced(maps: Any, layer: LayerInfo, call: Call) -> tuple[Any, ...]:
    """The maps in float32, then in the order of Responses what they amount to; all reductions over both axes of space."""
    tf = runtime.tensorflow()
    maps = tf.cast(maps, tf.float32)
    space = [1, 2]
    mean = tf.reduce_mean(maps, space)
    low, high = CEILINGS.get(layer.activation or _own_name(call), (None, None))
    full = tf.zeros_like(mean)
    for end, beyond in ((high, tf.greater_equal), (low, tf.less_equal)):
        if end is not None:
            full += tf.reduce_mean(tf.cast(beyond(maps, end), tf.float32), space)
    least = tf.reduce_min(maps, space)
    drive = mean if layer.rectified else tf.reduce_mean(tf.nn.relu(maps), space)
    positive = tf.reduce_mean(tf.cast(maps > 0, tf.float32), space)
    return maps, tf.reduce_max(maps, space), least, mean, drive, positive, full


def _own_name(call: Call) -> str:
    """The activation that a layer is, where it is nothing else: ReLU(max_value=6) is relu6."""
    ceiling = getattr(call.operation, "max_value", None)
    if type(call.operation).__name__ == "ReLU" and ceiling is not None and float(ceiling) == 6:
        return "relu6"
    return {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu6": "relu6", "HardSigmoid": "hard_sigmoid"}.get(
        type(call.operation).__name__, ""
    )
