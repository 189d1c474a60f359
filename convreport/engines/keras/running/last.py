"""Single units of a convolution, without computing the others: the last layer of a climb costs next to nothing.

The mean of a unit over its map is linear in what the convolution reads, so that it is the dot product of the kernel with
the means of the shifted windows of the input. This is exact, and saves the layer's forward and backward pass: a quarter
to a half of the arithmetic in the shallow layers of VGG16.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.engines.keras import runtime
from convreport.engines.keras.wiring.graph import Call

# side of a map -> the cells [first, past the last) that count
Cells = Callable[[int], tuple[int, int]]


def is_plain_convolution(call: Call) -> bool:
    """Can single units of this call be computed alone: Keras's own Conv2D, channels last, without groups?"""
    operation = call.operation
    if type(operation).__name__ != "Conv2D" or not type(operation).__module__.startswith("keras."):
        return False
    plain = operation.groups == 1 and operation.padding in ("same", "valid") and operation.lora_rank is None
    return bool(plain and operation.data_format == "channels_last" and not call.channels_first and not call.regrouped)


def means_of_units(operation: Any, inputs: Any, units: Any, cells: Cells) -> Any:
    """The mean, over the chosen cells, of one unit a picture before the activation; float32 (n,).

    `inputs` (n, height, width, channels) is what the convolution reads, of a size known while tracing; `units` (n,) which
    unit of it.
    """
    tf = runtime.tensorflow()
    _, height, width, channels = inputs.shape
    down, across = _taps(operation, 0, height, cells), _taps(operation, 1, width, cells)
    rows = tf.matmul(down, tf.reshape(tf.cast(inputs, tf.float32), [-1, height, width * channels]))
    windows = tf.matmul(across, tf.reshape(rows, [-1, width, channels]))  # (n * row taps, column taps, channels)
    windows = tf.reshape(windows, [-1, len(down), len(across), channels])
    chosen = tf.transpose(tf.gather(tf.cast(operation.kernel, tf.float32), units, axis=3), [3, 0, 1, 2])
    value = tf.reduce_sum(windows * chosen, [1, 2, 3])
    return value if operation.bias is None else value + tf.gather(tf.cast(operation.bias, tf.float32), units)


def _taps(operation: Any, axis: int, side: int, cells: Cells) -> Array:
    """Float32 (taps, side): for each tap of the kernel along an axis, what weight a row of the input has in its mean.

    What a tap meets outside the input is the padding's zeros, and has no weight.
    """
    taps, stride, dilation = (
        int(of[axis]) for of in (operation.kernel.shape, operation.strides, operation.dilation_rate)
    )
    reach = (taps - 1) * dilation + 1
    same = operation.padding == "same"
    count = -(-side // stride) if same else (side - reach) // stride + 1
    before = max((count - 1) * stride + reach - side, 0) // 2 if same else 0
    first, past = cells(count)
    weights = np.zeros((taps, side), np.float32)
    for tap in range(taps):
        met = tap * dilation - before + stride * np.arange(first, past)
        weights[tap, met[(met >= 0) & (met < side)]] = 1 / (past - first)
    return weights
