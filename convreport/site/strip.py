"""The layers of a network as bars on a strip."""

from collections.abc import Sequence
from dataclasses import dataclass

from convreport.core.network.card import LayerInfo

MOST = 200  # bars on the page of a layer
LONG = 60  # layers, above which only those that compute are shown
HIDDEN_IF_LONG = (
    "Activation", "ReLU", "BatchNormalization", "Dropout", "ZeroPadding2D", "InputLayer", "Reshape",
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """A layer: its height tells the map's size, its width the units, both in pixels."""

    path: str
    height: int
    width: int
    family: str


def strip(layers: Sequence[LayerInfo]) -> list[Bar]:
    """The bars, from input to output; very long networks show what computes."""
    shown = layers
    if len(layers) > LONG:
        shown = [layer for layer in layers if layer.kind not in HIDDEN_IF_LONG]
    tallest = max((layer.shape[0] or 1 for layer in shown if len(layer.shape) == 3), default=1)
    bars = []
    for layer in shown:
        side = (layer.shape[0] or 1) if len(layer.shape) == 3 else 1
        units = (layer.shape[-1] or 1) if layer.shape else 1
        height = 14 + round(58 * (side / tallest) ** 0.6)
        width = 14 + round(1.6 * max(units, 1) ** 0.4)
        bars.append(Bar(layer.path, height, width, _family(layer.kind)))
    return bars


def around(bars: Sequence[Bar], path: str) -> Sequence[Bar]:
    """The bars near a layer: on the pages of a network of a thousand layers all of them would be a million."""
    place = next((place for place, bar in enumerate(bars) if bar.path == path), 0)
    return bars if len(bars) <= MOST else bars[max(0, place - MOST // 2) : place + MOST // 2]


def _family(kind: str) -> str:
    if "Conv" in kind:
        return "conv"
    if "Pooling" in kind:
        return "pool"
    if kind in ("Add", "Concatenate", "Multiply", "Average", "Maximum"):
        return "merge"
    return "dense" if kind == "Dense" else "other"
