"""The narrow waist: kernels, looks, surveys and ascents of a loaded model, which is never changed, by its forward pass."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from convreport.core.ascent.climb import Climb, Engine
from convreport.core.ascent.objectives import Objective
from convreport.core.ascent.outcome import Ascent
from convreport.core.ascent.precision import Decisions
from convreport.core.ascent.recipes import Recipe
from convreport.core.ascent.stage import preprocessed
from convreport.core.base.errors import ModelError
from convreport.core.base.kinds import Array, Pixels
from convreport.core.network.card import ModelCard
from convreport.core.network.kernels import Kernel
from convreport.core.pictures.fitting import planes_for, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Answering, Look, Means, Responses, Targets
from convreport.engines.code import rests_on
from convreport.engines.shared import heads
from convreport.engines.shared.forward import Forward, Passed, Weight
from convreport.engines.shared.heights import LayerHeights
from convreport.engines.shared.observe import observing

BATCH = 8  # pictures that are asked at a time
ROOM = 2e9  # bytes for the answers of all layers, which may be held until a pass has ended, and for their gradients


class EngineNetwork:
    """A loaded model behind the Network protocol."""

    def __init__(self, forward: Forward, means: Means) -> None:
        self.card: ModelCard = forward.card
        engine = self.card.engine
        self.rests_on, self.beside = rests_on(engine), forward.beside
        self._forward, self._ops, self._memory = forward, forward.ops, means.memory
        self._decisions = Decisions(means.precision, means.decisions, self._ops.shorter)
        self._climbs: dict[tuple[Any, Recipe], Climb] = {}
        self._observers: dict[tuple[tuple[str, ...], bool], Any] = {}

    def kernels(self, layer: str) -> Array:
        """The kernel of a convolution, float32 (height, width, input channels, units), as trained."""
        return self._forward.kernels(layer)

    def kernel(self, layer: str) -> Kernel | None:
        """The weights by which a convolution or dense layer mixes channels; None for a layer of another kind."""
        return self._forward.kernel(layer)

    def observe(
        self, planes: Array, layers: Sequence[str], *, raw: bool = False, settled: bool = False
    ) -> Mapping[str, Responses]:
        """What the units of `layers` answer to pictures as `read` gives them, by one pass that is prepared once; `settled`
        with the weights as they were then, which takes longer to prepare and is quicker.

        Raises ModelError where a layer was not run. `raw` pictures are fed as they are. NaN and infinity are let through.
        """
        asked = tuple(layers), settled
        if asked not in self._observers:
            self._observers.clear()
            self._observers[asked] = observing(self._forward, asked[0], settled=settled)
        return dict(self._observers[asked](self._fed(planes, raw=raw)))

    def settled(self, layers: Sequence[str], plain: Sequence[str] = ()) -> Answering:
        """The same as a function, prepared with the weights as they are now, quicker: of the layers `plain` it tells the
        maps alone, of the others no shares of positions (`positive`, `full`); what is not told is empty.
        """
        ask = observing(self._forward, tuple(layers), frozenset(plain), settled=True, shares=False)
        return lambda planes, raw: ask(self._fed(planes, raw=raw))

    def look(self, samples: Sequence[Sample], layers: Sequence[str], *, fit: str, targets: Targets | None) -> Look:
        """Activations of `layers` for each sample; with `targets`, also scores and gradients with respect to them.

        Raises ModelError where a score does not depend on a layer (a missing gradient is never a blank map), or where the
        network returns no number.
        """
        ops = self._ops
        inputs = ops.tensor(np.stack([self._input(sample, fit) for sample in samples]))
        if targets is None:
            passed = self._forward.run(inputs, layers)
            self._must_have_run(passed, layers)
            empty = np.zeros((len(samples), 0), np.float32)
            return Look(self._maps(passed.outputs, layers), {}, empty, empty, empty.astype(np.int64))
        found: dict[str, Array] = {}

        def picked(passed: Passed) -> list[Any]:
            self._must_have_run(passed, layers)
            scores, probabilities = self._scores(passed)
            found.update(scores=ops.array(scores), probabilities=ops.array(probabilities))
            _must_be_numbers(found["scores"], f"{self.card.name} responds")
            found["shown"] = _targets(targets, found["probabilities"], self.card)
            scored = probabilities if targets.score == "probability" and not self.card.dense else scores
            return [ops.sum(ops.pick(scored, ops.tensor(column)), [0]) for column in found["shown"].T]

        passed, slopes = self._forward.derived(inputs, layers, picked)
        gradients: dict[str, Array] = {}
        for layer in layers:
            if any(gradient is None for gradient in slopes[layer]):
                raise ModelError(
                    f"The class scores of {self.card.name} do not depend on the layer {layer}, or not by a gradient.",
                    "Choose a layer between the input and the classifier with --cam-layer.",
                )
            gradients[layer] = np.stack([self._map(layer, gradient) for gradient in slopes[layer]], 1)
        dense = self.card.dense
        regions = heads.regions(self.card, self._plain(passed.answers[self._forward.output])) if dense else None
        return Look(
            self._maps(passed.outputs, layers), gradients,
            found["scores"], found["probabilities"], found["shown"], regions,
        )  # fmt: skip

    def read(self, sample: Sample, fit: str) -> Array:
        """What the network reads of a picture: float32 (height, width, channels) in 0..255, before its preprocessing."""
        height, width = sample.pixels.shape[:2]
        return planes_for(sample, size_for(self.card.input, (height, width)), fit, self.card.input[2])

    def answer(self, planes: Array, *, raw: bool = False) -> tuple[Array, Array]:
        """Scores and probabilities, float32 (n, classes), for pictures as `read` gives them, some at a time.

        `raw` pictures are fed as they are. Raises ModelError where the network returns no number.
        """
        parts = [self._scored(self._ops.tensor(self._fed(some, raw=raw))) for some in self._in_batches(planes)]
        scores, probabilities = (np.concatenate([self._ops.array(part[which]) for part in parts]) for which in (0, 1))
        _must_be_numbers(scores, f"{self.card.name} responds")
        return scores, probabilities

    def slope(self, planes: Array, index: int, *, raw: bool = False) -> Array:
        """The derivative of a class's score with respect to pictures as `read` gives them, float32 of their shape.

        Raises ModelError where no gradient passes the preprocessing or the network.
        """

        def score(pictures: Any) -> tuple[Any, None]:
            scores, _ = self._scored(pictures if raw else preprocessed(self.card, pictures / 255))
            return self._ops.sum(scores[:, index], [0]), None

        slopes = [self._ops.slope(score, self._ops.tensor(some))[1] for some in self._in_batches(planes)]
        if any(one is None for one in slopes):
            raise ModelError(f"No gradient leads from the scores of {self.card.name} to its input.")
        return np.concatenate([np.asarray(self._ops.array(one), np.float32) for one in slopes])

    @contextmanager
    def scrambled(self, share: float, seed: int) -> Iterator[None]:
        """For the length of the block that share of the layers with weights, from the top down, have theirs shuffled.

        The trained weights are kept in memory and put back whatever happens. Each tensor keeps its values and loses their
        places, so that activations stay of their size. A larger share shuffles the same layers in the same way, and more.
        """
        owners = list(self._forward.weights())[::-1]
        kept: list[tuple[Weight, Array]] = []
        try:
            for place, owner in enumerate(owners[: math.ceil(share * len(owners))]):
                for number, weight in enumerate(owner):
                    trained = weight.read()
                    kept.append((weight, trained))
                    shuffled = trained.ravel().copy()
                    np.random.default_rng([seed, place, number]).shuffle(shuffled)
                    weight.assign(shuffled.reshape(trained.shape))
            yield
        finally:
            for weight, trained in reversed(kept):  # a tensor that two layers share was kept twice
                weight.assign(trained)

    def ascend(self, objectives: Sequence[Objective], recipe: Recipe, seed: int) -> Ascent:
        """Pictures that drive each objective, by `recipe`; all of one form. A tile does not depend on its company.

        Raises ModelError where nothing can be climbed there.
        """
        return self._climb(objectives[0], recipe).run(objectives, seed)

    def peaks(self, pictures: Pixels, layer: str, units: Sequence[int]) -> Array | None:
        """The highest value anywhere on picture i of unit i of a layer's output, float32 (n,).

        `pictures` as an Ascent has them. None where they are not of the size that the layer needs.
        """
        height, width, channels = self.card.input
        pictures = pictures[..., :1] if channels == 1 else pictures  # gray ones come in three equal planes
        if not self._forward.takes_any_size(layer) and (height, width) != pictures.shape[1:3]:
            return None
        inputs = self._ops.tensor(self._fed(pictures.astype(np.float32), raw=False))
        passed = self._forward.run(inputs, [layer])
        maps = self._plain(self._forward.folded(layer, passed.outputs[layer]))
        return np.array([maps[place, ..., unit].max() for place, unit in enumerate(units)])

    def pace(self, objective: Objective, recipe: Recipe) -> float:
        """About how many seconds one picture of such an objective takes in a full batch, measured on a few steps."""
        climb = self._climb(objective, recipe)
        return climb.seconds_a_batch() / climb.batch

    def _climb(self, objective: Objective, recipe: Recipe) -> Climb:
        key = (objective.form, recipe)
        if key not in self._climbs:
            self._climbs.clear()  # one prepared layer at a time is enough, and bounds the memory
            heights = LayerHeights(self._forward, objective, preactivation=recipe.preactivation, border=recipe.border)
            engine = Engine(self._ops, heights, self._forward.takes_any_size)
            self._climbs[key] = Climb(self.card, objective, recipe, engine, self._decisions, self._memory)
        return self._climbs[key]

    def _input(self, sample: Sample, fit: str) -> Array:
        return self._fed(self.read(sample, fit)[None], raw=sample.raw)[0]

    def _fed(self, planes: Array, *, raw: bool) -> Array:
        return planes if raw else np.asarray(self.card.preprocessing.apply(planes), np.float32)

    def _scored(self, inputs: Any) -> tuple[Any, Any]:
        before = [self.card.end] if self._forward.has_before(self.card.end) else []
        return self._scores(self._forward.run(inputs, before=before, whole=True))

    def _scores(self, passed: Passed) -> tuple[Any, Any]:
        before = passed.before.get(self.card.end)
        return heads.scored(self._ops, self.card, passed.answers[self._forward.output], before)

    def _must_have_run(self, passed: Passed, layers: Sequence[str]) -> None:
        if missing := set(layers) - set(passed.outputs):
            raise ModelError(f"{self.card.name} never ran the layer {min(missing)}.", "Choose another layer.")

    def _plain(self, value: Any) -> Array:
        return self._ops.array(self._ops.number(value))

    def _maps(self, values: Mapping[str, Any], layers: Sequence[str]) -> dict[str, Array]:
        return {path: self._map(path, values[path]) for path in layers}

    def _in_batches(self, planes: Array) -> Iterator[Array]:
        """Some pictures at a time, as many as there is room for what all layers answer to them."""
        size = min(BATCH, max(int(ROOM / bytes_held(self.card, planes.shape[1] * planes.shape[2])), 1))
        for first in range(0, len(planes), size):
            yield planes[first : first + size]

    def _map(self, path: str, value: Any) -> Array:
        """What passed a layer, float32, channels last, tokens folded to their grid; ModelError where it is no number."""
        maps = self._plain(self._forward.folded(path, value))
        _must_be_numbers(maps, f"The layer {path} of {self.card.name} responds")
        return maps


def bytes_held(card: ModelCard, area: int) -> int:
    """About what all layers answer to a picture of so many pixels, in float32, and as much again for the gradients."""
    numbers = 0.0
    for layer in card.layers:
        cells = float(prod(side for side in layer.shape[:-1] if side))
        if None in layer.shape[:-1]:
            cells = area / (prod(layer.receptive_field.stride) or 64 if layer.receptive_field is not None else 64)
        numbers += cells * (layer.shape[-1] or 1) if layer.shape else 0
    return int(numbers * 4 * 2) or 1


def _must_be_numbers(values: Array, whose: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(
            f"{whose} with NaN or infinity to this picture.",
            "`convreport doctor` shows whether its weights are valid; --preprocess, whether it is fed as it was trained.",
        )


def _targets(targets: Targets, probabilities: Array, card: ModelCard) -> np.ndarray:
    """The class indices to explain, (n, k): each sample's likeliest, then the asked ones; of one sigmoid both sides."""
    top = card.classes if card.head == "binary" and targets.top else targets.top
    likely = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    asked = np.tile(np.array(targets.classes, np.int64), (len(probabilities), 1))
    own = np.array(targets.each, np.int64).reshape(len(probabilities), -1)
    return np.concatenate([likely, asked, own], axis=1).astype(np.int64)
