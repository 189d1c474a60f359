"""How much of each spatial frequency pictures have: what MACO holds fixed while it moves the phases.

Fel et al., Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization, NeurIPS 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from convreport.core.base.errors import ImageError
from convreport.core.base.files import digest
from convreport.core.base.kinds import Array
from convreport.core.network.card import ModelCard
from convreport.core.pictures.fitting import planes_for, size_for
from convreport.core.pictures.sample import Sample

# Black to white, blue to red, green to magenta: nearly how the colours of natural pictures vary without each other
# (Ruderman, Cronin and Chiao 1998). Orthonormal, rows are axes.
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


@dataclass(frozen=True)
class Spectrum:
    """The mean magnitudes of some pictures, (height, width, channels) each, of one size or several, in 0..1.

    Two of the same `name` are the same.
    """

    name: str
    pictures: tuple[Array, ...] = field(repr=False, compare=False, metadata={"json": False})

    @classmethod
    def of(cls, card: ModelCard, samples: Sequence[Sample], fit: str) -> "Spectrum":
        """That of pictures as a network reads them; ImageError where none of them is a picture."""
        planes = [
            planes_for(one, size_for(card.input, (one.pixels.shape[0], one.pixels.shape[1])), fit, card.input[2]) / 255
            for one in samples
            if not one.raw
        ]
        if not planes:
            raise ImageError(
                "A spectrum is measured on pictures, and there are none.",
                "Give some with --images, or another --recipe.",
            )
        return cls(name_of(card, samples, fit), tuple(planes))

    def magnitudes(self, side: int) -> Array:
        """Float32 (channels, side, side // 2 + 1): the mean over windows of that side of |F|, the discrete Fourier transform
        of each opponent colour; of the mean colour, at [:, 0, 0], the mean itself, which has a sign.

        Where pictures are smaller than `side`, |F| of a window of n pixels is carried over to the same waves a pixel: of a
        texture it grows with the window's side, and the mean with its area.
        """
        return _magnitudes(self, side).copy()

    def windows(self, side: int) -> list[list[Array]]:
        """Of each picture the corners and the middle, squares of that side or as large as it is, in opponent colours."""
        made = []
        for picture in self.pictures:
            height, width = picture.shape[:2]
            size = min(side, height, width)
            low, right = height - size, width - size
            places = {(0, 0), (0, right), (low, 0), (low, right), (low // 2, right // 2)}
            made.append([opponent(picture[y : y + size, x : x + size]) for y, x in sorted(places)])
        return made


@lru_cache(8)  # a climb asks for them with every batch
def _magnitudes(spectrum: Spectrum, side: int) -> Array:
    found = [_resampled(_mean(some), side) for some in spectrum.windows(side)]
    return np.asarray(np.mean(found, axis=0), np.float32)


def name_of(card: ModelCard, samples: Sequence[Sample], fit: str) -> str:
    """What a spectrum of these pictures is called, without measuring it."""
    return digest([one.digest for one in samples if not one.raw], card.input, fit)


def opponent(picture: Array) -> Array:
    """A picture (h, w, 3) in opponent colours; one of another number of channels as it is."""
    return picture @ OPPONENT.T if picture.shape[2] == 3 else picture


def _mean(windows: Sequence[Array]) -> Array:
    """(channels, side, side // 2 + 1) of windows of one size."""
    planes = np.stack(windows).transpose(0, 3, 1, 2)
    spectra = np.fft.rfft2(planes) - _seams(planes)
    found = np.abs(spectra).mean(0)
    found[:, 0, 0] = spectra[:, :, 0, 0].real.mean(0)
    return np.asarray(found)


def _seams(planes: Array) -> Array:
    """The transform of the part of windows (..., side, side) that joins their opposite edges smoothly; its mean is 0.

    Without it a window has no edges (Moisan, Periodic plus Smooth Image Decomposition, 2011), which else would show as a
    cross of horizontal and vertical streaks that no photo has.
    """
    side = planes.shape[-1]
    jumps = np.zeros_like(planes, np.float64)
    down, across = planes[..., -1, :] - planes[..., 0, :], planes[..., -1] - planes[..., 0]
    jumps[..., 0, :] += down
    jumps[..., -1, :] -= down
    jumps[..., 0] += across
    jumps[..., -1] -= across
    waves = 2 * np.pi * np.arange(side) / side
    curve = 2 * np.cos(waves)[:, None] + 2 * np.cos(waves[: side // 2 + 1])[None] - 4
    curve[0, 0] = 1
    smooth = np.fft.rfft2(jumps) / curve
    smooth[..., 0, 0] = 0
    return np.asarray(smooth)


def _resampled(magnitudes: Array, side: int) -> Array:
    """Those of a window of one side as of another: bilinear over the waves a pixel."""
    size = magnitudes.shape[1]
    if size == side:
        return magnitudes
    mean = magnitudes[:, 0, 0].copy()
    known = magnitudes.copy()
    known[:, 0, 0] = (known[:, 0, 1] + known[:, 1, 0]) / 2  # the mean is of another kind than what lies about it
    rows = np.fft.fftfreq(side) * size
    columns = np.fft.rfftfreq(side) * size
    y, x = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, across = (rows - y)[:, None], (columns - x)[None]
    last = known.shape[2] - 1
    corners = [known[:, (y + i) % size][:, :, np.minimum(x + j, last)] for i in (0, 1) for j in (0, 1)]
    top = corners[0] * (1 - across) + corners[1] * across
    bottom = corners[2] * (1 - across) + corners[3] * across
    made = (top * (1 - down) + bottom * down) * (side / size)
    made[:, 0, 0] = mean * (side / size) ** 2
    return np.asarray(made)
