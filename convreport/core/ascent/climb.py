"""One recipe on one form of objective: settled, traced once a size, and run in batches of a fixed size.

All randomness is keyed by (seed, objective) and batches are padded, so that a tile does not depend on its company.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convreport.core.ascent.canvas import as_rgb, displayed, generator, opacity, reads_input, sees_more
from convreport.core.ascent.judge import Judge, Judged
from convreport.core.ascent.objectives import Objective
from convreport.core.ascent.ops import Choice, Heights, Ops, Tensor
from convreport.core.ascent.optimizers import first_state
from convreport.core.ascent.outcome import Ascent
from convreport.core.ascent.precision import Decisions
from convreport.core.ascent.recipes import Recipe, settled
from convreport.core.ascent.room import batch_for, work_a_picture
from convreport.core.ascent.stage import Stage, centre, sides
from convreport.core.ascent.steps import Steps
from convreport.core.ascent.transforms import Moves, seen_side
from convreport.core.base.errors import ModelError
from convreport.core.base.files import digest
from convreport.core.base.kinds import Array
from convreport.core.network.card import ModelCard

SECOND_BATCH = 4  # a second try is mostly for one or two
RESEED = 0x9E3779B9  # added to the seed of a second try
YIELDING_STEPS = 16  # of a third, with closed ReLUs letting the gradient through
TRIED_STEPS = 4  # to time a step
# Floating-point operations a picture, forward, below which float32 is taken without asking: what a shorter format gains
# there is little and changes from day to day, and the pictures would change with it.
LITTLE_WORK = 5e8
LIGHT_NETWORK = 1e9  # likewise, of a whole network that gets more steps


@dataclass(frozen=True)
class Engine:
    """What a framework brings to the climb of one form of objective.

    `takes_any_size` says of a layer's path whether the network can be fed other sizes than its own, as far as there.
    """

    ops: Ops
    heights: Heights
    takes_any_size: Callable[[str], bool]


class Climb:
    """The traced steps of one recipe on one form of objective.

    `stage` holds the size of its pictures: fitted to the receptive field, or the model's own input where the layer takes
    no other (tokens with places, anything behind a Flatten).
    """

    def __init__(
        self, card: ModelCard, objective: Objective, recipe: Recipe, engine: Engine, decisions: Decisions, memory: int
    ) -> None:
        self._ops, self._heights = engine.ops, engine.heights
        self._card, self._objective = card, objective
        layer = next((term.layer for term in objective.terms if term.layer), "")
        kinds = {term.kind for term in objective.terms}
        layer = "" if "logit" in kinds else layer
        self.stage = Stage.fitted(card, recipe, layer)
        paths = [term.layer for term in objective.terms if term.layer] or [card.layers[-1].path]
        whole = work_a_picture(card, [card.layers[-1].path], self.stage)
        self._recipe = settled(
            recipe,
            logits=not layer,
            first=reads_input(card, layer),
            deep=sees_more(card, layer, min(self.stage.tile)),
            light=whole < LIGHT_NETWORK,
        )
        self._traced = True
        self.stage = Stage.fitted(card, self._recipe, layer)
        if "logit" in kinds or not all(engine.takes_any_size(path) for path in paths):
            self._settle(paths[0])
        self.batch = self._whole_units(batch_for(card, paths, self.stage, memory))
        self._steps = Steps(self._ops, self.stage, self._recipe, self._heights, self._compiled)
        self._judge = Judge(self._ops, self.stage, self._heights, self._compiled)
        self.precision = "float32"
        with suppress(self._ops.out_of_memory):  # the batch will be halved
            little = work_a_picture(card, paths, self.stage) < LITTLE_WORK
            exact = little or not self._traced or self._recipe.canvas == "raw"
            self.precision = decisions.decide(self._words(), self._seconds_a_step, exact=exact)

    def _compiled(self, function: Any) -> Any:
        return self._ops.compiled(function) if self._traced else function

    # -- finding a size, and a way to run, that the network takes

    def _settle(self, path: str) -> None:
        """The canvas asked for, else the input's own size; traced, and step by step if need be."""
        asked = self.stage
        choices = [asked] if self._recipe.canvas == "raw" else [asked, Stage.of_input(self._card, self._recipe)]
        reasons = []
        for self._traced in (True, False):
            for self.stage in choices:
                try:
                    slope = self._compiled(self._trial)()
                except self._ops.out_of_memory:
                    return  # the size is right; the batch will be halved
                except ModelError:
                    raise
                except Exception as error:
                    reasons.append(error)
                    continue
                if slope is None:
                    raise ModelError(f"No gradient reaches the picture from {path}.", "Nothing can be optimized there.")
                return
        line = (str(reasons[0]).strip().splitlines() or [type(reasons[0]).__name__])[0][:200]
        raise ModelError(f"{path} cannot be optimized ({line}).", "Choose another layer.") from reasons[0]

    def _trial(self) -> Any:
        """The gradient of one height for one grey canvas; None if there is none."""
        side = seen_side(self._recipe, self.stage.canvas)
        choice = self._heights.choice([self._objective])

        def height(pictures: Tensor) -> tuple[Tensor, None]:
            return self._ops.sum(self._heights.of(self.stage.input_of(pictures), choice), [0]), None

        return self._ops.slope(height, self._ops.zeros([1, side, side, self._card.input[2]]))[1]

    # -- running

    def run(self, objectives: Sequence[Objective], seed: int) -> Ascent:
        """Climb for every objective; the best of the recipe's seeds, and a rescue for those that did not rise.

        With diversity, several pictures of each objective, one after the other.
        """
        if self._recipe.diversity > 1:
            return self._climb_all([one for one in objectives for _ in range(self._recipe.diversity)], seed, self.batch)
        made = self._climb_all(objectives, seed, self.batch)
        for another in range(1, self._recipe.seeds):
            made = _better(
                made, self._climb_all(objectives, seed + another * RESEED, self.batch), range(len(objectives))
            )
        for try_, yielded in enumerate((False, True), self._recipe.seeds):
            stuck = [place for place in range(len(objectives)) if not made.scores[place] > made.starts[place]]
            if not stuck or self._recipe.canvas == "raw":  # the published recipes have no second try
                break
            some, second = [objectives[place] for place in stuck], min(SECOND_BATCH, self.batch)
            made = _better(made, self._climb_all(some, seed + try_ * RESEED, second, yielded=yielded), stuck)
        return made

    def seconds_a_batch(self) -> float:
        """About how long one full batch takes, measured on a few steps."""
        sizes = self._sides()
        step = self._seconds_a_step(self.precision)
        cells = sum(side * side for side in sizes) / max(sizes) ** 2  # smaller scales cost less
        return step * self._recipe.steps * cells * self._recipe.seeds + self._judge.seconds(
            self._heights.choice([self._objective] * self.batch)
        )

    def _climb_all(self, objectives: Sequence[Objective], seed: int, batch: int, *, yielded: bool = False) -> Ascent:
        """All in batches; where memory does not suffice for one, it is halved."""
        try:
            parts = []
            for begin in range(0, len(objectives), batch):
                chunk = list(objectives[begin : begin + batch])
                padded = chunk + [chunk[-1]] * (batch - len(chunk))
                parts.append(self._climb(padded, seed, yielded).first(len(chunk)))
            return Ascent.joined(parts)
        except self._ops.out_of_memory:
            if batch <= self._recipe.diversity:
                wanted = "a single picture" if batch == 1 else f"{batch} pictures of one unit"
                raise ModelError(
                    f"There is not enough memory for {wanted} at {self._objective.name}.",
                    "Close other programs, or choose layers nearer the input.",
                ) from None
        batch = self._whole_units(batch // 2)
        self.batch = min(self.batch, batch)
        return self._climb_all(objectives, seed, batch, yielded=yielded)

    def _whole_units(self, batch: int) -> int:
        """Pictures of one unit climb together."""
        return max(batch // self._recipe.diversity, 1) * self._recipe.diversity

    def _climb(self, objectives: list[Objective], seed: int, yielded: bool) -> Ascent:
        """One batch, from noise to judged pictures."""
        recipe = self._recipe
        choice = self._heights.choice(objectives)
        draws = [generator(seed, one.name, place % recipe.diversity) for place, one in enumerate(objectives)]
        sizes = self._sides()
        kind = self._steps.parameters(sizes[0])
        values = self._ops.tensor(np.stack([kind.start(draw) for draw in draws]))
        start = self._judge.plain(kind.picture(values), choice)
        looked, care = [values], None
        for place, side in enumerate(sizes):
            with self._ops.computing("float32" if yielded else self.precision):
                looked, care = self._walk(side, looked[-1], draws, choice, yielded)
            if recipe.growth > 1:
                bigger = sides(recipe)[place + 1]
                values = kind.resized(looked[-1], bigger)
                looked = [self._ops.blur(values, recipe.blur) if recipe.blur else values]
                kind = self._steps.parameters(bigger)
        best: Judged | None = None
        for values in looked:
            best = self._judge.better(best, kind.picture(values), choice)
        assert best is not None
        scores, evens, ranks = self._judge.of(best, choice)
        return Ascent(
            self._shown(best.pictures), scores, start, evens, ranks, self._opacity(care, len(objectives)),
            among=self._judge.among, precision=self.precision, batch=len(objectives),
        )  # fmt: skip

    def _walk(
        self, side: int, values: Any, draws: list[Any], choice: Choice, yielded: bool
    ) -> tuple[list[Any], Tensor | None]:
        """All steps at one side of the canvas: the values at the recipe's checkpoints, the last ones last; and how much
        the steps cared for each pixel, (n, side, side), where the recipe asks for it.
        """
        ops, recipe = self._ops, self._recipe
        moves = [Moves.drawn(recipe, draw, side, recipe.steps) for draw in draws]
        warps, rolls = (np.stack([getattr(one, name) for one in moves], 1) for name in ("warps", "rolls"))
        looked_at = [recipe.steps - back * max(recipe.steps // 8, 1) for back in reversed(range(recipe.checkpoints))]
        state, looked = first_state(ops, recipe, values), []
        highest, kept, care = None, values, None
        for number in range(recipe.steps):
            step = self._steps.at(side, yielded=yielded and number < YIELDING_STEPS)
            moved = ops.tensor(warps[number]), ops.tensor(rolls[number])
            values, state, height, cared = step(values, state, ops.tensor(float(number)), *moved, choice)
            if recipe.transparency:
                care = cared if care is None else care + cared
            if recipe.keep_best:
                highest, kept = _higher(ops, height, values, highest, kept)
            if number + 1 in looked_at:
                looked.append(kept if recipe.keep_best else values)
        return looked, care

    def _sides(self) -> list[int]:
        """The sides of the canvas at each scale."""
        if self._recipe.size == 0 or self.stage.fed is not None:
            return [self.stage.canvas] * self._recipe.scales
        return sides(self._recipe)[: self._recipe.scales]

    def _shown(self, pictures: Array) -> Any:
        if self._recipe.canvas == "raw":
            return displayed(pictures, self._recipe)
        shown = np.nan_to_num(centre(pictures, self.stage.tile))  # broken weights make broken pictures: black
        return as_rgb((shown * 255 + 0.5).astype(np.uint8))

    def _opacity(self, care: Tensor | None, count: int) -> Any:
        if care is None:
            return np.zeros((count, 0, 0), np.uint8)
        return opacity(centre(self._ops.array(care)[..., None], self.stage.tile)[..., 0])

    # -- time

    def _seconds_a_step(self, precision: str) -> float:
        """The quickest of a few steps of a full batch, in seconds, after those that trace and warm up."""
        ops = self._ops
        side = self._sides()[-1]
        objectives = [self._objective] * self.batch
        choice = self._heights.choice(objectives)
        kind = self._steps.parameters(side)
        draw = np.random.default_rng(0)
        values = ops.tensor(np.stack([kind.start(draw) for _ in objectives]))
        moves = [Moves.drawn(self._recipe, draw, side, 1) for _ in objectives]
        arguments = [np.concatenate([getattr(one, name) for one in moves]) for name in ("warps", "rolls")]
        state, taken = first_state(ops, self._recipe, values), []
        with ops.computing(precision):
            for _ in range(TRIED_STEPS + 1):
                began = time.perf_counter()
                made = self._steps.at(side, yielded=False)(
                    values, state, ops.tensor(0.0), *map(ops.tensor, arguments), choice
                )
                ops.array(made[2])
                taken.append(time.perf_counter() - began)
        return min(taken[1:])

    def _words(self) -> str:
        """What a decision about precision is about."""
        form = [f"{kind} {layer}" for kind, layer in self._objective.form]
        size = replace(self._recipe, name="", steps=0, source="", seeds=1, checkpoints=1)
        return digest(self._card.digest, form, self.stage.canvas, size)


def _better(made: Ascent, other: Ascent, places: Sequence[int]) -> Ascent:
    """`made` with those of `other`, standing for `places`, that scored higher or are numbers at last."""
    taken = [
        (place, index)
        for index, place in enumerate(places)
        if other.scores[index] > made.scores[place] or not np.isfinite(made.scores[place])
    ]
    return made.with_some(other, taken)


def _higher(ops: Ops, height: Tensor, values: Tensor, highest: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The best height of every picture so far, and the values that the step after it made."""
    if highest is None:
        return height, values
    better = height > highest
    return ops.where(better, height, highest), ops.where(better[:, None, None, None], values, kept)
