"""A model at one moment of its training, small enough to be kept after every epoch; and the folder of all of them."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from convreport.core.base.codec import from_json, to_json
from convreport.core.base.errors import UsageError
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Array, Pixels

RUN = "run.json"
FORMAT = 1


@dataclass(frozen=True)
class Watched:
    """What stays the same in a training: the model's name, the layers watched with the units whose patterns are drawn, and
    the names of the pictures that are shown again and again.
    """

    model: str
    layers: Mapping[str, tuple[int, ...]]
    pictures: tuple[str, ...]
    format: int = FORMAT


@dataclass(frozen=True)
class Answer:
    """What is said of one picture: the class, and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class OfLayer:
    """A layer at that moment: its units, those that answered no picture, and the norm of the change of its kernel since the
    first snapshot relative to that (None where it has none).
    """

    units: int
    silent: tuple[int, ...]
    change: float | None


@dataclass(frozen=True)
class Snapshot:
    """What was kept after `epoch` epochs, 0 before the first.

    `logs` are Keras's own, `answers` one a picture, `grams` (pictures, pictures) of each layer from which CKA follows.
    `patterns` (units, side, side, 3) of those layers whose patterns there was time for, `kernels` (units, h, w, 3) of the
    first convolution where it reads colours or gray. `seconds` is what it cost.
    """

    epoch: int
    logs: Mapping[str, float]
    layers: Mapping[str, OfLayer]
    answers: tuple[Answer, ...]
    seconds: float
    grams: Mapping[str, Array] = field(default_factory=dict, repr=False, compare=False)
    patterns: Mapping[str, Pixels] = field(default_factory=dict, repr=False, compare=False)
    kernels: Pixels | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class _Told:
    epoch: int
    logs: Mapping[str, float]
    layers: Mapping[str, OfLayer]
    answers: tuple[Answer, ...]
    seconds: float
    paths: tuple[str, ...]
    drawn: tuple[str, ...]


def begin(folder: Path, watched: Watched) -> None:
    """Say what is watched; snapshots of a training of something else are left where they are, UsageError tells of them."""
    known = told_of(folder, must=False)
    if known is not None and (known.model, known.layers, known.pictures) != (
        watched.model,
        watched.layers,
        watched.pictures,
    ):
        raise UsageError(
            f"{folder} holds snapshots of another training, of {known.model}.", "Give convreport.Watch another folder."
        )
    write_atomically(folder / RUN, json.dumps(to_json(watched), indent=1).encode())


def forget_after(folder: Path, epoch: int) -> None:
    """Snapshots of epochs that are trained again."""
    for path in folder.glob("epoch-*.npz"):
        if _number(path) > epoch:
            path.unlink()


def write(folder: Path, snapshot: Snapshot) -> Path:
    """Keep a snapshot: all of it or nothing, whenever the training is killed."""
    paths, drawn = tuple(snapshot.grams), tuple(snapshot.patterns)
    told = _Told(snapshot.epoch, snapshot.logs, snapshot.layers, snapshot.answers, snapshot.seconds, paths, drawn)
    arrays: dict[str, Any] = {"told": np.array(json.dumps(to_json(told)))}
    arrays |= {f"gram/{place}": snapshot.grams[path].astype(np.float32) for place, path in enumerate(paths)}
    arrays |= {f"pattern/{place}": snapshot.patterns[path] for place, path in enumerate(drawn)}
    if snapshot.kernels is not None:
        arrays["first"] = snapshot.kernels
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path = folder / f"epoch-{snapshot.epoch:05}.npz"
    write_atomically(path, buffer.getvalue())
    return path


def read(folder: Path) -> tuple[Watched, list[Snapshot]]:
    """All that was kept, in the order of epochs; damaged snapshots are left out. UsageError where there is nothing."""
    watched = told_of(folder)
    assert watched is not None
    found = [one for path in sorted(folder.glob("epoch-*.npz"), key=_number) if (one := _read(path)) is not None]
    if not found:
        raise UsageError(f"{folder} holds no snapshot yet.", "The first is kept as soon as the training begins.")
    return watched, found


def told_of(folder: Path, *, must: bool = True) -> Watched | None:
    """What is watched there; UsageError, or None, where nothing is."""
    try:
        return from_json(Watched, json.loads((folder / RUN).read_bytes()))
    except (OSError, ValueError):
        if must:
            raise UsageError(
                f"{folder} holds no training that was watched.", "Train with callbacks=[convreport.Watch(FOLDER)]."
            ) from None
        return None


def _read(path: Path) -> Snapshot | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            told = from_json(_Told, json.loads(str(kept["told"])))
            grams = {name: kept[f"gram/{place}"] for place, name in enumerate(told.paths)}
            patterns = {name: kept[f"pattern/{place}"] for place, name in enumerate(told.drawn)}
            kernels = kept["first"] if "first" in kept.files else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return Snapshot(told.epoch, told.logs, told.layers, told.answers, told.seconds, grams, patterns, kernels)


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("epoch-")
    return int(digits) if digits.isdigit() else -1
