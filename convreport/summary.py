"""What atlas.json amounts to: what was right and wrong, and the layers as a strip of bars."""

from collections.abc import Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]

HIDDEN_IN_LONG_STRIPS = (
    "Activation",
    "ReLU",
    "BatchNormalization",
    "Dropout",
    "ZeroPadding2D",
    "InputLayer",
    "Reshape",
)


def strip(layers: Sequence[Data]) -> list[dict[str, Any]]:
    """The layers as bars: height tells the map's size, width the units; very long networks show what computes."""
    shown = layers
    if len(layers) > 60:
        shown = [layer for layer in layers if layer["kind"] not in HIDDEN_IN_LONG_STRIPS]
    tallest = max((layer["shape"][0] or 1 for layer in shown if len(layer["shape"]) == 3), default=1)
    bars = []
    for layer in shown:
        spatial = len(layer["shape"]) == 3
        side = (layer["shape"][0] or 1) if spatial else 1
        units = layer["shape"][-1] or 1 if layer["shape"] else 1
        height = 14 + round(58 * (side / tallest) ** 0.6)
        width = 6 + round(2.2 * max(units, 1) ** 0.38)
        bars.append({**layer, "height": height, "width": width, "family": _family(layer["kind"])})
    return bars


def _family(kind: str) -> str:
    if "Conv" in kind:
        return "conv"
    if "Pooling" in kind:
        return "pool"
    if kind in ("Add", "Concatenate", "Multiply", "Average", "Maximum"):
        return "merge"
    return "dense" if kind == "Dense" else "other"


def judged(data: Data) -> dict[str, Any] | None:
    """How many pictures it was right about, of how many whose true class is known, and the drawings of the wrong ones."""
    known = [
        drawing
        for section in data["sections"]
        if section["name"] == "gradcam"
        for drawing in section["drawings"]
        if drawing["facts"].get("right") is not None
    ]
    wrong = [drawing for drawing in known if not drawing["facts"]["right"]]
    return {"all": len(known), "right": len(known) - len(wrong), "wrong": wrong} if known else None


def said_and_true(facts: Data) -> tuple[tuple[int, Data], tuple[int, Data]]:
    """(place, class) of what it said first, and of the truth, among the explained classes."""
    said = facts["top"][0]["index"]
    places = list(enumerate(facts["classes"]))
    return (
        next((one for one in places if one[1]["index"] == said), places[0]),
        next(one for one in places if one[1]["true"]),
    )
