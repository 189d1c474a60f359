"""One picture of one unit or class, for people who want just that."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from convreport.builder.model import load
from convreport.builder.pictures import look_at
from convreport.builder.plan import Plan
from convreport.core.ascent import recipes
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
def draw(plan: Plan, layer: str, unit: str, size: int, to: Path) -> str:
    """Draw what a unit of a layer seeks, or with `classes` for a layer what a class does, and write it; says how it went.

    Raises UsageError for an unknown layer, a unit out of range, or a file that no picture can be written to; ModelError
    where weights that are NaN leave nothing to draw.
    """
    recipe = _recipe(plan, size)
    if to.suffix.lower() not in FORMATS:
        raise UsageError(f"No picture can be written to {to}.", f"Its name must end in {', '.join(FORMATS)}.")
    loaded = load(plan)
    recipe = _measured(recipe, plan, loaded.card)
    objective, name = _objective(loaded.card, layer, unit)
    ascent = loaded.network(Means(plan.precision, None, plan.memory)).ascend([objective], recipe, plan.seed)
    facts = tiles.facts(ascent, 0)
    if facts.score is None and loaded.card.alerts:
        raise ModelError(
            f"{loaded.card.name} answers with no number for {name}: {loaded.card.alerts[0]}.",
            "Give weights that are sound; `convreport doctor` names the others.",
        )
    try:
        write_atomically(to, pixels.encode_as(tiles.shown(ascent, 0), to.suffix.lower()))
    except OSError as error:
        raise UsageError(f"{to} cannot be written ({error.strerror}).", "Choose another place with -o.") from None
    rank = f", rank {facts.rank} of {facts.among}" if facts.rank is not None else ""
    score = "no number" if facts.score is None else f"{facts.score:.4g}"
    height, width = ascent.pictures.shape[1:3]
    return f"{to}: {name}, {width} x {height} px; score {score}{rank}: {facts.verdict}"


def tiles_of(
    plan: Plan, layer: str, units: Sequence[str], size: int
) -> tuple[tuple[Pixels, ...], tuple[str, ...], tuple[str, ...]]:
    """The patterns of some units or classes, uint8 (height, width, 3, or 4 of a recipe with transparency), what each is, and
    what it is worth, in words.

    UsageError for an unknown layer or unit.
    """
    recipe = _recipe(plan, size)
    loaded = load(plan)
    recipe = _measured(recipe, plan, loaded.card)
    wanted = [_objective(loaded.card, layer, unit) for unit in units]
    net, pictures, verdicts = loaded.network(Means(plan.precision, None, plan.memory)), [], []
    for first in range(0, len(wanted), tiles.USUAL_BATCH):
        some = wanted[first : first + tiles.USUAL_BATCH]
        ascent = net.ascend([objective for objective, _ in some], recipe, plan.seed)
        pictures += [tiles.shown(ascent, place) for place in range(len(some))]
        verdicts += [tiles.facts(ascent, place).verdict for place in range(len(some))]
    return tuple(pictures), tuple(name for _, name in wanted), tuple(verdicts)


def _recipe(plan: Plan, size: int) -> Recipe:
    return sized(recipes.find(plan.recipe, plan.preset, plan.recipes), size)


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
        raise UsageError(f"The output of {found.path} is no stack of maps.", "`convreport layers` lists them.")
    count = found.shape[-1] or 0
    if not unit.isdigit() or int(unit) >= count:
        raise UsageError(f"{found.path} has no unit '{unit}'.", f"Its units are 0 to {count - 1}.")
    return channel(found.path, int(unit)), f"unit {unit} of {found.path}"
