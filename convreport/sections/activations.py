"""What every channel answers to a picture."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.network.card import LayerInfo
from convreport.core.pictures import colour, pixels
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked

COLUMNS = 16
MARGIN = 1


@section
@dataclass(frozen=True)
class Activations:
    """Every channel of a layer tiled, standardized one by one as in the book, and a second sheet with the raw range."""

    tile: int = field(
        default=64, metadata={"help": "longest side of a tile in pixels; 0: as large as the map", "least": 0}
    )

    name: ClassVar[str] = "activations"
    page: ClassVar[PageKind] = "picture"
    batch: ClassVar[int] = 64
    shaped_by: ClassVar[tuple[str, ...]] = (
        "convreport.core.pictures.pixels",
        "convreport.core.pictures.colour",
        "convreport.core.pictures.fitting",
    )
    asks: ClassVar[tuple[Asked, ...]] = ("look",)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Each picture with each layer, by default the telling ones and every pooling."""
        shown = layers.telling_and_pooled(scope.card) if scope.chosen is None else scope.chosen
        return [
            Subject(layer=layer.path, sample=sample.slug)
            for sample in scope.samples
            for layer in shown
            if layers.is_map(layer)
        ]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, and what the picture is turned into."""
        card = scope.card
        return {
            "layer": card.layer(subject.layer or "").digest,
            "sample": scope.sample(subject.sample or "").digest,
            "input": card.input,
            "preprocessing": card.preprocessing.key,
            "fit": scope.fit,
        }

    def group(self, subject: Subject) -> Hashable:
        """One pass a picture."""
        return subject.sample

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "No layer of the chosen ones has an output that is a stack of maps."

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Two sheets a layer, 16 channels a row, and the range and share of silent channels."""
        sample = scope.sample(batch[0].sample or "")
        wanted = [subject.layer or "" for subject in batch]
        look = net.look([sample], wanted, fit=scope.fit, targets=None)
        return [self._tiling(look.activations[path][0], scope.card.layer(path), sample.name) for path in wanted]

    def _tiling(self, response: Array, layer: LayerInfo, picture: str) -> Drawing:
        """`response`: (height, width, channels)."""
        maps = np.ascontiguousarray(response.transpose(2, 0, 1))
        high, low = maps.max((1, 2)), maps.min((1, 2))
        silent = high <= 0 if layer.rectified or _pools_rectified(layer, maps) else np.zeros(len(maps), bool)
        standard, raw = pixels.standardize(maps), pixels.stretch(maps)
        standard[silent], raw[silent] = 0, 0
        height, width = pixels.shrink(standard[:1], self.tile).shape[1:3]
        facts = {
            "channels": len(maps),
            "map": list(maps.shape[1:]),
            "tile": [height, width],
            "columns": min(COLUMNS, len(maps)),
            "margin": MARGIN,
            "silent": [int(channel) for channel in np.flatnonzero(silent)],
            "rectified": bool((low >= 0).all()),
            "least": [short(value) for value in low],
            "most": [short(value) for value in high],
            "mean": [short(value) for value in maps.mean((1, 2))],
        }
        alt = f"What the {len(maps)} channels of {layer.path} answer to {picture}"
        return Drawing(
            (
                self._sheet("tiling", standard, alt, "each channel from -2 (dark) to +2 (light) standard deviations"),
                self._sheet(
                    "raw", raw, alt + ", raw", "each channel from its own minimum (dark) to its maximum (light)"
                ),
            ),
            facts,
        )

    def _sheet(self, name: str, tiles: np.ndarray, alt: str, scale: str) -> Figure:
        painted = colour.paint(pixels.shrink(tiles, self.tile), "viridis")
        sheet = pixels.tile(painted, COLUMNS, margin=MARGIN, ground=(128, 128, 128))
        return Figure(name, sheet, alt, scale=scale, kind="map")


def _pools_rectified(layer: LayerInfo, maps: Array) -> bool:
    """A pooling or merge of rectified maps is itself never negative: silence means the same there."""
    return layer.activation is None and bool((maps >= 0).all())
