"""The loop over what there is to draw: look every subject up, draw what is missing, keep it, say so."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from convreport.builder.plan import Plan
from convreport.core.ascent import recipes
from convreport.core.base import events
from convreport.core.base.codec import to_json
from convreport.core.base.errors import ConvreportError
from convreport.core.base.events import Emit
from convreport.core.base.files import digest
from convreport.core.base.provenance import code_digest
from convreport.core.drawing.drawn import Drawn, SectionDrawn, count
from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Record, Store
from convreport.core.seam import Network
from convreport.engines.code import shape, versions
from convreport.sections.base import Section

Opener = Callable[[], Network]


@dataclass(frozen=True)
class Studio:
    """Where sections are drawn: what they cover, what is stored of them, and the network, opened on the first miss."""

    scope: Scope
    plan: Plan
    store: Store
    network: Opener
    emit: Emit

    def stored(self, section: Section[Any, Any], subjects: Sequence[Subject]) -> dict[Subject, Drawn]:
        """Those of the subjects that were drawn before in just this way."""
        if self.plan.fresh:
            return {}
        keys = {subject: _key(section, subject, self.scope) for subject in subjects}
        found = {subject: self.store.get(key) for subject, key in keys.items()}
        return {s: Drawn(s, keys[s], one, reused=True) for s, one in found.items() if one and _fits(section, one)}

    def draw(self, section: Section[Any, Any], batch: Sequence[Subject]) -> list[Drawn]:
        """Draw and store; a failure becomes the reason shown in the drawing's place.

        Where a batch fails its subjects are tried one by one, so that one bad layer costs only its own drawing.
        """
        opened = self.network()  # a model that cannot be opened is the end of the build, not a failed drawing
        keys = [_key(section, subject, self.scope) for subject in batch]
        try:
            drawings = section.draw(batch, self.scope, opened)
            return [
                Drawn(subject, key, self.store.put(key, drawing))
                for subject, key, drawing in zip(batch, keys, drawings, strict=True)
            ]
        except Exception as error:
            if len(batch) > 1 and not self.plan.strict:
                return [drawn for one in batch for drawn in self.draw(section, (one,))]
            reason = error.message if isinstance(error, ConvreportError) else f"{type(error).__name__}: {error}"
            if self.plan.strict:
                raise ConvreportError(
                    f"{section.name}, {words(batch[0])}: {reason}", "Without --strict the rest would be built."
                ) from error
            self.emit(events.Failed(section.name, words(batch[0]), reason, traceback.format_exc()))
            return [Drawn(subject, key, None, failure=reason) for subject, key in zip(batch, keys, strict=True)]


def draw_section(section: Section[Any, Any], studio: Studio) -> SectionDrawn:
    """Look every subject up; draw what is missing, batch by batch."""
    started = time.monotonic()
    subjects = list(section.subjects(studio.scope))
    done = studio.stored(section, subjects)
    missing = [subject for subject in subjects if subject not in done]
    studio.emit(events.SectionStarted(section.name, len(subjects), len(done)))
    for batch in batches(section, missing):
        for drawn in studio.draw(section, batch):
            done[drawn.subject] = drawn
        studio.emit(events.Drew(section.name, len(batch), words(batch[-1])))
    return finished(section, [done[subject] for subject in subjects], started, studio)


def finished(section: Section[Any, Any], in_order: Sequence[Drawn], started: float, studio: Studio) -> SectionDrawn:
    """What a section drew, told of; `started` is when it began, on the monotonic clock."""
    new, reused, failed = count(in_order)
    studio.emit(events.SectionFinished(section.name, new, reused, failed, time.monotonic() - started))
    purpose = (type(section).__doc__ or "").strip()
    silence = "" if in_order else section.silence(studio.scope)
    if silence:
        studio.emit(events.Warned(f"{section.name}: {silence}"))
    return SectionDrawn(section.name, section.page, _options(section, studio.scope), purpose, tuple(in_order), silence)


def batches(section: Section[Any, Any], missing: Sequence[Subject]) -> Iterator[tuple[Subject, ...]]:
    """What may be drawn together, in pieces small enough to lose little when the build is ended."""
    for _, group in groupby(missing, key=section.group):
        together = tuple(group)
        for begin in range(0, len(together), section.batch):
            yield together[begin : begin + section.batch]


def _fits(section: Section[Any, Any], record: Record) -> bool:
    """Does a stored drawing say what the section says of one? What is damaged is drawn again."""
    try:
        section.facts_of(record)
    except ValueError:
        return False
    return True


def _options(section: Section[Any, Any], scope: Scope) -> dict[str, Any]:
    """A section's options as published; a recipe with all its numbers."""
    said = dict(to_json(section))
    if hasattr(section, "recipe") and hasattr(section, "preset"):
        said["numbers"] = to_json(recipes.find(section.recipe, section.preset, scope.recipes))
    return said


def _key(section: Section[Any, Any], subject: Subject, scope: Scope) -> str:
    """Everything that shapes a drawing: what the section says, its options, the code that draws, and the framework."""
    modules = (type(section).__module__, *section.shaped_by)
    code = [code_digest(module) for module in modules]
    engine = scope.card.engine
    made_by = code, shape(engine, section.asks), versions(engine)
    return digest(section.name, to_json(section), made_by, section.key(subject, scope))


def words(subject: Subject) -> str:
    """A subject as a reader names it."""
    unit = "" if subject.unit is None else f" unit {subject.unit}"
    label = "" if subject.label is None else f"class {subject.label}"
    return (
        " on ".join(part for part in ((subject.layer or "") + unit, label, subject.sample or "") if part) or "the model"
    )
