"""The receptive fields of PyTorch's layers, by what they say of their windows."""

from collections.abc import Sequence
from typing import Any

from convreport.core.network.card import Field
from convreport.engines.shared.fields import (
    CELLWISE,
    EVERYTHING,
    START,
    WHOLE,
    WINDOWS,
    Pair,
    enlarged,
    interpolated,
    seen_by,
    shifted,
    windowed,
)  # fmt: skip
from convreport.engines.torch.wiring.kinds import pair
from convreport.engines.torch.wiring.trace import Call


def field_of(call: Call, below: Sequence[Field | None]) -> Field | None:
    """The field of a call's output cells, given those of what it reads; None where it is not known how it mixes space."""
    if call.kind == "InputLayer":
        return START
    source = seen_by(below)
    if source is None or call.moved:
        return None
    if call.kind in WHOLE:
        return EVERYTHING
    if call.kind in CELLWISE or call.kind in ("Chunk", "Split", "Permute", "Getitem", "Narrow"):
        return source
    if call.kind in WINDOWS:
        return _through_window(call.thing, source)
    if call.kind in ("Conv2DTranspose", "UpSampling2D"):
        return _enlarged(call.thing, source, call.kind)
    if call.kind == "ZeroPadding2D":
        left, _, top, _ = call.thing.padding
        return shifted(source, (top, left), -1)
    return None


def _kernel_size(thing: Any) -> Pair:
    said = getattr(thing, "kernel_size", None)
    return pair(said) if said is not None else (int(thing.weight.shape[-2]), int(thing.weight.shape[-1]))


def _said(thing: Any, name: str, otherwise: Any) -> Pair:
    value = getattr(thing, name, None)
    return pair(otherwise if value is None or value == [] else value)


def _through_window(thing: Any, source: Field) -> Field:
    window, dilation = _kernel_size(thing), _said(thing, "dilation", 1)
    strides = _said(thing, "stride", 1 if hasattr(thing, "weight") else window)
    reach = ((window[0] - 1) * dilation[0], (window[1] - 1) * dilation[1])
    said = getattr(thing, "padding", 0)
    padding = (reach[0] // 2, reach[1] // 2) if said == "same" else (0, 0) if said == "valid" else pair(said)
    return windowed(source, reach, strides, padding)


def _enlarged(thing: Any, source: Field, kind: str) -> Field | None:
    if kind == "Conv2DTranspose":
        known = _said(thing, "dilation", 1) == (1, 1) and _said(thing, "output_padding", 0) == (0, 0)
        return (
            enlarged(source, _kernel_size(thing), _said(thing, "stride", 1), _said(thing, "padding", 0))
            if known
            else None
        )
    factor = getattr(thing, "scale_factor", None)
    if factor is None or any(float(one) != int(one) for one in pair(factor)):
        return None
    return interpolated(source, (int(pair(factor)[0]), int(pair(factor)[1])), getattr(thing, "mode", "nearest"))
