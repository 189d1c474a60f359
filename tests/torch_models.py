"""PyTorch models for tests: Keras networks written out with their weights, and the post's ResNet-50."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from convreport.core.seam import Means
from convreport.engines.request import Request
from convreport.engines.torch.load import load
from tests import models


def network(module, shape=(3, 32, 32), **words):
    """The engine's network; one picture at a time is climbed."""
    return load(Request("x", live=module, input_shape=shape, **words)).network(Means("float32", memory=1))


def card(module, shape=(3, 32, 32), **words):
    return load(Request("x", live=module, input_shape=shape, **words)).card


def picture(side=32, channels=3):
    return models.sample(np.random.default_rng(3).integers(0, 256, (side, side, channels)).astype(np.uint8))


def seeded(make):
    torch.manual_seed(0)
    return make()


class Functional(nn.Module):
    """All that a hook does not see: activations, a sum, a concatenation, pooling and flattening by functions."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.shared = nn.Conv2d(6, 6, 3, padding=2, dilation=2)
        self.dense = nn.Linear(12 * 16 * 16, 5)

    def forward(self, x):
        x = functional.relu(self.first(x), inplace=True)
        y = torch.relu(self.second(x)).clone()
        y += x
        y = self.shared(self.shared(y))
        y = torch.cat([y, x], 1)
        return self.dense(torch.flatten(functional.max_pool2d(y, 2), 1))


class Tiny(nn.Module):
    """A vision transformer with a class token."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.head(self.block(x)[:, 0])


def small():
    """A little of everything: 3 x 32 x 32 -> 4 classes."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


def trained_small():
    """The same with BatchNorm statistics of its own, at rest."""
    torch.manual_seed(7)
    module = small()
    module(torch.rand(4, 3, 32, 32))
    return module.eval()


class Scaled(nn.Module):
    """Keras's Rescaling."""

    def __init__(self, scale, offset):
        super().__init__()
        self.scale, self.offset = float(scale), float(offset)

    def forward(self, x):
        return x * self.scale + self.offset


def _padding(layer, side):
    """(left, right, top, bottom) of TensorFlow's padding "same" for an input of that side."""
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0) if layer.padding == "same" else 0
    return (total // 2, total - total // 2) * 2


def _filled(made, kernel, bias, order):
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(np.ascontiguousarray(np.asarray(kernel).transpose(order))))
        if bias is not None:
            made.bias.copy_(torch.from_numpy(np.array(bias)))
    return made


def _conv(layer, depthwise):
    """A Conv2d with the weights of a Keras convolution (height, width, channels, units), behind what it is padded with."""
    kernel, bias = layer.kernel, layer.bias
    channels = kernel.shape[2]
    units, groups = (channels, channels) if depthwise else (kernel.shape[3], 1)
    pads = _padding(layer, layer.input.shape[1] or 224)
    even = len(set(pads)) == 1
    made = nn.Conv2d(
        channels,
        units,
        tuple(kernel.shape[:2]),
        layer.strides,
        pads[0] if even else 0,
        groups=groups,
        bias=bias is not None,
    )
    _filled(made, kernel, bias, (2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    return made if even else nn.Sequential(nn.ZeroPad2d(pads), made)


def _norm(layer):
    made = nn.BatchNorm2d(layer.moving_mean.shape[0], layer.epsilon)
    with torch.no_grad():
        for mine, theirs in zip(
            (made.weight, made.bias, made.running_mean, made.running_var),
            (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance),
            strict=True,
        ):
            mine.copy_(torch.from_numpy(np.array(theirs)))
    return made


class Written(nn.Module):
    """A functional network of Keras written out in PyTorch with its weights, its modules named as there.

    An activation that Keras has inside a convolution is a module of the convolution's name, and what convolves `NAME_conv`.
    """

    def __init__(self, keras_model):
        super().__init__()
        self.steps = []
        for layer in keras_model.layers[1:]:
            reads = layer.input if isinstance(layer.input, list) else [layer.input]
            names = [one._keras_history.operation.name for one in reads]
            self._write(layer, type(layer).__name__, layer.name, names)

    def _write(self, layer, kind, name, names):
        if kind in ("Conv2D", "DepthwiseConv2D"):
            plain = layer.activation.__name__ == "linear"
            self._add(name if plain else f"{name}_conv", _conv(layer, kind != "Conv2D"), names)
            if not plain:
                self._add(name, nn.ReLU(inplace=True), [f"{name}_conv"])
        elif kind == "Dense":
            made = _filled(nn.Linear(*layer.kernel.shape), layer.kernel, layer.bias, (1, 0))
            self._add(name, made, names)
            self.steps.append(("softmax", None, [name]))
        elif kind == "GlobalAveragePooling2D":
            self.steps.append((name, lambda x: x.mean((2, 3)), names))
        elif kind == "Add":
            self.steps.append((name, torch.add, names))
        else:
            self._add(name, {
                "Rescaling": lambda: Scaled(layer.scale, layer.offset),
                "MaxPooling2D": lambda: nn.MaxPool2d(layer.pool_size, layer.strides),
                "BatchNormalization": lambda: _norm(layer),
                "ReLU": lambda: nn.ReLU6() if layer.max_value == 6 else nn.ReLU(),
                "ZeroPadding2D": lambda: nn.ZeroPad2d((*layer.padding[1], *layer.padding[0])),
            }[kind](), names)  # fmt: skip

    def _add(self, name, module, names):
        self.add_module(name, module)
        self.steps.append((name, None, names))

    def forward(self, x):
        made = {}
        for name, function, names in self.steps:
            given = [made.get(one, x) for one in names]
            if name == "softmax":
                made[name] = torch.softmax(given[0], 1)
            else:
                made[name] = (function or getattr(self, name))(*given)
        return made[name]


def small_resnet():
    """A small ResNet (64 px, 5 classes) with BatchNorm statistics of its own, at rest."""
    torch.manual_seed(0)
    module = ResNet((2, 1), 8, 5)
    module.train()
    for _ in range(3):
        module(torch.rand(8, 3, 64, 64))
    return module.eval()


class Bottleneck(nn.Module):
    """The block of ResNet-50, with the stride in its 3x3 convolution."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x):
        kept = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += kept
        return self.relu(out)


class ResNet(nn.Module):
    """ResNet-50 of the PyTorch post; fewer blocks and channels make it small."""

    def __init__(self, blocks=(3, 4, 6, 3), width=64, classes=1000):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        channels = width
        for number, count in enumerate(blocks):
            inner = width * 2**number
            stage = []
            for place in range(count):
                stage.append(Bottleneck(channels, inner, 2 if place == 0 and number else 1))
                channels = 4 * inner
            self.add_module(f"layer{number + 1}", nn.Sequential(*stage))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(channels, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, 5):
            x = getattr(self, f"layer{number}", nn.Identity())(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))
