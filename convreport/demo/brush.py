"""A brush that fills shapes given by distance functions: the same picture at every size, with the parts written down.

Shapes live in the frame of the thing that is drawn: u to the right, v down, the thing about 1 in radius. A shape is a box
(least and greatest u and v) and a function of (u, v) whose value is negative inside, roughly in units of u.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]  # float32
Colour = NDArray[Any]  # float32 (3,), RGB in 0..1
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shape:
    """Where a shape may lie, and its distance: negative inside."""

    box: Box
    distance: Callable[[Plane, Plane], Plane]

    def without(self, other: "Shape") -> "Shape":
        """What `other` does not cover."""
        return Shape(self.box, lambda u, v: np.maximum(self.distance(u, v), -other.distance(u, v)))

    def within(self, other: "Shape") -> "Shape":
        """What both cover."""
        mine, theirs = self.box, other.box
        box = (max(mine[0], theirs[0]), max(mine[1], theirs[1]), min(mine[2], theirs[2]), min(mine[3], theirs[3]))
        return Shape(box, lambda u, v: np.maximum(self.distance(u, v), other.distance(u, v)))


def _length(x: Plane, y: Plane) -> Plane:
    return np.sqrt(x * x + y * y)  # np.hypot takes several times as long


def ellipse(u: float, v: float, wide: float, high: float, turn: float = 0.0) -> Shape:
    """An ellipse of half axes `wide` and `high`, turned by `turn` radians; near its edge the distance is nearly true."""
    reach = max(wide, high) if turn else 0
    cos, sin = math.cos(turn), math.sin(turn)

    def distance(x: Plane, y: Plane) -> Plane:
        x, y = x - u, y - v
        if turn:
            x, y = x * cos + y * sin, y * cos - x * sin
        return (_length(x / wide, y / high) - 1) * min(wide, high)

    return Shape((u - (reach or wide), v - (reach or high), u + (reach or wide), v + (reach or high)), distance)


def bar(u0: float, v0: float, u1: float, v1: float, half: float) -> Shape:
    """A line with round ends, `half` wide to each side."""
    to_u, to_v = u1 - u0, v1 - v0
    squared = to_u**2 + to_v**2 or 1e-9

    def distance(x: Plane, y: Plane) -> Plane:
        x, y = x - u0, y - v0
        share = np.clip(x * (to_u / squared) + y * (to_v / squared), 0, 1)
        return _length(x - share * to_u, y - share * to_v) - half

    return Shape((min(u0, u1) - half, min(v0, v1) - half, max(u0, u1) + half, max(v0, v1) + half), distance)


def polygon(*corners: tuple[float, float]) -> Shape:
    """A convex polygon, its corners in order, either way round."""
    points = np.array(corners, np.float32)
    edges = np.roll(points, -1, 0) - points
    if (
        edges[0, 0] * edges[1, 1] < edges[0, 1] * edges[1, 0]
    ):  # the normals below point outwards if it turns to the right
        points = points[::-1]
        edges = np.roll(points, -1, 0) - points
    normals = np.stack([edges[:, 1], -edges[:, 0]], 1) / np.hypot(*edges.T)[:, None]

    def distance(x: Plane, y: Plane) -> Plane:
        sides = zip(points, normals, strict=True)
        far = ((x - at_u) * normal_u + (y - at_v) * normal_v for (at_u, at_v), (normal_u, normal_v) in sides)
        return reduce(np.maximum, far)

    (left, top), (right, bottom) = points.min(0), points.max(0)
    return Shape((float(left), float(top), float(right), float(bottom)), distance)


def ring(u: float, v: float, radius: float, half: float) -> Shape:
    """A circle's line, `half` wide to each side of `radius`."""
    reach = radius + half
    box = (u - reach, v - reach, u + reach, v + reach)
    return Shape(box, lambda x, y: np.abs(_length(x - u, y - v) - radius) - half)


def pattern(inside: Shape, lines: Callable[[Plane, Plane], Plane]) -> Shape:
    """Where `lines` is negative, inside a shape: scales, stripes, checks."""
    return Shape(inside.box, lambda u, v: np.maximum(inside.distance(u, v), lines(u, v)))


@dataclass(frozen=True)
class Place:
    """Where a thing stands in a picture of [-1, 1]: centre, radius, turn in radians, and whether it is mirrored."""

    x: float
    y: float
    radius: float
    turn: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Style:
    """How shapes are filled: an outline's half width (0: none) and colour, the strength of light and of a texture (0..1)."""

    outline: float = 0.0
    ink: Colour = field(default_factory=lambda: np.zeros(3, np.float32))
    light: float = 0.0
    towards: tuple[float, float] = (-0.6, -0.8)  # where light comes from, in the picture
    texture: float = 0.0
    weave: tuple[float, float, float] = (30.0, 12.0, 0.0)  # of the texture: waves a unit in u and in v, phase


@dataclass(frozen=True)
class Brush:
    """Fills shapes in `picture`, float32 (size, size, 3) in 0..1, and writes their parts to `parts`, uint8 (size, size)."""

    picture: Plane
    parts: NDArray[np.uint8]
    place: Place
    style: Style = Style()

    def plain(self) -> "Brush":
        """The same brush without outlines: for what is too small for them."""
        return replace(self, style=replace(self.style, outline=0.0))

    def fill(self, shape: Shape, colour: Colour | Sequence[float], part: int | None = None, cover: float = 1.0) -> None:
        """Fill a shape. `part` is written where it lies inside; None leaves the parts as they are (decoration)."""
        margin = self.style.outline + self._pixel
        window = self._window(shape.box, margin)
        if window is None:
            return
        u, v = self._frame(window)
        distance = shape.distance(u, v)
        paint = self._lit(np.asarray(colour, np.float32), shape.box, u, v, distance)
        share = np.clip(0.5 - distance / self._pixel, 0, 1)
        picture = self.picture[window]
        if self.style.outline:
            line = np.clip(0.5 - (distance + self.style.outline) / self._pixel, 0, 1)[..., None]
            paint = self.style.ink + (paint - self.style.ink) * line
        picture += (paint - picture) * (share * cover)[..., None]
        if part is not None:
            self.parts[window][distance < 0] = part

    @property
    def _pixel(self) -> float:
        return 2 / self.picture.shape[0] / self.place.radius

    def _window(self, box: Box, margin: float) -> tuple[slice, slice] | None:
        """The rows and columns that a box in the thing's frame touches; None if they lie outside the picture."""
        size, place = self.picture.shape[0], self.place
        cos, sin = math.cos(place.turn), math.sin(place.turn)
        xs, ys = [], []
        for u in (box[0] - margin, box[2] + margin):
            for v in (box[1] - margin, box[3] + margin):
                across = -u if place.mirrored else u
                xs.append(place.x + (across * cos - v * sin) * place.radius)
                ys.append(place.y + (across * sin + v * cos) * place.radius)
        spans = []
        for low, high in ((min(ys), max(ys)), (min(xs), max(xs))):
            first = max(0, math.floor((low + 1) * size / 2))
            last = min(size, math.ceil((high + 1) * size / 2) + 1)
            if first >= last:
                return None
            spans.append(slice(first, last))
        return spans[0], spans[1]

    def _frame(self, window: tuple[slice, slice]) -> tuple[Plane, Plane]:
        """The u and v of a window's pixel centres."""
        size, place = self.picture.shape[0], self.place
        rows, columns = (np.arange(one.start, one.stop, dtype=np.float32) for one in window)
        y = ((rows + 0.5) * 2 / size - 1 - place.y)[:, None] / place.radius
        x = ((columns + 0.5) * 2 / size - 1 - place.x)[None, :] / place.radius
        cos, sin = math.cos(place.turn), math.sin(place.turn)
        u = x * cos + y * sin
        return (-u if place.mirrored else u), y * cos - x * sin

    def _lit(self, colour: Colour, box: Box, u: Plane, v: Plane, distance: Plane) -> Plane:
        """The colour as it looks at each place: brighter towards the light, darker at the rim, woven."""
        style = self.style
        if not style.light and not style.texture:
            return colour
        tone: Any = np.ones((1, 1), np.float32)
        if style.light:
            cos, sin = math.cos(self.place.turn), math.sin(self.place.turn)
            to_u = style.towards[0] * cos + style.towards[1] * sin
            to_v = style.towards[1] * cos - style.towards[0] * sin
            to_u = -to_u if self.place.mirrored else to_u
            wide, high = max(box[2] - box[0], 1e-3), max(box[3] - box[1], 1e-3)
            lean = (u - (box[0] + box[2]) / 2) * (to_u / wide) + (v - (box[1] + box[3]) / 2) * (to_v / high)
            rim = np.clip(-distance / (0.25 * min(wide, high)), 0, 1)
            tone = 1 + style.light * (lean + 0.5 * (rim - 0.7))
        if style.texture:
            waves_u, waves_v, phase = style.weave
            tone = tone * (1 + style.texture * np.sin(waves_u * u + waves_v * v + phase))
        return colour * tone[..., None]
