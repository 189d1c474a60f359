"""What an optimizer moves, and the picture it stands for: Fourier coefficients with decorrelated colours, or pixels."""

from typing import Any, Protocol

import numpy as np

from convreport.core.recipes import Recipe
from convreport.core.types import Array
from convreport.model import runtime

# How much red, green and blue vary together in natural pictures (Lucid), over its largest column norm.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOURS = COLOURS / np.linalg.norm(COLOURS, axis=0).max()


class Parameters(Protocol):
    """A parameterization of square canvases of one size."""

    def start(self, draw: np.random.Generator) -> Array:
        """Where the climb of one picture begins, float32."""
        ...

    def picture(self, values: Any) -> Any:
        """The canvases (n, side, side, channels) that a batch of values stands for."""
        ...

    def resized(self, values: Any, side: int) -> Any:
        """The same pictures as values of the same parameterization at another side."""
        ...


def parameters(recipe: Recipe, side: int, channels: int) -> Parameters:
    """The recipe's parameterization of a canvas of that side."""
    return (Fourier if recipe.parameters == "fourier" else Pixels)(recipe, side, channels)


class Fourier:
    """Fourier coefficients of decorrelated colours, float32 (n, 2, channels, side, side // 2 + 1): real and imaginary.

    Scaled by 1 / frequency, so that every scale of the picture can change as fast (Olah, Mordvintsev and Schubert 2017).
    A gray picture has no colours to decorrelate, and of one with more channels nobody knows how they go together.
    """

    def __init__(self, recipe: Recipe, side: int, channels: int) -> None:
        self._recipe, self._side, self._channels = recipe, side, channels
        self._scale = spectrum_scale(side, recipe.falloff)

    def start(self, draw: np.random.Generator) -> Array:
        """Coefficients of nearly nothing."""
        size = (2, self._channels, self._side, self._side // 2 + 1)
        return draw.normal(0, self._recipe.start[1], size).astype(np.float32)

    def picture(self, values: Any) -> Any:
        """Pictures in 0..1, or for a raw canvas whatever the coefficients say."""
        tf, side = runtime.tensorflow(), self._side
        scaled = values * self._scale
        planes = tf.signal.irfft2d(tf.complex(scaled[:, 0], scaled[:, 1]), fft_length=[side, side]) / 4
        planes = tf.transpose(planes, [0, 2, 3, 1])
        if self._channels == 3:
            planes = tf.reshape(tf.reshape(planes, [-1, 3]) @ COLOURS.T, tf.shape(planes))
        if self._recipe.deviation:
            planes = _bounded(planes, self._recipe.deviation)
        return tf.sigmoid(planes) if self._recipe.canvas == "picture" else planes

    def resized(self, values: Any, side: int) -> Any:
        """More, or fewer, frequencies of the same pictures, which keep their amplitude."""
        tf = runtime.tensorflow()
        few, half = min(side, self._side), min(side, self._side) // 2
        rows = tf.concat([values[..., :half, :], values[..., self._side - (few - half) :, :]], -2)[..., : half + 1]
        rows = rows * (spectrum_scale(self._side, self._recipe.falloff)[_corner(self._side, few)])
        rows = rows * float((side / self._side) ** 2)
        if side > few:
            middle = tf.zeros([*rows.shape[:-2], side - few, rows.shape[-1]])
            rows = tf.concat([rows[..., :half, :], middle, rows[..., half:, :]], -2)
            rows = tf.pad(rows, [[0, 0]] * (len(rows.shape) - 1) + [[0, side // 2 + 1 - rows.shape[-1]]])
        return rows / spectrum_scale(side, self._recipe.falloff)


def _bounded(planes: Any, deviation: float) -> Any:
    """Planes scaled down where their standard deviation is above `deviation`, or their root mean square above twice that.

    So no score is won by contrast, or by black, white and pure colours: what comes of them shows the form that is sought.
    """
    tf = runtime.tensorflow()
    spread = tf.math.reduce_std(planes, [1, 2, 3], keepdims=True)
    planes *= deviation / tf.maximum(spread, deviation)
    size = tf.sqrt(tf.reduce_mean(planes * planes, [1, 2, 3], keepdims=True))
    return planes * (2 * deviation / tf.maximum(size, 2 * deviation))


class Pixels:
    """The canvas itself, float32 (n, side, side, channels), begun as uniform noise."""

    def __init__(self, recipe: Recipe, side: int, channels: int) -> None:
        self._recipe, self._side, self._channels = recipe, side, channels

    def start(self, draw: np.random.Generator) -> Array:
        """Uniform noise between the two numbers of the recipe's start."""
        low, high = self._recipe.start
        return draw.uniform(low, high, (self._side, self._side, self._channels)).astype(np.float32)

    def picture(self, values: Any) -> Any:
        """The values; clipped to 0..1 where they are a picture behind the model's preprocessing."""
        return runtime.tensorflow().clip_by_value(values, 0.0, 1.0) if self._recipe.canvas == "picture" else values

    def resized(self, values: Any, side: int) -> Any:
        """Bicubic interpolation."""
        return runtime.tensorflow().image.resize(values, [side, side], "bicubic")


def spectrum_scale(side: int, falloff: float = 1.0) -> Array:
    """1 / frequency to the power `falloff`, float32 (side, side // 2 + 1); the mean counts as the lowest frequency."""
    down = np.fft.fftfreq(side)[:, None]
    across = np.fft.rfftfreq(side)[None, :]
    frequency = np.maximum(np.hypot(down, across) * side, 1)  # in waves a canvas
    return (side * side / frequency**falloff).astype(np.float32)


def _corner(side: int, few: int) -> Any:
    """Where the frequencies that a canvas of side `few` also has stand among those of a larger one."""
    half = few // 2
    rows = np.r_[0:half, side - (few - half) : side]
    return np.ix_(rows, np.arange(half + 1))
