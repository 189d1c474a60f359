"""What a picture is worth: its score under fixed warps, at equal contrast, and how its unit stands among the others."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convreport.core.ascent.ops import Choice, Heights, Ops, Tensor
from convreport.core.ascent.recipes import Recipe
from convreport.core.ascent.stage import Stage, centre, preprocessed
from convreport.core.ascent.transforms import warps
from convreport.core.base.kinds import Array

WARPS = Recipe("judge", rotate=10.0, zoom=0.1, shift=1 / 16)  # what a picture must bear, whatever its own recipe
RAW_WARPS, EVEN_WARPS = 3, 1  # beside the plain picture
EVEN = 0.18  # the standard deviation, over its channels, at which pictures are compared


@dataclass
class Judged:
    """The best pictures so far, canvases (n, side, side, channels), and their robust scores."""

    pictures: Array
    scores: Array


class Judge:
    """Scores canvases always in float32, whatever they were climbed in."""

    def __init__(self, ops: Ops, stage: Stage, heights: Heights, compiled: Callable[[Any], Any]) -> None:
        self._ops, self._stage, self._heights = ops, stage, heights
        self._height = compiled(lambda fed, choice: heights.of(fed, choice))
        self._every = compiled(heights.every)
        self._raw = stage.recipe.canvas == "raw"
        self.among = 0  # units, or classes, that were compared

    def plain(self, pictures: Any, choice: Choice) -> Array:
        """The objectives of the pictures as they are shown."""
        return self._ops.array(self._height(self._seen(pictures), choice))

    def better(self, before: Judged | None, pictures: Any, choice: Choice) -> Judged:
        """These pictures, or those from before where they were better."""
        now = Judged(np.array(self._ops.array(pictures)), self._robust(pictures, choice))
        if before is None:
            return now
        worse = ~(now.scores > before.scores) & np.isfinite(before.scores)
        now.pictures[worse], now.scores[worse] = before.pictures[worse], before.scores[worse]
        return now

    def of(self, judged: Judged, choice: Choice) -> tuple[Array, Array, Array]:
        """(robust scores, scores at equal contrast, ranks) of pictures; NaN and 0 where that has no meaning.

        The rank, from 1, is that of the picture's own unit among all units of its layer by their answers to it.
        """
        array = self._ops.array
        count = len(judged.scores)
        nothing = np.full(count, np.nan, np.float32), np.zeros(count, np.int64)
        even = self._even(judged.pictures)
        if even is None:
            return judged.scores, *nothing
        seen = [even, *(self._warp(even, place) for place in range(EVEN_WARPS))]
        fed = [preprocessed(self._stage.card, one) for one in seen]
        if len(choice) > 1 or len(choice[0][0].shape) > 1:  # sums and directions have no others to be compared with
            return judged.scores, np.mean([array(self._height(one, choice)) for one in fed], axis=0), nothing[1]
        every = np.mean([array(self._every(one)) for one in fed], axis=0)
        every = every * array(choice[0][1])[:, None]
        self.among = every.shape[1]
        own = every[np.arange(count), array(choice[0][0])]
        return judged.scores, own, 1 + (every > own[:, None]).sum(1)

    def seconds(self, choice: Choice) -> float:
        """About how long a batch takes to be judged, measured on grey canvases."""
        stage, count = self._stage, int(choice[0][1].shape[0])
        pictures = np.full((count, stage.canvas, stage.canvas, stage.card.input[2]), 0.5, np.float32)
        self.plain(pictures, choice)
        began = time.perf_counter()
        self.plain(pictures, choice)
        return (time.perf_counter() - began) * (3 + RAW_WARPS + EVEN_WARPS)

    def _robust(self, pictures: Tensor, choice: Choice) -> Array:
        """Mean objective over the plain picture and fixed warps of it: what works pixel for pixel only loses.

        The published recipes of raw canvases are scored as published, on the plain canvas.
        """
        scores = [self.plain(pictures, choice)]
        if not self._raw:
            shown = self._shown(pictures)
            for place in range(RAW_WARPS):
                scores.append(self._ops.array(self._height(self._fed(self._warp(shown, place)), choice)))
        return np.asarray(np.mean(scores, axis=0), np.float32)

    def _seen(self, pictures: Any) -> Any:
        return self._stage.input_of(pictures) if self._raw else self._fed(self._shown(pictures))

    def _shown(self, pictures: Any) -> Any:
        return centre(self._ops.tensor(pictures), self._stage.judged)

    def _fed(self, shown: Any) -> Any:
        return preprocessed(self._stage.card, shown)

    def _even(self, pictures: Array) -> Any:
        """The pictures shown, at mean 0.5 and one standard deviation over their channels, clipped to 0..1."""
        card = self._stage.card
        if self._raw:
            if card.preprocessing.called:
                return None
            pictures = card.preprocessing.undo(pictures) / 255
        shown = np.asarray(centre(pictures, self._stage.judged), np.float32)
        centred = shown - shown.mean((1, 2, 3), keepdims=True)
        spread = centred.std((1, 2, 3), keepdims=True) + 1e-6
        return self._ops.tensor(np.clip(centred / spread * EVEN + 0.5, 0, 1))

    def _warp(self, shown: Any, place: int) -> Any:
        """The fixed warp of that number, of a whole batch."""
        height, width = int(shown.shape[1]), int(shown.shape[2])
        if height != width:  # only inputs of a fixed shape that is no square: their pictures are scored as they are
            return shown
        rows = warps(WARPS, np.random.default_rng(0), height, RAW_WARPS)[place]
        return self._ops.warp(shown, self._ops.tensor(np.repeat(rows[None], int(shown.shape[0]), 0)), height)
