"""The tiles of an ascent as drawings: their facts, their verdicts, and what shapes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from convreport.core.ascent import recipes
from convreport.core.ascent.outcome import Ascent
from convreport.core.ascent.recipes import FOURIER, Recipe
from convreport.core.ascent.spectrum import Spectrum, name_of
from convreport.core.base.errors import UsageError
from convreport.core.base.kinds import Pixels
from convreport.core.drawing.figures import Drawing, Figure, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.network.units import pick
from convreport.core.pictures import pixels, samples
from convreport.core.pictures.sample import Sample

SHAPED_BY = (
    *(
        f"convreport.core.ascent.{name}"
        for name in (
            "canvas",
            "climb",
            "judge",
            "optimizers",
            "parameters",
            "recipes",
            "room",
            "spectrum",
            "stage",
            "steps",
            "transforms",
        )
    ),
    "convreport.sections.shared.tiles",
)
FEW = 0.05  # share of a layer's units that may answer a tile more strongly before it is called unspecific
RECIPE_HELP = "how patterns are made: fourier, maco, book, keras-example, multiscale, jitter, or your own"
AT_HAND = 4  # photos on which a spectrum is measured where no pictures are given
PRESET_HELP = "for fourier: draft, standard, high"
USUAL_BATCH = 8  # fewer at once are told of: memory ran short


@dataclass(frozen=True, kw_only=True)
class TileFacts:
    """What was measured of one picture of an ascent.

    `score` is the robust one after the last step, `start` that of the noise it began as, `even` the score at equal contrast,
    each None where it is no number; `rank` is how the unit stands by it among all `among` of its layer. `batch` is how many
    climbed together, where memory ran short; `preset` is that of `fourier`.
    """

    score: float | None
    start: float | None
    responds: bool
    verdict: str
    precision: str
    even: float | None = None
    rank: int | None = None
    among: int | None = None
    batch: int | None = None
    preset: str | None = None

    @property
    def height(self) -> float:
        """The score as something to sort by."""
        return float("-inf") if self.score is None else self.score


def key(scope: Scope, recipe: str, preset: str) -> Mapping[str, Any]:
    """What shapes every tile of an atlas, as JSON: how pictures are fed, the seed, the precision asked for, the recipe."""
    numbers = replace(recipes.find(recipe, preset, scope.recipes), name="", source="")
    spectrum = {}
    if numbers.parameters == "phases":
        spectrum = {"spectrum": name_of(scope.card, _measurable(scope.card, scope.samples), scope.fit)}
    return {
        **spectrum,
        "input": scope.card.input,
        "preprocessing": scope.card.preprocessing.key,
        "seed": scope.seed,
        "precision": scope.precision,
        "recipe": numbers,
    }


def units_of(shown: Iterable[LayerInfo], scope: Scope) -> list[Subject]:
    """The chosen units of some layers."""
    return [Subject(layer=layer.path, unit=unit) for layer in shown for unit in pick(scope.units, layer, scope.seed)]


def unit_key(subject: Subject, scope: Scope, recipe: str, preset: str) -> Mapping[str, Any]:
    """What shapes a tile of a unit: its layer and all below it, the unit, and what shapes every tile."""
    assert subject.layer is not None
    return {
        "layer": scope.card.layer(subject.layer).digest,
        "path": subject.layer,  # randomness is keyed by it
        "unit": subject.unit,
        **key(scope, recipe, preset),
    }


def recipe_of(scope: Scope, recipe: str, preset: str) -> Recipe:
    """The recipe of the tiles of an atlas, with what it asks to be measured."""
    return measured(recipes.find(recipe, preset, scope.recipes), scope.card, scope.samples, scope.fit)


def check(scope: Scope, recipe: str, preset: str) -> None:
    """UsageError where there is no such recipe or preset, or the model's pictures are not of its kind."""
    _must_suit(recipes.find(recipe, preset, scope.recipes), scope.card)


def measured(recipe: Recipe, card: ModelCard, shown: Sequence[Sample], fit: str) -> Recipe:
    """A recipe of phases with the spectrum of these pictures, of photos at hand where there are none; others as they are.

    UsageError where it has none for pictures of so many channels.
    """
    if recipe.parameters != "phases":
        return recipe
    _must_suit(recipe, card)
    return replace(recipe, spectrum=Spectrum.of(card, _measurable(card, shown), fit))


def _must_suit(recipe: Recipe, card: ModelCard) -> None:
    if recipe.parameters == "phases" and card.input[2] not in (1, 3):
        raise UsageError(
            f"The recipe {recipe.name} draws in colour or in gray, and {card.name} reads {card.input[2]} channels.",
            "Choose another one with --recipe.",
        )


def _measurable(card: ModelCard, shown: Sequence[Sample]) -> Sequence[Sample]:
    """Those that are pictures; else photos at hand."""
    return [one for one in shown if not one.raw] or _at_hand(card.input[2] == 1)


@cache
def _at_hand(gray: bool) -> Sequence[Sample]:
    return samples.natural(AT_HAND, gray=gray).samples


def recipe_option() -> Any:
    """The field of a section that names the recipe of its tiles."""
    return field(default=FOURIER.name, metadata={"help": RECIPE_HELP, "word": "recipe"})


def preset_option() -> Any:
    """The field of a section that names the preset of its tiles."""
    return field(
        default="standard", metadata={"help": PRESET_HELP, "choices": tuple(recipes.PRESETS), "word": "preset"}
    )


def drawings(ascent: Ascent, names: Sequence[str], recipe: Recipe, preset: str) -> list[Drawing]:
    """One drawing a picture; `names` say what each is, for whoever cannot see it."""
    made = []
    for place, name in enumerate(names):
        found = facts(ascent, place)
        if recipe.name == FOURIER.name:
            found = replace(found, preset=preset)
        alt = name + ("" if found.responds else ": no response found")
        figure = Figure("pattern", shown(ascent, place), alt, kind="pattern")
        made.append(Drawing((figure,), found))
    return made


def shown(ascent: Ascent, place: int) -> Pixels:
    """One picture of an ascent in colour, (height, width, 3), or 4 where its recipe asks for transparency."""
    picture = pixels.in_colour(ascent.pictures[place])
    return np.dstack([picture, ascent.opacity[place]]) if ascent.opacity.size else picture


def verdict(rose: bool, rank: int, among: int) -> str:
    """What a tile is worth, in words: does it speak of its unit, or does it excite others as much?

    `rank` is that of the unit among all `among` of its layer by their answers to the tile at equal contrast.
    """
    if not rose:
        return "no response found"
    if rank == 0:
        return "rose"
    if rank == 1:
        return "specific"
    return "shared" if rank <= max(3, among * FEW) else "unspecific"


def facts(ascent: Ascent, place: int) -> TileFacts:
    """What was measured of one picture of an ascent."""
    score, start, even = (_number(values[place]) for values in (ascent.scores, ascent.starts, ascent.evens))
    rank, rose = int(ascent.ranks[place]), bool(ascent.scores[place] > ascent.starts[place])
    return TileFacts(
        score=score, start=start, responds=rose, verdict=verdict(rose, rank, ascent.among), precision=ascent.precision,
        even=even, rank=rank or None, among=ascent.among if rank else None,
        batch=ascent.batch if ascent.batch < USUAL_BATCH else None,
    )  # fmt: skip


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
