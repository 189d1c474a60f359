"""A grouped convolution with a group a channel, done as the depthwise convolution it is.

TensorFlow's kernels for grouped convolutions are slow on a CPU: a step through a 7x7 one of 96 channels (ConvNeXt) took
0.21 s, and 0.002 s as a depthwise one, with the same numbers.
"""

from typing import Any

from convreport.engines.keras import runtime


def replacement(operation: Any) -> Any:
    """What may stand for `operation.convolution_op` (inputs, kernel); None where it is no such convolution."""
    groups = getattr(operation, "groups", 1)
    kernel = getattr(operation, "kernel", None)
    if groups < 2 or type(operation).__name__ != "Conv2D" or not hasattr(operation, "convolution_op"):
        return None
    strides, dilation = tuple(operation.strides), tuple(operation.dilation_rate)
    plain = operation.data_format == "channels_last" and operation.padding in ("same", "valid")
    depthwise = kernel is not None and kernel.shape[2] == 1 and kernel.shape[3] % groups == 0
    if not (plain and depthwise and strides[0] == strides[1] and (1 in (strides[0], max(dilation)))):
        return None
    tf = runtime.tensorflow()

    def convolution_op(inputs: Any, kernel: Any) -> Any:
        height, width, _, units = kernel.shape
        weights = tf.reshape(tf.convert_to_tensor(kernel), [height, width, groups, units // groups])
        return tf.nn.depthwise_conv2d(
            inputs,
            tf.cast(weights, inputs.dtype),
            [1, *strides, 1],
            operation.padding.upper(),
            dilations=list(dilation),
        )

    return convolution_op
