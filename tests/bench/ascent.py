"""Feature visualization measured: `python -m tests.bench.ascent [--real FOLDER] [--units 16] [--tile 0] [--only WORD]`.

In one process, in turn, on the same model, layer, units and tile size: a plain Lucid recipe of 512 steps; convreport's
draft, standard and high, in float32 and in bfloat16; the loops of the Keras example and of the book; tf-keras-vis at 30
steps and at its default. For each: seconds a unit, without the trace that is paid once a layer; the score as it is and at
equal contrast, over Lucid-512's; the share of energy above a quarter of the sampling frequency; the share of clipped
pixels; the peak memory so far.

Scores are medians over the units of the mean before the activation under 16 fixed warps, in float32, over the cells of
the tile itself, seen with its mirror image around it: what a recipe does at its edges, where the network meets padding,
neither helps nor harms it. The column "alone" is the score at equal contrast of the tile without surroundings, its outer
cells left out. The table is Markdown. Run it on an idle machine.
"""

import argparse
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests import models

SURROUNDINGS, WARPS = 16, 16
VGG = "models/vgg16_imagenet_to_block3_conv2.keras"
SQUEEZE = "models/squeezenet_v1.1_imagenet_notop.keras"
LAYERS = (  # (model, layer): real weights for the scores, random ones for time alone
    (VGG, "block1_conv2"),
    (VGG, "block2_conv2"),
    (VGG, "block3_conv2"),
    (SQUEEZE, "fire3_expand3x3"),
    (SQUEEZE, "fire5_expand3x3"),
    (SQUEEZE, "fire9_expand3x3"),
    ("mobilenetv2", "block_3_expand"),
    ("mobilenetv2", "block_6_expand"),
    ("mobilenetv2", "block_13_expand"),
    ("vgg16", "block4_conv3"),
    ("vgg16", "block5_conv3"),
)
FEW = 2  # units for the slow peers


class Bench:
    """One layer of one model: its network, units and tile, and the referee that scores tiles of anybody."""

    def __init__(self, net, layer, count, tile):
        import tensorflow as tf

        from convreport.core.ascent.objectives import channel
        from convreport.core.ascent.recipes import find
        from convreport.engines.shared.heights import LayerHeights

        self.tf, self.net, self.layer, self.card = tf, net, layer, net.card
        units = self.card.layer(layer).shape[-1]
        self.units = [int(unit) for unit in np.linspace(0, units - 1, count)]
        self.objectives = [channel(layer, unit) for unit in self.units]
        self.sized = (lambda recipe: replace(recipe, smallest=tile, largest=tile)) if tile else (lambda recipe: recipe)
        self.tile = net._climb(self.objectives[0], self.sized(find("fourier", "standard"))).stage.tile[0]
        stride = max(self.card.layer(layer).receptive_field.stride)
        rim = -(-SURROUNDINGS // stride)  # cells
        self.rim = rim * stride
        self.heights, self._inner = (
            LayerHeights(net._forward, self.objectives[0], preactivation=True, border=border) for border in (-1, rim)
        )
        self._scored = tf.function(
            lambda fed, choice, inner: (self._inner if inner else self.heights).of(fed, choice), autograph=False
        )

    def recipe(self, preset):
        """The preset at the tile size that everything here has."""
        from convreport.core.ascent.recipes import find

        return replace(find("fourier", preset), smallest=self.tile, largest=self.tile)

    def fed(self, pictures):
        return self.card.preprocessing.apply(pictures * 255)

    def features(self):
        """The layer's maps before the activation, as a plain Keras model of any input size."""
        import keras

        layer = self.net.model.get_layer(self.layer)
        inner = keras.Model(self.net.model.inputs, layer.output)
        return lambda x: inner.call(x)

    def scores(self, pictures, *, even, inner=True):
        """(n,) of tiles in 0..1 (n, side, side, 3); `inner` cells alone count, seen in their mirrored surroundings."""
        from convreport.core.ascent.judge import WARPS as MOVES
        from convreport.core.ascent.transforms import warps

        tf = self.tf
        shown = np.asarray(pictures, np.float32)
        if even:
            centred = shown - shown.mean((1, 2, 3), keepdims=True)
            shown = np.clip(centred / (centred.std((1, 2, 3), keepdims=True) + 1e-6) * 0.18 + 0.5, 0, 1)
        side = shown.shape[1]
        rim = self.rim if inner else 0
        choice, total = self.heights.choice(self.objectives[: len(shown)]), 0.0
        for row in warps(MOVES, np.random.default_rng(7), side, WARPS):
            row[2] -= (row[0] + row[1]) * rim
            row[5] -= (row[3] + row[4]) * rim
            moved = models.ops().warp(
                tf.constant(shown), tf.constant(np.repeat(row[None], len(shown), 0)), side + 2 * rim
            )
            total = total + self._scored(self.fed(moved), choice, inner).numpy()
        return total / WARPS


def high_frequencies(pictures):
    """The median share of energy above a quarter of the sampling frequency, of the gray pictures without their mean."""
    gray = np.asarray(pictures, np.float32).mean(-1)
    gray = gray - gray.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(gray)) ** 2
    side = gray.shape[1]
    fast = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None]) > 0.25
    return float(np.median(power[:, fast].sum(1) / np.maximum(power.sum((1, 2)), 1e-9)))


def clipped(pictures):
    """The median share of pixels at black, white or a pure primary: every channel at one of its ends."""
    drawn = (np.asarray(pictures) * 255 + 0.5).astype(np.uint8)
    return float(np.median(((drawn == 0) | (drawn == 255)).all(-1).mean((1, 2))))


def convreport_way(bench, preset, precision, loaded):
    """(pictures, seconds a unit): all units in batches, once the layer is traced, as in an atlas of many units."""
    from convreport.core.seam import Means
    from convreport.engines.keras.running.network import KerasNetwork

    net = KerasNetwork(loaded, Means(precision))
    recipe = bench.recipe(preset)
    if preset != "high":  # of which the trace is a small part
        net.ascend(bench.objectives[:1], recipe, 0)
    began = time.perf_counter()
    made = net.ascend(bench.objectives, recipe, 0)
    return made.pictures / 255, (time.perf_counter() - began) / len(bench.units)


def lucid_way(bench, batch=8):
    from tests.peers.loops import lucid

    seconds, made = 0.0, []
    for begin in range(0, len(bench.units), batch):
        some = bench.objectives[begin : begin + batch]
        choice = bench.heights.choice(some)
        whole = lambda x, choice=choice: mean_of_maps(bench, x, choice)  # noqa: E731
        pictures, took = lucid(whole, bench.tile, len(some))
        made.append(pictures)
        seconds += took
    return np.concatenate(made), seconds / len(bench.units)


def mean_of_maps(bench, pictures, choice):
    """What a plain program computes: the whole layer, and then the mean of one unit of it, without the border cells."""
    return bench.tf.gather(bench.heights.every(bench.fed(pictures)), choice[0][0], axis=1, batch_dims=1)


def keras_way(bench):
    """The published loop in the network's own numbers, from its own noise, at the size that leaves the same tile."""
    from tests.peers.loops import keras_display, keras_example

    features, made, seconds = bench.features(), [], 0.0
    for unit in bench.units[: 4 * FEW]:
        start = (np.random.default_rng(unit).uniform(0, 1, (bench.tile + 50, bench.tile + 50, 3)) - 0.5) * 0.25
        raw, took = keras_example(features, unit, start.astype(np.float32))
        made.append(keras_display(raw))
        seconds += took
    shown = np.stack(made) / 255
    return (shown[..., ::-1] if bench.card.preprocessing.bgr else shown), seconds / len(made)


def book_way(bench):
    from tests.peers.loops import book, book_display

    features, made = bench.features(), []
    began = time.perf_counter()
    for unit in bench.units[: 2 * FEW]:
        start = np.random.default_rng(unit).uniform(0, 1, (bench.tile, bench.tile, 3)) * 20 + 128
        made.append(book_display(book(features, unit, start.astype(np.float32))))
    seconds = (time.perf_counter() - began) / len(made)
    shown = np.stack(made) / 255
    return (shown[..., ::-1] if bench.card.preprocessing.bgr else shown), seconds


def keras_vis_way(bench, steps):
    """tf-keras-vis; None where it is not installed."""
    import keras

    try:
        from tf_keras_vis.activation_maximization import ActivationMaximization
        from tf_keras_vis.utils.scores import CategoricalScore
    except ImportError:
        return None
    inner = keras.Model(bench.net.model.inputs, bench.net.model.get_layer(bench.layer).output)
    free = keras.Input((bench.tile, bench.tile, 3))
    layers = [layer for layer in inner.layers if not isinstance(layer, keras.layers.InputLayer)]
    if not all(len(layer._inbound_nodes[0].parent_nodes) <= 1 for layer in layers):
        return None  # it needs a model of another input size, and only chains are rebuilt here
    x = free
    for layer in layers:
        x = layer(x)
    maximize = ActivationMaximization(keras.Model(free, x), clone=False)
    made, began = [], time.perf_counter()
    for unit in bench.units[:FEW]:
        found = maximize(CategoricalScore(unit), steps=steps)
        made.append(np.asarray(found[0] if np.ndim(found) == 4 else found[0][0], np.float32))
    seconds = (time.perf_counter() - began) / len(made)
    shown = np.clip(np.stack(made) / 255, 0, 1)
    return (shown[..., ::-1] if bench.card.preprocessing.bgr else shown), seconds


def ways(bench, loaded, scored):
    """(name, what draws): Lucid first, the rest is measured against it."""
    yield "Lucid, 512 steps, float32", lambda: lucid_way(bench)
    for precision in ("float32", "bfloat16"):
        for preset in ("draft", "standard", "high") if scored and precision == "float32" else ("draft", "standard"):
            name = f"convreport {preset}, {precision}"
            yield name, lambda preset=preset, precision=precision: convreport_way(bench, preset, precision, loaded)
    yield "Keras example, 30 steps", lambda: keras_way(bench)
    yield "book, 40 steps", lambda: book_way(bench)
    for steps in (30, 200):
        yield f"tf-keras-vis, {steps} steps", lambda steps=steps: keras_vis_way(bench, steps)


def measure(bench, loaded, scored, rows):
    """Print the rows of one layer."""
    reference = None
    for name, draw in ways(bench, loaded, scored):
        slow = name.startswith(("book", "tf-keras-vis"))
        if (not scored and slow) or (reference is not None and rows not in name):
            continue
        drawn = draw()
        if drawn is None:
            continue
        pictures, seconds = drawn
        found = [bench.scores(pictures, even=even) for even in (False, True)]
        found.append(bench.scores(pictures, even=True, inner=False))
        if reference is None:
            reference = seconds, found
        ratios = [np.median(one) / np.median(of[: len(one)]) for one, of in zip(found, reference[1], strict=True)]
        shown = [f"{ratio:.2f}" for ratio in ratios] if scored else ["", "", ""]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        cells = [
            name, f"{seconds:.3f}", f"{reference[0] / seconds:.1f}", *shown,
            f"{high_frequencies(pictures):.2f}" if scored else "",
            f"{100 * clipped(pictures):.1f} %" if scored else "", f"{memory:,.0f}",
        ]  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, default=os.environ.get("CONVREPORT_REAL"))
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--tile", type=int, default=0, help="0: convreport's own for the layer")
    parser.add_argument("--only", default="", help="a word in the layer's name")
    parser.add_argument("--rows", default="", help="a word in the names of the rows beside Lucid's")
    words = parser.parse_args()
    real = Path(words.real) if words.real else None
    if real is not None:
        os.environ.setdefault("KERAS_HOME", str(real / "keras_home"))
    from convreport.builder.model import request_of
    from convreport.builder.plan import Plan
    from convreport.core.seam import Means
    from convreport.engines.keras.load import load
    from convreport.engines.keras.running.network import KerasNetwork

    for model, layer in LAYERS:
        scored = model != "vgg16"
        if words.only not in f"{model} {layer}" or (scored and real is None):
            continue
        named = str(real / model) if model.endswith(".keras") else model
        loaded = load(request_of(Plan(model=named, weights=None if scored else "none")))
        count = words.units if scored else 2 * FEW
        bench = Bench(KerasNetwork(loaded, Means("float32")), layer, count, words.tile)
        print(f"\n**{loaded.card.name}, {layer}**: {count} units, tiles of {bench.tile} px\n")
        print("| | s a unit | times as fast | score raw | **score** | alone | fine | clipped | peak MB |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        measure(bench, loaded, scored, words.rows)


if __name__ == "__main__":
    main()
