"""How a picture meets a network's input, and how a map over the input comes back to the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convreport.core.base.errors import ImageError, UsageError, did_you_mean
from convreport.core.base.kinds import Array
from convreport.core.pictures import pixels
from convreport.core.pictures.sample import Sample

FITS = ("stretch", "crop", "pad")
FREE_SIDE = 224  # pixels: the side of the square whose area a picture gets where the model takes any size
FREE_STEP = 32  # pixels: such sizes are multiples of this, which most networks halve without a rest


@dataclass(frozen=True)
class Fit:
    """How a picture met the input: picture pixel p lies at p * scale + offset, per axis (height, width).

    `size` is the input's, `picture` the sample's.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]
    size: tuple[int, int]
    picture: tuple[int, int]

    def back(self, plane: Array) -> Array:
        """A map over the input (any resolution) at the picture's size and place, bilinear; zero where nothing was seen."""
        rows, columns = (self._cells(axis, plane.shape[axis]) for axis in (0, 1))
        across = np.stack([np.interp(columns, np.arange(plane.shape[1]), row) for row in plane])
        full = np.stack([np.interp(rows, np.arange(plane.shape[0]), column) for column in across.T], 1)
        seen = _within(rows, plane.shape[0])[:, None] & _within(columns, plane.shape[1])[None, :]
        return (full * seen).astype(np.float32)

    def nearest(self, plane: NDArray[np.int64], nothing: int = -1) -> NDArray[np.int64]:
        """A map of numbers that mean something (classes) at the picture's size and place; `nothing` where nothing was seen."""
        rows, columns = (self._cells(axis, plane.shape[axis]) for axis in (0, 1))
        seen = _within(rows, plane.shape[0])[:, None] & _within(columns, plane.shape[1])[None, :]
        at = [np.clip(np.round(one), 0, plane.shape[axis] - 1).astype(int) for axis, one in enumerate((rows, columns))]
        return np.where(seen, plane[np.ix_(*at)], nothing)

    def _cells(self, axis: int, count: int) -> Array:
        """Where the picture's pixel centres lie among `count` cells that share the input, cell 0's centre being 0."""
        at_input = (np.arange(self.picture[axis]) + 0.5) * self.scale[axis] + self.offset[axis]
        return at_input * count / self.size[axis] - 0.5


def _within(places: Array, count: int) -> NDArray[np.bool_]:
    return (places >= -0.5 - 1e-6) & (places <= count - 0.5 + 1e-6)


def fit_of(picture: tuple[int, int], size: tuple[int, int], how: str) -> Fit:
    """How a picture of that (height, width) meets an input of that size: stretched, cropped or padded."""
    per_axis = (size[0] / picture[0], size[1] / picture[1])
    if how == "stretch":
        return Fit(per_axis, (0.0, 0.0), size, picture)
    if how not in FITS:
        raise UsageError(f"There is no fit '{how}'.", did_you_mean(how, FITS))
    share = (max if how == "crop" else min)(per_axis)
    inside = _scaled(picture, (share, share))
    return Fit((share, share), ((size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2), size, picture)


def _fitted(planes: Array, size: tuple[int, int], how: str) -> Array:
    """(h, w, channels) as float32 for an input of that size, mid-gray (127.5) or zero where it is padded."""
    placed = fit_of((planes.shape[0], planes.shape[1]), size, how)
    inside = _scaled(placed.picture, placed.scale)
    resized = _resized(planes, inside)
    offset = (int(placed.offset[0]), int(placed.offset[1]))
    canvas = np.full((*size, planes.shape[2]), 127.5 if planes.dtype == np.uint8 else 0, np.float32)
    into = tuple(slice(max(0, o), max(0, o) + min(s, i)) for o, s, i in zip(offset, size, inside, strict=True))
    out_of = tuple(slice(max(0, -o), max(0, -o) + min(s, i)) for o, s, i in zip(offset, size, inside, strict=True))
    canvas[into] = resized[out_of]
    return canvas


def _resized(planes: Array, size: tuple[int, int]) -> Array:
    """Bilinear; 8-bit colour as Pillow does it in one go, anything else plane by plane in float."""
    if planes.dtype == np.uint8 and planes.shape[2] == 3:
        picture = Image.fromarray(planes).resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(picture, np.float32)
    return np.stack([pixels.resize(planes[..., c], *size) for c in range(planes.shape[2])], 2)


def size_for(wanted: tuple[int | None, int | None, int], picture: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) a picture of that (height, width) is fed at: the input's own, free sides by the picture's aspect."""
    height, width = wanted[0], wanted[1]
    if height is not None and width is not None:
        return height, width
    aspect = picture[0] / picture[1]
    if height is not None:
        return height, _in_steps(height / aspect)
    if width is not None:
        return _in_steps(width * aspect), width
    return _in_steps(FREE_SIDE * aspect**0.5), _in_steps(FREE_SIDE / aspect**0.5)


def _in_steps(side: float) -> int:
    return max(1, round(side / FREE_STEP)) * FREE_STEP


def planes_for(sample: Sample, size: tuple[int, int], how: str, channels: int) -> Array:
    """A sample as a network of so many channels reads it: float32 (height, width, channels), fitted to that size.

    Gray is the luma of colour (ITU-R BT.601), and gray is fed to every channel of a network that reads more. ImageError
    for a picture of another number of channels.
    """
    planes = sample.pixels if sample.planes is None else sample.planes
    if planes.shape[2] == 4 and channels in (1, 3):
        planes = sample.pixels  # transparency and ink are for a network that reads four channels
    if planes.shape[2] == 1 or (channels not in (1, 3) and sample.planes is None and is_gray(planes)):
        planes = np.repeat(planes[..., :1], channels, axis=2)
    elif planes.shape[2] == 3 and channels == 1:
        return (_fitted(planes, size, how) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    if planes.shape[2] != channels:
        raise ImageError(
            f"{sample.name} has {planes.shape[2]} channels, and the model takes {channels}",
            "Give pictures or arrays (.npy, .npz, .tif) with as many channels as the model takes.",
        )
    return _fitted(planes, size, how)


def is_gray(pixels: Array) -> bool:
    """Are all channels the same?"""
    return bool((pixels == pixels[..., :1]).all())


def _scaled(picture: tuple[int, int], scale: tuple[float, float]) -> tuple[int, int]:
    return max(1, round(picture[0] * scale[0])), max(1, round(picture[1] * scale[1]))
