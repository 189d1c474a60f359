"""Activation maximization: objective x parameterization x transforms x optimizer, after Lucid (Olah, Mordvintsev and
Schubert, Feature Visualization, Distill 2017), put together by a Recipe.

All randomness is keyed by (seed, layer, unit) and batches are padded to a fixed size, so that a tile does not depend on
its company.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convreport.core.types import Array, Ascent, ModelCard, Recipe
from convreport.model import runtime
from convreport.model.graph import Call
from convreport.model.probe import Reached, has_preactivation, probing

# Fixed, and padded where units are few: a tile must not depend on its company. A second try is mostly for one or two.
BATCH, SECOND_BATCH = 8, 4
# Pixels of canvas on each side of a fitted tile, cut away at the end: borders are never clean. Small fields, whose
# edges show most, get more.
MARGIN, WIDE_MARGIN = 8, 16
SMALLEST, LARGEST, MULTIPLE = 64, 128, 16  # pixels: sides of a fitted tile
CALM_BELOW, CALMEST = 48, 0.6  # receptive fields, in pixels, under which the rate falls, and how far at most
RESEED = 0x9E3779B9  # added to the seed of a second try
# How much red, green and blue vary together in natural pictures (Lucid), over its largest column norm.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOURS = COLOURS / np.linalg.norm(COLOURS, axis=0).max()


def tile_size(card: ModelCard, layer: str) -> int:
    """The side of a tile: about one and a half receptive fields, so that a pattern has room to repeat."""
    field = card.layer(layer).receptive_field
    wanted = LARGEST if field is None or field.whole else max(field.size) * 1.5
    return int(min(max(-(-wanted // MULTIPLE) * MULTIPLE, SMALLEST), LARGEST))


def calm(card: ModelCard, layer: str) -> float:
    """How much of the recipe's rate a layer gets: units with small fields saturate into blotches at the full one."""
    field = card.layer(layer).receptive_field
    if field is None or field.whole:
        return 1.0
    return float(min(1.0, max(CALMEST, max(field.size) / CALM_BELOW)))


class Climb:
    """The traced steps of one recipe on one layer; runs any units of it in fixed batches."""

    def __init__(self, model: Any, call: Call, card: ModelCard, recipe: Recipe, operations: Sequence[Any]) -> None:
        self._tf = runtime.tensorflow()
        self._model, self._call, self._card, self._recipe = model, call, card, recipe
        self._operations = operations
        self._channels = card.input[2]
        fitted = recipe.size == 0
        self.tile = tile_size(card, call.path) if fitted else recipe.size - 2 * recipe.trim
        margin = WIDE_MARGIN if self.tile == SMALLEST else MARGIN
        self._canvas = self._fitting_canvas(self.tile + 2 * margin) if fitted else recipe.size
        self._rate = recipe.rate * calm(card, call.path)
        self._step = self._tf.function(self._take_step, autograph=False, reduce_retracing=True)
        self._raw_step = self._tf.function(self._take_raw_step, autograph=False, reduce_retracing=True)
        self._score = self._tf.function(self._objective_of_pixels, autograph=False, reduce_retracing=True)

    def run(self, units: Sequence[int], seed: int) -> Ascent:
        """Climb for every unit; one whose score did not rise gets a second start from another seed."""
        first = self._climb_all(units, seed, BATCH)
        stuck = [index for index in range(len(units)) if not first.scores[index] > first.starts[index]]
        if not stuck or self._recipe.canvas == "raw":  # the published recipes have no second try
            return first
        second = self._climb_all([units[index] for index in stuck], seed + RESEED, SECOND_BATCH)
        for place, index in enumerate(stuck):
            if second.scores[place] > first.scores[index] or not np.isfinite(first.scores[index]):
                first.pictures[index], first.scores[index] = second.pictures[place], second.scores[place]
        return first

    def _climb_all(self, units: Sequence[int], seed: int, batch: int) -> Ascent:
        parts = []
        for begin in range(0, len(units), batch):
            chunk = list(units[begin : begin + batch])
            padded = chunk + [chunk[-1]] * (batch - len(chunk))
            climb = self._climb_raw if self._recipe.canvas == "raw" else self._climb_picture
            part = climb(padded, seed)
            parts.append([value[: len(chunk)] for value in (part.pictures, part.scores, part.starts)])
        pictures, scores, starts = (np.concatenate(values) for values in zip(*parts, strict=True))
        return Ascent(pictures, scores, starts)

    # -- a picture in 0..1 behind the model's own preprocessing: Fourier, decorrelated colour, warps, Adam

    def _climb_picture(self, units: list[int], seed: int) -> Ascent:
        tf, recipe, side = self._tf, self._recipe, self._canvas
        draws = [generator(seed, self._call.path, unit) for unit in units]
        spectrum = tf.constant(np.stack([_start_spectrum(draw, side, self._channels) for draw in draws]))
        warps = np.stack([_warps(draw, recipe, side, recipe.steps) for draw in draws], 1)
        which = tf.constant(units, tf.int32)
        steady = self._fixed_warps(len(units))
        state = (spectrum, tf.zeros_like(spectrum), tf.zeros_like(spectrum))
        start = best = self._robust_score(self._picture(spectrum), which, steady)
        best_picture = self._picture(spectrum).numpy()
        for step in range(recipe.steps):
            state = self._step(*state, tf.constant(float(step)), tf.constant(warps[step]), which)
            if step + 1 in (recipe.steps - recipe.steps // 4, recipe.steps):
                picture = self._picture(state[0])
                score = self._robust_score(picture, which, steady)
                better = (score > best) | ~np.isfinite(best)
                best = np.where(better, score, best)
                best_picture[better] = picture.numpy()[better]
        return Ascent(self._cut(best_picture), best, start)

    def _take_step(self, spectrum: Any, first: Any, second: Any, step: Any, warp: Any, units: Any) -> Any:
        """One step of Adam (Kingma and Ba 2015, betas 0.9 and 0.999) on the Fourier coefficients."""
        tf = self._tf
        with tf.GradientTape() as tape:
            tape.watch(spectrum)
            height = tf.reduce_sum(self._objective_of_pixels(self._warped(self._picture(spectrum), warp), units))
        slope = tape.gradient(height, spectrum)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope * slope
        mean = first / (1 - tf.pow(0.9, step + 1))
        spread = second / (1 - tf.pow(0.999, step + 1))
        return spectrum + self._rate * mean / (tf.sqrt(spread) + 1e-8), first, second

    def _picture(self, spectrum: Any) -> Any:
        """Fourier coefficients (n, 2, channels, side, side // 2 + 1) -> pictures (n, side, side, channels) in 0..1."""
        tf, side = self._tf, self._canvas
        scaled = spectrum * _spectrum_scale(side)
        planes = tf.signal.irfft2d(tf.complex(scaled[:, 0], scaled[:, 1]), fft_length=[side, side]) / 4
        planes = tf.transpose(planes, [0, 2, 3, 1])
        return tf.sigmoid(planes @ COLOURS.T if self._channels == 3 else planes)

    def _warped(self, pictures: Any, transforms: Any) -> Any:
        tf = self._tf
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=pictures,
            transforms=transforms,
            output_shape=tf.constant([self._canvas, self._canvas]),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )

    def _robust_score(self, pictures: Any, units: Any, warps: Array) -> Array:
        """Mean objective over the plain picture and fixed warps of it: what a picture that only works pixel for pixel loses."""
        scores = [self._score(pictures, units)]
        scores += [self._score(self._warped(pictures, self._tf.constant(warp)), units) for warp in warps]
        return np.asarray(np.mean([score.numpy() for score in scores], axis=0), np.float32)

    def _fixed_warps(self, count: int) -> Array:
        draw = np.random.default_rng(0)
        return np.repeat(_warps(draw, self._recipe, self._canvas, 4)[:, None], count, 1)

    def _objective_of_pixels(self, pictures: Any, units: Any) -> Any:
        return self._objective(self._card.preprocessing.apply(pictures * 255), units)

    # -- the raw numbers fed to the network: the recipes of the book and of the Keras example

    def _climb_raw(self, units: list[int], seed: int) -> Ascent:
        tf, recipe = self._tf, self._recipe
        canvas = tf.constant(
            np.stack([raw_start(recipe, seed, self._call.path, unit, self._channels) for unit in units])
        )
        which = tf.constant(units, tf.int32)
        start: Array | None = None
        for _ in range(recipe.steps):
            canvas, height = self._raw_step(canvas, which)
            start = height.numpy() if start is None else start
        _, height = self._raw_step(canvas, which)
        return Ascent(displayed(canvas.numpy(), recipe), height.numpy(), height.numpy() if start is None else start)

    def _take_raw_step(self, canvas: Any, units: Any) -> Any:
        tf, recipe = self._tf, self._recipe
        with tf.GradientTape() as tape:
            tape.watch(canvas)
            heights = self._objective(canvas, units)
            total = tf.reduce_sum(heights)
        slope = tape.gradient(total, canvas)
        if recipe.step == "rms":
            slope = slope / (tf.sqrt(tf.reduce_mean(slope * slope, [1, 2, 3], keepdims=True)) + 1e-5)
        else:
            slope = slope * tf.math.rsqrt(tf.maximum(tf.reduce_sum(slope * slope, [1, 2, 3], keepdims=True), 1e-12))
        return canvas + recipe.rate * slope, heights

    # -- what is climbed

    def _objective(self, inputs: Any, units: Any) -> Any:
        """The mean of each picture's own unit over the map without its border, (n,)."""
        tf = self._tf
        pre = self._recipe.preactivation and has_preactivation(self._call.operation)
        with (
            probing(
                [] if pre else [self._call],
                pre=[self._call] if pre else [],
                stop=True,
                operations=self._operations,
            ) as taps,
            suppress(Reached),
        ):
            self._model.call(inputs, training=False)
        maps = (taps.pre if pre else taps.outputs)[self._call.path]
        border = self._border(maps.shape[1])
        if border:
            maps = maps[:, border:-border, border:-border, :]
        return tf.reduce_mean(tf.gather(maps, units, axis=3, batch_dims=1), [1, 2])

    def _border(self, side: int | None) -> int:
        if self._recipe.border >= 0 or side is None:
            return max(self._recipe.border, 0)
        return 2 if side >= 9 else 1 if side >= 5 else 0

    def _cut(self, pictures: Array) -> NDArray[np.uint8]:
        spare = self._canvas - self.tile
        begin = spare // 2
        cut = pictures[:, begin : begin + self.tile, begin : begin + self.tile]
        return as_rgb((cut * 255 + 0.5).astype(np.uint8))

    def _fitting_canvas(self, wanted: int) -> int:
        """`wanted`, rounded up to a whole number of the layer's strides."""
        field = self._card.layer(self._call.path).receptive_field
        stride = 32 if field is None else max(*field.stride, 1)
        return -(-wanted // stride) * stride


def generator(seed: int, layer: str, unit: int) -> np.random.Generator:
    """The randomness of one tile, whatever else is drawn beside it."""
    name = blake2b(f"{seed}/{layer}/{unit}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(name, np.uint64)))


def raw_start(recipe: Recipe, seed: int, layer: str, unit: int, channels: int = 3) -> Array:
    """The noise a raw canvas starts from, float32 (size, size, channels), uniform in recipe.start."""
    low, high = recipe.start
    noise = generator(seed, layer, unit).uniform(low, high, (recipe.size, recipe.size, channels))
    return noise.astype(np.float32)


def displayed(canvas: Array, recipe: Recipe) -> NDArray[np.uint8]:
    """A raw canvas (n, h, w, c) as its source shows it: centred at 0.5 with the recipe's contrast, trimmed, clipped."""
    centred = canvas - canvas.mean((1, 2, 3), keepdims=True)
    spread = centred / (centred.std((1, 2, 3), keepdims=True) + 1e-5) * recipe.contrast
    if recipe.trim:
        spread = spread[:, recipe.trim : -recipe.trim, recipe.trim : -recipe.trim]
    return as_rgb((np.clip(spread + 0.5, 0, 1) * 255).astype(np.uint8))


def as_rgb(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray pictures (n, h, w, 1) with their plane three times; others as they are."""
    return np.repeat(pictures, 3, axis=3) if pictures.shape[3] == 1 else pictures


def _start_spectrum(draw: np.random.Generator, side: int, channels: int) -> Array:
    return draw.normal(0, 0.01, (2, channels, side, side // 2 + 1)).astype(np.float32)


def _spectrum_scale(side: int) -> Array:
    """1 / frequency, so that every scale of the picture can change as fast; the mean counts as the lowest frequency."""
    down = np.fft.fftfreq(side)[:, None]
    across = np.fft.rfftfreq(side)[None, :]
    return (side / np.maximum(np.hypot(down, across), 1 / side)).astype(np.float32)


def _warps(draw: np.random.Generator, recipe: Recipe, side: int, count: int) -> Array:
    """Affine transforms about the centre, (count, 8), in the order ImageProjectiveTransformV3 takes them."""
    angle = np.radians(draw.uniform(-recipe.rotate, recipe.rotate, count))
    scale = 1 + draw.uniform(-recipe.zoom, recipe.zoom, count)
    shift = draw.uniform(-recipe.shift, recipe.shift, (2, count)) * side
    a, b = np.cos(angle) * scale, np.sin(angle) * scale
    centre = (side - 1) / 2
    rows = [
        a, -b, centre * (1 - a) + centre * b + shift[0],
        b, a, centre * (1 - a) - centre * b + shift[1],
        np.zeros(count), np.zeros(count),
    ]  # fmt: skip
    return np.stack(rows, 1).astype(np.float32)
