"""The named ways of maximizing an objective, each with its source and the source's numbers; and the user's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from convreport.core.ascent.spectrum import Spectrum
from convreport.core.base.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Recipe:
    """One way of maximizing an Objective; every field shapes the picture and is part of the cache key.

    Objective: before the activation or after it; `border` cells of the map are left out on each side (-1: by its size);
    `norm` and `variation` weigh penalties (the 6-norm and the total variation of the canvas, each per number).
    Parameterization: Fourier coefficients or pixels, either of a picture in 0..1 that passes through the model's
    preprocessing (`canvas` picture) or of the raw numbers fed to the network; or only the phases of such coefficients, with
    the magnitudes of `spectrum`, which is measured on the build's pictures. Pixels start from uniform noise between the two
    numbers of `start`, coefficients from normal noise with the standard deviation `start[1]`; `falloff` is the power of the
    frequency by which coefficients are scaled down; `deviation` bounds the standard deviation of the sigmoid's input, and
    twice `deviation` its root mean square, so that a picture cannot score by contrast alone (0: unbounded).
    Transforms, drawn anew for each picture and step: rotation (degrees each way), zoom (relative, each way) and shift
    (share of the canvas, each way) as one warp; each step ignores `crop` pixels on each side, or as many more on one side
    and fewer on the other; `roll` shifts by whole pixels around the edge. `blur` is the side of a box filter after each
    scale.
    Optimizer: Adam, Padam, RMSprop, or plain ascent on the gradient over its L2 norm or its root mean square; `fade` is the
    share of the rate that is gone by the last step; `momentum` is Adam's first beta, `adaptive` Padam's power of the second
    moment (0.5 would be Adam, 0 plain ascent); `decay` pulls the values to zero.
    Schedule: `steps` at each of `scales` sizes, each `growth` times the last, and `deep` times as many for units that see
    more than a tile, or `light` times as many in lightweight networks, which converge more slowly and cost less; `size`
    of the first scale in pixels (0: from the receptive field, between `smallest` and `largest`); `margin` pixels are cropped
    from each side at the end (none for units that see more than a tile). `scales` 0: as many as the source uses for the kind
    of objective.
    Diversity: how many different pictures of each objective (see `core.ascent.diversity`); the first is the one that would be
    drawn alone, and there is neither a second seed nor a rescue.
    Pick: the best of `seeds` starts and of the last `checkpoints` pictures; with `keep_best` the best of all steps.
    Display: pixels are centred at 0.5 with standard deviation `contrast` (0: stretched to their range), with `trim` pixels
    cut off; with `transparency`, parts that the steps cared little about are transparent.
    """

    name: str
    preactivation: bool = True
    border: int = -1
    norm: float = 0.0
    variation: float = 0.0
    parameters: Literal["fourier", "phases", "pixels"] = "fourier"
    canvas: Literal["picture", "raw"] = "picture"
    start: tuple[float, float] = (0.0, 0.01)
    falloff: float = 1.0
    deviation: float = 0.0
    rotate: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    roll: int = 0
    crop: int = 0
    blur: int = 0
    step: Literal["adam", "padam", "rmsprop", "l2", "rms"] = "adam"
    rate: float = 0.1
    momentum: float = 0.9
    adaptive: float = 0.42
    fade: float = 0.0
    decay: float = 0.0
    steps: int = 64
    deep: float = 1.0
    light: float = 1.0
    scales: int = 1
    growth: float = 1.0
    size: int = 0
    smallest: int = 64
    largest: int = 128
    margin: int = 0
    seeds: int = 1
    checkpoints: int = 1
    keep_best: bool = False
    contrast: float = 0.15
    trim: int = 0
    transparency: bool = False
    source: str = ""
    spectrum: Spectrum | None = None
    diversity: int = 1


FOURIER = Recipe(
    "fourier",
    rotate=10.0,
    zoom=0.1,
    shift=1 / 16,
    margin=8,
    deviation=0.7,
    step="padam",
    rate=0.3,
    fade=0.7,
    momentum=0.5,
    steps=32,
    deep=2.0,
    light=2.0,
    source="after Olah, Mordvintsev and Schubert, Feature Visualization, Distill 2017: Fourier coefficients, "
    "decorrelated colour, random warps, on the mean before the activation; climbed by Padam (Chen et al. 2018), with the "
    "contrast bounded",
)
# What a preset changes of `fourier`; other recipes have the numbers of their sources and no presets.
_FEWER = {"deep": 1.5, "light": 1.25}
PRESETS: dict[str, dict[str, Any]] = {
    "draft": {"steps": 20, **_FEWER},
    "standard": {},
    "high": {"steps": 128, "rate": 0.1, "fade": 0.9, "largest": 160, "seeds": 2, "checkpoints": 3, **_FEWER},
}
RECIPES = {
    recipe.name: recipe
    for recipe in (
        FOURIER,
        Recipe(
            "maco",
            parameters="phases",
            rotate=10.0,
            zoom=0.1,
            shift=1 / 16,
            step="adam",
            rate=0.1,
            steps=64,
            deep=2.5,
            transparency=True,
            source="after Fel et al., MAgnitude Constrained Optimization, NeurIPS 2023: the magnitude spectrum is that of "
            "pictures, and the phases alone are climbed; what the ascent never cared for is transparent",
        ),
        Recipe(
            "book",
            parameters="pixels",
            canvas="raw",
            step="rms",
            rate=1.0,
            steps=40,
            size=64,
            preactivation=False,
            border=0,
            start=(128.0, 148.0),
            contrast=0.1,
            source="Chollet, Deep Learning with Python, section 5.4: raw pixels, gradient over its root mean square",
        ),
        Recipe(
            "keras-example",
            parameters="pixels",
            canvas="raw",
            step="l2",
            rate=10.0,
            steps=30,
            size=180,
            preactivation=False,
            border=2,
            start=(-0.125, 0.125),
            contrast=0.15,
            trim=25,
            source="Keras example 'Visualizing what convnets learn': raw pixels, gradient over its L2 norm",
        ),
        Recipe(
            "multiscale",
            parameters="pixels",
            canvas="raw",
            step="adam",
            rate=0.01,
            decay=1e-6,
            steps=20,
            scales=0,
            growth=1.11,
            size=56,
            blur=5,
            border=0,
            start=(150 / 255, 180 / 255),
            contrast=0.0,
            source="a PyTorch post on the filters of ResNet-50: pixels in 0..1, fed as they are, a fresh Adam at each of "
            "15 to 25 growing sizes, each enlarged and blurred",
        ),
        Recipe(
            "jitter",
            parameters="pixels",
            canvas="raw",
            step="rmsprop",
            rate=1.0,
            steps=200,
            size=224,
            preactivation=False,
            border=0,
            norm=10.0,
            variation=10.0,
            roll=16,
            start=(127.5 - 12.75 * 3**0.5, 127.5 + 12.75 * 3**0.5),  # uniform noise of standard deviation 12.75
            contrast=0.1,
            keep_best=True,
            source="a keras-vis post on VGG16: pixels rolled at random, RMSprop, 6-norm and total variation held down",
        ),
    )
}
UNSAID = ("name", "spectrum", "diversity")  # fields that a recipe of one's own cannot say
# Scales of `multiscale` by what is climbed, and the side of the blur for scores.
FIRST_SCALES, LAYER_SCALES, LOGIT_SCALES, LOGIT_BLUR = 20, 15, 25, 7


def settled(recipe: Recipe, *, logits: bool, first: bool, deep: bool, light: bool) -> Recipe:
    """The recipe with the numbers it has for what is climbed: scores, the first convolution, far sight, little work.

    Of a unit that sees more than a tile no margin is cut off: its pattern is one thing, which would reach into the margin.
    """
    more = max(recipe.deep if deep else 1.0, recipe.light if light else 1.0)
    recipe = replace(recipe, steps=round(recipe.steps * more), margin=0 if deep else recipe.margin)
    if recipe.scales:
        return recipe
    if logits:
        return replace(recipe, scales=LOGIT_SCALES, blur=LOGIT_BLUR if recipe.blur else 0)
    return replace(recipe, scales=FIRST_SCALES if first else LAYER_SCALES)


def find(name: str, preset: str, own: Iterable[Recipe] = ()) -> Recipe:
    """The recipe of that name, at that preset where it is `fourier`; UsageError with "did you mean" for an unknown one."""
    known = RECIPES | {recipe.name: recipe for recipe in own}
    if name not in known:
        raise UsageError(f"There is no recipe '{name}'.", did_you_mean(name, known))
    if preset not in PRESETS:
        raise UsageError(f"There is no preset '{preset}'.", did_you_mean(preset, PRESETS))
    return replace(known[name], **PRESETS[preset]) if name == FOURIER.name else known[name]


def read_own(tables: Mapping[str, Any], where: str) -> tuple[list[Recipe], list[UsageError]]:
    """The user's recipes from `[recipes.NAME]` tables, each a `base` and what differs from it; and every mistake."""
    made: list[Recipe] = []
    mistakes: list[UsageError] = []
    for name, table in tables.items():
        try:
            made.append(_own(str(name), table, made))
        except UsageError as error:
            mistakes.append(UsageError(f"{where}, recipes.{name}: {error.message}", error.hint))
    return made, mistakes


def _own(name: str, table: Any, before: Iterable[Recipe]) -> Recipe:
    if name in RECIPES:
        raise UsageError("a recipe of convreport has that name.", "Choose another one.")
    if not isinstance(table, Mapping):
        raise UsageError("it must be a table.", f"Write [recipes.{name}] and its fields below.")
    said = {str(key).replace("-", "_"): value for key, value in table.items()}
    base = find(str(said.pop("base", FOURIER.name)), str(said.pop("preset", "standard")), before)
    kinds = get_type_hints(Recipe)
    values: dict[str, Any] = {"source": f"your own, on the ground of {base.name}"}
    for key, value in said.items():
        known = [name for name in kinds if name not in UNSAID]
        if key not in known:
            raise UsageError(f"there is no field '{key}'.", did_you_mean(key, ["base", "preset", *known]))
        values[key] = _value(key, value, kinds[key])
    recipe = replace(base, name=name, **values)
    for wrong, what in _CHECKS:
        if wrong(recipe):
            raise UsageError(what)
    return recipe


def _value(key: str, value: Any, kind: Any) -> Any:
    """A TOML value as the field's kind."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UsageError(f"{key} cannot be {value!r}.", did_you_mean(str(value), get_args(kind)))
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list) or len(value) != 2 or not all(isinstance(one, int | float) for one in value):
            raise UsageError(f"{key} takes two numbers, not {value!r}.", "Write it as [0.0, 0.01].")
        return (float(value[0]), float(value[1]))
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise UsageError(f"{key} takes {words[kind]}, not {value!r}.")
    return kind(value)


_CHECKS = (
    (
        lambda r: r.parameters == "phases" and (r.canvas == "raw" or r.growth > 1),
        "phases are those of a picture of one size: neither a raw canvas nor growth.",
    ),
    (lambda r: r.transparency and r.growth > 1, "a picture that grows cannot be transparent."),
    (lambda r: r.steps < 1, "steps must be at least 1."),
    (lambda r: r.seeds < 1, "seeds must be at least 1."),
    (lambda r: not 1 <= r.checkpoints <= r.steps, "checkpoints must be from 1 to the number of steps."),
    (lambda r: r.scales < 0, "scales must not be negative."),
    (lambda r: r.growth < 1, "growth must be at least 1."),
    (lambda r: r.growth > 1 and r.size == 0, "a recipe that grows needs a size to begin with."),
    (lambda r: r.parameters == "pixels" and r.canvas == "raw" and r.size == 0, "a raw canvas needs a size."),
    (lambda r: r.size and r.size <= 2 * r.trim, "size must be larger than what is trimmed off both sides."),
    (lambda r: r.size < 0 or r.trim < 0 or r.blur < 0 or r.roll < 0, "size, trim, blur and roll must not be negative."),
    (lambda r: not 32 <= r.smallest <= r.largest, "smallest must be from 32 to largest."),
    (lambda r: not 0 <= r.margin <= 64, "margin must be from 0 to 64 pixels."),
    (lambda r: not 0 <= 4 * r.crop <= (r.size or r.smallest), "crop must be from 0 to a quarter of the size."),
    (lambda r: r.deep < 1 or r.light < 1, "deep and light must be at least 1."),
    (lambda r: not 0 <= r.adaptive <= 0.5, "adaptive must be from 0 to 0.5."),
    (lambda r: r.rate <= 0, "rate must be above 0."),
    (lambda r: not 0 <= r.momentum < 1, "momentum must be from 0 to below 1."),
    (lambda r: not 0 <= r.fade <= 1, "fade must be from 0 to 1."),
    (lambda r: not 0 <= r.zoom < 1, "zoom must be from 0 to below 1."),
    (lambda r: r.contrast < 0 or r.deviation < 0, "contrast and deviation must not be negative."),
)
