"""Activation maximization: objective x parameterization x transforms x optimizer, after Lucid (Olah, Mordvintsev and
Schubert, Feature Visualization, Distill 2017), put together by a Recipe.

All randomness is keyed by (seed, layer, unit) and batches are padded to a fixed size, so that a tile does not depend on
its company.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convreport.core.errors import ModelError
from convreport.core.fitting import FREE_SIDE
from convreport.core.types import Array, Ascent, Recipe
from convreport.model import runtime
from convreport.model.canvas import (
    COLOURS,
    MARGIN,
    SMALLEST,
    WIDE_MARGIN,
    as_rgb,
    calm,
    displayed,
    fitting_canvas,
    generator,
    raw_start,
    spectrum_scale,
    start_spectrum,
    tile_size,
    warps,
)
from convreport.model.describe import Understood
from convreport.model.folding import folded
from convreport.model.graph import Call
from convreport.model.probe import Reached, has_preactivation, probing
from convreport.model.reach import takes_any_size

# Fixed, and padded where units are few: a tile must not depend on its company. A second try is mostly for one or two.
BATCH, SECOND_BATCH = 8, 4
RESEED = 0x9E3779B9  # added to the seed of a second try


class Climb:
    """The traced steps of one recipe on one layer; runs any units of it in fixed batches.

    `tile` is the (height, width) of its pictures: fitted to the receptive field, or the model's own input where the layer
    takes no other (tokens with places, anything behind a Flatten).
    """

    def __init__(self, understood: Understood, call: Call, recipe: Recipe) -> None:
        self._tf = runtime.tensorflow()
        self._understood, self._call, self._recipe = understood, call, recipe
        self._card = card = understood.card
        self._channels = card.input[2]
        self._rate = recipe.rate * calm(card, call.path)
        fitted = recipe.size == 0
        side = tile_size(card, call.path) if fitted else recipe.size - 2 * recipe.trim
        margin = WIDE_MARGIN if side == SMALLEST else MARGIN
        self._canvas = fitting_canvas(card, call.path, side + 2 * margin) if fitted else recipe.size
        self.tile = (side, side)
        self._fed: tuple[int, int] | None = None  # what of the canvas the model sees, where it takes one size only
        self._compile(traced=True)
        if not takes_any_size(card, understood.wiring, call.path):
            self._settle()

    def _compile(self, *, traced: bool) -> None:
        def compiled(function: Any) -> Any:
            return self._tf.function(function, autograph=False, reduce_retracing=True) if traced else function

        self._step = compiled(self._take_step)
        self._raw_step = compiled(self._take_raw_step)
        self._score = compiled(self._objective_of_pixels)

    def _settle(self) -> None:
        """Find a size, and a way to run, that this layer takes: its input's own size, and step by step if need be."""
        own = (self._card.input[0] or FREE_SIDE, self._card.input[1] or FREE_SIDE)
        canvas, tile = self._canvas, self.tile
        reasons = []
        for traced in (True, False):
            self._compile(traced=traced)
            for fed in (None, own) if self._recipe.canvas == "picture" else (None,):
                if fed is None:
                    self._canvas, self.tile, self._fed = canvas, tile, None
                else:
                    self._canvas, self.tile, self._fed = max(fed), fed, fed
                try:
                    height = self._slope(self._tf.zeros([BATCH, self._canvas, self._canvas, self._channels]))
                except self._tf.errors.ResourceExhaustedError:
                    return  # the size is right; the batch will be halved
                except ModelError:
                    raise
                except Exception as error:
                    reasons.append(error)
                    continue
                if height is None:
                    raise ModelError(
                        f"No gradient reaches the picture from {self._call.path}.", "Nothing can be climbed there."
                    )
                return
        line = (str(reasons[0]).strip().splitlines() or [type(reasons[0]).__name__])[0][:200]
        raise ModelError(f"{self._call.path} cannot be climbed ({line}).", "Choose another layer.") from reasons[0]

    def _slope(self, pictures: Any) -> Any:
        """The gradient of the first unit for these pictures, by the way that will be climbed; None if there is none."""
        tf = self._tf
        units = tf.zeros([BATCH], tf.int32)
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            raw = self._recipe.canvas == "raw"
            heights = self._objective(pictures, units) if raw else self._score(pictures, units)
        return tape.gradient(heights, pictures)

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
        """All units in batches; where memory does not suffice for one, it is halved."""
        try:
            return self._climb_in_batches(units, seed, batch)
        except self._tf.errors.ResourceExhaustedError:
            if batch == 1:
                raise ModelError(
                    f"There is not enough memory for a single picture at {self._call.path}.",
                    "Close other programs, or choose layers nearer the input.",
                ) from None
        return self._climb_all(units, seed, batch // 2)

    def _climb_in_batches(self, units: Sequence[int], seed: int, batch: int) -> Ascent:
        parts = []
        for begin in range(0, len(units), batch):
            chunk = list(units[begin : begin + batch])
            padded = chunk + [chunk[-1]] * (batch - len(chunk))
            climb = self._climb_raw if self._recipe.canvas == "raw" else self._climb_picture
            part = climb(padded, seed)
            parts.append([value[: len(chunk)] for value in (part.pictures, part.scores, part.starts)])
        pictures, scores, starts = (np.concatenate(values) for values in zip(*parts, strict=True))
        return Ascent(pictures, scores, starts, batch)

    # -- a picture in 0..1 behind the model's own preprocessing: Fourier, decorrelated colour, warps, Adam

    def _climb_picture(self, units: list[int], seed: int) -> Ascent:
        tf, recipe, side = self._tf, self._recipe, self._canvas
        draws = [generator(seed, self._call.path, unit) for unit in units]
        spectrum = tf.constant(np.stack([start_spectrum(draw, side, self._channels) for draw in draws]))
        moves = np.stack([warps(draw, recipe, side, recipe.steps) for draw in draws], 1)
        which = tf.constant(units, tf.int32)
        steady = self._fixed_warps(len(units))
        state = (spectrum, tf.zeros_like(spectrum), tf.zeros_like(spectrum))
        start = best = self._robust_score(self._picture(spectrum), which, steady)
        best_picture = self._picture(spectrum).numpy()
        for step in range(recipe.steps):
            state = self._step(*state, tf.constant(float(step)), tf.constant(moves[step]), which)
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
        scaled = spectrum * spectrum_scale(side)
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
        return np.repeat(warps(draw, self._recipe, self._canvas, 4)[:, None], count, 1)

    def _objective_of_pixels(self, pictures: Any, units: Any) -> Any:
        if self._fed is not None:
            pictures = self._centre(pictures, self._fed)
        try:
            fed = self._card.preprocessing.apply(pictures * 255)
        except Exception as error:
            raise ModelError(
                f"The preprocessing {self._card.preprocessing.function} cannot be run inside TensorFlow "
                f"({type(error).__name__}), so no gradient passes it.",
                "Write it with keras.ops or plain arithmetic, and filters can be drawn too.",
            ) from error
        return self._objective(fed, units)

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
                operations=self._understood.wiring.operations,
            ) as taps,
            suppress(Reached),
        ):
            self._understood.feed.run(inputs)
        maps = (taps.pre if pre else taps.outputs)[self._call.path]
        maps = tf.cast(folded(maps, self._call, self._card), tf.float32)
        border = self._border(maps.shape[1])
        if border:
            maps = maps[:, border:-border, border:-border, :]
        return tf.reduce_mean(tf.gather(maps, units, axis=3, batch_dims=1), [1, 2])

    def _border(self, side: int | None) -> int:
        if self._recipe.border >= 0 or side is None:
            return max(self._recipe.border, 0)
        return 2 if side >= 9 else 1 if side >= 5 else 0

    def _cut(self, pictures: Array) -> NDArray[np.uint8]:
        shown = np.nan_to_num(self._centre(pictures, self.tile))  # broken weights make broken pictures: black
        return as_rgb((shown * 255 + 0.5).astype(np.uint8))

    def _centre(self, pictures: Any, size: tuple[int, int]) -> Any:
        """The middle of square canvases (n, side, side, channels), of that (height, width)."""
        top, left = ((self._canvas - side) // 2 for side in size)
        return pictures[:, top : top + size[0], left : left + size[1]]
