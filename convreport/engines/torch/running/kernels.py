"""The kernels of PyTorch's convolutions and dense layers, in the order of axes that the rest of convreport knows."""

from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.kernels import Kernel
from convreport.engines.torch.wiring.trace import Call


def weight_of(call: Call) -> Any:
    """The tensor of weights of a layer that mixes channels; None for one of another kind, or that has none."""
    mixing = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense")
    return getattr(call.thing, "weight", None) if call.kind in mixing else None


def pictured(call: Call) -> Array | None:
    """The kernel of a convolution, float32 (height, width, input channels, units); of a dense layer (inputs, units)."""
    weight = weight_of(call)
    if weight is None:
        return None
    values = weight.detach().float().cpu().numpy()
    if call.kind == "Dense":
        return values.T.copy()
    return (
        values.transpose(2, 3, 0, 1).copy() if call.kind == "Conv2DTranspose" else values.transpose(2, 3, 1, 0).copy()
    )


def kernel_of(call: Call, flattened: tuple[int, int] | None) -> Kernel | None:
    """The weights by which a layer mixes channels; None for one of another kind.

    `flattened`: the (cells, channels) of the map that a dense layer reads flattened. PyTorch flattens channel by channel, and
    a Kernel counts them cell by cell.
    """
    weights = pictured(call)
    if weights is None:
        return None
    if call.kind == "Dense":
        if flattened is not None:
            cells, channels = flattened
            weights = weights.reshape(channels, cells, -1).transpose(1, 0, 2).reshape(cells * channels, -1)
        return Kernel(np.ascontiguousarray(weights[None]), np.zeros(weights.shape[1], np.int64))
    weights = weights.reshape(-1, *weights.shape[2:])
    units, groups = weights.shape[2], int(getattr(call.thing, "groups", 1) or 1)
    return Kernel(weights, np.arange(units) // (units // groups) * weights.shape[1])
