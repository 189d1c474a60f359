"""The receptive fields of Keras's layers, by what they say of their windows."""

from collections.abc import Sequence
from typing import Any

from convreport.core.network.card import Field
from convreport.engines.shared.fields import (
    CELLWISE,
    ENLARGING,
    EVERYTHING,
    MOVING,
    START,
    WHOLE,
    WINDOWS,
    enlarged,
    interpolated,
    seen_by,
    shifted,
    windowed,
)  # fmt: skip


def field_of(operation: Any, below: Sequence[Field | None], size: tuple[int | None, int | None]) -> Field | None:
    """The field of an operation's output cells, given those of its inputs; None where it is not known how it mixes space.

    `size` is the height and width of its input, needed where padding depends on them.
    """
    kind = type(operation).__name__
    if kind == "InputLayer":
        return START
    source = seen_by(below)
    if source is None:
        return None
    if kind in WHOLE:
        return EVERYTHING
    if kind in CELLWISE or kind.startswith("Random") or (kind == "Reshape" and source.whole):
        return source
    if kind in ENLARGING:
        return _enlarged(operation, source)
    if kind in WINDOWS:
        return _through_window(operation, source, size)
    if kind == MOVING[0]:
        return shifted(source, _first(operation.padding), -1)
    if kind == MOVING[1]:
        return shifted(source, _first(operation.cropping), 1)
    return None


def _through_window(operation: Any, source: Field, size: tuple[int | None, int | None]) -> Field:
    window = tuple(getattr(operation, "kernel_size", None) or operation.pool_size)
    strides = _pair(operation.strides)
    dilation = _pair(getattr(operation, "dilation_rate", 1))
    reach = ((window[0] - 1) * dilation[0], (window[1] - 1) * dilation[1])
    padding = (0, 0)
    if operation.padding == "same":
        padding = (
            _leading_padding(size[0], reach[0], strides[0]),
            _leading_padding(size[1], reach[1], strides[1]),
        )
    return windowed(source, reach, strides, padding)


def _leading_padding(size: int | None, reach: int, stride: int) -> int:
    """TensorFlow's "same": as much in all as the last window needs, the smaller half in front."""
    if size is None:
        return max(reach + 1 - stride, 0) // 2
    return max((-(-size // stride) - 1) * stride + reach + 1 - size, 0) // 2


def _enlarged(operation: Any, source: Field) -> Field | None:
    """Upsampling and transposed convolution; None where that cannot be said."""
    if type(operation).__name__ == "UpSampling2D":
        return interpolated(source, _pair(operation.size), operation.interpolation)
    strides, kernels = _pair(operation.strides), _pair(operation.kernel_size)
    same = operation.padding == "same"
    spare = [max(k - s, 0) // 2 if same else 0 for k, s in zip(kernels, strides, strict=True)]
    if _pair(operation.dilation_rate) != (1, 1) or operation.output_padding is not None:
        return None
    return enlarged(source, kernels, strides, (spare[0], spare[1]))


def _first(sides: Any) -> tuple[int, int]:
    return sides[0][0], sides[1][0]


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
