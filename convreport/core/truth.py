"""What pictures really show: by the folders they lie in, or by a table; and which class of the model that is."""

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from convreport.core.card import Label, ModelCard
from convreport.core.errors import UsageError, did_you_mean
from convreport.core.types import Sample

HEADINGS = ("file", "filename", "file_name", "image", "picture", "path", "name", "id")


def read(file: Path) -> dict[str, str]:
    """File name -> label, from a table with a line a picture: file,label (or ; or tab between), a heading or none."""
    try:
        text = file.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The truth {file} cannot be read ({error}).", "Give a CSV file of file,label.") from None
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=separator) if row]
    if rows and rows[0][0].casefold() in HEADINGS:
        rows = rows[1:]
    if not rows or any(len(row) < 2 or not row[1] for row in rows):
        raise UsageError(f"{file.name} is no table of pictures.", "Write file,label on each line.")
    return {row[0]: row[1] for row in rows}


def of_file(path: Path, table: Mapping[str, str] | None) -> str:
    """What a table says of a picture, by its name or the end of its path; without a table, the folder it lies in."""
    if table is None:
        return path.absolute().parent.name
    for depth in range(1, min(len(path.parts), 4) + 1):
        tail = "/".join(path.parts[-depth:])
        if tail in table:
            return table[tail]
    return table.get(path.stem, "")


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
