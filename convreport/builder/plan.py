"""The whole request: a Plan, and what a caller in Python hands over with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convreport.core.ascent.recipes import FOURIER, Recipe
from convreport.core.base.kinds import Precision
from convreport.core.pictures.sample import Picture
from convreport.sections.base import Section


@dataclass(frozen=True)
class AtHand:
    """What a caller in Python hands over instead of naming it: a model, a preprocessing, inputs, labels, pictures."""

    model: Any = None
    preprocess: Any = None
    inputs: tuple[tuple[str, Any], ...] = ()
    labels: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The whole request."""

    model: str = "demo"
    name: str | None = None
    out: Path = Path("atlas")
    images: tuple[str, ...] = ()
    max_images: int = 12
    examples: tuple[str, ...] = ()
    max_examples: int = 0
    layers: tuple[str, ...] = ()
    all_layers: bool = False
    filters: str = "64"
    weights: str | None = None
    preprocess: str = "auto"
    fit: str = "stretch"
    templates: Path | None = None
    site_url: str = ""
    seed: int = 0
    fresh: bool = False
    strict: bool = False
    arch: str | None = None
    no_top: bool = False
    custom: tuple[str, ...] = ()
    unsafe: bool = False
    input: tuple[str, ...] = ()
    output: str | None = None
    input_shape: str | None = None
    labels: Path | None = None
    truth: Path | None = None
    masks: Path | None = None
    precision: Precision = "auto"
    memory: int = 0
    budget: float = 0.0
    workers: str = "auto"
    dashboard: bool = False
    recipe: str = FOURIER.name
    preset: str = "standard"
    recipes: tuple[Recipe, ...] = ()
    sections: tuple[Section[Any, Any], ...] = ()
    at_hand: AtHand = AtHand()
