"""What there is to draw: every subject is looked up, what is missing is handed out, kept as it comes, and told of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
from convreport.engines.code import shape, versions
from convreport.sections.base import Section
from convreport.workers.jobs import Done, Hands, Job


@dataclass(frozen=True)
class Studio:
    """Where sections are drawn: what they cover, what is stored of them, and who draws."""

    scope: Scope
    plan: Plan
    store: Store
    hands: Hands
    emit: Emit

    def stored(self, section: Section[Any, Any], subjects: Sequence[Subject]) -> dict[Subject, Drawn]:
        """Those of the subjects that were drawn before in just this way."""
        if self.plan.fresh:
            return {}
        keys = {subject: _key(section, subject, self.scope) for subject in subjects}
        found = {subject: self.store.get(key) for subject, key in keys.items()}
        return {s: Drawn(s, keys[s], one, reused=True) for s, one in found.items() if one and _fits(section, one)}

    def job(self, section: Section[Any, Any], batch: Sequence[Subject]) -> Job:
        """These subjects as something to be handed out."""
        keys = tuple(_key(section, subject, self.scope) for subject in batch)
        return Job(section, tuple(batch), keys, whole=self.plan.strict)

    def kept(self, done: Done) -> list[Drawn]:
        """What came of a job, stored; a failure becomes the reason shown in the drawing's place, or ends a strict build."""
        name = done.job.section.name
        found = []
        for one in done.outcomes:
            if one.packed is not None:
                found.append(Drawn(one.subject, one.key, self.store.put(one.key, one.packed)))
                continue
            if self.plan.strict:
                message = f"{name}, {words(one.subject)}: {one.reason}"
                raise ConvreportError(message, "Without --strict the rest would be built.")
            self.emit(events.Failed(name, words(one.subject), one.reason, one.trace))
            found.append(Drawn(one.subject, one.key, None, failure=one.reason))
        return found


@dataclass
class _Queue:
    """A section under way: all its subjects, what is drawn of them, how many are to come, and the seconds it took."""

    section: Section[Any, Any]
    subjects: list[Subject]
    done: dict[Subject, Drawn]
    left: int = 0
    seconds: float = 0.0
    finished: list[SectionDrawn] = field(default_factory=list)


def draw_sections(sections: Sequence[Section[Any, Any]], studio: Studio) -> list[SectionDrawn]:
    """Look every subject of these sections up, and have drawn what is missing; each as a whole, in order."""
    queues: dict[str, _Queue] = {}
    jobs: list[Job] = []
    for section in sections:
        subjects = list(section.subjects(studio.scope))
        done = studio.stored(section, subjects)
        missing = [subject for subject in subjects if subject not in done]
        queues[section.name] = _Queue(section, subjects, done, len(missing))
        studio.emit(events.SectionStarted(section.name, len(subjects), len(done)))
        jobs += [studio.job(section, batch) for batch in batches(section, missing)]
        _finish(queues[section.name], studio)

    def took(done: Done) -> None:
        queue = queues[done.job.section.name]
        queue.done |= {drawn.subject: drawn for drawn in studio.kept(done)}
        queue.left -= len(done.job.subjects)
        queue.seconds += done.seconds
        studio.emit(events.Drew(queue.section.name, len(done.job.subjects), words(done.job.subjects[-1])))
        _finish(queue, studio)

    studio.hands.draw(jobs, took)
    return [drawn for section in sections for drawn in queues[section.name].finished]


def _finish(queue: _Queue, studio: Studio) -> None:
    """Tell of a section as soon as nothing of it is to come."""
    if not queue.left:
        in_order = [queue.done[subject] for subject in queue.subjects]
        queue.finished.append(finished(queue.section, in_order, queue.seconds, studio))


def finished(section: Section[Any, Any], in_order: Sequence[Drawn], seconds: float, studio: Studio) -> SectionDrawn:
    """What a section drew, told of; `seconds` is how long that took whoever drew it."""
    new, reused, failed = count(in_order)
    studio.emit(events.SectionFinished(section.name, new, reused, failed, seconds))
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
