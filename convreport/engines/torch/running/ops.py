"""PyTorch's arithmetic, as `core.ascent.ops` asks for it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.engines.torch import runtime


class TorchOps:
    """Ops of `core.ascent.ops` on the device of a model."""

    def __init__(self, device: Any) -> None:
        self._torch, self._device = runtime.torch(), device
        self._precision = "float32"
        torch = self._torch
        self.out_of_memory = torch.OutOfMemoryError
        self.sqrt, self.rsqrt, self.power, self.sigmoid = torch.sqrt, torch.rsqrt, torch.pow, torch.sigmoid
        self.clip, self.where, self.reshape, self.transpose = torch.clamp, torch.where, torch.reshape, torch.permute
        self.concat, self.log, self.cos, self.sin = torch.cat, torch.log, torch.cos, torch.sin

    def tensor(self, values: Any) -> Any:
        """An array, or a number as float32, as a tensor on the device."""
        if self._torch.is_tensor(values):
            return values.to(self._device)
        array = np.asarray(values, np.float32) if isinstance(values, float) else np.ascontiguousarray(values)
        return self._torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array).to(self._device)

    def array(self, tensor: Any) -> Array:
        """A tensor as an array."""
        return np.asarray(tensor.detach().cpu().numpy())

    def zeros(self, shape: Sequence[int]) -> Any:
        """Float32 zeros."""
        return self._torch.zeros(tuple(shape), device=self._device)

    def maximum(self, x: Any, least: Any) -> Any:
        """The larger one, number by number."""
        return self._torch.clamp(x, min=least)

    def fixed(self, x: Any) -> Any:
        """The same numbers, through which no gradient passes."""
        return x.detach()

    def number(self, x: Any) -> Any:
        """Whatever its format, as float32."""
        return x.float()

    def softmax(self, x: Any) -> Any:
        """Over the last axis."""
        return self._torch.softmax(x, -1)

    def likeliest(self, x: Any) -> Any:
        """1 at the largest of the last axis, 0 elsewhere."""
        return self._torch.nn.functional.one_hot(x.argmax(-1), x.shape[-1]).float()

    def alike(self, x: Any, other: Any) -> Any:
        """The same numbers in the shape of another tensor."""
        return x.reshape(other.shape)

    def take(self, x: Any, places: Any) -> Any:
        """Those places of the last axis."""
        return x.index_select(-1, places)

    def pick(self, x: Any, places: Any) -> Any:
        """Of each row one place."""
        return x.gather(1, places.long()[:, None])[:, 0]

    def sign(self, x: Any) -> Any:
        """-1, 0 or 1."""
        return x.sign()

    def most(self, x: Any, axes: Sequence[int]) -> Any:
        """The largest over some axes."""
        return x.amax(tuple(axes))

    def least(self, x: Any, axes: Sequence[int]) -> Any:
        """The smallest over some axes."""
        return x.amin(tuple(axes))

    def sum(self, x: Any, axes: Sequence[int], *, keep: bool = False) -> Any:
        """The sum over some axes."""
        return x.sum(tuple(axes), keepdim=keep)

    def mean(self, x: Any, axes: Sequence[int], *, keep: bool = False) -> Any:
        """The mean over some axes."""
        return x.mean(tuple(axes), keepdim=keep)

    def deviation(self, x: Any, axes: Sequence[int], *, keep: bool = False) -> Any:
        """The standard deviation over some axes."""
        return x.std(tuple(axes), correction=0, keepdim=keep)

    def pad(self, x: Any, after: int) -> Any:
        """So many zeros at the end of the last axis."""
        return self._torch.nn.functional.pad(x, (0, after))

    def inverse_fourier(self, real: Any, imaginary: Any, side: int) -> Any:
        """Real planes from their half spectra."""
        return self._torch.fft.irfft2(self._torch.complex(real, imaginary), s=(side, side))

    def bicubic(self, pictures: Any, side: int) -> Any:
        """Pictures at another side, by Keys's kernel as TensorFlow has it (PyTorch's own is sharper)."""
        across, down = (self.tensor(keys(int(pictures.shape[axis]), side)) for axis in (2, 1))
        return self._torch.einsum("yh,nhwc,xw->nyxc", down, pictures, across)

    def warp(self, pictures: Any, transforms: Any, side: int) -> Any:
        """Each picture under its own affine transform: bilinear, reflected."""
        return _warp().apply(pictures, transforms, side)

    def roll(self, pictures: Any, rolls: Any) -> Any:
        """Each picture shifted around its edges by its own whole pixels."""
        turned = [self._torch.roll(one, by, (0, 1)) for one, by in zip(pictures, rolls.tolist(), strict=True)]
        return self._torch.stack(turned)

    def blur(self, pictures: Any, side: int) -> Any:
        """The mean over a box of `side` pixels, edges reflected."""
        functional = self._torch.nn.functional
        before, after = side // 2, (side - 1) // 2
        padded = functional.pad(pictures.permute(0, 3, 1, 2), (before, after, before, after), mode="reflect")
        return functional.avg_pool2d(padded, side, 1).permute(0, 2, 3, 1)

    def slope(self, function: Callable[[Any], tuple[Any, Any]], values: Any) -> tuple[Any, Any]:
        """For a function that gives (a number, something else): that something, and the number's gradient at `values`."""
        values = values.detach().requires_grad_(True)
        with self._torch.enable_grad():
            number, other = function(values)
        slope = self._torch.autograd.grad(number, values, allow_unused=True)[0] if number.requires_grad else None
        return (other.detach() if self._torch.is_tensor(other) else other), slope

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As it is: compiling takes longer than most climbs."""
        return function

    @contextmanager
    def computing(self, precision: str) -> Iterator[None]:
        """The network is run in that precision inside the block; afterwards in float32 again."""
        self._precision = precision
        try:
            yield
        finally:
            self._precision = "float32"

    def shortened(self) -> Any:
        """The context in which the network is run."""
        torch = self._torch
        format_ = {"bfloat16": torch.bfloat16, "mixed": torch.float16}.get(self._precision)
        return nullcontext() if format_ is None else torch.autocast(self._device.type, dtype=format_)

    def shorter(self) -> str:
        """Float16 on a GPU, bfloat16 elsewhere."""
        return "bfloat16" if self._device.type == "cpu" else "mixed"


def keys(side: int, wanted: int) -> Array:
    """Float32 (wanted, side): Keys's cubic kernel (a = -0.5) at half-pixel centres, what lies outside left out.

    As in TensorFlow it is known at steps of 1/1024.
    """
    at = (np.arange(wanted) + 0.5) * side / wanted - 0.5
    at = np.floor(at) + np.rint((at - np.floor(at)) * 1024) / 1024
    away = np.abs(at[:, None] - np.arange(side)[None])
    near = 1.5 * away**3 - 2.5 * away**2 + 1
    far = -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    weights = np.where(away <= 1, near, np.where(away < 2, far, 0.0))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


@cache
def _warp() -> Any:
    """The warp with TensorFlow's gradient: that of the output under the inverse warp, which is smoother than the exact one."""
    torch = runtime.torch()

    def warped(pictures: Any, transforms: Any, height: int, width: int) -> Any:
        tall, wide = pictures.shape[1:3]
        y, x = torch.meshgrid(
            torch.arange(height, dtype=torch.float32, device=pictures.device),
            torch.arange(width, dtype=torch.float32, device=pictures.device),
            indexing="ij",
        )
        a, b, c, d, e, f = (transforms[:, place, None, None] for place in range(6))
        u, v = a * x + b * y + c, d * x + e * y + f
        grid = torch.stack([(2 * u + 1) / wide - 1, (2 * v + 1) / tall - 1], -1)
        seen = torch.nn.functional.grid_sample(
            pictures.permute(0, 3, 1, 2), grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )
        return seen.permute(0, 2, 3, 1)

    class Warp(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(context: Any, pictures: Any, transforms: Any, side: int) -> Any:
            context.save_for_backward(transforms)
            context.size = pictures.shape[1:3]
            return warped(pictures, transforms, side, side)

        @staticmethod
        def backward(context: Any, slope: Any) -> Any:
            (transforms,) = context.saved_tensors
            last = torch.ones_like(transforms[:, :1])
            matrices = torch.linalg.inv(torch.cat([transforms, last], 1).reshape(-1, 3, 3))
            inverse = (matrices / matrices[:, 2:, 2:]).reshape(-1, 9)[:, :8]
            return warped(slope, inverse, *context.size), None, None

    return Warp
