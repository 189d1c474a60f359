"""What an ascent asks of a framework: arithmetic on its tensors, gradients, and compiled steps.

Pictures are (n, height, width, channels) whatever a framework likes best; tensors know `+ - * / @`, slices and `.shape`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from convreport.core.ascent.objectives import Objective
from convreport.core.base.kinds import Array

Tensor = Any
# Per term what chooses its unit, a tensor (n,) of indices or (n, channels) of directions; and its weights (n,).
Choice = tuple[tuple[Tensor, Tensor], ...]


class Heights(Protocol):
    """Evaluates one form of objective on what the network is fed."""

    def choice(self, objectives: Sequence[Objective]) -> Choice:
        """The units and weights of objectives of this form, as tensors."""
        ...

    def of(self, fed: Tensor, choice: Choice, *, yielded: bool = False) -> Tensor:
        """The height of each picture's own objective, float32 (n,); `yielded` lets gradients through closed ReLUs."""
        ...

    def apart(self, fed: Tensor, choice: Choice, count: int, *, yielded: bool = False) -> tuple[Tensor, Tensor]:
        """The same, and how like the pictures of one unit, `count` one after the other, are to each other: (n,), see
        `core.ascent.diversity`.
        """
        ...

    def every(self, fed: Tensor) -> Tensor:
        """The heights of all units of the first term's layer, or all classes, float32 (n, units)."""
        ...


class Ops(Protocol):
    """A framework's arithmetic; axes are numbered as numpy does, reductions keep them where `keep` says so."""

    out_of_memory: type[BaseException]

    def tensor(self, values: Any) -> Tensor:
        """An array, or a number as float32, as a tensor on the device."""
        ...

    def array(self, tensor: Tensor) -> Array:
        """A tensor as an array of its own."""
        ...

    def zeros(self, shape: Sequence[int]) -> Tensor:
        """Float32 zeros."""
        ...

    def sqrt(self, x: Tensor) -> Tensor:
        """The square root."""
        ...

    def rsqrt(self, x: Tensor) -> Tensor:
        """One over the square root."""
        ...

    def power(self, x: Any, exponent: Any) -> Tensor:
        """One of the two may be a plain number."""
        ...

    def sigmoid(self, x: Tensor) -> Tensor:
        """The logistic function."""
        ...

    def cos(self, x: Tensor) -> Tensor:
        """The cosine of radians."""
        ...

    def sin(self, x: Tensor) -> Tensor:
        """The sine of radians."""
        ...

    def maximum(self, x: Tensor, least: Any) -> Tensor:
        """The larger one, number by number."""
        ...

    def clip(self, x: Tensor, least: float, most: float) -> Tensor:
        """Brought between two numbers."""
        ...

    def where(self, condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        """Of two tensors, number by number."""
        ...

    def fixed(self, x: Tensor) -> Tensor:
        """The same numbers, through which no gradient passes."""
        ...

    def number(self, x: Tensor) -> Tensor:
        """Whatever its format, as float32; a condition as 0 and 1."""
        ...

    def log(self, x: Tensor) -> Tensor:
        """The natural logarithm."""
        ...

    def softmax(self, x: Tensor) -> Tensor:
        """Shares that sum to one over the last axis."""
        ...

    def likeliest(self, x: Tensor) -> Tensor:
        """Float32, 1 at the largest of the last axis and 0 elsewhere."""
        ...

    def take(self, x: Tensor, places: Tensor) -> Tensor:
        """Those places of the last axis."""
        ...

    def pick(self, x: Tensor, places: Tensor) -> Tensor:
        """Of each row of (n, units) one place, (n,)."""
        ...

    def sign(self, x: Tensor) -> Tensor:
        """-1, 0 or 1."""
        ...

    def most(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """The largest over some axes."""
        ...

    def least(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """The smallest over some axes."""
        ...

    def sum(self, x: Tensor, axes: Sequence[int], *, keep: bool = False) -> Tensor:
        """The sum over some axes."""
        ...

    def mean(self, x: Tensor, axes: Sequence[int], *, keep: bool = False) -> Tensor:
        """The mean over some axes."""
        ...

    def deviation(self, x: Tensor, axes: Sequence[int], *, keep: bool = False) -> Tensor:
        """The standard deviation (of all, not of a sample) over some axes."""
        ...

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same numbers in another shape."""
        ...

    def alike(self, x: Tensor, other: Tensor) -> Tensor:
        """The same numbers in the shape of another tensor."""
        ...

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """The axes in another order."""
        ...

    def concat(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """One after the other along an axis."""
        ...

    def pad(self, x: Tensor, after: int) -> Tensor:
        """So many zeros at the end of the last axis."""
        ...

    def inverse_fourier(self, real: Tensor, imaginary: Tensor, side: int) -> Tensor:
        """Real planes (..., side, side) from their half spectra (..., side, side // 2 + 1)."""
        ...

    def bicubic(self, pictures: Tensor, side: int) -> Tensor:
        """Pictures at another side."""
        ...

    def warp(self, pictures: Tensor, transforms: Tensor, side: int) -> Tensor:
        """Each picture (n, h, w, c) under its own affine transform (n, 8), seen through (n, side, side, c).

        Output pixel (x, y) is the input at (a x + b y + c, d x + e y + f) of the transform's first six numbers: bilinear,
        reflected at the edges of the outermost pixels.
        """
        ...

    def roll(self, pictures: Tensor, rolls: Tensor) -> Tensor:
        """Each picture shifted around its edges by its own whole pixels (n, 2)."""
        ...

    def blur(self, pictures: Tensor, side: int) -> Tensor:
        """The mean over a box of `side` pixels, edges reflected about the outermost pixels."""
        ...

    def slope(self, function: Callable[[Tensor], tuple[Tensor, Tensor]], values: Tensor) -> tuple[Tensor, Tensor]:
        """For a function that gives (a number, something else): that something, and the number's gradient at `values`.

        None for the gradient where the number does not depend on them.
        """
        ...

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, quicker where the framework compiles."""
        ...

    def computing(self, precision: str) -> AbstractContextManager[None]:
        """Compiled functions that run inside the block compute in that precision."""
        ...

    def shorter(self) -> str:
        """The shorter precision that pays on this machine."""
        ...
