"""One streaming pass of two networks over the same pictures; nothing in it grows with them but a few numbers a picture."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
from convreport.core.seam import Network, Responses
from convreport.core.survey import health
from convreport.core.survey.examples import Examples

BLOCK = 64  # pictures that are read ahead
BATCH = 16  # pictures of 224 x 224 a call, as in a survey
LEAST_BATCH = 4  # CKA needs so many together
MOST_GROUPS = 1000  # classes or folders whose means are kept


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
        for numbers, block in _blocks(examples):
            for some, planes in self._read(numbers, block, fit):
                groups = np.array([place.get(examples.said(int(number)), -1) for number in some])
                self._show(some, planes, groups)
            emit(events.Surveyed(len(numbers)))
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

    def _read(
        self, numbers: Sequence[int], block: Sequence[Sample | None], fit: str
    ) -> Iterator[tuple[Array, tuple[tuple[Array, Array], bool]]]:
        """Pictures that both can read, of one size, in batches as even as can be: numbers, planes of both, fed as they are?"""
        alike = self.old.card.input == self.new.card.input
        known = []
        for number, sample in zip(numbers, block, strict=True):
            try:
                if sample is None:
                    raise ImageError("it cannot be read as a picture")
                planes = self.new.net.read(sample, fit)
                known.append((number, planes if alike else self.old.net.read(sample, fit), planes, sample.raw))
            except ImageError as error:
                self.skipped += 1
                self.reason = self.reason or error.message
        known.sort(key=lambda one: (one[1].shape, one[2].shape, one[3], one[0]))
        for (first, second, raw), group in groupby(known, key=lambda one: (one[1].shape, one[2].shape, one[3])):
            same = list(group)
            area = max(first[0] * first[1], second[0] * second[1])
            size = min(max(BATCH * 224 * 224 // area, LEAST_BATCH), BLOCK)
            for some in np.array_split(np.arange(len(same)), -(-len(same) // size)):
                picked = [same[place] for place in some]
                old = np.stack([one[1] for one in picked])
                new = old if alike else np.stack([one[2] for one in picked])
                yield np.array([one[0] for one in picked]), ((old, new), raw)

    def _show(self, numbers: Array, fed: tuple[tuple[Array, Array], bool], groups: Array) -> None:
        both, raw = fed
        found = []
        for party, planes in zip((self.old, self.new), both, strict=True):
            asked = dict.fromkeys((*party.layers, *party.seen, *_end(party.card)))
            responses = party.net.observe(planes, list(asked), raw=raw) if asked else {}
            _must_answer(party, responses, asked)
            _decide(party, numbers, planes, responses, raw=raw)
            for path, seen in party.seen.items():
                seen.add(responses[path], groups)
            found.append(responses)
        grams = [
            [gram(_features(responses[path], party.card)) for path in party.layers]
            for party, responses in zip((self.old, self.new), found, strict=True)
        ]
        self.alignment.add(grams[0], grams[1])
        for (old, new), together in self.together.items():
            first, second = found[0][old], found[1][new]
            same = first.maps.shape[:3] == second.maps.shape[:3]
            together.add(*((first.maps, second.maps) if same else (first.mean, second.mean)))


def _blocks(examples: Examples) -> Iterator[tuple[list[int], list[Sample | None]]]:
    """Pictures by the block; the next one is read while this one is looked at."""

    def read(first: int) -> tuple[list[int], list[Sample | None]]:
        numbers = list(range(first, min(first + BLOCK, examples.count)))
        return numbers, list(examples.samples(numbers))

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(read, 0)
        for first in range(0, examples.count, BLOCK):
            block = ahead.result()
            if first + BLOCK < examples.count:
                ahead = pool.submit(read, first + BLOCK)
            yield block


def _end(card: ModelCard) -> tuple[str, ...]:
    return (card.end,) if read_off(card) else ()


def _decide(party: Party, numbers: Array, planes: Array, responses: Mapping[str, Responses], *, raw: bool) -> None:
    card = party.card
    if not scores_classes(card):
        return
    read = read_off(card)
    chances = probabilities(card, responses[card.end].maps) if read else party.net.answer(planes, raw=raw)[1]
    party.answers.add(numbers, chances)


def _must_answer(party: Party, responses: Mapping[str, Responses], asked: Mapping[str, None]) -> None:
    for path in asked:
        if path not in responses:
            raise ModelError(f"{party.card.name} never ran the layer {path}.", "Choose other layers with --layers.")
        if not (np.isfinite(responses[path].most).all() and np.isfinite(responses[path].least).all()):
            raise ModelError(
                f"The layer {path} of {party.card.name} answers with NaN or infinity to a picture.",
                "`convreport doctor` says whether its weights are sound.",
            )


def _features(found: Responses, card: ModelCard) -> Array:
    """What is compared of a layer: all its answers; the means of its maps where pictures may be of any size."""
    return found.mean if None in card.input[:2] else found.maps
