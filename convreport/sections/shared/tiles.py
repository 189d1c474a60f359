"""The tiles of an ascent as drawings: their facts, their verdicts, and what shapes them."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np

from convreport.core.ascent import recipes
from convreport.core.ascent.outcome import Ascent
from convreport.core.ascent.recipes import FOURIER, Recipe
from convreport.core.drawing.figures import Drawing, Figure
from convreport.core.drawing.scope import Scope
from convreport.core.pictures import pixels

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
            "stage",
            "steps",
            "transforms",
        )
    ),
    "convreport.sections.shared.tiles",
)
FEW = 0.05  # share of a layer's units that may answer a tile more strongly before it is called unspecific
USUAL_BATCH = 8  # fewer at once are told of: memory ran short


def key(scope: Scope, recipe: str, preset: str) -> Mapping[str, Any]:
    """What shapes every tile of an atlas, as JSON: how pictures are fed, the seed, the precision asked for, the recipe."""
    numbers = replace(recipes.find(recipe, preset, scope.recipes), name="", source="")
    return {
        "input": scope.card.input,
        "preprocessing": scope.card.preprocessing.key,
        "seed": scope.seed,
        "precision": scope.precision,
        "recipe": numbers,
    }


def recipe_option() -> Any:
    """The field of a section that names the recipe of its tiles."""
    return field(default=FOURIER.name, metadata={"help": "how the picture is made: a recipe of convreport or your own"})


def preset_option() -> Any:
    """The field of a section that names the preset of its tiles."""
    return field(default="standard", metadata={"help": "of fourier", "choices": tuple(recipes.PRESETS)})


def drawings(ascent: Ascent, names: Sequence[str], recipe: Recipe, preset: str) -> list[Drawing]:
    """One drawing a picture; `names` say what each is, for whoever cannot see it."""
    made = []
    for place, name in enumerate(names):
        found = facts(ascent, place)
        if recipe.name == FOURIER.name:
            found["preset"] = preset
        alt = name + ("" if found["responds"] else ": no response found")
        figure = Figure("pattern", pixels.in_colour(ascent.pictures[place]), alt, kind="pattern")
        made.append(Drawing((figure,), found))
    return made


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


def facts(ascent: Ascent, place: int) -> dict[str, Any]:
    """What was measured of one picture of an ascent, as JSON."""
    score, start, even = (float(values[place]) for values in (ascent.scores, ascent.starts, ascent.evens))
    rank, rose = int(ascent.ranks[place]), bool(score > start)
    found: dict[str, Any] = {"score": score, "start": start, "responds": rose}
    if np.isfinite(even):
        found["even"] = even
    if rank:
        found |= {"rank": rank, "among": ascent.among}
    found |= {"verdict": verdict(rose, rank, ascent.among), "precision": ascent.precision}
    if ascent.batch < USUAL_BATCH:
        found["batch"] = ascent.batch
    return found
