"""Drawn pictures of one known object each: what the demo model was trained on, its samples, and a ruler for heatmaps.

Every scene is a function of (seed, index, size, label) alone: the same call gives the same pixels on every machine,
and because shapes are distance functions, at every size.
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]  # float32
Colour = NDArray[Any]

SIZE = 96  # pixels, the side the demo model was trained at
TRAINING, HELD_OUT, SHOWN, EXAMPLES = 1, 2, 3, 4  # seeds: no scene of one is a scene of another


@dataclass(frozen=True)
class Scene:
    """One picture with its truth: pixels uint8 (size, size, 3), the class index, the object's mask bool (size, size)."""

    pixels: NDArray[np.uint8]
    label: int
    mask: NDArray[np.bool_]


def scene(index: int, *, seed: int = HELD_OUT, size: int = SIZE, label: int | None = None) -> Scene:
    """Draw scene number `index`: one object of CLASSES on a textured, cluttered background.

    Without `label` the classes take turns, so any run of len(CLASSES) scenes is balanced.
    """
    label = index % len(CLASSES) if label is None else label
    rng = np.random.default_rng([seed, index, label])
    # A grid in [-1, 1] through the pixel centres; one pixel is 2 / size wide.
    axis = ((np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1).astype(np.float32)
    y, x = axis[:, None], axis[None, :]
    picture = _background(rng, x, y)
    _add_clutter(rng, picture, x, y)
    mask = _add_object(rng, picture, x, y, CLASSES[label])
    light = 1 + rng.uniform(0, 0.25) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))
    picture = picture * light[..., None] + rng.normal(0, rng.uniform(0, 0.03), picture.shape)
    return Scene((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8), label, mask)


def _colour(rng: np.random.Generator, value: tuple[float, float], saturation: tuple[float, float]) -> Colour:
    hue = rng.uniform()
    return np.array(colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value)), np.float32)


def _contrasting(rng: np.random.Generator, *others: Colour, least: float = 0.45) -> Colour:
    """A random colour at a visible distance from each of `others` (Euclidean, RGB in 0..1)."""
    best, best_gap = others[0], -1.0
    for _ in range(40):
        colour = _colour(rng, (0.1, 1.0), (0.0, 1.0))
        gap = min(float(np.linalg.norm(colour - other)) for other in others)
        if gap >= least:
            return colour
        if gap > best_gap:
            best, best_gap = colour, gap
    return best


def _background(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Two colours mixed by a few random waves: cloth, sky, sand."""
    first = _colour(rng, (0.15, 0.95), (0.0, 0.7))
    second = np.clip(first + rng.normal(0, 0.2, 3), 0, 1).astype(np.float32)
    mix = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for _ in range(6):
        frequency = rng.uniform(1, 22)
        angle = rng.uniform(0, np.pi)
        wave = np.sin(frequency * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 2 * np.pi))
        mix += wave.astype(np.float32) * rng.uniform(0.1, 1) / np.sqrt(frequency)
    mix = 0.5 + 0.35 * mix
    return (first + (second - first) * mix[..., None]).astype(np.float32)


def _add_clutter(rng: np.random.Generator, picture: Plane, x: Plane, y: Plane) -> None:
    """Faint strokes and soft spots, weaker than any object, that a good classifier must learn to pass over."""
    pixel = 2 / picture.shape[0]
    for _ in range(rng.integers(4, 12)):
        colour = np.clip(picture.mean((0, 1)) + rng.normal(0, 0.22, 3), 0, 1)
        cx, cy, angle = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0, np.pi)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = -(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)
        if rng.uniform() < 0.5:
            stroke = np.maximum(np.abs(across) - rng.uniform(0.008, 0.03), np.abs(along) - rng.uniform(0.15, 0.9))
            cover = _inside(stroke, pixel) * rng.uniform(0.3, 0.8)
        else:
            wide, high = rng.uniform(0.08, 0.5, 2)
            cover = np.exp(-((along / wide) ** 2) - (across / high) ** 2) * rng.uniform(0.2, 0.6)
        _paint(picture, cover, colour)


def _add_object(rng: np.random.Generator, picture: Plane, x: Plane, y: Plane, name: str) -> NDArray[np.bool_]:
    radius = rng.uniform(0.3, 0.62)
    cx, cy = rng.uniform(-1 + radius, 1 - radius, 2)
    angle = rng.uniform(0, 2 * np.pi)
    u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / radius
    v = (-(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)) / radius
    pixel = 2 / picture.shape[0] / radius
    ground = picture.mean((0, 1))
    if name in SHAPES:
        outline = SHAPES[name](u, v)
        _paint(picture, _inside(outline, pixel), _contrasting(rng, ground))
    else:
        outline = np.hypot(u, v) - 0.98 if rng.uniform() < 0.5 else np.maximum(np.abs(u), np.abs(v)) - 0.82
        figure = _contrasting(rng, ground)
        cover = _inside(outline, pixel)
        _paint(picture, cover, figure)
        _paint(picture, cover * _inside(TEXTURES[name](rng, u, v), pixel), _contrasting(rng, figure, least=0.5))
    return np.asarray(outline < 0)


def _inside(distance: Plane, pixel: float) -> Plane:
    """Coverage 0..1 of a pixel by the region where a (roughly Euclidean) distance is negative."""
    return np.clip(0.5 - distance / pixel, 0, 1)


def _paint(picture: Plane, cover: Plane, colour: Colour) -> None:
    picture += (colour - picture) * cover[..., None]


def _star(u: Plane, v: Plane) -> Plane:
    fifth = 2 * np.pi / 5
    angle = np.abs((np.arctan2(v, u) + fifth / 2) % fifth - fifth / 2)
    r = np.hypot(u, v)
    # The edge from a tip at radius 1 to the inner corner at radius 0.42, half a fifth further.
    tip, corner = np.array([1.0, 0.0]), 0.42 * np.array([np.cos(fifth / 2), np.sin(fifth / 2)])
    edge = corner - tip
    normal = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
    return (r * np.cos(angle) - 1) * normal[0] + r * np.sin(angle) * normal[1]


def _cross(u: Plane, v: Plane) -> Plane:
    a, b = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(a - 0.95, b - 0.27), np.maximum(b - 0.95, a - 0.27))


def _triangle(u: Plane, v: Plane) -> Plane:
    return np.maximum(-v, np.maximum(v / 2 + u * 0.866, v / 2 - u * 0.866)) - 0.5


def _crescent(u: Plane, v: Plane) -> Plane:
    return np.maximum(np.hypot(u, v) - 0.95, 0.72 - np.hypot(u - 0.45, v))


SHAPES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "disc": lambda u, v: np.hypot(u, v) - 0.9,
    "ring": lambda u, v: np.abs(np.hypot(u, v) - 0.74) - 0.2,
    "star": _star,
    "cross": _cross,
    "triangle": _triangle,
    "crescent": _crescent,
}


def _stripes(rng: np.random.Generator, u: Plane, _: Plane) -> Plane:
    k = rng.uniform(7, 12)
    return np.sin(k * u) / k


def _checks(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    k = rng.uniform(6, 9)
    return np.sin(k * u) * np.sin(k * v) / k


def _dots(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    step = rng.uniform(0.38, 0.55)
    row = np.round(v / (step * 0.866))
    column = u / step - 0.5 * (row % 2)
    return np.hypot((column - np.round(column)) * step, v - row * step * 0.866) - 0.3 * step


def _spiral(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    k = rng.uniform(11, 16)
    turn = 1 if rng.uniform() < 0.5 else -1
    return np.sin(k * np.hypot(u, v) + turn * np.arctan2(v, u)) / k


def _zigzag(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    k, step = rng.uniform(8, 12), rng.uniform(0.5, 0.8)
    fold = np.abs((u / step) % 1 - 0.5) * step
    return np.sin(k * (v + 1.6 * fold)) / k


def _rays(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    arms = rng.integers(5, 9)
    return np.sin(arms * np.arctan2(v, u)) * np.hypot(u, v) / arms


TEXTURES: dict[str, Callable[[Any, Plane, Plane], Plane]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "spiral": _spiral,
    "zigzag": _zigzag,
    "rays": _rays,
}

CLASSES: tuple[str, ...] = (*SHAPES, *TEXTURES)
