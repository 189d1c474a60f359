"""How far the scores reach back: the last map they rest on, found by a gradient."""

from collections.abc import Callable, Sequence

import numpy as np

from convreport.core.network import layers
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.pictures.fitting import FREE_SIDE
from convreport.engines.shared import heads
from convreport.engines.shared.forward import Forward, Passed

TRIED = 16  # maps, from the last one back


def candidates(card: ModelCard, leave: Callable[[LayerInfo], bool] = lambda layer: False) -> Sequence[LayerInfo]:
    """The last maps that the scores may rest on by the wiring, in network order; those that an engine would `leave` are not
    among them.
    """
    return [one for one in layers.cam_maps(card) if not leave(one)][-TRIED:] if card.head != "none" else []


def reaching(forward: Forward, maps: Sequence[LayerInfo]) -> str:
    """The last of these maps that a gradient of the scores reaches for a picture of noise; "" for none.

    Where a class token makes the scores, they do not rest on the other tokens of the last layers.
    """
    card, ops = forward.card, forward.ops
    height, width, channels = card.input
    noise = np.random.default_rng(0).uniform(0, 255, (1, height or FREE_SIDE, width or FREE_SIDE, channels))

    def first(passed: Passed) -> list[object]:
        before = passed.before.get(card.end)
        scores, _ = heads.scored(ops, card, passed.answers[forward.output], before)
        return [ops.sum(scores[:, 0], [0])]

    fed = ops.tensor(np.asarray(card.preprocessing.apply(noise.astype(np.float32)), np.float32))
    passed, slopes = forward.derived(fed, layers.paths(maps), first)
    for layer in reversed(maps):
        slope = slopes[layer.path][0] if layer.path in passed.outputs else None
        if slope is not None and np.any(ops.array(ops.number(forward.folded(layer.path, slope)))):
            return layer.path
    return ""
