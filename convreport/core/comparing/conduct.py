"""One streaming pass of two networks over the same pictures; nothing in it grows with them but a few numbers a picture.

Three things go on at once: pictures are read ahead, both networks answer, and the answers to the batch before are summed.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import numpy as np

from convreport.core.base import events
from convreport.core.base.errors import ImageError, ModelError
from convreport.core.base.events import Emit
from convreport.core.base.kinds import Array
from convreport.core.comparing.alignment import Alignment, gram
from convreport.core.comparing.answers import Answers, probabilities, read_off, scores_classes
from convreport.core.comparing.matching import Together
from convreport.core.network.card import ModelCard
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Answering, Network, Responses
from convreport.core.survey import ahead, health
from convreport.core.survey.examples import Examples

BLOCK = 64  # pictures that are read ahead
BATCH = 8  # pictures of 224 x 224 a call
LEAST_BATCH = 4  # CKA needs so many together
MOST_GROUPS = 1000  # classes or folders whose means are kept
MOST_CELLS = 784  # of a map of 28 x 28: of larger ones every second, third, ... row and column is correlated


@dataclass
class Seen:
    """What one side's layers answered, summed: of each unit the highest and lowest value, and the mean of what is above zero
    a group of pictures (`drive`, units x groups), of which `members` counts.
    """

    most: Array
    least: Array
    drive: Array
    members: Array

    @classmethod
    def of(cls, units: int, groups: int) -> "Seen":
        """Before the first picture."""
        return cls(np.full(units, -np.inf), np.full(units, np.inf), np.zeros((units, groups)), np.zeros(groups))

    def add(self, found: Responses, groups: Array) -> None:
        """Some pictures, each of a group (-1: of none)."""
        self.most = np.maximum(self.most, found.most.max(0))
        self.least = np.minimum(self.least, found.least.min(0))
        for group in np.unique(groups[groups >= 0]):
            self.drive[:, group] += found.drive[groups == group].sum(0, dtype=np.float64)
            self.members[group] += (groups == group).sum()

    def answers(self, card: ModelCard, path: str) -> Array:
        """Which units ever answer: not the same number everywhere, and behind a ReLU above zero somewhere."""
        changing = self.most > self.least
        return np.asarray(changing & ((self.most > 0) | (not health.gated(card, path))))

    def driven(self, unit: int) -> list[tuple[int, float]]:
        """(group, its mean drive as a share of the strongest group's), the strongest first; empty where none drives it."""
        known = np.flatnonzero(self.members)
        means = self.drive[unit, known] / self.members[known]
        if not len(known) or means.max() <= 0:
            return []
        order = np.argsort(-means, kind="stable")
        return [(int(known[place]), float(means[place] / means[order[0]])) for place in order]


@dataclass
class Party:
    """One side of a comparison: its network, the card that names its classes, and the layers that are aligned."""

    net: Network
    card: ModelCard
    layers: tuple[str, ...]
    answers: Answers
    seen: dict[str, Seen] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    answering: Answering | None = None

    def prepare(self) -> None:
        """Get ready to ask; of layers whose units are not matched the maps are enough."""
        self.asked = tuple(dict.fromkeys((*self.layers, *self.seen, *_end(self.card))))
        plain = () if None in self.card.input[:2] else [path for path in self.asked if path not in self.seen]
        self.answering = self.net.settled(self.asked, plain) if self.asked else None

    def answer(self, numbers: Array, planes: Array, *, raw: bool) -> Mapping[str, Responses]:
        """What its layers answer to these pictures, whose classes are noted."""
        found = self.answering(planes, raw) if self.answering is not None else {}
        for path in self.asked:
            if path not in found:
                raise ModelError(f"{self.card.name} never ran the layer {path}.", "Choose other layers with --layers.")
        if scores_classes(self.card):
            if read_off(self.card):
                self.must_be_numbers(self.card.end, found[self.card.end].maps)
                chances = probabilities(self.card, found[self.card.end].maps)
            else:
                chances = self.net.answer(planes, raw=raw)[1]
            self.answers.add(numbers, chances)
        return found

    def must_be_numbers(self, path: str, values: Array) -> None:
        """ModelError where a layer answered with anything else."""
        if not np.isfinite(values).all():
            raise ModelError(
                f"The layer {path} of {self.card.name} responds with NaN or infinity to a picture.",
                "`convreport doctor` shows whether its weights are valid.",
            )


@dataclass
class Encounter:
    """Two sides, and what came of showing them the same pictures: `pairs` are (old, new) layers whose units are matched."""

    old: Party
    new: Party
    pairs: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    alignment: Alignment
    together: dict[tuple[str, str], Together]
    skipped: int = 0
    reason: str = ""

    @classmethod
    def between(
        cls, nets: tuple[Network, Network], cards: tuple[ModelCard, ModelCard], layers: tuple[Sequence[str], Sequence[str]],
        pairs: Sequence[tuple[str, str]], examples: Examples,
    ) -> "Encounter":  # fmt: skip
        """Before the first picture; `layers` are those to be aligned of either side."""
        words = [examples.said(number) for number in range(examples.count)]
        groups = sorted({word for word in words if word})
        groups = groups if len(groups) <= MOST_GROUPS else []
        parties = []
        for place, (net, card, some) in enumerate(zip(nets, cards, layers, strict=True)):
            party = Party(net, card, tuple(some), Answers.of(card, words))
            for path in dict.fromkeys(pair[place] for pair in pairs):
                party.seen[path] = Seen.of(card.layer(path).units, len(groups))
            parties.append(party)
        units = {pair: Together(cards[0].layer(pair[0]).units, cards[1].layer(pair[1]).units) for pair in pairs}
        alignment = Alignment.between(len(layers[0]), len(layers[1]))
        return cls(parties[0], parties[1], tuple(pairs), tuple(groups), alignment, units)

    def hold(self, examples: Examples, fit: str, emit: Emit) -> None:
        """Show both all the pictures. ImageError if not one can be read by both; ModelError where a layer answers with NaN."""
        started = time.monotonic()
        place = {word: number for number, word in enumerate(self.groups)}
        emit(events.SurveyStarted(examples.count, 0))
        for party in (self.old, self.new):
            party.prepare()
        with ThreadPoolExecutor(1) as summing, ThreadPoolExecutor(1) as asking:
            before: Future[None] | None = None
            read = partial(self._planes, fit=fit)
            for block in ahead.blocks(examples.samples, read, range(examples.count), BLOCK):
                for some, (old, new), raw in self._batches(block):
                    groups = np.array([place.get(examples.said(int(number)), -1) for number in some])
                    other = asking.submit(self.old.answer, some, old, raw=raw)
                    if not self._beside:
                        other.result()
                    now = self.new.answer(some, new, raw=raw)
                    found = other.result(), now
                    if before is not None:
                        before.result()  # never more than one batch waits: memory stays as it is
                    before = summing.submit(self._sum, found, groups)
                emit(events.Surveyed(len(block)))
            if before is not None:
                before.result()
        for party in (self.old, self.new):
            party.answering = None  # and the memory that it holds
        if self.skipped == examples.count:
            raise ImageError(f"None of the {examples.count} pictures can be read by both: {self.reason}.")
        if self.skipped:
            emit(
                events.Warned(
                    f"Skipped {self.skipped} of {examples.count:,} pictures, the first because {self.reason}."
                )
            )
        layers = max(len(self.old.layers), len(self.new.layers))
        emit(events.SurveyFinished(examples.count - self.skipped, layers, time.monotonic() - started))

    @property
    def _beside(self) -> bool:
        """May both be asked at the same time? Only where all that is asked was prepared."""
        parties = self.old, self.new
        return all(one.net.beside and (read_off(one.card) or not scores_classes(one.card)) for one in parties)

    def _planes(self, sample: Sample, fit: str) -> tuple[Array, Array, bool]:
        """What both read of a picture, and whether they are fed it as it is; ImageError where one cannot."""
        new = self.new.net.read(sample, fit)
        alike = self.old.card.input == self.new.card.input
        return new if alike else self.old.net.read(sample, fit), new, sample.raw

    def _batches(self, block: Sequence["_Read"]) -> Iterator[tuple[Array, tuple[Array, Array], bool]]:
        """Pictures that both can read, of one size, in batches as even as can be: numbers, planes of both, fed as they are?"""
        known = []
        for number, planes in block:
            if isinstance(planes, ImageError):
                self.skipped += 1
                self.reason = self.reason or planes.message
            else:
                known.append((number, *planes))
        known.sort(key=lambda one: (one[1].shape, one[2].shape, one[3], one[0]))
        for (first, second, raw), group in groupby(known, key=lambda one: (one[1].shape, one[2].shape, one[3])):
            same = list(group)
            area = max(first[0] * first[1], second[0] * second[1])
            size = min(max(BATCH * 224 * 224 // area, LEAST_BATCH), BLOCK)
            for some in np.array_split(np.arange(len(same)), -(-len(same) // size)):
                picked = [same[place] for place in some]
                old = np.stack([one[1] for one in picked])
                new = old if picked[0][1] is picked[0][2] else np.stack([one[2] for one in picked])
                yield np.array([one[0] for one in picked]), (old, new), raw

    def _sum(self, found: tuple[Mapping[str, Responses], Mapping[str, Responses]], groups: Array) -> None:
        """What both answered to some pictures, each of a group."""
        grams = []
        for party, responses in zip((self.old, self.new), found, strict=True):
            for path, seen in party.seen.items():
                seen.add(responses[path], groups)
                party.must_be_numbers(path, seen.most)
                party.must_be_numbers(path, seen.least)
            grams.append([gram(_features(responses[path], party.card)) for path in party.layers])
            for path, products in zip(party.layers, grams[-1], strict=True):
                party.must_be_numbers(path, products)
        self.alignment.add(grams[0], grams[1])
        for (old, new), together in self.together.items():
            first, second = found[0][old], found[1][new]
            same = first.maps.shape[:3] == second.maps.shape[:3]
            together.add(*((_spread(first.maps), _spread(second.maps)) if same else (first.mean, second.mean)))


_Read = tuple[int, tuple[Array, Array, bool] | ImageError]


def _spread(maps: Array) -> Array:
    """Cells (n, h, w, units) of maps, of large ones evenly so many that units are told apart as well, and quicker."""
    step = max(math.ceil(math.sqrt(maps.shape[1] * maps.shape[2] / MOST_CELLS)), 1)
    return maps[:, step // 2 :: step, step // 2 :: step]


def _end(card: ModelCard) -> tuple[str, ...]:
    return (card.end,) if read_off(card) else ()


def _features(found: Responses, card: ModelCard) -> Array:
    """What is compared of a layer: all its answers; the means of its maps where pictures may be of any size."""
    return found.mean if None in card.input[:2] else found.maps
