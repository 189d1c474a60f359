"""A job: some subjects of one section, drawn together; and what became of them, as bytes."""

import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from convreport.core.base.errors import ConvreportError
from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Packed, pack
from convreport.core.seam import Network
from convreport.core.survey.examples import PicturesAwayError
from convreport.sections.base import Section


@dataclass(frozen=True)
class Job:
    """Subjects of a section that are drawn together, and the keys of their drawings; with `whole` a failure is that of all."""

    section: Section[Any, Any]
    subjects: tuple[Subject, ...]
    keys: tuple[str, ...]
    whole: bool = False

    @property
    def group(self) -> Hashable:
        """What jobs have in common that one process does quicker one after the other: what is traced for the first."""
        return self.section.name, self.section.group(self.subjects[0])

    @property
    def climbs(self) -> bool:
        """Are patterns drawn?"""
        return "ascend" in self.section.asks

    @property
    def surveys(self) -> bool:
        """Does it rest on the survey of the examples?"""
        return "observe" in self.section.asks

    def alone(self) -> list["Job"]:
        """One job a subject."""
        return self.divided(len(self.subjects))

    def divided(self, count: int) -> list["Job"]:
        """As that many jobs of about as many subjects each, or as many as it has."""
        size = -(-len(self.subjects) // max(count, 1))
        starts = range(0, len(self.subjects), size)
        pieces = [(self.subjects[first : first + size], self.keys[first : first + size]) for first in starts]
        return [Job(self.section, subjects, keys, self.whole) for subjects, keys in pieces]


@dataclass(frozen=True)
class Outcome:
    """What became of one subject: its drawing, or why there is none; `trace` is for whoever mends it."""

    subject: Subject
    key: str
    packed: Packed | None
    reason: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Done:
    """What became of a job, and the seconds it took where it was done."""

    job: Job
    outcomes: tuple[Outcome, ...]
    seconds: float


class Hands(Protocol):
    """Who draws."""

    @property
    def width(self) -> int:
        """So many jobs keep everybody busy for a while."""
        ...

    def draw(self, jobs: Sequence[Job], took: Callable[[Done], None]) -> None:
        """Draw all, in whatever order; `took` is called with each that is done. ConvreportError where nothing more can be
        drawn at all.
        """
        ...


def attempt(job: Job, scope: Scope, net: Network) -> Done:
    """Draw a job; what fails becomes its reason.

    Where a batch fails its subjects are tried one by one, so that one bad layer costs only its own drawing. Raises
    PicturesAwayError where pictures must be brought first.
    """
    started = time.monotonic()
    return Done(job, tuple(_attempt(job, scope, net)), time.monotonic() - started)


def failed(job: Job, reason: str, trace: str = "") -> list[Outcome]:
    """That outcome for all subjects of a job."""
    pairs = zip(job.subjects, job.keys, strict=True)
    return [Outcome(subject, key, None, reason, trace) for subject, key in pairs]


def _attempt(job: Job, scope: Scope, net: Network) -> Sequence[Outcome]:
    try:
        drawings = job.section.draw(job.subjects, scope, net)
        triples = zip(job.subjects, job.keys, drawings, strict=True)
        return [Outcome(subject, key, pack(drawing)) for subject, key, drawing in triples]
    except PicturesAwayError:
        raise
    except Exception as error:
        if len(job.subjects) > 1 and not job.whole:
            return [outcome for one in job.alone() for outcome in _attempt(one, scope, net)]
        reason = error.message if isinstance(error, ConvreportError) else f"{type(error).__name__}: {error}"
        return failed(job, reason, traceback.format_exc())
