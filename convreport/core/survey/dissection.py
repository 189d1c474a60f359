"""Network dissection (Bau et al. 2017): which concept each unit detects, by the masks of pictures, in two streaming passes.

The first finds of each unit the value that 0.5 % of its answers reach, the second how well the places where it does cover
the masks of each concept. Both are sums over shards, which workers make and which join in any order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from convreport.core.base import events
from convreport.core.base.errors import ImageError, ModelError
from convreport.core.base.events import Emit
from convreport.core.base.kinds import Array
from convreport.core.network.card import ModelCard
from convreport.core.pictures.concepts import Concept, Labelled, Plane, on_grid
from convreport.core.pictures.fitting import Fit, fit_of, size_for
from convreport.core.seam import Network, Responses
from convreport.core.survey import ahead
from convreport.core.survey.heights import Heights
from convreport.core.survey.overlap import Overlap, Upsampling, grid_of
from convreport.core.survey.shards import SETTLED_FROM, Surveyor, together, unusable

SHARD = 64  # pictures that are summed by themselves
TOP = 0.005  # share of a unit's answers that count as one: T_k of Bau et al. 2017
DETECTOR = 0.04  # intersection over union above which a unit is a detector, there

Of = TypeVar("Of", Heights, Overlap)


class Annotated(Protocol):
    """What is asked of examples here."""

    @property
    def count(self) -> int:
        """How many there are, with masks or without."""
        ...

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """What their masks mark."""
        ...

    @property
    def masked(self) -> Sequence[int]:
        """The numbers of those that have masks."""
        ...

    def labelled(self, numbers: Iterable[int]) -> Iterator[Labelled | ImageError]:
        """These pictures with their masks, in order; ImageError for what cannot be read."""
        ...


@dataclass
class Sums(Generic[Of]):
    """What came of some pictures: of each layer its sums, or why there are none; how many could not be read, and why one."""

    layers: dict[str, Of]
    failures: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    reason: str = ""

    def joined(self, after: "Sums[Of]") -> "Sums[Of]":
        """With what came of later pictures."""
        layers = {path: one.joined(after.layers[path]) for path, one in self.layers.items()}
        return Sums(layers, after.failures | self.failures, self.skipped + after.skipped, self.reason or after.reason)


class _Brought(NamedTuple):
    found: Labelled | ImageError


@dataclass(frozen=True)
class _Seen:
    """A picture as the network reads it, with what else must be known of it."""

    number: int
    planes: Array
    raw: bool
    labels: Labelled
    how: Fit


@dataclass(frozen=True)
class _Pass:
    """Over pictures by their numbers."""

    numbers: tuple[int, ...]

    def pictures(self, first: int) -> tuple[int, ...]:
        """Those of the shard that begins at that place among them."""
        return self.numbers[first : first + SHARD]


@dataclass(frozen=True)
class Heightening(_Pass):
    """The first pass: how high do the answers of layers go? `card` is the network's."""

    layers: tuple[str, ...]
    fit: str
    card: ModelCard

    def empty(self) -> Sums[Heights]:
        """Before the first picture."""
        return Sums({path: Heights.empty(self.card.layer(path).units) for path in self.layers})

    def lost(self, first: int, why: str) -> Sums[Heights]:
        """Where nobody could make that shard."""
        return replace(self.empty(), skipped=len(self.pictures(first)), reason=why)

    def shard(self, net: Network, examples: Annotated, first: int) -> Sums[Heights]:
        """What came of the shard that begins at that place among the numbers."""
        sums = self.empty()
        # Where all maps are of one size it is known from the first how many values will be above the threshold.
        fixed = None not in self.card.input[:2]

        def add(path: str, seen: Responses, some: Sequence[_Seen]) -> None:
            places = len(self.numbers) * seen.maps.shape[1] * seen.maps.shape[2]
            sums.layers[path].add(seen.maps, seen.most, seen.least, TOP * places if fixed else None)

        _stream(net, examples, self.pictures(first), self.fit, sums, add)
        return sums


@dataclass(frozen=True)
class Overlapping(_Pass):
    """The second pass: where the answers of layers reach their `thresholds`, how well do they cover so many `concepts`?"""

    thresholds: Mapping[str, Array]
    fit: str
    card: ModelCard
    concepts: int

    def empty(self) -> Sums[Overlap]:
        """Before the first picture."""
        return Sums({path: Overlap.empty(self.card.layer(path).units, self.concepts) for path in self.thresholds})

    def lost(self, first: int, why: str) -> Sums[Overlap]:
        """Where nobody could make that shard."""
        return replace(self.empty(), skipped=len(self.pictures(first)), reason=why)

    def shard(self, net: Network, examples: Annotated, first: int) -> Sums[Overlap]:
        """What came of the shard that begins at that place among the numbers."""
        sums = self.empty()
        known: dict[tuple[int, tuple[int, int]], Plane] = {}  # most layers share a grid

        def add(path: str, seen: Responses, some: Sequence[_Seen]) -> None:
            bringing, grid = upsampling(self.card, path, seen.maps, some[0].how.size)
            for one in some:
                if (one.number, grid) not in known:
                    known[one.number, grid] = on_grid(one.labels.planes, one.how, grid)
            labels = [known[one.number, grid] for one in some]
            numbers = [one.number for one in some]
            sums.layers[path].add(seen.maps, self.thresholds[path], bringing, labels, numbers)

        _stream(net, examples, self.pictures(first), self.fit, sums, add)
        return sums


@dataclass(frozen=True)
class Dissected:
    """What came of a layer: the thresholds of its units (units,), and the Overlap, over so many pictures."""

    thresholds: Array
    overlap: Overlap
    pictures: int


class Dissection:
    """What came of all layers, or why there is nothing of one."""

    def __init__(self, layers: Mapping[str, Dissected], failures: Mapping[str, str]) -> None:
        self._layers, self._failures = dict(layers), dict(failures)

    def of(self, layer: str) -> Dissected:
        """That of a layer; ModelError with the reason where there is none."""
        if layer in self._failures:
            raise ModelError(self._failures[layer])
        return self._layers[layer]


def dissect(
    examples: Annotated, card: ModelCard, surveyor: Surveyor, layers: Sequence[str], fit: str, most: int, emit: Emit
) -> Dissection:
    """Both passes over at most so many pictures with masks, taken evenly; ImageError if not one of them can be read."""
    masked = examples.masked
    evenly = np.linspace(0, len(masked) - 1, min(most, len(masked))).round().astype(int)
    numbers = tuple(masked[place] for place in evenly)
    high = Heightening(numbers, tuple(layers), fit, card)
    heights = _all(high.empty(), surveyor.tallied(examples, high, range(0, len(numbers), SHARD)))
    if heights.skipped == len(numbers):
        raise ImageError(f"None of the {len(numbers):,} pictures with masks can be read: {heights.reason}.")
    if heights.skipped:
        said = f"Left {heights.skipped} of {len(numbers):,} pictures out of the dissection, the first because"
        emit(events.Warned(f"{said} {heights.reason}."))
    known = {path: one.threshold(TOP) for path, one in heights.layers.items() if path not in heights.failures}
    over = Overlapping(numbers, known, fit, card, len(examples.concepts))
    overlaps = _all(over.empty(), surveyor.tallied(examples, over, range(0, len(numbers), SHARD)))
    count = len(numbers) - overlaps.skipped
    found = {path: Dissected(known[path], overlap, count) for path, overlap in overlaps.layers.items()}
    return Dissection(found, overlaps.failures | heights.failures)


def upsampling(card: ModelCard, path: str, maps: Array, size: tuple[int, int]) -> tuple[Upsampling, tuple[int, int]]:
    """What brings maps (n, rows, columns, units) of a layer to the grid on which they are compared with masks, and that."""
    cells = maps.shape[1], maps.shape[2]
    grid = grid_of(cells, size)
    return Upsampling.of(card.layer(path).receptive_field, cells, grid, size), grid


def _all(empty: Sums[Of], parts: Iterable[Sums[Of]]) -> Sums[Of]:
    for part in parts:
        empty = empty.joined(part)
    return empty


def _stream(
    net: Network,
    examples: Annotated,
    numbers: Sequence[int],
    fit: str,
    sums: Sums[Of],
    add: Callable[[str, Responses, Sequence[_Seen]], None],
) -> None:
    """Show pictures to the network, those of one size together, and add what each layer answers; while a batch is added the
    network sees the next one.
    """
    settled = examples.count >= SETTLED_FROM  # as in the survey, so that nothing is prepared twice

    def questions() -> Iterator[tuple[Callable[[], Mapping[str, Responses]], list[_Seen]]]:
        for some in _batches(net, examples, numbers, fit, sums):
            planes, raw = np.stack([one.planes for one in some]), some[0].raw
            yield partial(net.observe, planes, list(sums.layers), raw=raw, settled=settled), some

    for seen, some in ahead.answered(questions()):
        for path in sums.layers:
            if path in sums.failures:
                continue
            if why := unusable(net, path, seen):
                sums.failures[path] = why
            else:
                add(path, seen[path], some)


def _batches(
    net: Network, examples: Annotated, numbers: Sequence[int], fit: str, sums: Sums[Of]
) -> Iterator[list[_Seen]]:
    def read(one: _Brought) -> tuple[Array, Labelled, Fit]:
        if isinstance(one.found, ImageError):
            raise one.found
        found = one.found
        shape = found.sample.pixels.shape[0], found.sample.pixels.shape[1]
        return net.read(found.sample, fit), found, fit_of(shape, size_for(net.card.input, shape), fit)

    def pictures(some: Iterable[int]) -> Iterator[_Brought | None]:
        return map(_Brought, examples.labelled(some))

    for block in ahead.blocks(pictures, read, numbers, SHARD):
        known = []
        for number, one in block:
            if isinstance(one, ImageError):
                sums.skipped += 1
                sums.reason = sums.reason or one.message
            else:
                known.append(_Seen(number, one[0], one[1].sample.raw, one[1], one[2]))
        yield from ahead.batches(known, lambda one: (one.planes.shape, one.raw), lambda one: together(one.planes))
