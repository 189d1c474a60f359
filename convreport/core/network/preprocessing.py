"""How a picture in 0..255 becomes the numbers a network was trained on: per channel a scale and a shift, maybe BGR.

The five conventions in use are all of this form, so one value describes any of them, forwards and backwards, for numpy
arrays and framework tensors alike. A user's own function is brought to this form where it has it, and called where not.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessing:
    """x -> channels(x) * scale + shift for x in 0..255; scale and shift hold one number a channel, or one for all.

    `function` names a user's own ("module:function"); where `called` is set it is not of that form and is called itself,
    with a batch (n, height, width, channels) of float32. `live` is the function, where it has no importable name.
    """

    mode: str
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)
    bgr: bool = False
    why: str = ""
    function: str = ""
    called: bool = False
    code: str = ""
    live: Callable[[Any], Any] | None = field(default=None, repr=False, compare=False, metadata={"json": False})

    def apply(self, pixels: T) -> T:
        """Network input from pixels in 0..255, (n, height, width, channels); an array or a tensor."""
        x: Any = pixels
        if self.called:
            function = self.live or imported(self.function)
            return function(x.copy() if isinstance(x, np.ndarray) else x)  # some work in place
        if self.bgr:
            x = x.flip(-1) if hasattr(x, "flip") else x[..., ::-1]  # some tensors know no backward slices
        # Some tensors are multiplied by their own kind alone.
        scale, shift = (
            x.new_tensor(one) if hasattr(x, "new_tensor") else np.array(one, np.float32)
            for one in (self.scale, self.shift)
        )
        return x * scale + shift

    def undo(self, numbers: T) -> T:
        """Pixels in 0..255 from network input; only where it is of the affine form (not `called`)."""
        x: Any = (numbers - np.array(self.shift, np.float32)) / np.array(self.scale, np.float32)  # type: ignore[operator]
        return x[..., ::-1] if self.bgr else x

    @property
    def nothing(self) -> tuple[float, ...]:
        """The pixels, in 0..255 a channel, of which a network sees nothing but zeros; black where that is not known."""
        if self.called:
            return (0.0,)
        made = tuple(-shift / scale for shift, scale in zip(self.shift, self.scale * len(self.shift), strict=False))
        return made[::-1] if self.bgr else made

    @property
    def key(self) -> tuple[Any, ...]:
        """All that shapes the numbers, for cache keys."""
        return (self.scale, self.shift, self.bgr, self.function if self.called else "", self.code)

    @property
    def words(self) -> str:
        """The formula as a reader would write it."""
        if self.function:
            how = "called on 0..255" if self.called else _formula(self)
            return f"{self.function} ({how})"
        return _WORDS[self.mode]


def imported(name: str) -> Callable[[Any], Any]:
    """The function that "module:function" names; ImportError, AttributeError or ValueError if there is none."""
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise ValueError(f"'{name}' is not of the form module:function")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def of_function(function: Callable[[Any], Any], name: str, channels: int, code: str = "") -> Preprocessing:
    """A user's function as a value: measured, and put into the affine form if it has it, else to be called.

    Raises whatever the function raises, and ValueError if it changes the shape.
    """
    draw = np.random.default_rng(0).uniform(0, 255, (2, 9, 9, channels)).astype(np.float32)
    made = np.asarray(function(draw.copy()), np.float64)
    if made.shape != draw.shape:
        raise ValueError(f"it turns {draw.shape} into {made.shape}")
    for bgr in (False, True) if channels == 3 else (False,):
        seen = draw[..., ::-1] if bgr else draw
        fits = [np.polyfit(seen[..., c].ravel(), made[..., c].ravel(), 1) for c in range(channels)]
        scale, shift = (tuple(_clean(fit[part]) for fit in fits) for part in (0, 1))
        if np.abs(seen * np.array(scale) + np.array(shift) - made).max() <= 1e-4 * (np.abs(made).max() + 1e-6):
            return Preprocessing("own", scale, shift, bgr, function=name)
    return Preprocessing("own", function=name, called=True, code=code, live=function)


def _clean(number: float) -> float:
    """Without the dust of fitting: eight digits, and nothing below a billionth."""
    return float(f"{round(float(number), 9) + 0.0:.8g}")


def _formula(preprocessing: Preprocessing) -> str:
    numbers = [", ".join(f"{value:.4g}" for value in values) for values in (preprocessing.scale, preprocessing.shift)]
    return f"{'BGR, ' if preprocessing.bgr else ''}x * ({numbers[0]}) + ({numbers[1]})"


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
COLOUR_ONLY = ("caffe", "torch")  # these have a number a colour
