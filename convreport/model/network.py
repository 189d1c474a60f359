"""KerasNetwork: the narrow waist. Kernels, looks and ascents of a loaded model, which is never changed."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from convreport.core.errors import ModelError
from convreport.core.samples import fit as fit_sample
from convreport.core.types import Array, Ascent, Look, ModelCard, Objective, Recipe, Sample, Targets
from convreport.model import graph, runtime
from convreport.model.ascent import Climb
from convreport.model.load import Loaded
from convreport.model.probe import Reached, Taps, has_preactivation, probing

FREE_SIDE = 224  # pixels: what pictures are fitted to where the model takes any size


class KerasNetwork:
    """A loaded Keras model behind the Network protocol."""

    def __init__(self, loaded: Loaded) -> None:
        self.card: ModelCard = loaded.card
        self._model = loaded.model
        found, ends = graph.calls(loaded.model)
        self._calls = {call.path: call for call in found}
        self._end = ends[0]
        self._operations = graph.operations(loaded.model)
        self._climbs: dict[tuple[str, Recipe], Climb] = {}

    def kernels(self, layer: str) -> Array:
        """The kernel of a convolution, float32 (height, width, input channels, units), as trained."""
        operation = self._calls[layer].operation
        kernel = getattr(operation, "kernel", None)
        if kernel is None:
            kernel = operation.depthwise_kernel
        return np.asarray(kernel.numpy(), np.float32)

    def look(self, samples: Sequence[Sample], layers: Sequence[str], *, fit: str, targets: Targets | None) -> Look:
        """Activations of `layers` for each sample; with `targets`, also scores and gradients with respect to them.

        Raises ModelError where a score does not depend on a layer: a missing gradient is never a blank map.
        """
        tf = runtime.tensorflow()
        inputs = tf.constant(np.stack([self._input(sample, fit) for sample in samples]))
        if targets is None:
            taps = self._run(inputs, layers)
            empty = np.zeros((len(samples), 0), np.float32)
            return Look(_arrays(taps), {}, empty, empty, empty.astype(np.int64))
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            taps = self._run(inputs, layers, tape=tape)
            logits, probabilities = self._scores(taps)
            shown = _targets(targets, np.asarray(probabilities))
            scored = probabilities if targets.score == "probability" else logits
            picked = [tf.reduce_sum(tf.gather(scored, shown[:, k], batch_dims=1)) for k in range(shown.shape[1])]
        gradients: dict[str, Array] = {}
        for layer in layers:
            per_target = [tape.gradient(score, taps.outputs[layer]) for score in picked]
            if any(gradient is None for gradient in per_target):
                raise ModelError(
                    f"The class scores of {self.card.name} do not depend on the layer {layer}.",
                    "Choose a layer between the input and the classifier.",
                )
            gradients[layer] = np.stack([np.asarray(gradient, np.float32) for gradient in per_target], 1)
        return Look(_arrays(taps), gradients, np.asarray(logits), np.asarray(probabilities), shown)

    def ascend(self, objectives: Sequence[Objective], recipe: Recipe, seed: int) -> Ascent:
        """Pictures that drive the units of one layer, by `recipe`; a tile does not depend on its company."""
        layer = objectives[0].layer
        key = (layer, recipe)
        if key not in self._climbs:
            self._climbs.clear()  # one traced layer at a time is enough, and bounds the memory
            self._climbs[key] = Climb(self._model, self._calls[layer], self.card, recipe, self._operations)
        return self._climbs[key].run([objective.unit for objective in objectives], seed)

    def _input(self, sample: Sample, fit: str) -> Array:
        height, width, channels = self.card.input
        pixels = fit_sample(sample, (height or FREE_SIDE, width or FREE_SIDE), fit)
        if channels == 1:
            pixels = (pixels @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
        return np.asarray(self.card.preprocessing.apply(pixels), np.float32)

    def _run(self, inputs: Any, layers: Sequence[str], *, tape: Any = None) -> Taps:
        """One forward pass that notes the layers; all the way to the scores where a tape is given."""
        end = self._calls[self._end]
        heads = [end] if tape is not None and has_preactivation(end.operation) else []
        wanted = [self._calls[path] for path in layers]
        if tape is not None and end not in wanted:
            wanted.append(end)
        with (
            probing(
                wanted,
                pre=heads,
                watch=None if tape is None else tape.watch,
                stop=tape is None,
                operations=self._operations,
            ) as taps,
            suppress(Reached),
        ):
            self._model.call(inputs, training=False)
        if missing := set(layers) - set(taps.outputs):
            raise ModelError(f"{self.card.name} never ran the layer {min(missing)}.", "Choose another layer.")
        return taps

    def _scores(self, taps: Taps) -> tuple[Any, Any]:
        """Logits, rebuilt from before the softmax or sigmoid, and probabilities; both (n, classes)."""
        tf = runtime.tensorflow()
        output = taps.outputs[self._end]
        logits = tf.reshape(taps.pre.get(self._end, output), tf.shape(output))
        if self.card.head == "logits":
            return logits, tf.nn.softmax(logits)
        return logits, output


def _targets(targets: Targets, probabilities: Array) -> np.ndarray:
    """The class indices to explain, (n, k): each sample's likeliest, then the asked ones."""
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, : targets.top]
    asked = np.tile(np.array(targets.classes, np.int64), (len(probabilities), 1))
    return np.concatenate([top, asked], axis=1).astype(np.int64)


def _arrays(taps: Taps) -> dict[str, Array]:
    return {path: np.asarray(value, np.float32) for path, value in taps.outputs.items()}
