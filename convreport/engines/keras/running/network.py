"""KerasNetwork: the narrow waist. Kernels, looks and ascents of a loaded model, which is never changed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
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
from convreport.core.seam import Look, Means, Responses, Targets
from convreport.engines.code import rests_on
from convreport.engines.keras import runtime
from convreport.engines.keras.load import Loaded
from convreport.engines.keras.running import kernels, observe
from convreport.engines.keras.running.heights import KerasHeights
from convreport.engines.keras.running.ops import TensorFlowOps
from convreport.engines.keras.understanding import heads, reach
from convreport.engines.keras.wiring.folding import folded
from convreport.engines.keras.wiring.probe import Reached, Taps, has_preactivation, probing

BATCH = 8  # pictures that are asked at a time: Keras keeps the answers of all layers until a call has ended


class KerasNetwork:
    """A loaded Keras model behind the Network protocol."""

    def __init__(self, loaded: Loaded, means: Means | None = None) -> None:
        self.card: ModelCard = loaded.card
        self.rests_on = rests_on("keras")
        self.model = loaded.model
        self._understood = loaded.understood
        self._calls = {call.path: call for call in loaded.understood.wiring.calls}
        means = means or Means()
        self._memory = means.memory
        self._ops = TensorFlowOps()
        self._decisions = Decisions(means.precision, means.decisions, self._ops.shorter)
        self._climbs: dict[tuple[Any, Recipe], Climb] = {}
        self._observers: dict[tuple[str, ...], Any] = {}

    def kernels(self, layer: str) -> Array:
        """The kernel of a convolution, float32 (height, width, input channels, units), as trained."""
        operation = self._calls[layer].operation
        kernel = getattr(operation, "kernel", None)
        kernel = np.asarray((operation.depthwise_kernel if kernel is None else kernel).numpy(), np.float32)
        if "Transpose" in type(operation).__name__:
            return kernel.transpose(0, 1, 3, 2)
        if "Depthwise" in type(operation).__name__ or "Separable" in type(operation).__name__:
            return kernel.reshape(*kernel.shape[:2], 1, -1)  # each unit reads one channel
        return kernel

    def kernel(self, layer: str) -> Kernel | None:
        """The weights by which a convolution or dense layer mixes channels; None for a layer of another kind."""
        return kernels.kernel_of(self._calls[layer].operation)

    def observe(self, planes: Array, layers: Sequence[str], *, raw: bool = False) -> Mapping[str, Responses]:
        """What the units of `layers` answer to pictures as `read` gives them, by one pass that is compiled once.

        Raises ModelError where a layer was not run. `raw` pictures are fed as they are. NaN and infinity are let through.
        """
        asked = tuple(layers)
        if asked not in self._observers:
            self._observers.clear()
            self._observers[asked] = observe.compiled(self.card, self._understood.wiring, self._understood.feed, asked)
        return dict(self._observers[asked](self._fed(planes, raw=raw)))

    def look(self, samples: Sequence[Sample], layers: Sequence[str], *, fit: str, targets: Targets | None) -> Look:
        """Activations of `layers` for each sample; with `targets`, also scores and gradients with respect to them.

        Raises ModelError where a score does not depend on a layer (a missing gradient is never a blank map), or where the
        network answers with no number.
        """
        tf = runtime.tensorflow()
        inputs = tf.constant(np.stack([self._input(sample, fit) for sample in samples]))
        if targets is None:
            taps, _ = self._run(inputs, layers)
            empty = np.zeros((len(samples), 0), np.float32)
            return Look(self._maps(taps.outputs, layers), {}, empty, empty, empty.astype(np.int64))
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            taps, outputs = self._run(inputs, layers, whole=True, tape=tape)
            scores, probabilities = heads.scored(
                self.card, outputs[self._understood.output], taps.pre.get(self.card.end)
            )
            _must_be_numbers(np.asarray(scores), f"{self.card.name} answers")
            shown = _targets(targets, np.asarray(probabilities), self.card)
            scored = probabilities if targets.score == "probability" and not self.card.dense else scores
            picked = [tf.reduce_sum(tf.gather(scored, shown[:, k], batch_dims=1)) for k in range(shown.shape[1])]
        gradients: dict[str, Array] = {}
        for layer in layers:
            per_target = [tape.gradient(score, taps.outputs[layer]) for score in picked]
            if any(gradient is None for gradient in per_target):
                raise ModelError(
                    f"The class scores of {self.card.name} do not depend on the layer {layer}, or not by a gradient.",
                    "Choose a layer between the input and the classifier with --cam-layer.",
                )
            gradients[layer] = np.stack([self._map(layer, gradient) for gradient in per_target], 1)
        activations = self._maps(taps.outputs, layers)
        found = heads.regions(self.card, outputs[self._understood.output]) if self.card.dense else None
        return Look(activations, gradients, np.asarray(scores), np.asarray(probabilities), shown, found)

    def read(self, sample: Sample, fit: str) -> Array:
        """What the network reads of a picture: float32 (height, width, channels) in 0..255, before its preprocessing."""
        height, width = sample.pixels.shape[:2]
        return planes_for(sample, size_for(self.card.input, (height, width)), fit, self.card.input[2])

    def answer(self, planes: Array, *, raw: bool = False) -> tuple[Array, Array]:
        """Scores and probabilities, float32 (n, classes), for pictures as `read` gives them, some at a time.

        `raw` pictures are fed as they are. Raises ModelError where the network answers with no number.
        """
        parts = [self._scored(self._fed(some, raw=raw)) for some in _in_batches(planes)]
        scores, probabilities = (np.concatenate([np.asarray(part[which]) for part in parts]) for which in (0, 1))
        _must_be_numbers(scores, f"{self.card.name} answers")
        return scores, probabilities

    def slope(self, planes: Array, index: int, *, raw: bool = False) -> Array:
        """The derivative of a class's score with respect to pictures as `read` gives them, float32 of their shape.

        Raises ModelError where no gradient passes the preprocessing or the network.
        """
        tf = runtime.tensorflow()
        slopes = []
        for some in _in_batches(planes):
            with tf.GradientTape() as tape:
                pictures = tf.constant(some)
                tape.watch(pictures)
                inputs = pictures if raw else preprocessed(self.card, pictures / 255)
                scores, _ = self._scored(inputs)
                score = tf.reduce_sum(scores[:, index])
            gradient = tape.gradient(score, pictures)
            if gradient is None:
                raise ModelError(f"No gradient leads from the scores of {self.card.name} to its input.")
            slopes.append(np.asarray(gradient, np.float32))
        return np.concatenate(slopes)

    @contextmanager
    def scrambled(self, share: float, seed: int) -> Iterator[None]:
        """For the length of the block that share of the layers with weights, from the top down, have theirs shuffled.

        The trained weights are kept in memory and put back whatever happens. Each tensor keeps its values and loses their
        places, so that activations stay of their size. A larger share shuffles the same layers in the same way, and more.
        """
        owners = [
            call.operation for call in self._understood.wiring.calls if getattr(call.operation, "variables", None)
        ]
        distinct = list({id(owner): owner for owner in owners}.values())[::-1]
        kept: list[tuple[Any, Array]] = []
        try:
            for place, owner in enumerate(distinct[: math.ceil(share * len(distinct))]):
                for number, variable in enumerate(owner.variables):
                    if "float" not in str(variable.dtype) or not variable.shape:
                        continue
                    trained = np.asarray(variable)
                    kept.append((variable, trained))
                    shuffled = trained.ravel().copy()
                    np.random.default_rng([seed, place, number]).shuffle(shuffled)
                    variable.assign(shuffled.reshape(trained.shape))
            yield
        finally:
            for variable, trained in reversed(kept):  # a tensor that two layers share was kept twice
                variable.assign(trained)

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
        sizeless = reach.takes_any_size(self.card, self._understood.wiring, layer)
        if not sizeless and (height, width) != pictures.shape[1:3]:
            return None
        inputs = runtime.tensorflow().constant(self._fed(pictures.astype(np.float32), raw=False))
        taps, _ = self._run(inputs, [layer])
        maps = np.asarray(folded(taps.outputs[layer], self._calls[layer], self.card), np.float32)
        return np.array([maps[place, ..., unit].max() for place, unit in enumerate(units)])

    def pace(self, objective: Objective, recipe: Recipe) -> float:
        """About how many seconds one picture of such an objective takes in a full batch, measured on a few steps."""
        climb = self._climb(objective, recipe)
        return climb.seconds_a_batch() / climb.batch

    def _climb(self, objective: Objective, recipe: Recipe) -> Climb:
        key = (objective.form, recipe)
        if key not in self._climbs:
            self._climbs.clear()  # one traced layer at a time is enough, and bounds the memory
            heights = KerasHeights(
                self._understood, objective, preactivation=recipe.preactivation, border=recipe.border
            )
            sizeless = partial(reach.takes_any_size, self.card, self._understood.wiring)
            engine = Engine(self._ops, heights, sizeless)
            self._climbs[key] = Climb(self.card, objective, recipe, engine, self._decisions, self._memory)
        return self._climbs[key]

    def _input(self, sample: Sample, fit: str) -> Array:
        return self._fed(self.read(sample, fit)[None], raw=sample.raw)[0]

    def _fed(self, planes: Array, *, raw: bool) -> Array:
        return planes if raw else np.asarray(self.card.preprocessing.apply(planes), np.float32)

    def _scored(self, inputs: Any) -> tuple[Any, Any]:
        taps, outputs = self._run(runtime.tensorflow().constant(inputs), [], whole=True)
        return heads.scored(self.card, outputs[self._understood.output], taps.pre.get(self.card.end))

    def _run(
        self, inputs: Any, layers: Sequence[str], *, whole: bool = False, tape: Any = None
    ) -> tuple[Taps, list[Any]]:
        """One forward pass that notes the layers, watched by a tape where there is one; but for `whole` it stops at the last."""
        end = self._calls.get(self.card.end)
        heads_ = [end] if whole and end is not None and has_preactivation(end.operation) else []
        outputs: list[Any] = []
        with (
            probing(
                [self._calls[path] for path in layers],
                pre=heads_,
                watch=None if tape is None else tape.watch,
                stop=not whole,
                operations=self._understood.wiring.operations,
            ) as taps,
            suppress(Reached),
        ):
            outputs = self._understood.feed.run(inputs)
        if missing := set(layers) - set(taps.outputs):
            raise ModelError(f"{self.card.name} never ran the layer {min(missing)}.", "Choose another layer.")
        return taps, outputs

    def _maps(self, values: Mapping[str, Any], layers: Sequence[str]) -> dict[str, Array]:
        return {path: self._map(path, values[path]) for path in layers}

    def _map(self, path: str, value: Any) -> Array:
        """What passed a layer, float32, channels last, tokens folded to their grid; ModelError where it is no number."""
        tf = runtime.tensorflow()
        maps = np.asarray(tf.cast(folded(value, self._calls[path], self.card), tf.float32))
        _must_be_numbers(maps, f"The layer {path} of {self.card.name} answers")
        return maps


def _in_batches(planes: Array) -> Iterator[Array]:
    for first in range(0, len(planes), BATCH):
        yield planes[first : first + BATCH]


def _must_be_numbers(values: Array, whose: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(
            f"{whose} with NaN or infinity to this picture.",
            "`convreport doctor` says whether its weights are sound; --preprocess, whether it is fed as it was trained.",
        )


def _targets(targets: Targets, probabilities: Array, card: ModelCard) -> np.ndarray:
    """The class indices to explain, (n, k): each sample's likeliest, then the asked ones; of one sigmoid both sides."""
    top = card.classes if card.head == "binary" and targets.top else targets.top
    likely = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    asked = np.tile(np.array(targets.classes, np.int64), (len(probabilities), 1))
    return np.concatenate([likely, asked], axis=1).astype(np.int64)
