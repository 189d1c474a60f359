"""PyTorch models for tests: the demo and real Keras networks written out with their weights, and the post's ResNet-50."""

import numpy as np
import torch
from torch import nn


def _conv(layer):
    """A Conv2d with the weights of a Keras convolution (height, width, channels, units)."""
    kernel, *bias = (np.asarray(one) for one in layer.weights)
    units, channels = kernel.shape[3], kernel.shape[2]
    made = nn.Conv2d(channels, units, kernel.shape[:2], padding=kernel.shape[0] // 2)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()))
        made.bias.copy_(torch.from_numpy(bias[0].copy()))
    return made


def _linear(layer):
    kernel, bias = (np.asarray(one) for one in layer.weights)
    made = nn.Linear(*kernel.shape)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(kernel.T.copy()))
        made.bias.copy_(torch.from_numpy(bias.copy()))
    return made


class Scaled(nn.Module):
    """What the demo does first: x / 127.5 - 1."""

    def forward(self, x):
        return x / 127.5 - 1


class Demo(nn.Module):
    """The embedded network, its ReLUs as modules named after the convolutions of Keras, which have theirs inside."""

    def __init__(self, keras_model):
        super().__init__()
        self.rescaling = Scaled()
        self.order = []
        for layer in keras_model.layers:
            kind, name = type(layer).__name__, layer.name
            if kind == "Conv2D":
                self.add_module(f"{name}_conv", _conv(layer))
                self.add_module(name, nn.ReLU(inplace=True))
                self.order += [f"{name}_conv", name]
            elif kind == "MaxPooling2D":
                self.add_module(name, nn.MaxPool2d(2))
                self.order.append(name)
            elif kind == "Dense":
                self.predictions = _linear(layer)

    def forward(self, x):
        x = self.rescaling(x)
        for name in self.order:
            x = getattr(self, name)(x)
        return torch.softmax(self.predictions(x.mean((2, 3))), 1)


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
