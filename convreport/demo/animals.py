"""More things of the demo's scenes: what flies, crawls and floats."""

from dataclasses import replace

import numpy as np

from convreport.demo.brush import Brush, bar, ellipse, pattern, polygon, ring
from convreport.demo.things import BLACK, PART, WHITE, Random, eye, one_of, rows_of_arcs, tint


def car(rng: Random, brush: Brush) -> None:
    """A body with a cabin, two windows, two wheels and a lamp."""
    colour = one_of(rng, 0.0, 0.6, 0.14, 0.36)
    brush.fill(polygon((-0.35, -0.5), (0.32, -0.5), (0.62, 0.02), (-0.62, 0.02)), colour, PART["body"])
    glass = tint(rng, 0.53, 0.03, 0.35, 0.95)
    brush.plain().fill(polygon((-0.3, -0.4), (-0.05, -0.4), (-0.05, -0.02), (-0.48, -0.02)), glass, PART["window"])
    brush.plain().fill(polygon((0.05, -0.4), (0.26, -0.4), (0.48, -0.02), (0.05, -0.02)), glass, PART["window"])
    brush.fill(
        polygon((-0.9, -0.02), (0.88, -0.02), (0.97, 0.14), (0.97, 0.4), (-0.95, 0.4), (-0.95, 0.08)),
        colour,
        PART["body"],
    )
    brush.plain().fill(ellipse(0.88, 0.12, 0.08, 0.09), tint(rng, 0.15, 0.01, 0.5, 1), PART["lamp"])
    for u in (-0.52, 0.52):
        brush.fill(ellipse(u, 0.42, 0.25, 0.25), BLACK + 0.08, PART["tyre"])
        brush.plain().fill(ellipse(u, 0.42, 0.13, 0.13), tint(rng, 0.6, 0.1, 0.1, 0.85), PART["hub"])


def butterfly(rng: Random, brush: Brush) -> None:
    """Four wings with spots, a body, two feelers."""
    colour, second = one_of(rng, 0.08, 0.6, 0.75, 0.13), one_of(rng, 0.5, 0.95, 0.15)
    fine = brush.plain()
    for side in (-1, 1):
        brush.fill(ellipse(side * 0.4, 0.38, 0.36, 0.3, side * 0.7), second, PART["wing"])
        fine.fill(ellipse(side * 0.44, 0.42, 0.14, 0.14), BLACK, PART["spot"])
        fine.fill(ellipse(side * 0.44, 0.42, 0.08, 0.08), colour)
        upper = ellipse(side * 0.5, -0.25, 0.52, 0.38, -side * 0.6)
        brush.fill(upper, colour * 0.35, PART["wing"])
        fine.fill(ellipse(side * 0.48, -0.24, 0.42, 0.29, -side * 0.6), colour, PART["wing"])
        fine.fill(ellipse(side * 0.58, -0.34, 0.19, 0.19), WHITE, PART["spot"])
        fine.fill(ellipse(side * 0.58, -0.34, 0.13, 0.13), second)
        fine.fill(ellipse(side * 0.58, -0.34, 0.06, 0.06), BLACK)
        fine.fill(bar(0, -0.45, side * 0.2, -0.88, 0.025), BLACK, PART["feeler"])
    brush.fill(ellipse(0, 0.0, 0.085, 0.55), tint(rng, 0.08, 0.04, 0.6, 0.3), PART["body"])


def cat(rng: Random, brush: Brush) -> None:
    """A head with stripes, pointed ears, slit eyes, a nose and whiskers."""
    fur = (tint(rng, 0.07, 0.02, 0.7, 0.9), tint(rng, 0.6, 0.1, 0.1, 0.6), tint(rng, 0.08, 0.02, 0.4, 0.45))[
        rng.integers(3)
    ]
    inner = tint(rng, 0.97, 0.02, 0.4, 0.95)
    fine = brush.plain()
    for side in (-1, 1):
        ear = [(side * 0.72, -0.95), (side * 0.7, -0.1), (side * 0.12, -0.5)]
        small = [(side * 0.63, -0.75), (side * 0.61, -0.3), (side * 0.3, -0.5)]
        brush.fill(polygon(*(ear if side > 0 else ear[::-1])), fur, PART["ear"])
        fine.fill(polygon(*(small if side > 0 else small[::-1])), inner, PART["ear"])
    brush.fill(ellipse(0, 0.1, 0.82, 0.7), fur, PART["head"])
    for u in (-0.2, 0, 0.2):
        fine.fill(bar(u, -0.55 + abs(u) / 4, u * 0.8, -0.28, 0.045), fur * 0.5, PART["stripe"])
    fine.fill(ellipse(0, 0.42, 0.34, 0.24), np.clip(fur * 0.4 + 0.6, 0, 1), PART["head"])
    iris = one_of(rng, 0.3, 0.15, 0.5)
    for side in (-1, 1):
        eye(brush, side * 0.36, 0.0, 0.19, iris, slit=0.4)
        for v in (0.32, 0.46):
            fine.fill(bar(side * 0.25, 0.39, side * 0.98, v + 0.02, 0.02), WHITE, PART["whisker"])
    fine.fill(polygon((-0.12, 0.25), (0.12, 0.25), (0, 0.4)), tint(rng, 0.97, 0.02, 0.6, 0.85), PART["nose"])
    fine.fill(bar(0, 0.38, 0, 0.5, 0.025), BLACK, PART["mouth"])


def mushroom(rng: Random, brush: Brush) -> None:
    """A cap with dots on a stem."""
    pale = tint(rng, 0.12, 0.03, 0.2, 0.95)
    brush.fill(polygon((-0.2, -0.05), (0.2, -0.05), (0.32, 0.9), (-0.32, 0.9)), pale, PART["stem"])
    fine = brush.plain()
    fine.fill(ellipse(0, 0.12, 0.32, 0.1), pale * 0.8, PART["stem"])
    cap = ellipse(0, 0, 0.9, 0.85).within(polygon((-1, -1), (1, -1), (1, 0.02), (-1, 0.02)))
    brush.fill(cap, one_of(rng, 0.0, 0.02, 0.08, 0.8), PART["cap"])
    for u, v, size in (
        (0, -0.5, 0.17),
        (-0.45, -0.3, 0.14),
        (0.46, -0.32, 0.15),
        (-0.15, -0.14, 0.1),
        (0.2, -0.13, 0.09),
        (0.72, -0.1, 0.08),
    ):
        fine.fill(ellipse(u + rng.uniform(-0.05, 0.05), v, size, size * 0.8).within(cap), WHITE, PART["spot"])


def ladybird(rng: Random, brush: Brush) -> None:
    """A shell in two halves with dots, a head with eyes, six legs."""
    fine = brush.plain()
    for side in (-1, 1):
        for v in (-0.25, 0.12, 0.5):
            fine.fill(bar(side * 0.4, v, side * 0.93, v + 0.12 * (v > 0) - 0.08, 0.045), BLACK, PART["leg"])
        fine.fill(bar(side * 0.1, -0.7, side * 0.3, -0.98, 0.03), BLACK, PART["feeler"])
    brush.fill(ellipse(0, -0.56, 0.4, 0.3), BLACK + 0.05, PART["head"])
    for side in (-1, 1):
        fine.fill(ellipse(side * 0.22, -0.66, 0.1, 0.09), WHITE, PART["eye"])
    brush.fill(ellipse(0, 0.15, 0.72, 0.74), one_of(rng, 0.0, 0.04, 0.12), PART["shell"])
    fine.fill(bar(0, -0.55, 0, 0.87, 0.035), BLACK)
    for u, v in ((0.3, -0.22), (0.45, 0.2), (0.25, 0.55)):
        size = rng.uniform(0.1, 0.15)
        for side in (-1, 1):
            fine.fill(ellipse(side * u, v, size, size), BLACK, PART["spot"])


def strawberry(rng: Random, brush: Brush) -> None:
    """A red fruit with seeds under green leaves."""
    red = tint(rng, 0.98, 0.025, 0.88, 0.88)
    fruit = ellipse(0, -0.15, 0.72, 0.55)
    brush.fill(polygon((-0.69, 0.0), (0.69, 0.0), (0.12, 0.92), (-0.12, 0.92)), red, PART["body"])
    brush.fill(fruit, red, PART["body"])
    fine = brush.plain()
    fine.fill(polygon((-0.62, -0.05), (0.62, -0.05), (0.3, 0.55), (-0.3, 0.55)), red, PART["body"])
    for row, count in enumerate((4, 5, 4, 3, 2)):
        for index in range(count):
            u = (index - (count - 1) / 2) * 0.27
            fine.fill(ellipse(u, -0.22 + 0.22 * row, 0.04, 0.065), tint(rng, 0.14, 0.02, 0.6, 1), PART["seed"])
    green = tint(rng, 0.33, 0.04, 0.8, 0.6)
    for turn in (-1.1, -0.55, 0.0, 0.55, 1.1):
        u, v = float(np.sin(turn)), float(np.cos(turn))
        brush.fill(ellipse(0.34 * u, -0.68 + 0.22 * v, 0.1, 0.28, -turn), green, PART["leaf blade"])
    brush.fill(bar(0, -0.7, 0.05, -0.95, 0.05), green, PART["stem"])


def owl(rng: Random, brush: Brush) -> None:
    """A body with a feathered breast, wings, ears, great eyes and a beak."""
    brown = tint(rng, 0.08, 0.03, 0.6, 0.5)
    pale = tint(rng, 0.11, 0.02, 0.4, 0.9)
    for side in (-1, 1):
        ear = [(side * 0.55, -0.98), (side * 0.6, -0.5), (side * 0.15, -0.65)]
        brush.fill(polygon(*(ear if side > 0 else ear[::-1])), brown, PART["ear"])
    brush.fill(ellipse(0, 0.1, 0.62, 0.84), brown, PART["body"])
    breast = ellipse(0, 0.42, 0.4, 0.48)
    fine = brush.plain()
    fine.fill(breast, pale, PART["feather"])
    scales = rows_of_arcs(0.18)
    fine.fill(pattern(breast, lambda u, v: scales(-v, u)), brown * 0.9)
    for side in (-1, 1):
        brush.fill(ellipse(side * 0.56, 0.3, 0.18, 0.5, side * 0.2), brown * 0.7, PART["wing"])
    iris = one_of(rng, 0.12, 0.09, 0.15)
    for side in (-1, 1):
        brush.fill(ellipse(side * 0.27, -0.3, 0.3, 0.3), pale, PART["feather"])
        eye(brush, side * 0.27, -0.3, 0.22, iris)
    brush.fill(polygon((-0.1, -0.18), (0.1, -0.18), (0, 0.08)), tint(rng, 0.1, 0.02, 0.9, 0.95), PART["beak"])


def balloon(rng: Random, brush: Brush) -> None:
    """A striped hot-air balloon with ropes and a basket."""
    colour, second = one_of(rng, 0.0, 0.6, 0.35, 0.78), one_of(rng, 0.14, 0.1, 0.5)
    fine = brush.plain()
    for side in (-1, 1):
        fine.fill(bar(side * 0.45, 0.15, side * 0.15, 0.75, 0.022), BLACK)
    bag = ellipse(0, -0.25, 0.72, 0.7)
    brush.fill(polygon((-0.6, 0.1), (0.6, 0.1), (0.18, 0.52), (-0.18, 0.52)), colour, PART["body"])
    brush.fill(bag, colour, PART["body"])
    for wide in (0.62, 0.24):
        fine.fill(ellipse(0, -0.25, wide, 0.68).without(ellipse(0, -0.25, wide * 0.65, 0.68)), second, PART["stripe"])
    brush.fill(
        polygon((-0.18, 0.7), (0.18, 0.7), (0.15, 0.97), (-0.15, 0.97)),
        tint(rng, 0.08, 0.02, 0.7, 0.55),
        PART["basket"],
    )


def boat(rng: Random, brush: Brush) -> None:
    """A hull, a mast, two sails and a flag."""
    brush.plain().fill(bar(0, -0.9, 0, 0.5, 0.04), tint(rng, 0.08, 0.02, 0.7, 0.4), PART["mast"])
    brush.fill(polygon((0.06, -0.82), (0.78, 0.32), (0.06, 0.32)), one_of(rng, 0.0, 0.13, 0.08), PART["sail"])
    brush.fill(polygon((-0.06, -0.6), (-0.06, 0.32), (-0.62, 0.32)), tint(rng, 0.13, 0.05, 0.1, 0.97), PART["sail"])
    brush.plain().fill(polygon((0, -0.97), (0.26, -0.88), (0, -0.79)), one_of(rng, 0.0, 0.6), PART["sail"])
    hull = polygon((-0.92, 0.42), (0.95, 0.42), (0.62, 0.88), (-0.6, 0.88))
    brush.fill(hull, one_of(rng, 0.07, 0.6, 0.0), PART["hull"])
    brush.plain().fill(bar(-0.78, 0.55, 0.8, 0.55, 0.045), WHITE, PART["stripe"])


STROKES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "A": ((-0.3, 0.4, 0, -0.42), (0, -0.42, 0.3, 0.4), (-0.18, 0.12, 0.18, 0.12)),
    "E": ((-0.22, -0.4, -0.22, 0.4), (-0.22, -0.4, 0.25, -0.4), (-0.22, 0, 0.18, 0), (-0.22, 0.4, 0.25, 0.4)),
    "K": ((-0.22, -0.4, -0.22, 0.4), (-0.2, 0.02, 0.25, -0.4), (-0.2, 0.02, 0.27, 0.4)),
    "N": ((-0.27, 0.4, -0.27, -0.4), (-0.27, -0.4, 0.27, 0.4), (0.27, 0.4, 0.27, -0.4)),
    "R": (
        (-0.22, 0.4, -0.22, -0.4),
        (-0.22, -0.4, 0.22, -0.33),
        (0.22, -0.33, 0.22, -0.05),
        (0.22, -0.05, -0.22, 0),
        (0, 0, 0.25, 0.4),
    ),
    "T": ((-0.3, -0.4, 0.3, -0.4), (0, -0.4, 0, 0.42)),
}  # strokes (u0, v0, u1, v1)


def letter(rng: Random, brush: Brush) -> None:
    """A toy block with a letter on it, never mirrored."""
    brush = replace(brush, place=replace(brush.place, mirrored=False))
    colour, second = one_of(rng, 0.0, 0.6, 0.33, 0.12), WHITE
    brush.fill(polygon((-0.72, -0.72), (0.72, -0.72), (0.72, 0.72), (-0.72, 0.72)), colour, PART["block"])
    fine = brush.plain()
    fine.fill(polygon((-0.57, -0.57), (0.57, -0.57), (0.57, 0.57), (-0.57, 0.57)), second, PART["block"])
    strokes = STROKES["AEKNRT"[rng.integers(6)]]
    for stroke in strokes:
        fine.fill(bar(*stroke, 0.085), colour * 0.85, PART["letter"])


def snail(rng: Random, brush: Brush) -> None:
    """A coiled shell on a soft body with two stalked eyes."""
    soft = tint(rng, 0.11, 0.04, 0.5, 0.8)
    brush.fill(bar(-0.7, 0.66, 0.75, 0.66, 0.17), soft, PART["body"])
    brush.fill(bar(-0.68, 0.6, -0.72, 0.1, 0.16), soft, PART["head"])
    fine = brush.plain()
    for u in (-0.88, -0.58):
        fine.fill(bar(-0.72, 0.05, u, -0.3, 0.04), soft, PART["feeler"])
        fine.fill(ellipse(u, -0.32, 0.08, 0.08), BLACK, PART["eye"])
    colour = one_of(rng, 0.05, 0.09, 0.92)
    shell = ellipse(0.2, 0.05, 0.6, 0.58)
    brush.fill(shell, colour, PART["shell"])
    coil = pattern(
        ellipse(0.2, 0.05, 0.55, 0.53),
        lambda u, v: (0.3 - np.sin(21 * np.hypot(u - 0.2, v - 0.05) + np.arctan2(v - 0.05, u - 0.2))) / 21,
    )
    fine.fill(coil, colour * 0.45)
    fine.fill(ring(0.2, 0.05, 0.04, 0.02), colour * 0.45)
