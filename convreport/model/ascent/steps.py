"""The traced step of a climb: canvas, transforms, height, gradient, update; one trace a size."""

from collections.abc import Callable
from typing import Any

from convreport.core.recipes import Recipe
from convreport.model import runtime
from convreport.model.ascent.heights import Choice, Heights
from convreport.model.ascent.optimizers import State, updated
from convreport.model.ascent.parameters import Parameters, parameters
from convreport.model.ascent.stage import Stage
from convreport.model.ascent.transforms import moves_anything, rolled, seen_side, warped

# Gradients are carried this much larger, so that none is lost below the smallest number of a shorter format; a power of
# two, which changes nothing in float32.
SCALE = 1024.0


class Steps:
    """Takes steps of one recipe; of several sizes of canvas only the last one's trace is kept."""

    def __init__(self, stage: Stage, recipe: Recipe, heights: Heights, compiled: Callable[[Any], Any]) -> None:
        self._stage, self._recipe, self._heights, self._compiled = stage, recipe, heights, compiled
        self._known: dict[tuple[int, bool], Any] = {}

    def parameters(self, side: int) -> Parameters:
        """The parameterization of a canvas of that side."""
        return parameters(self._recipe, side, self._stage.card.input[2])

    def at(self, side: int, *, yielded: bool) -> Any:
        """The step at a side of the canvas, (values, state, number, warps, rolls, choice) -> (values, state, heights).

        The heights (n,) are those before the step, less the penalties. `yielded` lets the gradient through closed ReLUs.
        """
        if (side, yielded) not in self._known:
            if any(known != side for known, _ in self._known):
                self._known.clear()
            kind = self.parameters(side)
            self._known[side, yielded] = self._compiled(lambda *given: self._take(kind, side, yielded, *given))
        return self._known[side, yielded]

    def _take(
        self, kind: Parameters, side: int, yielded: bool,
        values: Any, state: State, number: Any, warps: Any, rolls: Any, choice: Choice,
    ) -> tuple[Any, State, Any]:  # fmt: skip
        tf, recipe = runtime.tensorflow(), self._recipe
        if recipe.roll and recipe.parameters == "pixels":
            values = rolled(values, rolls)  # as keras-vis does: what is rolled stays so
        with tf.GradientTape() as tape:
            tape.watch(values)
            pictures = kind.picture(values)
            seen = rolled(pictures, rolls) if recipe.roll and recipe.parameters == "fourier" else pictures
            if moves_anything(recipe):
                seen = warped(seen, warps, seen_side(recipe, side))
            height = self._heights.of(self._stage.input_of(seen), choice, yielded=yielded) - self._penalty(pictures)
            total = SCALE * tf.reduce_sum(height)
        slope = tape.gradient(total, values) / SCALE
        rate = recipe.rate * (1 - recipe.fade * number / max(recipe.steps - 1, 1))
        values, state = updated(recipe, values, slope, state, number, rate)
        return values, state, height

    def _penalty(self, pictures: Any) -> Any:
        """The 6-norm and the total variation of each canvas, per number of it, weighed (keras-vis)."""
        tf, recipe = runtime.tensorflow(), self._recipe
        numbers = tf.cast(tf.size(pictures[0]), tf.float32)
        found = tf.zeros([pictures.shape[0]])
        if recipe.norm:
            found += recipe.norm * tf.reduce_sum(tf.abs(pictures) ** 6, [1, 2, 3]) ** (1 / 6) / numbers
        if recipe.variation:
            down = pictures[:, 1:, :-1] - pictures[:, :-1, :-1]
            across = pictures[:, :-1, 1:] - pictures[:, :-1, :-1]
            found += recipe.variation * tf.reduce_sum(down * down + across * across, [1, 2, 3]) / numbers
        return found
