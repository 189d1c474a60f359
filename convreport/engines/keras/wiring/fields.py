"""Receptive fields by arithmetic: what part of the input one cell of a feature map depends on.

A layer with kernel k, stride s, dilation d and leading padding p turns a field of size r, stride j and offset o into
size r + (k - 1) d j, stride j s, offset o - p j (Araujo et al., Computing Receptive Fields of Convolutional Neural
Networks, Distill 2019). Where branches meet, a cell depends on the union of what they see.
"""

from collections.abc import Sequence
from typing import Any

from convreport.core.network.card import Field

START = Field((1, 1), (1, 1), (0, 0))
EVERYTHING = Field((0, 0), (0, 0), (0, 0), whole=True)
WINDOWS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "MaxPooling2D", "AveragePooling2D")
ENLARGING = ("UpSampling2D", "Conv2DTranspose")
MOVING = ("ZeroPadding2D", "Cropping2D")
WHOLE = (
    "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MultiHeadAttention", "GroupNormalization",
    "AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D",
)  # fmt: skip
CELLWISE = (
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "BatchNormalization", "LayerNormalization", "Dense",
    "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "ActivityRegularization", "Identity", "Rescaling",
    "Normalization", "Add", "Concatenate", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "LayerScale",
    "StochasticDepth", "UnitNormalization", "AlphaDropout", "Relu", "Relu6", "Sigmoid", "Tanh", "Gelu", "Silu", "Divide",
    "TrueDivide", "HardSigmoid", "HardSilu", "Cast",
)  # fmt: skip


def field_of(operation: Any, below: Sequence[Field | None], size: tuple[int | None, int | None]) -> Field | None:
    """The field of an operation's output cells, given those of its inputs; None where it is not known how it mixes space.

    `size` is the height and width of its input, needed where padding depends on them.
    """
    kind = type(operation).__name__
    if kind == "InputLayer":
        return START
    known = [field for field in below if field is not None]
    if len(known) < len(below) or not known:
        return None
    source = union(known)
    if kind in WHOLE:
        return EVERYTHING
    if kind in CELLWISE or kind.startswith("Random") or (kind == "Reshape" and source.whole):
        return source
    if kind in ENLARGING:
        return _enlarged(operation, source)
    if kind in WINDOWS:
        return _through_window(operation, source, size)
    if kind == MOVING[0]:
        return _shifted(source, [side[0] for side in operation.padding], -1)
    if kind == MOVING[1]:
        return _shifted(source, [side[0] for side in operation.cropping], 1)
    return None


def union(fields: Sequence[Field]) -> Field:
    """What cells see that read all of these; a global branch (squeeze-and-excite) makes them see everything."""
    stride = (max(field.stride[0] for field in fields), max(field.stride[1] for field in fields))
    if any(field.whole for field in fields):
        return Field((0, 0), stride, (0, 0), whole=True)
    low = [min(field.offset[axis] for field in fields) for axis in (0, 1)]
    high = [max(field.offset[axis] + field.size[axis] for field in fields) for axis in (0, 1)]
    return Field((high[0] - low[0], high[1] - low[1]), stride, (low[0], low[1]))


def _through_window(operation: Any, source: Field, size: tuple[int | None, int | None]) -> Field:
    window = tuple(getattr(operation, "kernel_size", None) or operation.pool_size)
    strides = _pair(operation.strides)
    dilation = _pair(getattr(operation, "dilation_rate", 1))
    reach = [(window[axis] - 1) * dilation[axis] for axis in (0, 1)]
    padding = [
        _leading_padding(size[axis], reach[axis], strides[axis]) if operation.padding == "same" else 0
        for axis in (0, 1)
    ]
    jump = source.stride
    if source.whole:
        return Field((0, 0), (jump[0] * strides[0], jump[1] * strides[1]), (0, 0), whole=True)
    return Field(
        (source.size[0] + reach[0] * jump[0], source.size[1] + reach[1] * jump[1]),
        (jump[0] * strides[0], jump[1] * strides[1]),
        (source.offset[0] - padding[0] * jump[0], source.offset[1] - padding[1] * jump[1]),
    )


def _leading_padding(size: int | None, reach: int, stride: int) -> int:
    """TensorFlow's "same": as much in all as the last window needs, the smaller half in front."""
    if size is None:
        return max(reach + 1 - stride, 0) // 2
    return max((-(-size // stride) - 1) * stride + reach + 1 - size, 0) // 2


def _enlarged(operation: Any, source: Field) -> Field | None:
    """Upsampling and transposed convolution: the smallest window that holds for every cell of the finer map.

    Cell i of a transposed convolution with kernel k and stride s reads the cells from (i + p - k + 1) / s to (i + p) / s;
    nearest upsampling is one with k = s, bilinear one with k = 2 s - 1. None where the finer stride is no whole pixel.
    """
    if type(operation).__name__ == "UpSampling2D":
        strides = _pair(operation.size)
        kernels = strides if operation.interpolation == "nearest" else (2 * strides[0] - 1, 2 * strides[1] - 1)
        before = (0, 0) if operation.interpolation == "nearest" else (strides[0] - 1, strides[1] - 1)
        if operation.interpolation not in ("nearest", "bilinear"):
            return None
    else:
        strides, kernels = _pair(operation.strides), _pair(operation.kernel_size)
        same = operation.padding == "same"
        spare = [max(k - s, 0) // 2 if same else 0 for k, s in zip(kernels, strides, strict=True)]
        before = (spare[0], spare[1])
        if _pair(operation.dilation_rate) != (1, 1) or operation.output_padding is not None:
            return None
    if any(jump % stride for jump, stride in zip(source.stride, strides, strict=True)):
        return None
    fine = [jump // stride for jump, stride in zip(source.stride, strides, strict=True)]
    if source.whole:
        return Field((0, 0), (fine[0], fine[1]), (0, 0), whole=True)
    size = [source.size[axis] + (kernels[axis] - 1) * fine[axis] for axis in (0, 1)]
    offset = [source.offset[axis] + (before[axis] - kernels[axis] + 1) * fine[axis] for axis in (0, 1)]
    return Field((size[0], size[1]), (fine[0], fine[1]), (offset[0], offset[1]))


def _shifted(source: Field, cells: Sequence[int], sign: int) -> Field:
    offset = [source.offset[axis] + sign * cells[axis] * source.stride[axis] for axis in (0, 1)]
    return Field(source.size, source.stride, (offset[0], offset[1]))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
