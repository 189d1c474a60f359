"""How a picture in 0..255 becomes the numbers a network was trained on: per channel a scale and a shift, maybe BGR.

The five conventions in use are all of this form, so one value describes any of them, forwards and backwards, for numpy
arrays and framework tensors alike.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessing:
    """x -> channels(x) * scale + shift for x in 0..255; scale and shift hold one number a channel, or one for all."""

    mode: str
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)
    bgr: bool = False
    why: str = ""

    def apply(self, pixels: T) -> T:
        """Network input from pixels in 0..255, channels last; an array or a tensor."""
        x: Any = pixels
        x = x[..., ::-1] if self.bgr else x
        return x * np.array(self.scale, np.float32) + np.array(self.shift, np.float32)

    @property
    def words(self) -> str:
        """The formula as a reader would write it."""
        return _WORDS[self.mode]


_WORDS = {
    "none": "pixels 0..255 as they are",
    "rescale": "x / 255",
    "symmetric": "x / 127.5 - 1",
    "caffe": "BGR, minus the ImageNet mean (103.939, 116.779, 123.68)",
    "torch": "(x / 255 - mean) / standard deviation of ImageNet",
}

_DEVIATION = (0.229, 0.224, 0.225)  # ImageNet, RGB, of pixels in 0..1
_MEAN = (0.485, 0.456, 0.406)
MODES = {
    "none": Preprocessing("none"),
    "rescale": Preprocessing("rescale", (1 / 255,)),
    "symmetric": Preprocessing("symmetric", (1 / 127.5,), (-1.0,)),
    "caffe": Preprocessing("caffe", (1.0,), (-103.939, -116.779, -123.68), bgr=True),
    "torch": Preprocessing(
        "torch",
        tuple(1 / 255 / deviation for deviation in _DEVIATION),
        tuple(-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)),
    ),
}
