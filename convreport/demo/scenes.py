"""Drawn pictures of one known thing each: what the demo model was trained on, its samples, and a ruler for heatmaps.

Every scene is a function of (seed, index, size, label) alone: the same call gives the same pixels on every machine,
and because shapes are distance functions, at every size. A scene knows which pixels are the thing's and which are which
of its parts (an eye, a petal, a window ...).
"""

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convreport.demo import animals, things
from convreport.demo.brush import Brush, Colour, Place, Plane, Style, bar, ellipse, polygon
from convreport.demo.things import PARTS

__all__ = ["CLASSES", "EXAMPLES", "HELD_OUT", "PARTS", "SHOWN", "SIZE", "TRAINING", "Scene", "scene"]

SIZE = 96  # pixels, the side the demo model was trained at
TRAINING, HELD_OUT, SHOWN, EXAMPLES = 1, 2, 3, 4  # seeds: no scene of one is a scene of another

THINGS: dict[str, Callable[[np.random.Generator, Brush], None]] = {
    "face": things.face,
    "flower": things.flower,
    "fish": things.fish,
    "house": things.house,
    "butterfly": animals.butterfly,
    "clock": things.clock,
    "owl": animals.owl,
    "leaf": things.leaf,
    "car": animals.car,
    "strawberry": animals.strawberry,
    "balloon": animals.balloon,
    "cat": animals.cat,
    "mushroom": animals.mushroom,
    "ladybird": animals.ladybird,
    "boat": animals.boat,
    "wheel": things.wheel,
    "letter": animals.letter,
    "snail": animals.snail,
}
CLASSES: tuple[str, ...] = tuple(THINGS)


@dataclass(frozen=True)
class Scene:
    """One picture with its truth: pixels uint8 (size, size, 3), the class index, the thing's mask bool (size, size) and its
    parts, uint8 (size, size) of indices into PARTS (0: not the thing).
    """

    pixels: NDArray[np.uint8]
    label: int
    mask: NDArray[np.bool_]
    parts: NDArray[np.uint8]


def scene(index: int, *, seed: int = HELD_OUT, size: int = SIZE, label: int | None = None) -> Scene:
    """Draw scene number `index`: one thing of CLASSES on a textured, cluttered ground, partly hidden in every third.

    Without `label` the classes take turns, so any run of len(CLASSES) scenes is balanced.
    """
    label = index % len(CLASSES) if label is None else label
    rng = np.random.default_rng([seed, index, label])
    # A grid in [-1, 1] through the pixel centres; one pixel is 2 / size wide.
    axis = ((np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1).astype(np.float32)
    y, x = axis[:, None], axis[None, :]
    picture = _ground(rng, x, y)
    parts = np.zeros((size, size), np.uint8)
    whole = Brush(picture, parts, Place(0, 0, 1))
    for _ in range(rng.integers(2, 9)):
        _clutter(rng, whole, rng.uniform(0.05, 0.22))
    place = _place(rng)
    _shadow(rng, whole, place)
    THINGS[CLASSES[label]](rng, Brush(picture, parts, place, _style(rng)))
    if rng.uniform() < 0.35:
        _hide(rng, whole, place)
    _shine(rng, picture, x, y)
    return Scene((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8), label, parts > 0, parts)


def _colour(rng: np.random.Generator, value: tuple[float, float], saturation: tuple[float, float]) -> Colour:
    return np.array(colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value)), np.float32)


def _ground(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Two or three colours: sky over land, cloth of a few waves, stripes or checks."""
    first, second = (_colour(rng, (0.2, 1.0), (0.05, 0.6)) for _ in range(2))
    kind = rng.integers(4)
    turn = rng.uniform(0, np.pi)
    cos, sin = math.cos(turn), math.sin(turn)
    along, across = x * cos + y * sin, y * cos - x * sin
    if kind == 0:  # the sky, paler at the horizon, and the land
        horizon = rng.uniform(-0.1, 0.7)
        land = np.clip((y - horizon) * x.size / 2 + 0.5, 0, 1) + 0 * x
        sky = first + (1 - first) * np.clip(0.35 * (y + 1), 0, 1)[..., None]
        picture = sky + (second - sky) * land[..., None]
    else:
        if kind == 1:
            mix: Plane = np.full(along.shape, 0.5, np.float32)
            for _ in range(4):
                often, way = rng.uniform(1, 14), rng.uniform(0, np.pi)
                wave = np.sin(often * (x * math.cos(way) + y * math.sin(way)) + rng.uniform(0, 2 * np.pi))
                mix = mix + wave * (rng.uniform(0.1, 0.6) / math.sqrt(often))
        else:
            often, soft = rng.uniform(4, 20), rng.uniform(1, 6)
            wave = np.sin(often * along) * (np.sin(often * across) if kind == 3 else 1)
            mix = 0.5 + 0.5 * np.clip(soft * wave, -1, 1)
        second = first + (second - first) * rng.uniform(0.2, 0.7)
        picture = first + (second - first) * mix[..., None]
    return np.ascontiguousarray(picture, np.float32)


def _clutter(rng: np.random.Generator, brush: Brush, size: float, around: tuple[float, float] | None = None) -> None:
    """A spot, a stick or a shard that belongs to nothing."""
    u, v = (rng.uniform(-1, 1), rng.uniform(-1, 1)) if around is None else around
    colour = _colour(rng, (0.1, 1.0), (0.1, 0.9))
    kind, turn = rng.integers(3), rng.uniform(0, 2 * np.pi)
    if kind == 0:
        shape = ellipse(u, v, size, size * rng.uniform(0.4, 1), turn)
    elif kind == 1:
        length = size * rng.uniform(1.5, 4)
        shape = bar(u, v, u + length * math.cos(turn), v + length * math.sin(turn), size * rng.uniform(0.1, 0.35))
    else:
        corners = (turn, turn + 2.1, turn + 4.2)
        shape = polygon(*((u + size * math.cos(one), v + size * math.sin(one)) for one in corners))
    brush.fill(shape, colour, None if around is None else 0, cover=rng.uniform(0.5, 1) if around is None else 1.0)


def _place(rng: np.random.Generator) -> Place:
    radius = rng.uniform(0.48, 0.8)
    x, y = rng.uniform(-1 + radius, 1 - radius), rng.uniform(-1 + radius, 1 - radius)
    return Place(x, y, radius, rng.normal(0, 0.2), rng.uniform() < 0.5)


def _style(rng: np.random.Generator) -> Style:
    """Flat, outlined, shaded, woven, or shaded with an outline."""
    kind = rng.integers(5)
    ink = _colour(rng, (0.0, 0.25), (0, 0.6)) if rng.uniform() < 0.8 else _colour(rng, (0.9, 1), (0, 0.15))
    return Style(
        outline=rng.uniform(0.03, 0.07) if kind in (1, 4) else 0.0,
        ink=ink,
        light=rng.uniform(0.25, 0.7) if kind in (2, 3, 4) else 0.0,
        towards=(rng.uniform(-1, 1), -rng.uniform(0.3, 1)),
        texture=rng.uniform(0.06, 0.16) if kind == 3 else 0.0,
        weave=(rng.uniform(-40, 40), rng.uniform(-40, 40), rng.uniform(0, 6)),
    )


def _shadow(rng: np.random.Generator, brush: Brush, place: Place) -> None:
    """A soft dark spot behind or below the thing, in half the scenes."""
    if rng.uniform() < 0.5:
        down, reach = rng.uniform(0.1, 0.9), place.radius
        for grow in (1.1, 0.95, 0.8):
            shape = ellipse(place.x, place.y + down * reach, reach * grow, reach * grow * (1.1 - down))
            brush.fill(shape, np.zeros(3, np.float32), cover=0.09)


def _hide(rng: np.random.Generator, brush: Brush, place: Place) -> None:
    """Something in front of the thing's edge."""
    way = rng.uniform(0, 2 * np.pi)
    far = place.radius * rng.uniform(0.6, 0.95)
    around = (place.x + far * math.cos(way), place.y + far * math.sin(way))
    _clutter(rng, brush, place.radius * rng.uniform(0.2, 0.4), around)


def _shine(rng: np.random.Generator, picture: Plane, x: Plane, y: Plane) -> None:
    """Light from one side, of a colour of its own, and a little noise."""
    light = 1 + rng.uniform(0, 0.25) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))
    cast = rng.uniform(0.88, 1.08, 3).astype(np.float32)
    picture *= light.astype(np.float32)[..., None] * cast
    if rng.uniform() < 0.5:
        picture += np.float32(rng.uniform(0, 0.04)) * rng.standard_normal(picture.shape, np.float32)
