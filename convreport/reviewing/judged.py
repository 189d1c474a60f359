"""Two networks' answers to the same pictures, as decisions that changed, and what that amounts to."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from convreport.book.comparison.values import Calibration, Confusion, Decisions, Flip, OfClass, Said, Turn
from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.comparing.answers import Answers
from convreport.core.comparing.decisions import calibration_error, mcnemar, reliability

MOST_FLIPS = 200  # pictures that are named
MOST_CONFUSIONS = 40
ORDER: tuple[Turn, ...] = ("lost", "changed", "gained")


class Judged:
    """The decisions of two networks, made comparable by the names of classes."""

    def __init__(self, old: Answers, new: Answers) -> None:
        self.old, self.new = old, new
        self.said = [_names(one, one.said) for one in (old, new)]
        truths = [_names(one, one.truth) for one in (old, new)]
        self.truth = np.where(truths[1] != "", truths[1], truths[0])
        self.both = old.answered & new.answered
        self.known = self.both & (old.truth >= 0) & (new.truth >= 0)
        self.same = self.said[0] == self.said[1]

    @property
    def flips(self) -> list[int]:
        """The numbers of the pictures whose decision changed: right to wrong first, the surest of them first."""
        changed = self.both & (~self.same | (self.known & (self.old.right != self.new.right)))
        order = {turn: place for place, turn in enumerate(ORDER)}
        numbers = [int(number) for number in np.flatnonzero(changed)]
        return sorted(numbers, key=lambda one: (order[self.turn(one)], -self.new.confidence[one], one))

    def turn(self, number: int) -> Turn:
        """What became of a picture."""
        if not self.known[number] or self.old.right[number] == self.new.right[number]:
            return "changed"
        return "lost" if self.old.right[number] else "gained"

    def flip(self, number: int, name: str) -> Flip:
        """One of them."""
        says = [
            Said(str(said[number]), short(one.confidence[number]))
            for said, one in zip(self.said, (self.old, self.new), strict=True)
        ]
        return Flip(name, str(self.truth[number]), says[0], says[1], self.turn(number))

    def told(self, name: Callable[[int], str]) -> Decisions:
        """All of it; `name` is that of a picture."""
        known, flips = self.known, self.flips
        lost, gained = (int((known & a & ~b).sum()) for a, b in self._sides())
        right = tuple(int((known & one.right).sum()) for one in (self.old, self.new))
        sides = [_calibration(one, known) for one in (self.old, self.new)]
        calibrated = sides[0] is not None and sides[1] is not None
        confidence = [short(one.confidence[self.both].mean()) for one in (self.old, self.new)]
        return Decisions(
            pictures=int(self.both.sum()), same=int((self.both & self.same).sum()), flipped=len(flips),
            known=int(known.sum()), right=(right[0], right[1]), lost=lost, gained=gained,
            p=mcnemar(lost, gained) if known.any() else None, confidence=(confidence[0], confidence[1]),
            calibration=(sides[0], sides[1]) if calibrated else None,  # type: ignore[arg-type]
            per_class=self._classes(), confusions=self._confusions(flips),
            flips=tuple(self.flip(number, name(number)) for number in flips[:MOST_FLIPS]),
        )  # fmt: skip

    def _sides(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        return (self.old.right, self.new.right), (self.new.right, self.old.right)

    def _classes(self) -> tuple[OfClass, ...]:
        """By what was lost, net and then in all."""
        found = []
        for name in np.unique(self.truth[self.known]):
            inside = self.known & (self.truth == name)
            lost, gained = (int((inside & a & ~b).sum()) for a, b in self._sides())
            right = int((inside & self.old.right).sum()), int((inside & self.new.right).sum())
            found.append(OfClass(str(name), int(inside.sum()), right, lost, gained))
        return tuple(sorted(found, key=lambda one: (one.gained - one.lost, -one.lost, one.name)))

    def _confusions(self, flips: Sequence[int]) -> tuple[Confusion, ...]:
        """The most frequent first."""
        counts = Counter(
            (str(self.truth[one]) if self.known[one] else "", str(self.said[0][one]), str(self.said[1][one]))
            for one in flips
        )
        return tuple(Confusion(*key, count) for key, count in counts.most_common(MOST_CONFUSIONS))


def _names(answers: Answers, indices: Array) -> Array:
    labels = [answers.card.label(index).name for index in range(answers.card.classes)]
    return np.array([labels[index] if index >= 0 else "" for index in indices], dtype=object).astype(str)


def _calibration(answers: Answers, known: Array) -> Calibration | None:
    """Of classes that exclude each other."""
    if answers.card.head == "sigmoid" or answers.card.dense or not known.any():
        return None
    diagram = reliability(answers.confidence[known], answers.right[known])
    return Calibration(diagram, short(calibration_error(diagram)))
