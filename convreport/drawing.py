"""The loop over what there is to draw: look every subject up, draw what is missing, keep it, say so."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from convreport.core import events
from convreport.core.codec import to_json
from convreport.core.drawn import Drawn, SectionDrawn, count
from convreport.core.errors import ConvreportError
from convreport.core.events import Emit
from convreport.core.protocols import Network, Plan, Section
from convreport.core.store import Store, digest, digest_file
from convreport.core.types import Scope, Subject

Opener = Callable[[], Network]


def draw_section(section: Section, scope: Scope, plan: Plan, store: Store, network: Opener, emit: Emit) -> SectionDrawn:
    """Look every subject up; draw what is missing, batch by batch."""
    started = time.monotonic()
    subjects = list(section.subjects(scope))
    keys = {subject: _key(section, subject, scope) for subject in subjects}
    found = {} if plan.fresh else {subject: store.get(key) for subject, key in keys.items()}
    done = {s: Drawn(s, keys[s], record, reused=True) for s, record in found.items() if record is not None}
    missing = [subject for subject in subjects if subject not in done]
    emit(events.SectionStarted(section.name, len(subjects), len(done)))
    for batch in _batches(section, missing):
        for drawn in _draw_batch(section, batch, keys, scope, plan, store, network, emit):
            done[drawn.subject] = drawn
        emit(events.Drew(section.name, len(batch), _words(batch[-1])))
    in_order = tuple(done[subject] for subject in subjects)
    new, reused, failed = count(in_order)
    emit(events.SectionFinished(section.name, new, reused, failed, time.monotonic() - started))
    purpose = (type(section).__doc__ or "").strip()
    silence = "" if subjects else section.silence(scope)
    if silence:
        emit(events.Warned(f"{section.name}: {silence}"))
    return SectionDrawn(section.name, section.page, to_json(section), purpose, in_order, silence)


def _batches(section: Section, missing: Sequence[Subject]) -> Iterator[tuple[Subject, ...]]:
    """What may be drawn together, in pieces small enough to lose little when the build is ended."""
    for _, group in groupby(missing, key=section.group):
        together = tuple(group)
        for begin in range(0, len(together), section.batch):
            yield together[begin : begin + section.batch]


def _draw_batch(
    section: Section,
    batch: Sequence[Subject],
    keys: Mapping[Subject, str],
    scope: Scope,
    plan: Plan,
    store: Store,
    network: Opener,
    emit: Emit,
) -> list[Drawn]:
    """Draw and store; a failure becomes the reason shown in the drawing's place.

    Where a batch fails its subjects are tried one by one, so that one bad layer costs only its own drawing.
    """
    opened = network()  # a model that cannot be opened is the end of the build, not a failed drawing
    try:
        drawings = section.draw(batch, scope, opened)
        return [
            Drawn(subject, keys[subject], store.put(keys[subject], drawing))
            for subject, drawing in zip(batch, drawings, strict=True)
        ]
    except Exception as error:
        if len(batch) > 1 and not plan.strict:
            alone = [_draw_batch(section, (one,), keys, scope, plan, store, network, emit) for one in batch]
            return [drawn for drawings in alone for drawn in drawings]
        reason = error.message if isinstance(error, ConvreportError) else f"{type(error).__name__}: {error}"
        if plan.strict:
            raise ConvreportError(
                f"{section.name}, {_words(batch[0])}: {reason}", "Without --strict the rest would be built."
            ) from error
        emit(events.Failed(section.name, _words(batch[0]), reason, traceback.format_exc()))
        return [Drawn(subject, keys[subject], None, failure=reason) for subject in batch]


def _key(section: Section, subject: Subject, scope: Scope) -> str:
    """Everything that shapes a drawing: what the section says, its options, the code that draws, and the framework."""
    modules = (type(section).__module__, *section.shaped_by)
    code = [code_digest(module) for module in modules]
    return digest(section.name, to_json(section), code, versions(), section.key(subject, scope))


@cache
def code_digest(module: str) -> str:
    """The digest of a module's source, found without importing it."""
    spec = find_spec(module)
    return digest_file(Path(spec.origin)) if spec is not None and spec.origin else module


@cache
def versions() -> dict[str, str]:
    """Versions of the packages whose arithmetic is in the pictures, read without importing them."""
    known = {}
    for package in ("keras", "tensorflow"):
        try:
            known[package] = version(package)
        except PackageNotFoundError:  # tensorflow has builds under other names
            known[package] = "unknown"
    return known


def _words(subject: Subject) -> str:
    unit = "" if subject.unit is None else f" unit {subject.unit}"
    return " on ".join(part for part in ((subject.layer or "") + unit, subject.sample or "") if part) or "the model"
