"""Arrays to pictures, with every value range explicit."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convreport.core.base.kinds import Array, FigureKind, Pixels

BOUND = 1e15  # whose squares float32 can add up
SEEN = 224  # pixels: to about this small pictures are enlarged
PUBLISHED = 448  # pixels: the longest side of a published photo and of what lies over it


def standardize(maps: Array) -> Pixels:
    """Feature maps (n, h, w) -> uint8, each to mean 128 and 64 a standard deviation, clipped at two either way.

    This is the scaling of Chollet, Deep Learning with Python, listing 5.30. A constant map has no deviation: it is 128.
    """
    maps = _in_bounds(maps)
    mean = maps.mean((1, 2), keepdims=True)
    deviation = maps.std((1, 2), keepdims=True)
    centred = np.divide(maps - mean, deviation, out=np.zeros_like(maps), where=deviation > 0)
    return np.clip(centred * 64 + 128, 0, 255).astype(np.uint8)


def _in_bounds(maps: Array) -> Array:
    """Maps (n, h, w), each whose numbers are so large or small that float32 has no room for their squares in 0..1 or so."""
    largest = np.abs(maps).max((1, 2), keepdims=True, initial=0)
    beyond = np.isfinite(largest) & (largest > 0) & ((largest > BOUND) | (largest < 1 / BOUND))
    return maps / np.where(beyond, largest, 1).astype(maps.dtype) if beyond.any() else maps


def stretch(maps: Array) -> Pixels:
    """Feature maps (n, h, w) -> uint8, each from its own minimum (0) to its own maximum (255)."""
    maps = _in_bounds(maps)
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    share = np.divide(maps - low, high - low, out=np.zeros_like(maps), where=high > low)
    return (share * 255 + 0.5).astype(np.uint8)


def shrink(tiles: Pixels, most: int) -> Pixels:
    """Tiles (n, h, w) reduced by a whole factor, averaging blocks, until no side is longer than `most`; 0: as they are."""
    height, width = tiles.shape[1:3]
    factor = -(-max(height, width) // most) if most else 1
    if factor == 1:
        return tiles
    padded = np.pad(tiles, ((0, 0), (0, -height % factor), (0, -width % factor)), mode="edge")
    blocks = padded.reshape(len(tiles), padded.shape[1] // factor, factor, padded.shape[2] // factor, factor)
    return (blocks.mean((2, 4)) + 0.5).astype(np.uint8)


def in_gray(picture: Pixels) -> Pixels:
    """A colour picture (h, w, 3) in gray, its luma (ITU-R BT.601) three times."""
    luma = (picture @ np.array([0.299, 0.587, 0.114], np.float32) + 0.5).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=2)


def in_colour(picture: Pixels) -> Pixels:
    """A picture (h, w, channels) of any number of channels as colour: three as they are, others as gray planes in a square."""
    if picture.shape[2] == 3:
        return picture
    planes = np.repeat(picture.transpose(2, 0, 1)[..., None], 3, axis=3)
    return tile(planes, int(np.ceil(np.sqrt(len(planes)))), margin=1, ground=(128, 128, 128))


def tile(tiles: Pixels, columns: int, *, margin: int = 0, ground: int | tuple[int, ...] = 0) -> Pixels:
    """Tiles (n, h, w[, c]) side by side, row by row, `columns` a row; the last row may be short."""
    count, height, width = tiles.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.empty(
        (rows * (height + margin) - margin, columns * (width + margin) - margin, *tiles.shape[3:]), np.uint8
    )
    sheet[...] = ground
    for index in range(count):
        top, left = index // columns * (height + margin), index % columns * (width + margin)
        sheet[top : top + height, left : left + width] = tiles[index]
    return sheet


def resize(plane: Array, height: int, width: int) -> Array:
    """A float plane (h, w) brought to another size, bilinear through the pixel centres."""
    picture = Image.fromarray(np.ascontiguousarray(plane, np.float32), mode="F")
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def fit_within(pixels: Pixels, most: int) -> Pixels:
    """A picture no side of which is longer than `most`; smaller ones are left alone."""
    height, width = pixels.shape[:2]
    if max(height, width) <= most:
        return pixels
    share = most / max(height, width)
    return resize_picture(pixels, max(1, round(height * share)), max(1, round(width * share)))


def published(picture: Pixels) -> Pixels:
    """A picture at the size it is published at: large ones reduced, small ones enlarged in whole steps to be seen."""
    shown = fit_within(picture, PUBLISHED)
    times = max(1, round(SEEN / max(shown.shape[:2])))
    return shown.repeat(times, 0).repeat(times, 1)


def resize_picture(pixels: Pixels, height: int, width: int) -> Pixels:
    """A picture brought to another size, as sharp as it can be."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def enlarge(pixels: Pixels, side: int) -> Pixels:
    """A small map brought to a square without smoothing, so that its cells stay what they are."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST))


def blend(picture: Pixels, layer: Pixels, strength: float) -> Pixels:
    """An RGBA layer over a picture of the same size, its alpha times `strength`: what a browser does with opacity."""
    alpha = layer[..., 3:].astype(np.float32) / 255 * strength
    return (picture * (1 - alpha) + layer[..., :3] * alpha + 0.5).astype(np.uint8)


def add(picture: Pixels, layer: Pixels, strength: float) -> Pixels:
    """An RGBA layer's light added to a picture of the same size: "plus-lighter" in a browser, `0.4 * heat + picture`."""
    return np.clip(picture + layer[..., :3] * np.float32(strength) + 0.5, 0, 255).astype(np.uint8)


LARGE = 60_000  # pixels: maps larger than that are published in 32 steps a colour


def encode(pixels: Pixels, kind: FigureKind, quality: int = 76) -> bytes:
    """A published WebP: lossy for patterns and photos, for maps pixel by pixel. Method 4: 6 is far slower for little.

    Large maps, which are most of an atlas's bytes, have every colour rounded to the middle of 8 steps of 255, which nobody
    sees, and take a quarter less.
    """
    if kind == "map" and pixels.shape[0] * pixels.shape[1] > LARGE:
        pixels = np.asarray((pixels & 0xF8) | 4, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=kind == "map", quality=quality, method=4)
    return buffer.getvalue()


def encode_png(pixels: Pixels, level: int = 1) -> bytes:
    """Lossless and quick to write: how the store keeps pictures. `level` 9 is slowest and smallest."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def on_white(picture: Pixels) -> Pixels:
    """A picture (h, w, 3 or 4) as it looks on white paper, (h, w, 3)."""
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:].astype(np.float32) / 255
    return (picture[..., :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def encode_jpeg(pixels: Pixels, quality: int = 90, *, whole_colour: bool = True) -> bytes:
    """For downloads that any program opens; without `whole_colour` colours at half the resolution, and half the bytes.

    What is transparent is white.
    """
    buffer = io.BytesIO()
    pixels = on_white(pixels) if pixels.ndim == 3 else pixels
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0 if whole_colour else 2)
    return buffer.getvalue()


def encode_as(pixels: Pixels, suffix: str) -> bytes:
    """The bytes of a picture file with that suffix, as good as it gets: .png, .jpg, .jpeg or .webp."""
    if suffix == ".png":
        return encode_png(pixels)
    return encode(pixels, "pattern", 95) if suffix == ".webp" else encode_jpeg(pixels)


def nearly_same(one: bytes, other: bytes) -> bool:
    """Do two picture files show the same, but for what another encoder does? OSError if one is no picture."""
    first, second = (np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"), np.float32) for data in (one, other))
    return (
        first.shape == second.shape
        and float(np.abs(first - second).mean()) < 1
        and float(np.abs(first - second).max()) < 64
    )


def decode(path: str) -> NDArray[np.uint8]:
    """The pixels of a picture file of ours."""
    with Image.open(path) as picture:
        return np.asarray(picture)
