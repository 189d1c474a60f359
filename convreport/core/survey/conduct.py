"""One streaming pass of a network over its examples, tallied unit by unit; it goes on where a killed build left it."""

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from convreport.core.base import events
from convreport.core.base.errors import ImageError
from convreport.core.base.events import Emit
from convreport.core.base.files import digest, write_atomically
from convreport.core.base.kinds import Array
from convreport.core.base.provenance import code_digest
from convreport.core.network.card import ModelCard
from convreport.core.survey import shards
from convreport.core.survey.examples import Examples, Survey
from convreport.core.survey.shards import Part, Pass, Surveyor
from convreport.core.survey.tally import Pairs, Tally

KEEP_EVERY = 10.0  # seconds
MOST_KEPT, FEWEST_KEPT = 1024, 128  # pictures to which the answers of all units are kept, to be compared
MOST_KEPT_NUMBERS = 1 << 24  # of them, in all layers: 64 MB
MOST_GROUPS = 1000  # classes or folders whose means are kept
KEPT_UNUSED = 7 * 24 * 3600  # seconds a finished survey is kept
SHAPED_BY = (
    "convreport.core.survey.conduct", "convreport.core.survey.shards", "convreport.core.survey.tally",
    "convreport.core.survey.likeness",
    "convreport.core.network.kernels", "convreport.core.network.circuits", "convreport.core.pictures.fitting",
)  # fmt: skip


@dataclass
class Progress:
    """How far a pass is: pictures done, and what came of them."""

    done: int
    part: Part


def conduct(
    examples: Examples, card: ModelCard, rests_on: str, surveyor: Surveyor, layers: Sequence[str], fit: str,
    scratch: Path, emit: Emit, *, fresh: bool,
) -> Survey:  # fmt: skip
    """The survey of these layers, from where it was left; ImageError if not one picture can be read.

    `rests_on` is that of the network. A layer that returns no number is left out with the reason.
    """
    started = time.monotonic()
    groups = sorted({said for number in range(examples.count) if (said := examples.said(number))})
    groups = groups if len(groups) <= MOST_GROUPS else []  # as many as that are no classes
    units = {path: card.layer(path).units for path in layers}
    asked = Pass(
        tuple(layers), fit, tuple(groups), surveyor.suspects(layers), _every(examples.count, sum(units.values()))
    )
    file = scratch / f"survey-{_key(examples, card, rests_on, layers, fit)}.npz"
    _tidy(scratch, file)
    progress = (None if fresh else _read(file, asked.suspects)) or Progress(0, Part.empty(units, asked))
    begun, kept = progress.done, time.monotonic()
    emit(events.SurveyStarted(examples.count, begun))
    starts = range(begun, examples.count, shards.SHARD)
    for first, part in zip(starts, surveyor.parts(examples, asked, starts), strict=True):
        progress.part = progress.part.joined(part)
        progress.done = min(first + shards.SHARD, examples.count)
        emit(events.Surveyed(progress.done - first))
        if time.monotonic() - kept > KEEP_EVERY:
            _write(file, progress)
            kept = time.monotonic()
    if progress.done > begun:
        _write(file, progress)
    skipped, reason = progress.part.skipped, progress.part.reason
    if skipped == examples.count:
        raise ImageError(f"None of the {examples.count} examples can be read: {reason}.")
    if skipped:
        emit(events.Warned(f"Skipped {skipped} of {examples.count:,} examples, the first because {reason}."))
    emit(events.SurveyFinished(examples.count - skipped, len(layers), time.monotonic() - started))
    return Survey(progress.part.tallies, progress.part.failures, groups)


def _every(pictures: int, units: int) -> int:
    """Every how many-th picture's answers are kept: of most atlases those to 1,024, of one of very many units fewer."""
    kept = min(max(MOST_KEPT_NUMBERS // max(units, 1), FEWEST_KEPT), MOST_KEPT)
    return max(-(-pictures // kept), 1)


def _key(examples: Examples, card: ModelCard, rests_on: str, layers: Sequence[str], fit: str) -> str:
    return digest(
        examples.digest, [(path, card.layer(path).digest) for path in layers], card.input, card.preprocessing.key, fit,
        rests_on, [code_digest(name) for name in SHAPED_BY],
    )  # fmt: skip


def _write(file: Path, progress: Progress) -> None:
    arrays: dict[str, Array] = {}
    part = progress.part
    for number, tally in enumerate(part.tallies.values()):
        arrays |= {f"{number}/{name}": value for name, value in tally.arrays().items()}
    told = [str(progress.done), str(part.skipped), part.reason]
    failed = [word for pair in part.failures.items() for word in pair]
    buffer = io.BytesIO()
    arrays |= {"layers": np.array(list(part.tallies)), "told": np.array(told), "failed": np.array(failed, str)}
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(file, buffer.getvalue())


def _read(file: Path, suspects: Mapping[str, Pairs]) -> Progress | None:
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
    failures = dict(zip(failed[::2], failed[1::2], strict=True))
    return Progress(int(done), Part(tallies, failures, int(skipped), reason))


def _tidy(scratch: Path, mine: Path) -> None:
    """Surveys that nobody has asked for in a week."""
    for file in scratch.glob("survey-*.npz"):
        if file != mine and file.stat().st_mtime < time.time() - KEPT_UNUSED:
            file.unlink(missing_ok=True)
