"""Single units of a convolution, without computing the others: the last layer of a climb costs next to nothing.

The mean of a unit over its map is linear in what the convolution reads, so that it is the dot product of the kernel with
the means of the shifted windows of the input. This is exact, and saves the layer's forward and backward pass: a quarter
to a half of the arithmetic in the shallow layers of VGG16.
"""

from collections.abc import Callable

import numpy as np

from convreport.core.ascent.ops import Ops, Tensor
from convreport.core.base.kinds import Array
from convreport.engines.shared.forward import Plain

# side of a map -> the cells [first, past the last) that count
Cells = Callable[[int], tuple[int, int]]


def means_of_units(ops: Ops, plain: Plain, inputs: Tensor, units: Tensor, cells: Cells) -> Tensor:
    """The mean, over the chosen cells, of one unit a picture before the activation; float32 (n,).

    `inputs` (n, height, width, channels) is what the convolution reads, of a known size; `units` (n,) which unit of it.
    """
    _, height, width, channels = inputs.shape
    down, across = _taps(plain, 0, height, cells), _taps(plain, 1, width, cells)
    rows = ops.tensor(down) @ ops.reshape(ops.number(inputs), [-1, height, width * channels])
    windows = ops.tensor(across) @ ops.reshape(rows, [-1, width, channels])  # (n * row taps, column taps, channels)
    windows = ops.reshape(windows, [-1, len(down), len(across), channels])
    chosen = ops.transpose(ops.take(plain.kernel, units), [3, 0, 1, 2])
    value = ops.sum(windows * chosen, [1, 2, 3])
    return value if plain.bias is None else value + ops.take(plain.bias, units)


def _taps(plain: Plain, axis: int, side: int, cells: Cells) -> Array:
    """Float32 (taps, side): for each tap of the kernel along an axis, what weight a row of the input has in its mean.

    What a tap meets outside the input is the padding's zeros, and has no weight.
    """
    before, count = plain.padding(axis, side)
    first, past = cells(count)
    weights = np.zeros((int(plain.kernel.shape[axis]), side), np.float32)
    for tap in range(len(weights)):
        met = tap * plain.dilation[axis] - before + plain.strides[axis] * np.arange(first, past)
        weights[tap, met[(met >= 0) & (met < side)]] = 1 / (past - first)
    return weights
