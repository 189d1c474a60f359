"""What modules and functions of PyTorch are called in a card, whose words for layers are the same for every framework."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from convreport.engines.torch import runtime

# Classes of torch.nn, and of their subclasses.
MODULES = {
    "Conv1d": "Conv1D", "Conv3d": "Conv3D", "ConvTranspose2d": "Conv2DTranspose", "Linear": "Dense",
    "MaxPool2d": "MaxPooling2D", "AvgPool2d": "AveragePooling2D", "BatchNorm2d": "BatchNormalization",
    "BatchNorm1d": "BatchNormalization", "LayerNorm": "LayerNormalization", "GroupNorm": "GroupNormalization",
    "InstanceNorm2d": "GroupNormalization", "ReLU": "ReLU", "ReLU6": "ReLU", "LeakyReLU": "LeakyReLU", "PReLU": "PReLU",
    "ELU": "ELU", "GELU": "Gelu", "SiLU": "Silu", "Hardswish": "HardSilu", "Hardsigmoid": "HardSigmoid",
    "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Softmax": "Softmax", "Softmax2d": "Softmax", "Flatten": "Flatten",
    "Dropout": "Dropout", "Dropout2d": "SpatialDropout2D", "Identity": "Identity", "Upsample": "UpSampling2D",
    "ZeroPad2d": "ZeroPadding2D", "MultiheadAttention": "MultiHeadAttention", "LogSoftmax": "LogSoftmax", "Mish": "Mish",
}  # fmt: skip
# Functions, by their plain names.
FUNCTIONS = {
    "relu": "ReLU", "relu6": "ReLU", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU", "gelu": "Gelu",
    "silu": "Silu", "hardswish": "HardSilu", "hardsigmoid": "HardSigmoid", "sigmoid": "Sigmoid", "tanh": "Tanh",
    "mish": "Mish", "softmax": "Softmax", "log_softmax": "LogSoftmax", "max_pool2d": "MaxPooling2D",
    "avg_pool2d": "AveragePooling2D", "conv2d": "Conv2D", "linear": "Dense",
    "batch_norm": "BatchNormalization", "layer_norm": "LayerNormalization", "group_norm": "GroupNormalization",
    "interpolate": "UpSampling2D", "conv_transpose2d": "Conv2DTranspose", "dropout": "Dropout",
    "scaled_dot_product_attention": "MultiHeadAttention", "hardtanh": "ReLU",
}  # fmt: skip
MERGES = {"add": "Add", "iadd": "Add", "mul": "Multiply", "sub": "Subtract", "cat": "Concatenate", "concat": "Concatenate",
          "maximum": "Maximum"}  # fmt: skip
# What is done cell by cell: receptive fields pass through it unchanged.
CELLWISE = {
    "add", "sub", "mul", "div", "true_divide", "clamp", "clip", "sqrt", "rsqrt", "pow", "exp", "log", "abs", "neg", "float",
    "half", "to", "type", "contiguous", "clone", "detach", "chunk", "where", "maximum", "minimum", "rsub", "type_as",
    "softplus", "erf", "square", "cat", "concat", "stochastic_depth",
}  # fmt: skip
# The names of what these functions are given in their order, as the modules that stand for them call it.
SIGNATURES = {
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose2d": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "linear": ("input", "weight", "bias"),
    "max_pool2d": ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool2d": ("input", "kernel_size", "stride", "padding"),
    "interpolate": ("input", "size", "scale_factor", "mode"),
    "hardtanh": ("input", "min_val", "max_val"),
}
ACTIVATIONS = {
    "ReLU": "relu", "LeakyReLU": "leakyrelu", "ELU": "elu", "PReLU": "prelu", "Softmax": "softmax", "Sigmoid": "sigmoid",
    "Gelu": "gelu", "Silu": "silu", "HardSilu": "hard_silu", "HardSigmoid": "hard_sigmoid", "Tanh": "tanh",
    "Mish": "mish", "LogSoftmax": "log_softmax",
}  # fmt: skip


def kind_of(module: Any) -> str:
    """The kind of a module; the name of its class for what is nobody's but its author's."""
    nn = runtime.torch().nn
    if isinstance(module, nn.Conv2d):
        return _convolution(module.in_channels, module.groups)
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        way = "Average" if isinstance(module, nn.AdaptiveAvgPool2d) else "Max"
        return f"Global{way}Pooling2D" if pair(module.output_size) == (1, 1) else f"Adaptive{way}Pooling2D"
    for one in type(module).__mro__:
        if one.__module__.startswith("torch.nn") and one.__name__ in MODULES:
            return MODULES[one.__name__]
    return type(module).__name__


def kind_of_function(name: str, thing: Any, given: Any, made: Any) -> str | None:
    """The kind of a function that is a layer by itself; None for others."""
    if name == "conv2d":
        return _convolution(int(given.shape[1]), int(getattr(thing, "groups", 1) or 1))
    if name in ("adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "amax"):
        way = "Max" if "max" in name else "Average"
        whole = given.dim() == 4 and made.dim() >= 2 and made.numel() == given.shape[0] * given.shape[1]
        if whole and made.shape[1] == given.shape[1]:
            return f"Global{way}Pooling2D"
        return f"Adaptive{way}Pooling2D" if name.startswith("adaptive") else None
    if name in ("view", "reshape", "flatten"):
        return "Flatten" if given.dim() == 4 and made.dim() == 2 else None
    return FUNCTIONS.get(name)


def keeps_cells(name: str, args: tuple[Any, ...], given: Any, made: Any) -> bool:
    """Do maps that lie channels first keep their cells in this reshaping, whatever becomes of their channels?

    As when channels are shuffled: the axes of space stay the last two.
    """
    if min(given.dim(), made.dim()) < 4 or given.shape[-2:] != made.shape[-2:]:
        return False
    if name in ("transpose", "swapaxes", "movedim"):
        return all(isinstance(axis, int) and axis % given.dim() < given.dim() - 2 for axis in args[1:])
    if name == "permute":
        axes = args[1] if isinstance(args[1], tuple | list) else args[1:]
        return [axis % given.dim() for axis in axes[-2:]] == [given.dim() - 2, given.dim() - 1]
    return name in ("view", "reshape", "flatten", "unflatten")


def bound(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What a function is given, under the names that the module which stands for it has."""
    names = SIGNATURES.get(name, ())
    return SimpleNamespace(**dict(zip(names, args, strict=False)), **{k: v for k, v in kwargs.items() if k != "input"})


def activation_of(kind: str, thing: Any, name: str = "") -> str | None:
    """The activation that a layer is; None for one that is none."""
    if kind == "ReLU":
        six = type(thing).__name__ == "ReLU6" or name == "relu6" or getattr(thing, "max_val", None) == 6
        return "relu6" if six else "relu"
    return ACTIVATIONS.get(kind)


def pair(value: Any) -> tuple[Any, Any]:
    """A number as two, two as they are."""
    return (value[0], value[-1]) if isinstance(value, list | tuple) else (value, value)


def _convolution(channels: int, groups: int) -> str:
    return "DepthwiseConv2D" if groups == channels > 1 else "Conv2D"
