"""The things of the demo's scenes, each drawn from parts: what they are made of and how it is put together.

A thing is a function of a random generator and a brush. Its parts carry names that things share (an eye is an eye, of a
cat or of a fish), so that what a unit detects can be told from the masks.
"""

import colorsys
import math
from collections.abc import Callable

import numpy as np

from convreport.demo.brush import Brush, Colour, Plane, bar, ellipse, pattern, polygon, ring

Random = np.random.Generator

PARTS: tuple[str, ...] = (
    "none", "skin", "hair", "eye", "mouth", "nose", "petal", "centre", "stem", "leaf blade", "vein", "body", "scales",
    "fin", "tail", "wall", "roof", "window", "door", "tyre", "spokes", "hub", "dial", "rim", "hand", "wing", "spot",
    "feeler", "ear", "whisker", "cap", "shell", "head", "seed", "beak", "feather", "stripe", "basket", "hull", "sail",
    "mast", "letter", "block", "lamp", "leg",
)  # fmt: skip
PART = {name: number for number, name in enumerate(PARTS)}

WHITE = np.array([0.97, 0.96, 0.92], np.float32)
BLACK = np.array([0.06, 0.05, 0.08], np.float32)


def tint(rng: Random, hue: float, spread: float = 0.03, saturation: float = 0.75, value: float = 0.85) -> Colour:
    """A colour near a hue (0..1); saturation and value vary by up to a fifth."""
    around = (hue + rng.uniform(-spread, spread)) % 1
    strong, bright = (np.clip(one * rng.uniform(0.8, 1.2), 0, 1) for one in (saturation, value))
    return np.array(colorsys.hsv_to_rgb(around, float(strong), float(bright)), np.float32)


def one_of(rng: Random, *hues: float) -> Colour:
    """A strong colour near one of some hues."""
    return tint(rng, hues[rng.integers(len(hues))])


def eye(brush: Brush, u: float, v: float, size: float, iris: Colour, slit: float = 1.0) -> None:
    """White, iris, pupil (narrowed by `slit`) and a glint."""
    brush.fill(ellipse(u, v, size, size), WHITE, PART["eye"])
    fine = brush.plain()
    fine.fill(ellipse(u, v, size * 0.72, size * 0.72), iris)
    fine.fill(ellipse(u, v, size * 0.42 * slit, size * 0.42), BLACK)
    fine.fill(ellipse(u - size * 0.25, v - size * 0.3, size * 0.17, size * 0.17), WHITE)


def face(rng: Random, brush: Brush) -> None:
    """A person's face: hair, skin, eyes, nose, mouth."""
    hair = (tint(rng, 0.07, 0.05, 0.7, 0.35), tint(rng, 0.13, 0.02, 0.6, 0.9), tint(rng, 0.03, 0.02, 0.8, 0.6))[
        rng.integers(3)
    ]
    skin = tint(rng, 0.07, 0.025, 0.45, rng.uniform(0.5, 1))
    brush.fill(ellipse(0, -0.12, 0.8, 0.86), hair, PART["hair"])
    brush.fill(ellipse(0, 0.12, 0.64, 0.78), skin, PART["skin"])
    iris = one_of(rng, 0.57, 0.33, 0.08)
    apart = rng.uniform(0.24, 0.32)
    for side in (-1, 1):
        eye(brush, side * apart, -0.04, 0.17, iris)
        brush.plain().fill(
            bar(side * (apart - 0.14), -0.29, side * (apart + 0.14), -0.27, 0.035), hair * 0.7, PART["hair"]
        )
        brush.plain().fill(ellipse(side * 0.4, 0.33, 0.12, 0.1), tint(rng, 0.98, 0.01, 0.6, 0.95), cover=0.5)
    brush.plain().fill(polygon((0, -0.05), (0.09, 0.27), (-0.09, 0.27)), skin * 0.75, PART["nose"])
    smile = ellipse(0, 0.45, 0.3, 0.22).within(polygon((-1, 0.47), (1, 0.47), (1, 1), (-1, 1)))
    brush.fill(smile, tint(rng, 0.98, 0.02, 0.85, 0.8), PART["mouth"])
    brush.plain().fill(bar(-0.18, 0.5, 0.18, 0.5, 0.03), WHITE)


def flower(rng: Random, brush: Brush) -> None:
    """Petals round a centre, a stem and two leaves."""
    green = tint(rng, 0.32, 0.05, 0.75, 0.6)
    brush.fill(bar(0, 0.1, rng.uniform(-0.1, 0.1), 0.97, 0.05), green, PART["stem"])
    for side in (-1, 1):
        brush.fill(ellipse(side * 0.26, 0.8, 0.26, 0.1, -side * 0.5), green, PART["leaf blade"])
    colour = one_of(rng, 0.95, 0.78, 0.0, 0.6, 0.88)
    count = int(rng.integers(6, 10))
    for index in range(count):
        turn = 2 * np.pi * index / count
        cos, sin = math.cos(turn), math.sin(turn)
        brush.fill(ellipse(0.4 * cos, -0.22 + 0.4 * sin, 0.34, 1.15 / count, turn), colour, PART["petal"])
        brush.plain().fill(bar(0.26 * cos, -0.22 + 0.26 * sin, 0.5 * cos, -0.22 + 0.5 * sin, 0.025), colour * 0.6)
    middle = ellipse(0, -0.22, 0.23, 0.23)
    brush.fill(middle, tint(rng, 0.14, 0.02, 0.9, 0.98), PART["centre"])
    dots = pattern(ellipse(0, -0.22, 0.19, 0.19), lambda u, v: (0.2 - np.sin(45 * u) * np.sin(45 * v)) / 45)
    brush.plain().fill(dots, tint(rng, 0.07, 0.02, 0.9, 0.5))


def rows_of_arcs(step: float) -> Callable[[Plane, Plane], Plane]:
    """Rows of arcs, each row half a scale further: a fish's side, an owl's breast."""

    def lines(u: Plane, v: Plane) -> Plane:
        row = np.floor(u / step)
        across = v / step + 0.5 * (row % 2)
        return np.abs(np.hypot((u / step - row), 1.6 * (across - np.round(across))) - 0.75) * step - 0.16 * step

    return lines


def fish(rng: Random, brush: Brush) -> None:
    """A body with scales, two fins, a tail and an eye."""
    colour, second = one_of(rng, 0.07, 0.55, 0.48, 0.12), one_of(rng, 0.0, 0.1, 0.62)
    brush.fill(polygon((0.5, 0.0), (1.0, -0.48), (0.88, 0.0)), second, PART["tail"])
    brush.fill(polygon((0.5, 0.0), (0.88, 0.0), (1.0, 0.48)), second, PART["tail"])
    brush.fill(polygon((-0.3, -0.32), (0.05, -0.72), (0.45, -0.2)), second, PART["fin"])
    brush.fill(polygon((-0.1, 0.32), (0.35, 0.22), (0.2, 0.68)), second, PART["fin"])
    body = ellipse(-0.12, 0, 0.76, 0.44)
    brush.fill(body, colour, PART["body"])
    side = ellipse(0.08, 0, 0.53, 0.38)
    brush.plain().fill(side, np.clip(colour * 1.15, 0, 1), PART["scales"])
    brush.plain().fill(pattern(side, rows_of_arcs(0.17)), colour * 0.5)
    eye(brush, -0.58, -0.1, 0.13, one_of(rng, 0.14, 0.5))
    brush.plain().fill(bar(-0.86, 0.1, -0.7, 0.14, 0.03), colour * 0.4, PART["mouth"])


def house(rng: Random, brush: Brush) -> None:
    """Walls, a roof with tiles, a chimney, windows with bars, a door."""
    wall = tint(rng, rng.uniform(), 0, 0.3, 0.9)
    brush.fill(
        polygon((0.35, -0.85), (0.55, -0.85), (0.55, -0.2), (0.35, -0.2)),
        tint(rng, 0.03, 0.02, 0.6, 0.55),
        PART["wall"],
    )
    brush.fill(polygon((-0.68, -0.15), (0.68, -0.15), (0.68, 0.85), (-0.68, 0.85)), wall, PART["wall"])
    roof = polygon((0, -0.88), (0.9, -0.1), (-0.9, -0.1))
    colour = one_of(rng, 0.01, 0.04, 0.6)
    brush.fill(roof, colour, PART["roof"])
    brush.plain().fill(pattern(roof, lambda u, v: (0.6 - np.abs(np.sin(16 * v))) / 40), colour * 0.65)
    glass, bars = one_of(rng, 0.14, 0.55), WHITE
    for u in (-0.36, 0.36):
        brush.fill(polygon((u - 0.2, 0.02), (u + 0.2, 0.02), (u + 0.2, 0.4), (u - 0.2, 0.4)), glass, PART["window"])
        brush.plain().fill(bar(u - 0.18, 0.21, u + 0.18, 0.21, 0.025), bars)
        brush.plain().fill(bar(u, 0.04, u, 0.38, 0.025), bars)
    brush.fill(
        polygon((-0.14, 0.48), (0.14, 0.48), (0.14, 0.85), (-0.14, 0.85)),
        tint(rng, 0.06, 0.03, 0.8, 0.45),
        PART["door"],
    )


def wheel(rng: Random, brush: Brush) -> None:
    """A tyre, a rim, spokes and a hub."""
    metal = tint(rng, 0.6, 0.1, 0.15, 0.85)
    count = int(rng.integers(6, 11))
    brush.fill(ring(0, 0, 0.83, 0.13), tint(rng, 0.65, 0.1, 0.2, 0.18), PART["tyre"])
    brush.fill(ring(0, 0, 0.66, 0.06), one_of(rng, 0.0, 0.13, 0.58), PART["rim"])
    for index in range(count):
        turn = 2 * np.pi * index / count
        cos, sin = math.cos(turn), math.sin(turn)
        brush.plain().fill(bar(0.1 * cos, 0.1 * sin, 0.62 * cos, 0.62 * sin, 0.04), metal, PART["spokes"])
    brush.fill(ellipse(0, 0, 0.19, 0.19), one_of(rng, 0.0, 0.13, 0.58), PART["hub"])
    brush.plain().fill(ellipse(0, 0, 0.07, 0.07), BLACK)


def clock(rng: Random, brush: Brush) -> None:
    """A rim, a dial with twelve marks, two hands."""
    brush.fill(ellipse(0, 0, 0.9, 0.9), one_of(rng, 0.0, 0.58, 0.38, 0.11), PART["rim"])
    brush.fill(ellipse(0, 0, 0.72, 0.72), tint(rng, 0.13, 0.05, 0.12, 0.97), PART["dial"])
    fine = brush.plain()
    for index in range(12):
        turn = 2 * np.pi * index / 12
        cos, sin = math.cos(turn), math.sin(turn)
        inner = 0.5 if index % 3 == 0 else 0.57
        fine.fill(bar(inner * cos, inner * sin, 0.63 * cos, 0.63 * sin, 0.035), BLACK)
    for length, half in ((0.34, 0.06), (0.5, 0.04)):
        turn = rng.uniform(0, 2 * np.pi)
        fine.fill(bar(0, 0, length * math.cos(turn), length * math.sin(turn), half), BLACK, PART["hand"])
    fine.fill(ellipse(0, 0, 0.08, 0.08), tint(rng, 0.0, 0.02, 0.9, 0.85))


def leaf(rng: Random, brush: Brush) -> None:
    """A pointed blade, its midrib and side veins, a stalk."""
    colour = one_of(rng, 0.3, 0.25, 0.09, 0.02)
    pale = np.clip(colour * 0.6 + 0.4, 0, 1)
    brush.fill(bar(0, 0.6, 0.06, 0.98, 0.045), colour * 0.6, PART["stem"])
    wide = rng.uniform(0.8, 1.0)
    blade = ellipse(-wide + 0.58, -0.12, wide, 0.95).within(ellipse(wide - 0.58, -0.12, wide, 0.95))
    brush.fill(blade, colour, PART["leaf blade"])
    fine = brush.plain()
    for index in range(5):
        v = -0.5 + 0.24 * index
        for side in (-1, 1):
            fine.fill(bar(0, v + 0.16, side * 0.5, v - 0.14, 0.024).within(blade), pale, PART["vein"])
    fine.fill(bar(0, -0.85, 0, 0.7, 0.035), pale, PART["vein"])
