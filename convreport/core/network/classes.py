"""Which class of a model a picture is said to show."""

import dataclasses
from collections.abc import Sequence

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.network.card import Label, ModelCard
from convreport.core.pictures.sample import Sample


def class_of(said: str, card: ModelCard) -> int | None:
    """The class a word means: its name, its WordNet id, or a bare index where the model has no names; None for none."""
    word = said.strip().casefold().replace(" ", "_").replace("-", "_")
    for index, label in enumerate(card.labels):
        if word in (label.name.casefold().replace(" ", "_").replace("-", "_"), label.wnid or None):
            return index
    if not card.labels and word.isdigit() and int(word) < card.classes:
        return int(word)
    return None


def name_by_folders(card: ModelCard, folders: Sequence[str]) -> ModelCard:
    """A card whose nameless classes are named by folders, in the alphabetical order in which Keras numbers them.

    Only where there are exactly as many folders as classes.
    """
    names = sorted(set(folders))
    plain = all(name.isdigit() for name in names)
    if card.labels or not 1 < card.classes == len(names) or plain or card.head in ("none", "regression"):
        return card
    return dataclasses.replace(card, labels=tuple(Label(name) for name in names))


def settle(samples: Sequence[Sample], card: ModelCard, *, strict: bool) -> tuple[Sample, ...]:
    """Samples that know their true class; with `strict` (a table) a word that is no class is a UsageError."""
    settled = []
    for sample in samples:
        index = class_of(sample.said, card) if sample.said and card.head not in ("none", "regression") else None
        if index is None and strict and sample.said and card.head != "none":
            raise UsageError(
                f"--truth says '{sample.said}' of {sample.name}, and {card.name} has no such class.",
                did_you_mean(sample.said, [label.name for label in card.labels]) if card.labels else "Give an index.",
            )
        settled.append(dataclasses.replace(sample, truth=index))
    return tuple(settled)
