"""TensorFlow's arithmetic, as `core.ascent.ops` asks for it; and its switch for shorter formats.

That switch rewrites traced graphs and not the model. It is read by the thread that runs a traced function, at every run, and
cached by a thread that has run something before: it is set and its functions are run on one thread. Eager operations ignore it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.engines.keras import runtime

REWRITES = {"bfloat16": "auto_mixed_precision_onednn_bfloat16", "mixed": "auto_mixed_precision"}


class TensorFlowOps:
    """Ops of `core.ascent.ops`."""

    def __init__(self) -> None:
        self._tf = runtime.tensorflow()
        self.out_of_memory = self._tf.errors.ResourceExhaustedError
        self.sqrt, self.rsqrt = self._tf.sqrt, self._tf.math.rsqrt
        self.power, self.sigmoid = self._tf.pow, self._tf.sigmoid
        self.maximum, self.clip, self.where = self._tf.maximum, self._tf.clip_by_value, self._tf.where
        self.zeros, self.reshape, self.transpose = self._tf.zeros, self._tf.reshape, self._tf.transpose
        self.concat, self.log, self.softmax = self._tf.concat, self._tf.math.log, self._tf.nn.softmax
        self.fixed = self._tf.stop_gradient
        self.cos, self.sin = self._tf.cos, self._tf.sin

    def tensor(self, values: Any) -> Any:
        """An array, or a number as float32, as a tensor."""
        return self._tf.convert_to_tensor(values)

    def array(self, tensor: Any) -> Array:
        """A tensor as an array."""
        return np.asarray(tensor)

    def number(self, x: Any) -> Any:
        """Whatever its format, as float32."""
        return self._tf.cast(x, self._tf.float32)

    def likeliest(self, x: Any) -> Any:
        """1 at the largest of the last axis, 0 elsewhere."""
        return self._tf.one_hot(self._tf.argmax(x, -1), x.shape[-1], axis=-1)

    def alike(self, x: Any, other: Any) -> Any:
        """The same numbers in the shape of another tensor."""
        return self._tf.reshape(x, self._tf.shape(other))

    def take(self, x: Any, places: Any) -> Any:
        """Those places of the last axis."""
        return self._tf.gather(x, places, axis=-1)

    def pick(self, x: Any, places: Any) -> Any:
        """Of each row one place."""
        return self._tf.gather(x, places, axis=1, batch_dims=1)

    def sign(self, x: Any) -> Any:
        """-1, 0 or 1."""
        return self._tf.sign(x)

    def most(self, x: Any, axes: Sequence[int]) -> Any:
        """The largest over some axes."""
        return self._tf.reduce_max(x, list(axes))

    def least(self, x: Any, axes: Sequence[int]) -> Any:
        """The smallest over some axes."""
        return self._tf.reduce_min(x, list(axes))

    def sum(self, x: Any, axes: Sequence[int], *, keep: bool = False) -> Any:
        """The sum over some axes."""
        return self._tf.reduce_sum(x, list(axes), keepdims=keep)

    def mean(self, x: Any, axes: Sequence[int], *, keep: bool = False) -> Any:
        """The mean over some axes."""
        return self._tf.reduce_mean(x, list(axes), keepdims=keep)

    def deviation(self, x: Any, axes: Sequence[int], *, keep: bool = False) -> Any:
        """The standard deviation over some axes."""
        return self._tf.math.reduce_std(x, list(axes), keepdims=keep)

    def pad(self, x: Any, after: int) -> Any:
        """So many zeros at the end of the last axis."""
        return self._tf.pad(x, [[0, 0]] * (len(x.shape) - 1) + [[0, after]])

    def inverse_fourier(self, real: Any, imaginary: Any, side: int) -> Any:
        """Real planes from their half spectra."""
        return self._tf.signal.irfft2d(self._tf.complex(real, imaginary), fft_length=[side, side])

    def bicubic(self, pictures: Any, side: int) -> Any:
        """Pictures at another side."""
        return self._tf.image.resize(pictures, [side, side], "bicubic")

    def warp(self, pictures: Any, transforms: Any, side: int) -> Any:
        """Each picture under its own affine transform: bilinear, reflected."""
        return self._tf.raw_ops.ImageProjectiveTransformV3(
            images=pictures,
            transforms=transforms,
            output_shape=self._tf.constant([side, side]),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )

    def roll(self, pictures: Any, rolls: Any) -> Any:
        """Each picture shifted around its edges by its own whole pixels."""
        tf = self._tf
        height, width = (tf.shape(pictures)[axis] for axis in (1, 2))
        rows = (tf.range(height)[None] - rolls[:, :1]) % height
        columns = (tf.range(width)[None] - rolls[:, 1:]) % width
        pictures = tf.gather(pictures, rows, axis=1, batch_dims=1)
        turned = tf.gather(tf.transpose(pictures, [0, 2, 1, 3]), columns, axis=1, batch_dims=1)
        return tf.transpose(turned, [0, 2, 1, 3])

    def blur(self, pictures: Any, side: int) -> Any:
        """The mean over a box of `side` pixels, edges reflected."""
        before, after = side // 2, (side - 1) // 2
        padded = self._tf.pad(pictures, [[0, 0], [before, after], [before, after], [0, 0]], "REFLECT")
        return self._tf.nn.avg_pool2d(padded, side, 1, "VALID")

    def slope(self, function: Callable[[Any], tuple[Any, Any]], values: Any) -> tuple[Any, Any]:
        """For a function that gives (a number, something else): that something, and the number's gradient at `values`."""
        with self._tf.GradientTape() as tape:
            tape.watch(values)
            number, other = function(values)
        return other, tape.gradient(number, values)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Traced, once a shape."""
        traced: Callable[..., Any] = self._tf.function(function, autograph=False)
        return traced

    @contextmanager
    def computing(self, precision: str) -> Iterator[None]:
        """Traced functions that run inside the block compute in that precision; afterwards in float32 again."""
        rewrite = REWRITES.get(precision)
        if rewrite is None:
            yield
            return
        optimizer = self._tf.config.optimizer
        optimizer.set_experimental_options({rewrite: True})
        try:
            yield
        finally:
            optimizer.set_experimental_options({rewrite: False})

    def shorter(self) -> str:
        """Float16 where TensorFlow sees a GPU, bfloat16 elsewhere."""
        return "mixed" if self._tf.config.list_physical_devices("GPU") else "bfloat16"
