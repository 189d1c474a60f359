"""One streaming pass of a network over its examples, tallied unit by unit; it goes on where a killed build left it."""

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from convreport.core.base import events
from convreport.core.base.errors import ImageError
from convreport.core.base.events import Emit
from convreport.core.base.files import digest, write_atomically
from convreport.core.base.kinds import Array
from convreport.core.base.provenance import code_digest
from convreport.core.network import kernels
from convreport.core.network.card import ModelCard
from convreport.core.network.circuits import Circuits
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.core.survey.examples import Examples, Survey
from convreport.core.survey.tally import ALIKE, MOST_PAIRS, Tally

BLOCK = 64  # pictures between two moments at which the pass could be taken up again
BATCH = 16  # pictures of 224 x 224 a call of the network; fewer larger ones, more small ones up to a block
KEEP_EVERY = 10.0  # seconds
MOST_GROUPS = 1000  # classes or folders whose means are kept
KEPT_UNUSED = 7 * 24 * 3600  # seconds a finished survey is kept
SHAPED_BY = (
    "convreport.core.survey.conduct", "convreport.core.survey.tally", "convreport.core.network.kernels",
    "convreport.core.network.circuits", "convreport.core.pictures.fitting",
)  # fmt: skip


@dataclass
class Progress:
    """How far a pass is: pictures done, those that could not be read, and what is tallied."""

    done: int
    skipped: int
    reason: str
    tallies: dict[str, Tally]
    failures: dict[str, str] = field(default_factory=dict)


def conduct(
    examples: Examples, net: Network, layers: Sequence[str], fit: str, scratch: Path, emit: Emit, *, fresh: bool
) -> Survey:
    """The survey of these layers, from where it was left; ImageError if not one picture can be read.

    A layer that answers with no number is left out with the reason.
    """
    started = time.monotonic()
    groups = sorted({said for number in range(examples.count) if (said := examples.said(number))})
    groups = groups if len(groups) <= MOST_GROUPS else []  # as many as that are no classes
    place = {said: index for index, said in enumerate(groups)}
    suspects = _suspects(net, layers)
    file = scratch / f"survey-{_key(examples, net.card, net.rests_on, layers, fit)}.npz"
    _tidy(scratch, file)
    progress = (None if fresh else _read(file, suspects)) or Progress(
        0, 0, "", {path: Tally.empty(net.card.layer(path).units, len(groups), suspects[path]) for path in layers}
    )
    begun, kept = progress.done, time.monotonic()
    emit(events.SurveyStarted(examples.count, begun))
    for numbers, block in _blocks(examples, begun):
        for some, planes, raw in _together(numbers, _read_by(net, block, fit, progress)):
            _tally(
                progress, net, planes, raw, np.array(some), np.array([place.get(examples.said(n), -1) for n in some])
            )
        progress.done = numbers[-1] + 1
        emit(events.Surveyed(len(numbers)))
        if time.monotonic() - kept > KEEP_EVERY:
            _write(file, progress)
            kept = time.monotonic()
    if progress.done > begun:
        _write(file, progress)
    if progress.skipped == examples.count:
        raise ImageError(f"None of the {examples.count} examples can be read: {progress.reason}.")
    if progress.skipped:
        emit(
            events.Warned(
                f"Skipped {progress.skipped} of {examples.count:,} examples, the first because {progress.reason}."
            )
        )
    emit(events.SurveyFinished(examples.count - progress.skipped, len(layers), time.monotonic() - started))
    return Survey(progress.tallies, progress.failures, groups)


def _suspects(net: Network, layers: Sequence[str]) -> dict[str, list[tuple[int, int, float]]]:
    """Of each layer the pairs of units with nearly the same kernel: only their responses need be compared."""
    circuits = Circuits(net.card)
    found = {}
    for path in layers:
        maker = circuits.maker(path)
        kernel = net.kernel(maker) if maker else None
        found[path] = kernels.alike(kernel, ALIKE, MOST_PAIRS) if kernel is not None else []
    return found


def _blocks(examples: Examples, begin: int) -> Iterator[tuple[list[int], list[Sample | None]]]:
    """The pictures' numbers and what was read, BLOCK by BLOCK; the next block is read while this one is looked at."""

    def read(first: int) -> tuple[list[int], list[Sample | None]]:
        numbers = list(range(first, min(first + BLOCK, examples.count)))
        return numbers, list(examples.samples(numbers))

    starts = list(range(begin, examples.count, BLOCK))
    with ThreadPoolExecutor(1) as pool:
        ahead: Future[Any] | None = pool.submit(read, starts[0]) if starts else None
        for place in range(len(starts)):
            assert ahead is not None
            block = ahead.result()
            ahead = pool.submit(read, starts[place + 1]) if place + 1 < len(starts) else None
            yield block


def _read_by(
    net: Network, block: Sequence[Sample | None], fit: str, progress: Progress
) -> list[tuple[Array, bool] | None]:
    """What the network reads of each picture; None, counted, for what it cannot."""
    read: list[tuple[Array, bool] | None] = []
    for sample in block:
        try:
            read.append(None if sample is None else (net.read(sample, fit), sample.raw))
            reason = "it cannot be read as a picture"
        except ImageError as error:
            read.append(None)
            reason = error.message
        if read[-1] is None:
            progress.skipped += 1
            progress.reason = progress.reason or reason
    return read


def _together(
    numbers: Sequence[int], read: Sequence[tuple[Array, bool] | None]
) -> Iterator[tuple[list[int], Array, bool]]:
    """Pictures of one size in batches: their numbers, what is read of them, and whether they are fed as they are."""
    known = [(number, *one) for number, one in zip(numbers, read, strict=True) if one is not None]
    known.sort(key=lambda one: (one[1].shape, one[2], one[0]))
    for (_, raw), group in groupby(known, key=lambda one: (one[1].shape, one[2])):
        same = list(group)
        area = same[0][1].shape[0] * same[0][1].shape[1]
        size = min(max(BATCH * 224 * 224 // area, 1), BLOCK)
        for first in range(0, len(same), size):
            some = same[first : first + size]
            yield [one[0] for one in some], np.stack([one[1] for one in some]), raw


def _tally(progress: Progress, net: Network, planes: Array, raw: bool, numbers: Array, groups: Array) -> None:
    left = [path for path in progress.tallies if path not in progress.failures]
    if not left:
        return
    seen = net.observe(planes, list(progress.tallies), raw=raw)
    for path in left:
        if path not in seen:
            progress.failures[path] = f"{net.card.name} never ran the layer {path}."
        elif not (np.isfinite(seen[path].most).all() and np.isfinite(seen[path].least).all()):
            progress.failures[path] = f"The layer {path} of {net.card.name} answers with NaN or infinity to an example."
        else:
            progress.tallies[path].add(seen[path], numbers, groups)


def _key(examples: Examples, card: ModelCard, rests_on: str, layers: Sequence[str], fit: str) -> str:
    return digest(
        examples.digest, [(path, card.layer(path).digest) for path in layers], card.input, card.preprocessing.key, fit,
        rests_on, [code_digest(name) for name in SHAPED_BY],
    )  # fmt: skip


def _write(file: Path, progress: Progress) -> None:
    arrays: dict[str, Array] = {}
    for number, tally in enumerate(progress.tallies.values()):
        arrays |= {f"{number}/{name}": value for name, value in tally.arrays().items()}
    told = [str(progress.done), str(progress.skipped), progress.reason]
    failed = [word for pair in progress.failures.items() for word in pair]
    buffer = io.BytesIO()
    arrays |= {"layers": np.array(list(progress.tallies)), "told": np.array(told), "failed": np.array(failed, str)}
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(file, buffer.getvalue())


def _read(file: Path, suspects: Mapping[str, list[tuple[int, int, float]]]) -> Progress | None:
    """What was kept of an earlier pass; None where nothing was, or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            tallies = {
                str(path): Tally.of_arrays(
                    {name.partition("/")[2]: kept[name] for name in kept.files if name.startswith(f"{number}/")},
                    suspects[str(path)],
                )
                for number, path in enumerate(kept["layers"])
            }
            done, skipped, reason = (str(word) for word in kept["told"])
            failed = [str(word) for word in kept["failed"]]
        file.touch()
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None
    return Progress(int(done), int(skipped), reason, tallies, dict(zip(failed[::2], failed[1::2], strict=True)))


def _tidy(scratch: Path, mine: Path) -> None:
    """Surveys that nobody has asked for in a week."""
    for file in scratch.glob("survey-*.npz"):
        if file != mine and file.stat().st_mtime < time.time() - KEPT_UNUSED:
            file.unlink(missing_ok=True)
