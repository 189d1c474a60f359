"""Receptive fields by arithmetic: what part of the input one cell of a feature map depends on.

A layer with kernel k, stride s, dilation d and leading padding p turns a field of size r, stride j and offset o into
size r + (k - 1) d j, stride j s, offset o - p j (Araujo et al., Computing Receptive Fields of Convolutional Neural
Networks, Distill 2019). Where branches meet, a cell depends on the union of what they see.
"""

from collections.abc import Sequence

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
    "TrueDivide", "HardSigmoid", "HardSilu", "Cast", "Mish", "LogSoftmax",
)  # fmt: skip
# What keeps its meaning at any size of picture.
SIZELESS = {*CELLWISE, *WINDOWS, *MOVING, *ENLARGING, "InputLayer"} - {"Dense", "Concatenate"}
Pair = tuple[int, int]


def seen_by(below: Sequence[Field | None]) -> Field | None:
    """What cells see that read all of these, before they do anything with it; None where that of one is not known."""
    known = [field for field in below if field is not None]
    return union(known) if known and len(known) == len(below) else None


def union(fields: Sequence[Field]) -> Field:
    """What cells see that read all of these; a global branch (squeeze-and-excite) makes them see everything."""
    stride = (max(field.stride[0] for field in fields), max(field.stride[1] for field in fields))
    if any(field.whole for field in fields):
        return Field((0, 0), stride, (0, 0), whole=True)
    low = [min(field.offset[axis] for field in fields) for axis in (0, 1)]
    high = [max(field.offset[axis] + field.size[axis] for field in fields) for axis in (0, 1)]
    return Field((high[0] - low[0], high[1] - low[1]), stride, (low[0], low[1]))


def windowed(source: Field, reach: Pair, strides: Pair, padding: Pair) -> Field:
    """Behind a sliding window that spans `reach` + 1 cells, `padding` of them before the first."""
    jump = source.stride
    stride = (jump[0] * strides[0], jump[1] * strides[1])
    if source.whole:
        return Field((0, 0), stride, (0, 0), whole=True)
    return Field(
        (source.size[0] + reach[0] * jump[0], source.size[1] + reach[1] * jump[1]),
        stride,
        (source.offset[0] - padding[0] * jump[0], source.offset[1] - padding[1] * jump[1]),
    )


def enlarged(source: Field, kernels: Pair, strides: Pair, before: Pair) -> Field | None:
    """Behind a transposed convolution: the smallest window that holds for every cell of the finer map.

    Cell i of one with kernel k and stride s reads the cells from (i + p - k + 1) / s to (i + p) / s; nearest upsampling is
    one with k = s, bilinear one with k = 2 s - 1. None where the finer stride is no whole pixel.
    """
    if any(jump % stride for jump, stride in zip(source.stride, strides, strict=True)):
        return None
    fine = [jump // stride for jump, stride in zip(source.stride, strides, strict=True)]
    if source.whole:
        return Field((0, 0), (fine[0], fine[1]), (0, 0), whole=True)
    size = [source.size[axis] + (kernels[axis] - 1) * fine[axis] for axis in (0, 1)]
    offset = [source.offset[axis] + (before[axis] - kernels[axis] + 1) * fine[axis] for axis in (0, 1)]
    return Field((size[0], size[1]), (fine[0], fine[1]), (offset[0], offset[1]))


def interpolated(source: Field, strides: Pair, how: str) -> Field | None:
    """Behind upsampling by whole factors, nearest or bilinear; None for another way."""
    if how == "nearest":
        return enlarged(source, strides, strides, (0, 0))
    if how == "bilinear":
        kernels = (2 * strides[0] - 1, 2 * strides[1] - 1)
        return enlarged(source, kernels, strides, (strides[0] - 1, strides[1] - 1))
    return None


def shifted(source: Field, cells: Pair, sign: int) -> Field:
    """Behind padding (-1) or cropping (1) of so many leading cells."""
    offset = [source.offset[axis] + sign * cells[axis] * source.stride[axis] for axis in (0, 1)]
    return Field(source.size, source.stride, (offset[0], offset[1]))
