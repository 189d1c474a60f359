"""The traced step of a climb: canvas, transforms, height, gradient, update; one trace a size."""

from collections.abc import Callable
from math import prod
from typing import Any

from convreport.core.ascent import diversity
from convreport.core.ascent.ops import Choice, Heights, Ops, Tensor
from convreport.core.ascent.optimizers import State, updated
from convreport.core.ascent.parameters import Parameters, parameters
from convreport.core.ascent.recipes import Recipe
from convreport.core.ascent.stage import Stage
from convreport.core.ascent.transforms import moves_anything, seen_side

# Gradients are carried this much larger, so that none is lost below the smallest number of a shorter format; a power of
# two, which changes nothing in float32.
SCALE = 1024.0


class Steps:
    """Takes steps of one recipe; of several sizes of canvas only the last one's trace is kept."""

    def __init__(
        self, ops: Ops, stage: Stage, recipe: Recipe, heights: Heights, compiled: Callable[[Any], Any]
    ) -> None:
        self._ops, self._stage, self._recipe, self._heights, self._compiled = ops, stage, recipe, heights, compiled
        self._known: dict[tuple[int, bool], Any] = {}

    def parameters(self, side: int) -> Parameters:
        """The parameterization of a canvas of that side."""
        return parameters(self._ops, self._recipe, side, self._stage.card.input[2])

    def at(self, side: int, *, yielded: bool) -> Any:
        """The step at a side of the canvas, (values, state, number, warps, rolls, choice) -> (values, state, heights, care).

        The heights (n,) are those before the step, less the penalties; `care` (n, side, side) is the absolute gradient of
        each pixel, summed over its channels, for recipes with transparency, and else nothing: (). `yielded` lets the
        gradient through closed ReLUs.
        """
        if (side, yielded) not in self._known:
            if any(known != side for known, _ in self._known):
                self._known.clear()
            kind = self.parameters(side)
            self._known[side, yielded] = self._compiled(lambda *given: self._take(kind, side, yielded, *given))
        return self._known[side, yielded]

    def _take(
        self, kind: Parameters, side: int, yielded: bool,
        values: Tensor, state: State, number: Tensor, warps: Tensor, rolls: Tensor, choice: Choice,
    ) -> tuple[Tensor, State, Tensor, Tensor]:  # fmt: skip
        ops, recipe = self._ops, self._recipe
        if recipe.roll and recipe.parameters == "pixels":
            values = ops.roll(values, rolls)  # as keras-vis does: what is rolled stays so

        def height_of(pictures: Tensor) -> tuple[Tensor, Tensor]:
            seen = ops.roll(pictures, rolls) if recipe.roll and recipe.parameters != "pixels" else pictures
            if moves_anything(recipe):
                seen = ops.warp(seen, warps, seen_side(recipe, side))
            height = self._height(self._stage.input_of(seen), choice, yielded) - self._penalty(pictures)
            return SCALE * ops.sum(height, [0]), height

        care: Tensor = ()
        if recipe.transparency:
            height, slope, care = self._slopes(kind, height_of, values)
        else:
            height, slope = ops.slope(lambda values: height_of(kind.picture(values)), values)
        rate = recipe.rate * (1 - recipe.fade * number / max(recipe.steps - 1, 1))
        values, state = updated(ops, recipe, values, slope / SCALE, state, number, rate)
        return values, state, height, care

    def _slopes(
        self, kind: Parameters, height_of: Callable[[Tensor], tuple[Tensor, Tensor]], values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(heights, slope of the values, care): the chain rule in two parts, so that the slope of the pictures is seen."""
        ops = self._ops
        height, of_pictures = ops.slope(height_of, kind.picture(values))

        def along(values: Tensor) -> tuple[Tensor, None]:
            return ops.sum(kind.picture(values) * of_pictures, [0, 1, 2, 3]), None

        return height, ops.slope(along, values)[1], ops.sum(abs(of_pictures), [3]) / SCALE

    def _height(self, fed: Tensor, choice: Choice, yielded: bool) -> Tensor:
        """Less what pictures of one unit are like each other; weighed by the height itself, whatever a layer's numbers are."""
        if self._recipe.diversity == 1:
            return self._heights.of(fed, choice, yielded=yielded)
        height, like = self._heights.apart(fed, choice, self._recipe.diversity, yielded=yielded)
        return height - diversity.WEIGHT * abs(self._ops.fixed(height)) * like

    def _penalty(self, pictures: Tensor) -> Tensor:
        """The 6-norm and the total variation of each canvas, per number of it, weighed (keras-vis)."""
        ops, recipe = self._ops, self._recipe
        numbers = float(prod(pictures.shape[1:]))
        found = ops.zeros([pictures.shape[0]])
        if recipe.norm:
            found = found + recipe.norm * ops.power(ops.sum(abs(pictures) ** 6, [1, 2, 3]), 1 / 6) / numbers
        if recipe.variation:
            down = pictures[:, 1:, :-1] - pictures[:, :-1, :-1]
            across = pictures[:, :-1, 1:] - pictures[:, :-1, :-1]
            found = found + recipe.variation * ops.sum(down * down + across * across, [1, 2, 3]) / numbers
        return found
