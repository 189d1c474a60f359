"""Both engines measured: `python -m tests.bench.torch [--real FOLDER] [--units 8] [--device cpu] [--all]`.

In one process, in turn, on the same weights, layer, units and tile: the Keras engine, the PyTorch engine, and Lucent's published
loop of 512 steps; convreport's in float32 and as it is set out of the box (`auto`, which tries shorter formats). For each the
seconds a unit, without what is done once, how many times quicker than Lucent's that is, and the score at equal contrast over the
Keras engine's, in the median. `--all` instead draws all units of VGG16 and ResNet-50 (random weights) by the PyTorch engine on
the device and says how long that takes. The table is Markdown. Run it on an idle machine: two or three minutes on two cores.
"""

import argparse
import dataclasses
import os
import sys
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as convreport sets it
import torch

from convreport.core.ascent.objectives import channel
from convreport.core.ascent.recipes import find
from convreport.core.network import layers
from convreport.core.seam import Means
from convreport.engines.request import Request
from convreport.engines.torch.load import load
from tests.peers.loops import COLOURS
from tests.torch_models import ResNet, Written

LAYERS = {
    "vgg": ("block1_conv2", "block2_conv2", "block3_conv1"),
    "mobilenet": ("block_3_expand_relu", "block_6_expand_relu"),
}
TILE = 64


def pair(name, real):
    """(Keras engine, PyTorch engine, the module, its preprocessing's name) by precision."""
    import keras

    from convreport.engines.keras.load import load as load_keras
    from convreport.engines.keras.running.network import KerasNetwork

    if name == "vgg":
        file, mode = real / "models" / "vgg16_imagenet_to_block3_conv2.keras", "caffe"
        model = keras.models.load_model(file, compile=False)
    else:
        file, mode = next((real / "keras_home" / "models").glob("mobilenet_v2*1.0_224.h5")), "symmetric"
        model = keras.applications.MobileNetV2(weights=str(file))
    loaded = load_keras(Request("x", live=model, preprocess=mode))
    module = Written(model)
    found = load(Request("x", live=module, preprocess=mode, input_shape=(3, 224, 224)))
    return (
        lambda words: KerasNetwork(loaded, Means(words)),
        lambda words: found.network(Means(words)),
        module,
        found.card,
    )


def lucent(module, card, layer, unit, side, steps=512):
    """Lucent's `render_vis` with its defaults: Fourier, decorrelated, Adam 0.05, pad 12, jitter 8, scale, rotate, jitter 4."""
    noted = {}
    hook = getattr(module, layer).register_forward_pre_hook(lambda m, args: noted.update(maps=args[0]))
    frequency = np.maximum(np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]), 1 / side)
    scale = torch.from_numpy((1 / frequency * side).astype(np.float32))
    values = (0.01 * torch.randn(1, 3, side, side // 2 + 1, 2)).requires_grad_(True)
    colours = torch.from_numpy(COLOURS.T.copy())
    adam = torch.optim.Adam([values], 0.05)
    functional = torch.nn.functional
    draw = np.random.default_rng(0)

    def picture():
        planes = torch.fft.irfft2(torch.view_as_complex(values) * scale, s=(side, side), norm="ortho") / 4
        return torch.sigmoid(planes.permute(0, 2, 3, 1) @ colours).permute(0, 3, 1, 2)

    for _ in range(steps):
        adam.zero_grad()
        x = functional.pad(picture(), (12,) * 4, value=0.5)
        top, left = draw.integers(0, 9, 2)
        x = x[:, :, top : x.shape[2] - 8 + top, left : x.shape[3] - 8 + left]
        size = round(x.shape[2] * float(draw.choice(1 + (np.arange(11) - 5) / 50)))
        x = functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
        angle = float(np.radians(draw.choice(np.arange(-10, 11))))
        turn = torch.tensor(
            [[[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]], dtype=torch.float32
        )
        x = functional.grid_sample(x, functional.affine_grid(turn, x.shape, align_corners=False), align_corners=False)
        top, left = draw.integers(0, 5, 2)
        x = x[:, :, top : x.shape[2] - 4 + top, left : x.shape[3] - 4 + left]
        module(card.preprocessing.apply(x.permute(0, 2, 3, 1) * 255).permute(0, 3, 1, 2))
        (-noted["maps"][:, unit].mean()).backward()
        adam.step()
    hook.remove()
    return (picture().detach().permute(0, 2, 3, 1).numpy()[0] * 255).astype(np.uint8)


def evens(net, layer, units, pictures):
    """The scores of finished tiles at equal contrast, by one engine for all."""
    from convreport.engines.shared.heights import LayerHeights

    objectives = [channel(layer, unit) for unit in units]
    heights = LayerHeights(net._forward, objectives[0], preactivation=True, border=-1)
    shown = pictures.astype(np.float32) / 255
    centred = shown - shown.mean((1, 2, 3), keepdims=True)
    shown = np.clip(centred / (centred.std((1, 2, 3), keepdims=True) + 1e-6) * 0.18 + 0.5, 0, 1)
    fed = net._ops.tensor(np.asarray(net.card.preprocessing.apply(shown * 255), np.float32))
    return net._ops.array(heights.of(fed, heights.choice(objectives)))


def compared(name, layer, real, count):
    keras, ours, module, card = pair(name, real)
    recipe = dataclasses.replace(find("fourier", "standard"), smallest=TILE, largest=TILE)
    units = [int(unit) for unit in np.linspace(0, card.layer(layer).units - 1, count)]
    objectives = [channel(layer, unit) for unit in units]
    judge, rows = ours("float32"), []
    for whose, make in (("Keras", keras), ("PyTorch", ours)):
        for precision in ("float32", "auto"):
            net = make(precision)
            net.pace(objectives[0], recipe)  # traces, warms up, and finds what `auto` means
            began = time.perf_counter()
            made = net.ascend(objectives, recipe, 0)
            taken = (time.perf_counter() - began) / count
            words = precision if precision == "float32" else f"{precision} ({made.precision})"
            rows.append((f"{whose}, {words}, batches of {made.batch}", taken, made.pictures))
            print("measured:", *rows[-1][:2], file=sys.stderr, flush=True)
    began = time.perf_counter()
    tiles = [lucent(module, card, layer, unit, TILE) for unit in units[:1]]
    rows.append(("Lucent's loop, 512 steps", time.perf_counter() - began, np.stack(tiles)))
    base, longest = evens(judge, layer, units, rows[0][2]), rows[-1][1]
    for whose, seconds, pictures in rows:
        ratio = evens(judge, layer, units[: len(pictures)], pictures) / base[: len(pictures)]
        print(
            f"| {name} {layer} | {whose} | {seconds:.2f} | {longest / seconds:.0f} | {np.median(ratio):.2f} |",
            flush=True,
        )


class Vgg(torch.nn.Module):
    """VGG16 with random weights."""

    def __init__(self):
        super().__init__()
        parts, channels = [], 3
        for units in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
            if units:
                parts += [torch.nn.Conv2d(channels, units, 3, padding=1), torch.nn.ReLU(inplace=True)]
                channels = units
            else:
                parts.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*parts)
        self.head = torch.nn.Linear(512, 1000)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def everything(device):
    """Every unit of every convolution of VGG16, and of the telling layers of ResNet-50."""
    for name, module in (("VGG16", Vgg()), ("ResNet-50", ResNet())):
        net = load(Request("x", live=module.to(device), input_shape=(3, 224, 224))).network(Means("auto"))
        chosen = (
            [one for one in net.card.layers if one.kind == "Conv2D"] if name == "VGG16" else layers.telling(net.card)
        )
        began, count = time.perf_counter(), 0
        for layer in chosen:
            net.ascend([channel(layer.path, unit) for unit in range(layer.units)], find("fourier", "standard"), 0)
            count += layer.units
        taken = time.perf_counter() - began
        print(
            f"| {name} | {count} units of {len(chosen)} layers | {taken:.0f} s | {count / taken:.1f} a second |",
            flush=True,
        )


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--real", type=Path, default=Path(os.environ.get("CONVREPORT_REAL", ".")))
    words.add_argument("--units", type=int, default=8)
    words.add_argument("--device", default="cpu")
    words.add_argument("--only", default="", help="layers whose names hold this")
    words.add_argument("--all", action="store_true")
    said = words.parse_args()
    if said.all:
        everything(said.device)
        return
    print("| layer | who | s a unit | times as quick as Lucent's | score / Keras float32 |\n|---|---|--:|--:|--:|")
    for name, chosen in LAYERS.items():
        for layer in chosen:
            if said.only in layer:
                compared(name, layer, said.real, said.units)


if __name__ == "__main__":
    main()
