"""A pass over the examples in shards, each tallied by itself wherever that is, and joined in the order of the pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from convreport.core.base.errors import ImageError
from convreport.core.base.kinds import Array
from convreport.core.network import kernels
from convreport.core.network.circuits import Circuits
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network, Responses
from convreport.core.survey import ahead
from convreport.core.survey.tally import ALIKE, MOST_PAIRS, Pairs, Tally

BLOCK = 64  # pictures that are read while those before them are looked at
SHARD = 128  # pictures that are tallied by themselves: sums are joined shard by shard, so they do not depend on who made them
SETTLED_FROM = 500  # pictures from which it pays to prepare the network with its weights as constants (seconds, once)
BATCH = 16  # pictures of 224 x 224 a call of the network; fewer larger ones, more small ones up to a block

E = TypeVar("E", contravariant=True)
P = TypeVar("P", covariant=True)

Read = (
    tuple[Array, bool] | ImageError
)  # what the network reads of a picture, and whether it is fed as it is; or why it cannot


@dataclass(frozen=True)
class Pass:
    """What is asked of every shard: the layers, how pictures are fed, the groups they may belong to, and of each layer the
    pairs of units with nearly the same kernel, whose responses are compared. Responses to every `every`-th picture are kept.
    """

    layers: tuple[str, ...]
    fit: str
    groups: tuple[str, ...]
    suspects: Mapping[str, Pairs]
    every: int = 1


@dataclass
class Part:
    """What came of some pictures: tallies by layer, why a layer has none, and how many could not be read, and why the first."""

    tallies: dict[str, Tally]
    failures: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    reason: str = ""

    @classmethod
    def empty(cls, units: Mapping[str, int], asked: Pass) -> "Part":
        """Before the first picture."""
        return cls({path: Tally.empty(units[path], len(asked.groups), asked.suspects[path]) for path in asked.layers})

    def joined(self, after: "Part") -> "Part":
        """With what came of later pictures."""
        return Part(
            {path: tally.joined(after.tallies[path]) for path, tally in self.tallies.items()},
            after.failures | self.failures,
            self.skipped + after.skipped,
            self.reason or after.reason,
        )


class Pictures(Protocol):
    """What a shard must know of the examples (see `survey.examples`)."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def said(self, number: int) -> str:
        """The group a picture belongs to."""
        ...

    def samples(self, numbers: Iterable[int]) -> Iterator[Sample | None]:
        """These pictures in order; None for what cannot be read."""
        ...


class Asked(Protocol[E, P]):
    """What is asked of every shard of another pass: `E` is what it must know of the examples, `P` what comes of a shard."""

    def shard(self, net: Network, examples: E, first: int) -> P:
        """What comes of the shard that begins at that place."""
        ...

    def pictures(self, first: int) -> Iterable[int]:
        """The numbers of those of that shard."""
        ...

    def lost(self, first: int, why: str) -> P:
        """What comes of it where nobody could make it."""
        ...


class Surveyor(Protocol):
    """Who shows pictures to a network."""

    def suspects(self, layers: Sequence[str]) -> Mapping[str, Pairs]:
        """Of each layer the pairs of units with nearly the same kernel."""
        ...

    def parts(self, examples: Pictures, asked: Pass, starts: Sequence[int]) -> Iterator[Part]:
        """Of each shard, by the number of its first picture, what came of it, in that order."""
        ...

    def tallied(self, examples: E, asked: Asked[E, P], starts: Sequence[int]) -> Iterator[P]:
        """The same of another pass over them."""
        ...


class Here:
    """A surveyor in one process: the next pictures are read while these are looked at."""

    def __init__(self, net: Network) -> None:
        self._net = net

    def suspects(self, layers: Sequence[str]) -> Mapping[str, Pairs]:
        """By the kernels."""
        return suspects(self._net, layers)

    def parts(self, examples: Pictures, asked: Pass, starts: Sequence[int]) -> Iterator[Part]:
        """One after the other."""
        if starts:
            blocks = _blocks(self._net, examples, asked.fit, starts[0], examples.count)
            for _ in starts:
                yield _tallied(self._net, examples, asked, islice(blocks, SHARD // BLOCK))

    def tallied(self, examples: E, asked: Asked[E, P], starts: Sequence[int]) -> Iterator[P]:
        """One after the other."""
        return (asked.shard(self._net, examples, first) for first in starts)


def shard(net: Network, examples: Pictures, asked: Pass, first: int) -> Part:
    """What came of the shard that begins with that picture."""
    last = min(first + SHARD, examples.count)
    return _tallied(net, examples, asked, _blocks(net, examples, asked.fit, first, last))


def suspects(net: Network, layers: Sequence[str]) -> dict[str, Pairs]:
    """Of each layer the pairs of units with nearly the same kernel: only their responses need be compared."""
    circuits = Circuits(net.card)
    found: dict[str, Pairs] = {}
    for path in layers:
        maker = circuits.maker(path)
        kernel = net.kernel(maker) if maker else None
        found[path] = kernels.alike(kernel, ALIKE, MOST_PAIRS) if kernel is not None else []
    return found


def _tallied(net: Network, examples: Pictures, asked: Pass, blocks: Iterable[list[tuple[int, Read]]]) -> Part:
    """While a batch is tallied the network sees the next one."""
    part = Part.empty({path: net.card.layer(path).units for path in asked.layers}, asked)
    place = {said: index for index, said in enumerate(asked.groups)}
    settled = examples.count >= SETTLED_FROM

    def questions() -> Iterator[tuple[Callable[[], Mapping[str, Responses]], list[int]]]:
        for some in _batches(blocks, part):
            if len(part.failures) < len(part.tallies):  # else what cannot be read is counted all the same
                planes, raw = np.stack([one[1] for one in some]), some[0][2]
                ask = partial(net.observe, planes, list(part.tallies), raw=raw, settled=settled)
                yield ask, [one[0] for one in some]

    for seen, numbers in ahead.answered(questions()):
        groups = np.array([place.get(examples.said(number), -1) for number in numbers])
        _tally(part, net, seen, np.array(numbers), groups, asked.every)
    return part


def _blocks(net: Network, examples: Pictures, fit: str, begin: int, end: int) -> Iterator[list[tuple[int, Read]]]:
    def read(sample: Sample) -> tuple[Array, bool]:
        return net.read(sample, fit), sample.raw

    return ahead.blocks(examples.samples, read, range(begin, end), BLOCK)


def _batches(blocks: Iterable[list[tuple[int, Read]]], part: Part) -> Iterator[list[tuple[int, Array, bool]]]:
    """Pictures of one size in batches: of each its number, what is read of it, and whether it is fed as it is; those that
    cannot be read are counted.
    """
    for block in blocks:
        known: list[tuple[int, Array, bool]] = []
        for number, one in block:
            if isinstance(one, ImageError):
                part.skipped += 1
                part.reason = part.reason or one.message
            else:
                known.append((number, *one))
        yield from ahead.batches(known, lambda one: (one[1].shape, one[2]), lambda one: together(one[1]))


def together(planes: Array) -> int:
    """How many pictures such as this one (height, width, channels) a call of the network takes."""
    return min(max(BATCH * 224 * 224 // (planes.shape[0] * planes.shape[1]), 1), BLOCK)


def unusable(net: Network, path: str, seen: Mapping[str, Responses]) -> str:
    """Why what a layer answered to pictures cannot be summed; nothing where it can."""
    if path not in seen:
        return f"{net.card.name} never ran the layer {path}."
    if not (np.isfinite(seen[path].most).all() and np.isfinite(seen[path].least).all()):
        return f"The layer {path} of {net.card.name} responds with NaN or infinity to an example."
    return ""


def _tally(part: Part, net: Network, seen: Mapping[str, Responses], numbers: Array, groups: Array, every: int) -> None:
    for path in part.tallies:
        if path in part.failures:
            continue
        if why := unusable(net, path, seen):
            part.failures[path] = why
        else:
            part.tallies[path].add(seen[path], numbers, groups, every)
