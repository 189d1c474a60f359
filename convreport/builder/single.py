"""One picture of one unit or class, for people who want just that."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from convreport.builder.model import load
from convreport.builder.pictures import look_at
from convreport.builder.plan import Plan
from convreport.core.ascent import recipes
from convreport.core.ascent.diversity import MOST
from convreport.core.ascent.objectives import Objective, channel, logit
from convreport.core.ascent.recipes import Recipe
from convreport.core.base.errors import ModelError, UsageError
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Pixels
from convreport.core.base.numbers import unheard
from convreport.core.network import labels, layers
from convreport.core.network.card import ModelCard
from convreport.core.pictures import pixels
from convreport.core.seam import Means
from convreport.sections.shared import tiles

CLASSES = "classes"
SMALLEST, LARGEST = 32, 1024  # pixels: sides of a tile that can be asked for
FORMATS = (".png", ".jpg", ".jpeg", ".webp")


@unheard()
def draw(plan: Plan, layer: str, unit: str, size: int, to: Path, diversity: int = 1) -> str:
    """Draw what a unit of a layer seeks, or with `classes` for a layer what a class does, and write it; says how it went.

    With `diversity`, a row of so many pictures of the unit that are unlike each other.
    Raises UsageError for an unknown layer, a unit out of range, or a file that no picture can be written to; ModelError
    where weights that are NaN leave nothing to draw.
    """
    recipe = _recipe(plan, layer, size, diversity)
    if to.suffix.lower() not in FORMATS:
        raise UsageError(f"No picture can be written to {to}.", f"Its name must end in {', '.join(FORMATS)}.")
    loaded = load(plan)
    recipe = _measured(recipe, plan, loaded.card)
    objective, name = _objective(loaded.card, layer, unit)
    ascent = loaded.network(Means(plan.precision, None, plan.memory)).ascend([objective], recipe, plan.seed)
    pictures = np.stack([tiles.shown(ascent, place) for place in range(diversity)])
    facts = tiles.facts(ascent, 0)
    if facts.score is None and loaded.card.alerts:
        raise ModelError(
            f"{loaded.card.name} returns no number for {name}: {loaded.card.alerts[0]}.",
            "Give valid weights; `convreport doctor` names the others.",
        )
    try:
        write_atomically(to, pixels.encode_as(pixels.tile(pictures, diversity), to.suffix.lower()))
    except OSError as error:
        raise UsageError(f"{to} cannot be written ({error.strerror}).", "Choose another place with -o.") from None
    rank = f", rank {facts.rank} of {facts.among}" if facts.rank is not None else ""
    score = "no number" if facts.score is None else f"{facts.score:.4g}"
    height, width = ascent.pictures.shape[1:3]
    side = f"{width} x {height} px" if diversity == 1 else f"{diversity} pictures of {width} x {height} px"
    least = "" if diversity == 1 else f", lowest {min(ascent.scores[:diversity]):.4g}"
    return f"{to}: {name}, {side}; score {score}{least}{rank}: {facts.verdict}"


def tiles_of(
    plan: Plan, layer: str, units: Sequence[str], size: int, diversity: int = 1
) -> tuple[tuple[Pixels, ...], tuple[str, ...], tuple[str, ...]]:
    """The patterns of some units or classes, uint8 (height, width, 3, or 4 of a recipe with transparency), what each is, and
    what it is worth, in words; with `diversity`, so many of each unit, unlike each other, one after the other.

    UsageError for an unknown layer or unit.
    """
    recipe = _recipe(plan, layer, size, diversity)
    loaded = load(plan)
    recipe = _measured(recipe, plan, loaded.card)
    wanted = [_objective(loaded.card, layer, unit) for unit in units]
    net, pictures, verdicts = loaded.network(Means(plan.precision, None, plan.memory)), [], []
    for first in range(0, len(wanted), tiles.USUAL_BATCH):
        some = wanted[first : first + tiles.USUAL_BATCH]
        ascent = net.ascend([objective for objective, _ in some], recipe, plan.seed)
        places = range(len(some) * diversity)
        pictures += [tiles.shown(ascent, place) for place in places]
        verdicts += [tiles.facts(ascent, place).verdict for place in places]
    return tuple(pictures), tuple(name for _, name in wanted for _ in range(diversity)), tuple(verdicts)


def _recipe(plan: Plan, layer: str, size: int, diversity: int) -> Recipe:
    if not 1 <= diversity <= MOST:
        raise UsageError(f"--diversity must be from 1 to {MOST} pictures, not {diversity}.")
    if diversity > 1 and layer == CLASSES:
        raise UsageError("--diversity is for units of a layer.", "Leave it out, or name a layer instead of `classes`.")
    return replace(sized(recipes.find(plan.recipe, plan.preset, plan.recipes), size), diversity=diversity)


def _measured(recipe: Recipe, plan: Plan, card: ModelCard) -> Recipe:
    """With the spectrum of the plan's pictures, where the recipe asks for one."""
    if recipe.parameters != "phases":
        return recipe
    _, shown = look_at(plan, card, lambda event: None)
    return tiles.measured(recipe, card, shown, plan.fit)


def sized(recipe: Recipe, size: int) -> Recipe:
    """The recipe with tiles of that side; 0 leaves it alone. UsageError where that makes no sense."""
    if size == 0:
        return recipe
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"--size must be from {SMALLEST} to {LARGEST} pixels, not {size}.")
    if recipe.growth > 1:
        raise UsageError(f"The recipe {recipe.name} grows to a size of its own.", "Leave --size away.")
    if recipe.size == 0:
        return replace(recipe, smallest=size, largest=size)
    return replace(recipe, size=size + 2 * recipe.trim)


def _objective(card: ModelCard, layer: str, unit: str) -> tuple[Objective, str]:
    """What is to be climbed, and its name in words."""
    if layer == CLASSES:
        if card.head == "none":
            raise UsageError(f"{card.name} has no output that scores classes.", "Choose a layer instead.")
        index = labels.index_of(card, unit)
        return logit(index), f"class {card.label(index).name}"
    chosen = layers.choose(card, (layer,)) or ()
    if len(chosen) != 1:
        names = ", ".join(one.path for one in chosen[:3])
        raise UsageError(f"'{layer}' means {len(chosen)} layers ({names} ...).", "Name one.")
    found = chosen[0]
    if not layers.is_map(found):
        raise UsageError(f"The output of {found.path} is not a stack of maps.", "`convreport layers` lists them.")
    count = found.shape[-1] or 0
    if not unit.isdigit() or int(unit) >= count:
        raise UsageError(f"{found.path} has no unit '{unit}'.", f"Its units are 0 to {count - 1}.")
    return channel(found.path, int(unit)), f"unit {unit} of {found.path}"
