"""A detector at work: a picture, bright where the unit answered, with the outline of what it detects."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from convreport.core.base.kinds import Array, Pixels
from convreport.core.pictures import pixels
from convreport.core.pictures.concepts import Labelled, on_grid
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.seam import Network
from convreport.core.survey.dissection import upsampling

SIDE = 144  # pixels of the longer side of a tile
FINE = 2  # times as many are drawn, so that lines come out smooth
VEIL = 0.3  # of the brightness is left where the unit did not answer
DARK = 24  # of the rim on both sides of the line
TOGETHER = 16  # pictures looked at in one pass


@dataclass(frozen=True)
class Found:
    """A unit of a layer, the number of the concept that it detects, and the answer from which it does."""

    layer: str
    unit: int
    concept: int
    threshold: float


@dataclass
class Detection:
    """Looks at pictures again, by their numbers, some together, and draws for each the detectors that were wished for.

    `tiles` are uint8 (height, width, 3), by layer and unit.
    """

    net: Network
    layers: tuple[str, ...]
    fit: str
    tiles: dict[tuple[str, int], Pixels] = field(default_factory=dict)
    _wishes: dict[int, list[Found]] = field(default_factory=dict)
    _waiting: list[tuple[Array, Labelled, list[Found]]] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """The pictures that must be looked at."""
        return sorted(self._wishes)

    def wish(self, number: int, found: Found) -> None:
        """A picture for a detector."""
        self._wishes.setdefault(number, []).append(found)

    def at(self, number: int, labelled: Labelled) -> None:
        """Look at a picture, now or with the next ones of its size."""
        planes = self.net.read(labelled.sample, self.fit)
        if self._waiting:
            first, other, _ = self._waiting[0]
            if (planes.shape, labelled.sample.raw) != (first.shape, other.sample.raw):
                self.finish()
        self._waiting.append((planes, labelled, self._wishes[number]))
        if len(self._waiting) == TOGETHER:
            self.finish()

    def finish(self) -> None:
        """Look at what still waits."""
        if not self._waiting:
            return
        raw = self._waiting[0][1].sample.raw
        seen = self.net.observe(np.stack([planes for planes, _, _ in self._waiting]), self.layers, raw=raw)
        for place, (_, labelled, wishes) in enumerate(self._waiting):
            for one in wishes:
                maps = seen[one.layer].maps[place : place + 1, :, :, one.unit : one.unit + 1]
                self.tiles[one.layer, one.unit] = self._tile(labelled, maps, one)
        self._waiting.clear()

    def _tile(self, labelled: Labelled, maps: Array, found: Found) -> Pixels:
        sample = labelled.sample
        shape = sample.pixels.shape[0], sample.pixels.shape[1]
        size = size_for(self.net.card.input, shape)
        bring, _ = upsampling(self.net.card, found.layer, maps, size)
        answer = bring(maps[0, :, :, 0])
        scale = FINE * SIDE / max(shape)
        side = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
        whole = fit_of(side, side, "stretch")
        picture = pixels.resize_picture(sample.pixels[..., :3], *side).astype(np.float32)
        back = fit_of(side, size, self.fit).back(answer)
        lit = back >= np.float32(found.threshold)
        # At the size of the mask itself: enlarged smoothly, its steps become a line.
        finest = max(labelled.planes, key=lambda plane: plane.size).shape
        numbers = on_grid(labelled.planes, whole, (min(finest[0], side[0]), min(finest[1], side[1])))
        inside = pixels.resize((numbers == found.concept).any(0).astype(np.float32), *side) >= 0.5
        line = _grown(_edge(inside))
        shown = np.where(lit[..., None], picture, picture * VEIL)
        shown[_grown(line)] = DARK
        shown[line] = 255
        drawn = np.asarray((shown + 0.5).clip(0, 255).astype(np.uint8))
        return pixels.resize_picture(drawn, max(1, side[0] // FINE), max(1, side[1] // FINE))


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a mask at its edge."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _grown(line: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A line with the pixels beside it."""
    padded = np.pad(line, 1)
    return np.asarray(line | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:])
