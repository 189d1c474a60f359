"""How far layers reach: which maps the scores rest on, and which layers mind the size of the picture."""

from contextlib import suppress

import numpy as np

from convreport.core.network import layers
from convreport.core.network.card import ModelCard
from convreport.core.pictures.fitting import FREE_SIDE
from convreport.engines.keras import runtime
from convreport.engines.keras.understanding import heads
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.fields import CELLWISE, ENLARGING, MOVING, WINDOWS
from convreport.engines.keras.wiring.folding import folded
from convreport.engines.keras.wiring.graph import Wiring
from convreport.engines.keras.wiring.probe import Reached, has_preactivation, probing

# What keeps its meaning at any size of picture.
SIZELESS = {*CELLWISE, *WINDOWS, *MOVING, *ENLARGING, "InputLayer"} - {"Dense", "Concatenate"}
TRIED = 16  # maps, from the last one back


def reaching(card: ModelCard, wiring: Wiring, feed: Feed, output: int) -> str:
    """The last map that a gradient of the scores reaches for a picture of noise; "" where the wiring tells it anyway.

    Where a class token makes the scores, they do not rest on the other tokens of the last layers.
    """
    maps = layers.cam_maps(card)[-TRIED:] if card.head != "none" else []
    calls = {call.path: call for call in wiring.calls}
    if not maps or (maps[-1].grid is None and wiring.kind != "subclassed" and not calls[maps[-1].path].mixed):
        return ""
    tf = runtime.tensorflow()
    height, width, channels = card.input
    noise = np.random.default_rng(0).uniform(0, 255, (1, height or FREE_SIDE, width or FREE_SIDE, channels))
    end = calls.get(card.end)
    before = [end] if end is not None and has_preactivation(end.operation) else []
    wanted = [calls[layer.path] for layer in maps]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        with probing(wanted, pre=before, watch=tape.watch, operations=wiring.operations) as taps, suppress(Reached):
            outputs = feed.run(tf.constant(card.preprocessing.apply(noise.astype(np.float32)), tf.float32))
        scores, _ = heads.scored(card, outputs[output], taps.pre.get(card.end))
        first = scores[:, 0]
    for layer in reversed(maps):
        slope = tape.gradient(first, taps.outputs[layer.path]) if layer.path in taps.outputs else None
        if slope is not None and np.any(np.asarray(tf.cast(folded(slope, calls[layer.path], card), tf.float32))):
            return layer.path
    return ""


def takes_any_size(card: ModelCard, wiring: Wiring, path: str) -> bool:
    """Is everything from the input up to this layer known not to mind the picture's size?"""
    below = layers.ancestors(card, path)
    kinds = {layer.kind for layer in card.layers if layer.path in below}
    in_python = any(call.owner is not None or call.mixed for call in wiring.calls if call.path in below)
    return not in_python and kinds <= SIZELESS
