"""The canvases of an ascent: how large, how they begin, how they are warped, and how they are shown."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from convreport.core.card import ModelCard
from convreport.core.types import Array, Recipe

# Pixels of canvas on each side of a fitted tile, cut away at the end: borders are never clean. Small fields, whose
# edges show most, get more.
MARGIN, WIDE_MARGIN = 8, 16
SMALLEST, LARGEST, MULTIPLE = 64, 128, 16  # pixels: sides of a fitted tile
CALM_BELOW, CALMEST = 48, 0.6  # receptive fields, in pixels, under which the rate falls, and how far at most
# How much red, green and blue vary together in natural pictures (Lucid), over its largest column norm.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOURS = COLOURS / np.linalg.norm(COLOURS, axis=0).max()


def tile_size(card: ModelCard, layer: str) -> int:
    """The side of a tile: about one and a half receptive fields, so that a pattern has room to repeat."""
    field = card.layer(layer).receptive_field
    wanted = LARGEST if field is None or field.whole else max(field.size) * 1.5
    return int(min(max(-(-wanted // MULTIPLE) * MULTIPLE, SMALLEST), LARGEST))


def calm(card: ModelCard, layer: str) -> float:
    """How much of the recipe's rate a layer gets: units with small fields saturate into blotches at the full one."""
    field = card.layer(layer).receptive_field
    if field is None or field.whole:
        return 1.0
    return float(min(1.0, max(CALMEST, max(field.size) / CALM_BELOW)))


def fitting_canvas(card: ModelCard, layer: str, wanted: int) -> int:
    """`wanted` pixels, rounded up to a whole number of the layer's strides."""
    field = card.layer(layer).receptive_field
    stride = 32 if field is None else max(*field.stride, 1)
    return -(-wanted // stride) * stride


def generator(seed: int, layer: str, unit: int) -> np.random.Generator:
    """The randomness of one tile, whatever else is drawn beside it."""
    name = blake2b(f"{seed}/{layer}/{unit}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(name, np.uint64)))


def raw_start(recipe: Recipe, seed: int, layer: str, unit: int, channels: int = 3) -> Array:
    """The noise a raw canvas starts from, float32 (size, size, channels), uniform in recipe.start."""
    low, high = recipe.start
    noise = generator(seed, layer, unit).uniform(low, high, (recipe.size, recipe.size, channels))
    return noise.astype(np.float32)


def displayed(canvas: Array, recipe: Recipe) -> NDArray[np.uint8]:
    """A raw canvas (n, h, w, c) as its source shows it: centred at 0.5 with the recipe's contrast, trimmed, clipped."""
    centred = canvas - canvas.mean((1, 2, 3), keepdims=True)
    spread = centred / (centred.std((1, 2, 3), keepdims=True) + 1e-5) * recipe.contrast
    if recipe.trim:
        spread = spread[:, recipe.trim : -recipe.trim, recipe.trim : -recipe.trim]
    return as_rgb((np.clip(spread + 0.5, 0, 1) * 255).astype(np.uint8))


def as_rgb(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray pictures (n, h, w, 1) with their plane three times; others as they are."""
    return np.repeat(pictures, 3, axis=3) if pictures.shape[3] == 1 else pictures


def start_spectrum(draw: np.random.Generator, side: int, channels: int) -> Array:
    """Fourier coefficients of nearly nothing, float32 (2, channels, side, side // 2 + 1): real and imaginary parts."""
    return draw.normal(0, 0.01, (2, channels, side, side // 2 + 1)).astype(np.float32)


def spectrum_scale(side: int) -> Array:
    """1 / frequency, so that every scale of the picture can change as fast; the mean counts as the lowest frequency."""
    down = np.fft.fftfreq(side)[:, None]
    across = np.fft.rfftfreq(side)[None, :]
    return (side / np.maximum(np.hypot(down, across), 1 / side)).astype(np.float32)


def warps(draw: np.random.Generator, recipe: Recipe, side: int, count: int) -> Array:
    """Affine transforms about the centre, (count, 8), in the order ImageProjectiveTransformV3 takes them."""
    angle = np.radians(draw.uniform(-recipe.rotate, recipe.rotate, count))
    scale = 1 + draw.uniform(-recipe.zoom, recipe.zoom, count)
    shift = draw.uniform(-recipe.shift, recipe.shift, (2, count)) * side
    a, b = np.cos(angle) * scale, np.sin(angle) * scale
    centre = (side - 1) / 2
    rows = [
        a, -b, centre * (1 - a) + centre * b + shift[0],
        b, a, centre * (1 - a) - centre * b + shift[1],
        np.zeros(count), np.zeros(count),
    ]  # fmt: skip
    return np.stack(rows, 1).astype(np.float32)
