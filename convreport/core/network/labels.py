"""Class index to readable name: the user's own, or the 1,000 classes of ImageNet in the order every public network uses."""

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.network.card import Label, ModelCard


@cache
def imagenet() -> tuple[Label, ...]:
    """The labels of ILSVRC 2012; `imagenet.txt` holds one `wnid name` a line, as in Keras's class index."""
    lines = (files("convreport.core.network") / "imagenet.txt").read_text("utf-8").splitlines()
    return tuple(Label(name, wnid) for wnid, name in (line.split(" ", 1) for line in lines))


def read(file: Path) -> tuple[str, ...]:
    """Names in the order of their indices: a JSON list, an index -> name or name -> index map, one a line, or `0 name`.

    `0 name` is what Teachable Machine writes; name -> index is Keras's `class_indices`. UsageError for anything else.
    """
    try:
        text = file.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The labels {file} cannot be read ({error}).", "Give a text or JSON file.") from None
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return _from_json(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(
                f"{file.name} is JSON, but not a list of labels ({error}).",
                "Give a list of names, or a map of index to name.",
            ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [re.fullmatch(r"(\d+)[\s:,;]+(.+)", line) for line in lines]
    if lines and all(numbered):
        found = {int(match[1]): match[2] for match in numbered if match}
        if sorted(found) == list(range(len(lines))):
            return tuple(found[index] for index in range(len(lines)))
    if not lines:
        raise UsageError(f"{file.name} holds no labels.", "Write one name per line.")
    return tuple(lines)


def fitting(names: Sequence[str], classes: int, head: str, model: str) -> tuple[Label, ...]:
    """Labels for a head of that many classes; one name is enough for one sigmoid. UsageError for a wrong number."""
    if head == "binary" and len(names) == 1:
        return Label(f"not {names[0]}"), Label(names[0])
    if head == "none":
        raise UsageError(f"{model} scores no classes, so it has no use for labels.", "Leave --labels away.")
    if len(names) != classes:
        raise UsageError(
            f"--labels gives {len(names)} names, and {model} scores {classes} classes.",
            "Give one name per class, in the order of the classes.",
        )
    return tuple(Label(name) for name in names)


def index_of(card: ModelCard, word: str, otherwise: str = "Say a name, ") -> int:
    """The class that a user means by a name or an index; UsageError with "did you mean" for an unknown one.

    `otherwise` begins the hint where no name is near.
    """
    known = [card.label(index) for index in range(card.classes)] if card.labels or card.head == "binary" else []
    names = {label.name.casefold(): index for index, label in enumerate(known)}
    plain = word.strip().casefold()
    for spelled in (plain, plain.replace(" ", "_")):
        if spelled in names:
            return names[spelled]
    if plain.isdigit() and int(plain) < card.classes:
        return int(plain)
    raise UsageError(
        f"{card.name} has no class '{word}'.",
        did_you_mean(word, names, otherwise=f"{otherwise}or an index from 0 to {card.classes - 1}."),
    )


def _from_json(data: Any) -> tuple[str, ...]:
    if isinstance(data, list):
        return tuple(str(name[-1] if isinstance(name, list) else name) for name in data)
    if all(isinstance(index, int) for index in data.values()):
        data = {index: name for name, index in data.items()}
    named = {int(index): str(name[-1] if isinstance(name, list) else name) for index, name in data.items()}
    if sorted(named) != list(range(len(named))):
        raise ValueError("the indices are not 0, 1, 2 ...")
    return tuple(named[index] for index in range(len(named)))
