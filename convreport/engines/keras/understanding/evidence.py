"""How pictures become a Keras model's input: said by the user, known, seen in the model, or decided by evidence."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.card import LayerInfo
from convreport.core.network.preprocessing import Preprocessing
from convreport.engines.keras import runtime
from convreport.engines.keras.reading import catalog
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.graph import Wiring
from convreport.engines.keras.wiring.probe import Reached, has_preactivation, probing
from convreport.engines.request import Request
from convreport.engines.shared.evidence import Remembered, decided, mode, said

INSIDE = ("Rescaling", "Normalization")
ARITHMETIC = ("Divide", "TrueDivide", "Subtract", "Multiply")  # keras.ops on the picture alone: preprocessing by hand


def preprocessing(
    model: Any, wiring: Wiring, feed: Feed, found: Sequence[LayerInfo], request: Request
) -> Preprocessing:
    """What pictures become, and in `why` the reason in words."""
    if request.preprocess != "auto":
        return said(request, feed.input[2])
    application = catalog.find(request.arch or request.source) if not request.live else None
    if application is not None:
        return mode(application.preprocessing, f"what {application.name} was trained with")
    if inside := _inside(found):
        return mode("none", f"the model begins with a {inside} of its own")
    names = [str(model.name), *(str(one.name) for one in wiring.operations if hasattr(one, "layers"))]
    for name in names:
        application = catalog.namesake(name)
        if application is not None and feed.input[2] == 3:
            whose = "the model calls itself" if name == names[0] else "it holds a network that calls itself"
            return mode(application.preprocessing, f"{whose} {name}, and {application.name} was trained with it")
    return decided(KerasWitness(wiring, feed))


def _inside(found: Sequence[LayerInfo]) -> str:
    """What scales the picture inside the model, before the first layer that learned something; "" if nothing does."""
    for layer in found:
        if layer.kind in INSIDE or (layer.kind in ARITHMETIC and len(layer.inputs) == 1):
            return f"{layer.kind} layer" if layer.kind in INSIDE else f"keras.ops {layer.kind.lower()}"
        if layer.params and layer.reads_picture:
            return ""
    return ""


class KerasWitness:
    """Witness of `engines.shared.evidence`."""

    def __init__(self, wiring: Wiring, feed: Feed) -> None:
        self._wiring, self._feed = wiring, feed
        self.size = feed.input

    def normalization(self) -> Remembered | None:
        """The first BatchNormalization, and the layer it reads."""
        calls = {call.path: call for call in self._wiring.calls}
        norm = next((call for call in calls.values() if type(call.operation).__name__ == "BatchNormalization"), None)
        if norm is None or len(norm.inputs) != 1:
            return None
        source = norm.inputs[0]
        given = type(calls[source].operation).__name__ == "InputLayer"
        mean, variance = (np.asarray(getattr(norm.operation, f"moving_{one}").numpy()) for one in ("mean", "variance"))
        return Remembered(norm.path, "" if given else source, mean, variance)

    def biases(self) -> tuple[str, Array] | None:
        """Of the first layer with a kernel that slides."""
        first = next((call for call in self._wiring.calls if hasattr(call.operation, "kernel_size")), None)
        bias = getattr(first.operation, "bias", None) if first is not None else None
        return None if first is None or bias is None else (first.path, np.asarray(bias.numpy()))

    def maps(self, path: str, pictures: Array, *, before: bool = False) -> Array | None:
        """What a layer gives; None where it is not reached."""
        tf = runtime.tensorflow()
        call = next(one for one in self._wiring.calls if one.path == path)
        pre = [call] if before and has_preactivation(call.operation) else []
        outs = [] if pre else [call]
        with probing(outs, pre=pre, stop=True, operations=self._wiring.operations) as taps, suppress(Reached):
            self._feed.run(tf.constant(pictures))
        value = {**taps.outputs, **taps.pre}.get(path)
        if value is None or value.shape.rank != 4:
            return None
        maps = np.asarray(tf.cast(value, tf.float32), np.float64)
        return maps.transpose(0, 2, 3, 1) if call.channels_first else maps

    def thousand(self, pictures: Array) -> Array | None:
        """The answers where the only output is ImageNet's classes."""
        if len(self._wiring.shapes) != 1 or self._wiring.shapes[0] != (catalog.CLASSES,):
            return None
        tf = runtime.tensorflow()
        return np.asarray(tf.cast(self._feed.run(tf.constant(pictures))[0], tf.float32), np.float64)
