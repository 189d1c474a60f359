"""What one drawing is about, and what is drawn."""

from dataclasses import dataclass, field
from typing import Any, Literal

from convreport.core.base.kinds import FigureKind, Pixels

PageKind = Literal["model", "layer", "picture"]


@dataclass(frozen=True)
class Subject:
    """What one drawing is about: a layer, a unit of it, a sample, a class by its index, or (none of them) the model."""

    layer: str | None = None
    unit: int | None = None
    sample: str | None = None
    label: int | None = None


@dataclass(frozen=True)
class Figure:
    """One picture of a drawing.

    `alt` says what is to be seen to someone who cannot see it; `scale` what black and white, or the colours, mean.
    `kind` chooses the published encoding: synthesized patterns and photos are lossy, maps are exact at native pixels.
    `pixels` is uint8 (height, width, 3), or 4 with alpha.
    """

    name: str
    pixels: Pixels = field(repr=False, compare=False)
    alt: str
    caption: str = ""
    scale: str = ""
    kind: FigureKind = "pattern"


@dataclass(frozen=True)
class Drawing:
    """All a section returns for one subject; `facts` is a value of the section's own type."""

    figures: tuple[Figure, ...]
    facts: Any
