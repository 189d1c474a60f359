"""Arrays as pictures: .npy, .npz and many-channel TIFF files, and arrays at hand, of any number of channels."""

import logging
from pathlib import Path

import numpy as np

from convreport.core.base.errors import ImageError
from convreport.core.base.kinds import Array, Pixels
from convreport.core.pictures import pixels
from convreport.core.pictures.sample import Picture

ENDINGS = (".npy", ".npz")
TIFF = (".tif", ".tiff")
MOST_CHANNELS = 64
# What it logs of a broken file is said in a sentence, too; a program that listens still hears it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def load(path: Path, longest: int) -> Picture:
    """An array file as a picture; ImageError with a reason."""
    try:
        if path.suffix.lower() in TIFF:
            import tifffile

            values = tifffile.imread(path)
        else:
            values = np.load(path, allow_pickle=False)
        if hasattr(values, "files"):  # .npz
            names = list(values.files)
            if len(names) != 1:
                raise ImageError(f"it holds {len(names)} arrays, and one is wanted")
            values = values[names[0]]
    except ImageError:
        raise
    except Exception as error:  # whatever the reader of a broken file raises
        raise ImageError(
            f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from None
    return picture(path.stem, np.asarray(values), longest)


def picture(name: str, values: Array, longest: int) -> Picture:
    """An array (h, w), (h, w, channels) or (channels, h, w) as a picture, no side longer than `longest`.

    Eight-bit values are pixels (0..255); 16-bit ones, and floats in 0..1, are brought to that scale; any other numbers
    are raw: what the network takes, to be fed as they are. ImageError for what cannot be a picture.
    """
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or not values.size or values.dtype.kind not in "buif":
        raise ImageError(f"an array of shape {values.shape} and type {values.dtype} is no picture")
    if values.shape[2] > MOST_CHANNELS >= values.shape[0]:
        values = values.transpose(1, 2, 0)
    with np.errstate(over="ignore"):
        fits = np.isfinite(values).all() and np.isfinite(values.astype(np.float32)).all()
    if not fits:
        raise ImageError("it holds NaN, infinity or numbers beyond those of 32 bits")
    if values.dtype == np.uint8 and values.shape[2] in (1, 3):
        return Picture(
            name, pixels.fit_within(np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3))), longest)
        )
    scaled, raw = _scaled(values)
    planes = _within(scaled, longest)
    return Picture(name, _shown(planes), planes, raw=raw)


def channels_of(planes: Array) -> Pixels:
    """Each channel as a gray picture (n, h, w, 3), from its own least to its greatest value."""
    return np.repeat(pixels.stretch(planes.transpose(2, 0, 1))[..., None], 3, axis=3)


def _scaled(values: Array) -> tuple[Array, bool]:
    """(values on the scale of pixels, False), or (as they are, True)."""
    plain = values.astype(np.float32)
    if values.dtype == bool or (values.dtype.kind == "f" and values.min() >= 0 and values.max() <= 1):
        return plain * 255, False
    if values.dtype in (np.uint8, np.uint16):
        return (plain / 257 if values.dtype == np.uint16 else plain), False
    return plain, True


def _shown(planes: Array) -> Pixels:
    """In colour where it is a photo, else in false colour of the first three channels, each from its 2nd to 98th percentile."""
    if planes.shape[2] in (1, 3) and planes.min() >= 0 and 1 < planes.max() <= 255:
        return np.ascontiguousarray(np.broadcast_to((planes + 0.5).astype(np.uint8), (*planes.shape[:2], 3)))
    some = planes[..., :3] if planes.shape[2] >= 3 else planes[..., :1]
    some = some.astype(np.float64)  # differences of the largest numbers have room in it
    low, high = np.percentile(some, (2, 98), axis=(0, 1))
    share = np.clip((some - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.ascontiguousarray(np.broadcast_to((share * 255 + 0.5).astype(np.uint8), (*planes.shape[:2], 3)))


def _within(planes: Array, longest: int) -> Array:
    height, width = planes.shape[:2]
    if max(height, width) <= longest:
        return planes
    share = longest / max(height, width)
    size = max(1, round(height * share)), max(1, round(width * share))
    return np.stack([pixels.resize(planes[..., c], *size) for c in range(planes.shape[2])], 2)
