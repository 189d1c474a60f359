"""Which convolution makes each channel of a layer, and which read it: the circuits of a network, by its wiring alone.

Activations, normalizations and poolings keep channels apart, so a channel behind them is still that of the convolution
before; a sum has the channels of all that it adds, a concatenation those of one after the other (Cammarata et al. 2020).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.network.layers import MERGES

MIXING = ("Conv2D", "SeparableConv2D", "Conv2DTranspose", "DepthwiseConv2D", "Dense")
APART = (
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "BatchNormalization", "Dropout", "SpatialDropout2D", "GaussianNoise",
    "GaussianDropout", "ActivityRegularization", "Identity", "LayerScale", "StochasticDepth", "AlphaDropout", "Relu",
    "Relu6", "Sigmoid", "Tanh", "Gelu", "Silu", "HardSigmoid", "HardSilu", "Cast", "MaxPooling2D", "AveragePooling2D",
    "GlobalAveragePooling2D", "GlobalMaxPooling2D", "UpSampling2D", "ZeroPadding2D", "Cropping2D", "Rescaling", "Resizing",
    "LayerNormalization", "GroupNormalization", "UnitNormalization",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Channels `start` ... `start + count - 1` of a layer are those of the layer `source`, from its channel `first` on."""

    start: int
    count: int
    source: str
    first: int = 0


class Circuits:
    """The convolutions and dense layers of a card, and the channels that lead from one to the next."""

    def __init__(self, card: ModelCard) -> None:
        self._layers = {layer.path: layer for layer in card.layers}
        self._runs = cache(self._traced)
        for layer in card.layers:  # in their order, so that of a thousand each asks only the one before it
            self._runs(layer.path)
        self.mixing = [layer for layer in card.layers if layer.kind in MIXING and layer.units]

    def made_by(self, path: str, unit: int) -> list[tuple[str, int]]:
        """The (layer, unit) of every convolution whose channel this unit is, several where branches were added."""
        return [
            (run.source, run.first + unit - run.start)
            for run in self._runs(path)
            if run.start <= unit < run.start + run.count
        ]

    def maker(self, path: str) -> str | None:
        """The one layer whose units these are, one by one; None where several make them, or nobody knows."""
        runs = self._runs(path)
        whole = len(runs) == 1 and (runs[0].start, runs[0].first) == (0, 0)
        return runs[0].source if whole and runs[0].count == self._layers[path].units else None

    def read_by(self, path: str) -> tuple[str, int] | None:
        """What a mixing layer reads: the layer below it, and how many channels that has; None for several, or none."""
        inputs = self._layers[path].inputs
        if len(inputs) != 1:
            return None
        below = self._layers.get(inputs[0])
        while below is not None and below.kind in ("Flatten", "Dropout") and len(below.inputs) == 1:
            below = self._layers.get(below.inputs[0])
        return (below.path, below.units) if below is not None and below.units else None

    def readers(self, source: str, unit: int) -> Iterator[tuple[str, int]]:
        """(mixing layer, channel): the layers that read this unit of a convolution, and as which of their channels."""
        for layer in self.mixing:
            below = self.read_by(layer.path)
            for run in self._runs(below[0]) if below else ():
                if run.source == source and run.first <= unit < run.first + run.count:
                    yield layer.path, run.start + unit - run.first

    def _traced(self, path: str) -> Sequence[Run]:
        layer = self._layers.get(path)
        if layer is None or not layer.units:
            return ()
        if layer.kind in MIXING:
            return (Run(0, layer.units, path),)
        below = [self._layers[one] for one in layer.inputs if one in self._layers]
        if not below or len(below) != len(layer.inputs):
            return ()
        if layer.kind == "Concatenate":
            return self._joined(layer, below)
        if layer.kind in MERGES:
            same = [one for one in below if one.units == layer.units and len(one.shape) == len(layer.shape)]
            return tuple(dict.fromkeys(run for one in same if _sized(one, layer) for run in self._runs(one.path)))
        if layer.kind in APART and len(below) == 1 and below[0].units == layer.units:
            return tuple(self._runs(below[0].path))
        return ()

    def _joined(self, layer: LayerInfo, below: Sequence[LayerInfo]) -> Sequence[Run]:
        if sum(one.units for one in below) != layer.units:  # along another axis
            return ()
        runs, start = [], 0
        for one in below:
            runs += [Run(start + run.start, run.count, run.source, run.first) for run in self._runs(one.path)]
            start += one.units
        return tuple(runs)


def _sized(one: LayerInfo, other: LayerInfo) -> bool:
    """Are their maps of one size? A branch of one cell only weighs the channels (squeeze-and-excite)."""
    return one.shape[:-1] == other.shape[:-1]
