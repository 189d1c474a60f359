"""The kernels of layers that mix channels, whatever way each kind of layer keeps them."""

from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.kernels import Kernel


def kernel_of(operation: Any) -> Kernel | None:
    """The kernel of a convolution or dense layer; None for one of another kind, or without weights of its own."""
    kind = type(operation).__name__
    if kind == "Dense":
        return _everything(np.asarray(operation.kernel, np.float32)[None])
    if kind == "Conv2DTranspose":
        return _everything(_flat(operation.kernel).transpose(0, 2, 1))
    if kind == "DepthwiseConv2D":
        return _depthwise(operation)
    if kind == "SeparableConv2D":
        apart = _flat(operation.depthwise_kernel)  # (positions, channels, multiplier)
        mixed = np.asarray(operation.pointwise_kernel, np.float32).reshape(*apart.shape[1:], -1)
        return _everything(np.einsum("pcm,cmu->pcu", apart, mixed))
    if kind == "Conv2D":
        weights = _flat(operation.kernel)
        units = weights.shape[2]
        groups = int(operation.groups)
        return Kernel(weights, np.arange(units) // (units // groups) * weights.shape[1])
    return None


def pictured(operation: Any) -> Array:
    """The kernel of a convolution, float32 (height, width, input channels, units), as trained."""
    kernel = getattr(operation, "kernel", None)
    kernel = np.asarray((operation.depthwise_kernel if kernel is None else kernel).numpy(), np.float32)
    if "Transpose" in type(operation).__name__:
        return kernel.transpose(0, 1, 3, 2)
    if "Depthwise" in type(operation).__name__ or "Separable" in type(operation).__name__:
        return kernel.reshape(*kernel.shape[:2], 1, -1)  # each unit reads one channel
    return kernel


def _depthwise(operation: Any) -> Kernel:
    apart = _flat(operation.kernel)
    channels, multiplier = apart.shape[1:]
    return Kernel(apart.reshape(len(apart), 1, -1), np.repeat(np.arange(channels), multiplier))


def _flat(variable: Any) -> np.ndarray:
    """Height and width as one axis."""
    weights = np.asarray(variable, np.float32)
    return weights.reshape(-1, *weights.shape[2:])


def _everything(weights: np.ndarray) -> Kernel:
    return Kernel(weights, np.zeros(weights.shape[2], np.int64))
