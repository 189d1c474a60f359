"""What a network answers to each of many pictures, in a few numbers a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network.card import ModelCard
from convreport.core.network.classes import class_of


def scores_classes(card: ModelCard) -> bool:
    """Does it say of a whole picture which class it shows?"""
    return card.head not in ("none", "regression")


def read_off(card: ModelCard) -> bool:
    """Do the probabilities follow from the output of the layer `end` alone?"""
    units = 1 if card.head == "binary" else card.classes
    known = any(layer.path == card.end and layer.units == units for layer in card.layers)
    return scores_classes(card) and not card.dense and card.score == "logit" and known


def probabilities(card: ModelCard, output: Array) -> Array:
    """Probabilities, float64 (n, classes), of the output (n, ..., units) of the layer `end`; only where `read_off`."""
    flat = output.reshape(len(output), -1).astype(np.float64)
    if card.head == "binary":
        return np.concatenate([1 - flat, flat], 1)
    if card.head != "logits":
        return flat
    raised = np.exp(flat - flat.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


@dataclass
class Answers:
    """Of each of `count` pictures the class said first (-1: none, as it could not be read), its probability, the true class
    (-1 where it is not known), its probability (NaN), and whether the network is right.
    """

    card: ModelCard
    said: Array
    confidence: Array
    truth: Array
    of_truth: Array
    right: Array

    @classmethod
    def of(cls, card: ModelCard, words: Sequence[str]) -> "Answers":
        """Before the first answer; `words` is what the user says of each picture."""
        known = {word: class_of(word, card) if word and scores_classes(card) else None for word in set(words)}
        truth = np.array([-1 if known[word] is None else known[word] for word in words], np.int64)
        count = len(words)
        nothing = np.full(count, np.nan)
        return cls(card, np.full(count, -1, np.int64), nothing.copy(), truth, nothing.copy(), np.zeros(count, bool))

    def add(self, numbers: Array, chances: Array) -> None:
        """The probabilities (n, classes) for these pictures. Of any-of-many classes the true one must exceed a half."""
        said = chances.argmax(1)
        rows = np.arange(len(numbers))
        self.said[numbers] = said
        self.confidence[numbers] = chances[rows, said]
        truth = self.truth[numbers]
        known = truth >= 0
        self.of_truth[numbers[known]] = chances[rows[known], truth[known]]
        hit = chances[rows, truth] > 0.5 if self.card.head == "sigmoid" else said == truth
        self.right[numbers] = hit & known

    @property
    def answered(self) -> Array:
        """Which pictures there is an answer to."""
        return np.asarray(self.said >= 0)
