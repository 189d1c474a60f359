"""What an optimizer moves, and the picture it stands for: Fourier coefficients with decorrelated colours, their phases
alone, or pixels.
"""

from typing import Any, Protocol

import numpy as np

from convreport.core.ascent.ops import Ops, Tensor
from convreport.core.ascent.recipes import Recipe
from convreport.core.ascent.spectrum import OPPONENT
from convreport.core.base.errors import UsageError
from convreport.core.base.kinds import Array

# How much red, green and blue vary together in natural pictures (Lucid), over its largest column norm.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOURS = COLOURS / np.linalg.norm(COLOURS, axis=0).max()


class Parameters(Protocol):
    """A parameterization of square canvases of one size."""

    def start(self, draw: np.random.Generator) -> Array:
        """Where the climb of one picture begins, float32."""
        ...

    def picture(self, values: Tensor) -> Tensor:
        """The canvases (n, side, side, channels) that a batch of values stands for."""
        ...

    def resized(self, values: Tensor, side: int) -> Tensor:
        """The same pictures as values of the same parameterization at another side."""
        ...


def parameters(ops: Ops, recipe: Recipe, side: int, channels: int) -> Parameters:
    """The recipe's parameterization of a canvas of that side."""
    kinds: dict[str, Any] = {"fourier": Fourier, "phases": Phases, "pixels": Pixels}
    made: Parameters = kinds[recipe.parameters](ops, recipe, side, channels)
    return made


class Fourier:
    """Fourier coefficients of decorrelated colours, float32 (n, 2, channels, side, side // 2 + 1): real and imaginary.

    Scaled by 1 / frequency, so that every scale of the picture can change as fast (Olah, Mordvintsev and Schubert 2017).
    A gray picture has no colours to decorrelate, and of one with more channels nobody knows how they go together.
    """

    def __init__(self, ops: Ops, recipe: Recipe, side: int, channels: int) -> None:
        self._ops, self._recipe, self._side, self._channels = ops, recipe, side, channels
        self._scale = spectrum_scale(side, recipe.falloff)

    def start(self, draw: np.random.Generator) -> Array:
        """Coefficients of nearly nothing."""
        size = (2, self._channels, self._side, self._side // 2 + 1)
        return draw.normal(0, self._recipe.start[1], size).astype(np.float32)

    def picture(self, values: Tensor) -> Tensor:
        """Pictures in 0..1, or for a raw canvas whatever the coefficients say."""
        ops = self._ops
        scaled = values * ops.tensor(self._scale)
        planes = ops.inverse_fourier(scaled[:, 0], scaled[:, 1], self._side) / 4
        planes = ops.transpose(planes, [0, 2, 3, 1])
        if self._channels == 3:
            planes = ops.reshape(ops.reshape(planes, [-1, 3]) @ ops.tensor(COLOURS.T), planes.shape)
        if self._recipe.deviation:
            planes = _bounded(ops, planes, self._recipe.deviation)
        return ops.sigmoid(planes) if self._recipe.canvas == "picture" else planes

    def resized(self, values: Tensor, side: int) -> Tensor:
        """More, or fewer, frequencies of the same pictures, which keep their amplitude."""
        ops = self._ops
        few, half = min(side, self._side), min(side, self._side) // 2
        rows = ops.concat([values[..., :half, :], values[..., self._side - (few - half) :, :]], -2)[..., : half + 1]
        rows = rows * ops.tensor(spectrum_scale(self._side, self._recipe.falloff)[_corner(self._side, few)])
        rows = rows * float((side / self._side) ** 2)
        if side > few:
            middle = ops.zeros([*rows.shape[:-2], side - few, rows.shape[-1]])
            rows = ops.concat([rows[..., :half, :], middle, rows[..., half:, :]], -2)
            rows = ops.pad(rows, side // 2 + 1 - rows.shape[-1])
        return rows / ops.tensor(spectrum_scale(side, self._recipe.falloff))


def _bounded(ops: Ops, planes: Tensor, deviation: float) -> Tensor:
    """Planes scaled down where their standard deviation is above `deviation`, or their root mean square above twice that.

    So no score is won by contrast, or by black, white and pure colours: what comes of them shows the form that is sought.
    """
    spread = ops.deviation(planes, [1, 2, 3], keep=True)
    planes = planes * (deviation / ops.maximum(spread, deviation))
    size = ops.sqrt(ops.mean(planes * planes, [1, 2, 3], keep=True))
    return planes * (2 * deviation / ops.maximum(size, 2 * deviation))


class Phases:
    """The phases of Fourier coefficients of opponent colours, radians, float32 (n, channels, side, side // 2 + 1).

    The magnitudes are those of the recipe's spectrum whatever the phases are (Fel et al. 2023), so that a picture cannot
    score by noise that no photo has. In the first column, and for even sides the last, a real picture has each coefficient
    twice, once conjugated: there the two phases are halves of a difference.
    """

    def __init__(self, ops: Ops, recipe: Recipe, side: int, channels: int) -> None:
        assert recipe.spectrum is not None
        self._ops, self._recipe, self._side, self._channels = ops, recipe, side, channels
        self._magnitudes = recipe.spectrum.magnitudes(side)
        self._mean = self._magnitudes[:, 0, 0] / side**2
        self._magnitudes[:, 0, 0] = 0  # added at the end: beside so large a number float32 loses small ones

    def start(self, draw: np.random.Generator) -> Array:
        """Any phase is as likely as any other."""
        size = (self._channels, self._side, self._side // 2 + 1)
        return draw.uniform(-np.pi, np.pi, size).astype(np.float32)

    def picture(self, values: Tensor) -> Tensor:
        """Pictures in 0..1: what the constraint leaves outside is cut off."""
        return self._ops.clip(self.whole(values), 0.0, 1.0)

    def whole(self, values: Tensor) -> Tensor:
        """The pictures before anything is cut off, whose magnitudes are those of the spectrum."""
        ops = self._ops
        phases, magnitudes = self._paired(values), ops.tensor(self._magnitudes)
        planes = ops.inverse_fourier(magnitudes * ops.cos(phases), magnitudes * ops.sin(phases), self._side)
        planes = ops.transpose(planes, [0, 2, 3, 1]) + ops.tensor(self._mean)
        if self._channels == 3:
            planes = ops.reshape(ops.reshape(planes, [-1, 3]) @ ops.tensor(OPPONENT.astype(np.float32)), planes.shape)
        return planes

    def resized(self, values: Tensor, side: int) -> Tensor:
        """Phases of one size say nothing of another: UsageError."""
        raise UsageError("The recipe's phases cannot grow.", "Leave out its `growth`.")

    def _paired(self, phases: Tensor) -> Tensor:
        """The phases of coefficients that a real picture can have."""
        ops, last = self._ops, self._side // 2
        first = self._odd(phases[..., :1])
        if self._side % 2:
            return ops.concat([first, phases[..., 1:]], -1)
        return ops.concat([first, phases[..., 1:last], self._odd(phases[..., last:])], -1)

    def _odd(self, column: Tensor) -> Tensor:
        """A column (n, channels, side, 1) less itself read from below, halved: odd about its first number."""
        ops = self._ops
        turned = ops.transpose(column, [0, 1, 3, 2])
        mirrored = ops.take(turned, ops.tensor((-np.arange(self._side) % self._side).astype(np.int32)))
        return ops.transpose(turned - mirrored, [0, 1, 3, 2]) / 2


class Pixels:
    """The canvas itself, float32 (n, side, side, channels), begun as uniform noise."""

    def __init__(self, ops: Ops, recipe: Recipe, side: int, channels: int) -> None:
        self._ops, self._recipe, self._side, self._channels = ops, recipe, side, channels

    def start(self, draw: np.random.Generator) -> Array:
        """Uniform noise between the two numbers of the recipe's start."""
        low, high = self._recipe.start
        return draw.uniform(low, high, (self._side, self._side, self._channels)).astype(np.float32)

    def picture(self, values: Tensor) -> Tensor:
        """The values; clipped to 0..1 where they are a picture behind the model's preprocessing."""
        return self._ops.clip(values, 0.0, 1.0) if self._recipe.canvas == "picture" else values

    def resized(self, values: Tensor, side: int) -> Tensor:
        """Bicubic interpolation."""
        return self._ops.bicubic(values, side)


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
