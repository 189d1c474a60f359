"""A layer's output as maps: channels last, tokens folded to the grid they were cut from."""

from typing import Any

from convreport.core.network.card import ModelCard
from convreport.engines.keras import runtime
from convreport.engines.keras.wiring.graph import Call


def folded(maps: Any, call: Call, card: ModelCard) -> Any:
    """The tensor (n, height, width, channels) of what passed a layer; class tokens in front are left out."""
    tf = runtime.tensorflow()
    if call.channels_first:
        return tf.transpose(maps, [0, 2, 3, 1])
    grid = card.layer(call.path).grid
    if grid is None:
        return maps
    spare = maps.shape[1] - grid[0] * grid[1]
    return tf.reshape(maps[:, spare:], [-1, *grid, maps.shape[2]])
