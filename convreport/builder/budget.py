"""A build within a given time: drafts of every pattern first, then finer ones while time is left.

Every finished tile is kept under its own preset, so that a build that was ended, or ran out of time, is taken up where it
was by the next one.
"""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convreport.builder.drawing import Studio, batches, draw_sections, finished, words
from convreport.builder.model import Opener
from convreport.core.ascent import recipes
from convreport.core.ascent.objectives import channel, logit
from convreport.core.ascent.recipes import FOURIER, PRESETS
from convreport.core.base import events
from convreport.core.base.errors import ConvreportError
from convreport.core.drawing.drawn import Drawn, SectionDrawn
from convreport.core.drawing.figures import Subject
from convreport.sections.base import Section
from convreport.workers.jobs import Done

LADDER = tuple(PRESETS)  # from rough to fine
MOST_SHARE = 0.9  # of the budget is planned: something always takes longer


@dataclass
class Rungs:
    """A section of patterns under a budget: its subjects, what of them is drawn at each preset, and seconds a picture."""

    section: Any
    subjects: list[Subject]
    drawn: dict[str, dict[Subject, Drawn]]
    paces: dict[tuple[Hashable, str], float] = field(default_factory=dict)
    left_out: int = 0  # for want of time even for a draft

    def at(self, preset: str) -> Section[Any, Any]:
        """The section at that preset."""
        section: Section[Any, Any] = replace(self.section, preset=preset)
        return section

    def missing(self, preset: str) -> list[Subject]:
        """What is drawn neither at that preset nor at a finer one."""
        finer = LADDER[LADDER.index(preset) :]
        return [one for one in self.subjects if not any(one in self.drawn[name] for name in finer)]

    def seconds(self, subjects: Sequence[Subject], preset: str) -> float:
        """About how long these take: every batch costs as much as a full one."""
        size = self.section.batch
        together: dict[Hashable, int] = {}
        for subject in subjects:
            together[self.section.group(subject)] = together.get(self.section.group(subject), 0) + 1
        return sum(-(-count // size) * size * self.paces[group, preset] for group, count in together.items())

    def best(self) -> list[Drawn]:
        """Of every subject that is drawn at all, its finest picture; a failure where there is none."""
        found = []
        for subject in self.subjects:
            known = [self.drawn[preset][subject] for preset in reversed(LADDER) if subject in self.drawn[preset]]
            found += next(([one] for one in known if one.record is not None), known[:1])
        return found


def draw_within(budget: float, studio: Studio, network: Opener) -> list[SectionDrawn]:
    """Draw every section of the plan; patterns in about `budget` seconds, all else however long it takes.

    `network` opens it here, where paces are measured.

    Patterns by another recipe than `fourier` have no presets and are drawn as they are.
    """
    climbing = [one for one in studio.plan.sections if getattr(one, "recipe", "") == FOURIER.name]
    others = [one for one in studio.plan.sections if one not in climbing]
    for section in others:
        if hasattr(section, "recipe"):
            told = f"{section.name}: the recipe {section.recipe} has no presets, so --budget does not limit it."
            studio.emit(events.Warned(told))
    made = {drawn.name: drawn for drawn in draw_sections(others, studio)}
    started = time.monotonic()
    ladders = [_ladder(section, studio) for section in climbing]
    for rungs in ladders:
        known = len(rungs.subjects) - len(rungs.missing(LADDER[0]))
        studio.emit(events.SectionStarted(rungs.section.name, len(rungs.subjects), known))
    _forecast(ladders, budget, started, studio, network)
    for preset in LADDER:
        for rungs in ladders:
            _climb(rungs, preset, started + budget, studio)
    for rungs in ladders:
        made[rungs.section.name] = finished(rungs.section, rungs.best(), time.monotonic() - started, studio)
        left = rungs.left_out + len(rungs.subjects) - len(rungs.best())
        if left:
            hint = "The same command continues from there; or give it more time."
            studio.emit(events.Warned(f"{rungs.section.name}: time ran out with {left} patterns to go.", hint))
    return [made[section.name] for section in studio.plan.sections]


def _ladder(section: Section[Any, Any], studio: Studio) -> Rungs:
    rungs = Rungs(section, list(section.subjects(studio.scope)), {})
    for preset in LADDER:
        rungs.drawn[preset] = studio.stored(rungs.at(preset), rungs.subjects)
    return rungs


def _forecast(ladders: Sequence[Rungs], budget: float, started: float, studio: Studio, network: Opener) -> None:
    """Measure a step of every layer, choose how far the time reaches, and say so."""
    waiting = {
        (place, rungs.section.group(subject)): subject
        for place, rungs in enumerate(ladders)
        for subject in rungs.missing(LADDER[-1])
    }
    if not waiting:
        return
    for (place, group), subject in waiting.items():
        _measure(ladders[place], group, subject, network)
    left = budget * MOST_SHARE - (time.monotonic() - started)
    reached, planned = "", 0.0
    for preset in LADDER:
        cost = sum(rungs.seconds(rungs.missing(preset), preset) for rungs in ladders)
        if planned + cost > left:
            break
        reached, planned = preset, planned + cost
    if not reached:
        reached, planned = LADDER[0], _keep_what_fits(ladders, LADDER[0], left)
    elif reached != LADDER[-1]:
        planned = left  # spent on as many finer pictures as it is enough for
    count = sum(len(rungs.subjects) for rungs in ladders)
    studio.emit(events.Forecast(count, len(waiting), reached, planned))


def _measure(rungs: Rungs, group: Hashable, subject: Subject, network: Opener) -> None:
    """The pace of a layer at the roughest preset, on a few steps; finer ones take as much more as they have more steps."""
    objective = channel(subject.layer, subject.unit or 0) if subject.layer else logit(subject.label or 0)
    rough = recipes.find(FOURIER.name, LADDER[0])
    try:
        pace = network().pace(objective, rough)
    except ConvreportError:  # drawing it will tell why it cannot be climbed
        pace = 0.0
    for preset in LADDER:
        recipe = recipes.find(FOURIER.name, preset)
        more = recipe.steps * recipe.seeds * (recipe.largest / rough.largest) ** 2 / rough.steps
        rungs.paces[group, preset] = pace * more * rungs.section.climbs


def _keep_what_fits(ladders: Sequence[Rungs], preset: str, left: float) -> float:
    """Leave out units, the last of every layer first, until drafts of the rest fit; at least one batch stays."""
    while True:
        planned = sum(rungs.seconds(rungs.missing(preset), preset) for rungs in ladders)
        batches_left = [(rungs, batch) for rungs in ladders for batch in batches(rungs.section, rungs.missing(preset))]
        if planned <= left or len(batches_left) <= 1:
            return planned
        largest: dict[Any, list[tuple[Rungs, tuple[Subject, ...]]]] = {}
        for rungs, batch in batches_left:
            largest.setdefault((id(rungs), rungs.section.group(batch[0])), []).append((rungs, batch))
        rungs, batch = max(largest.values(), key=len)[-1]
        rungs.subjects = [one for one in rungs.subjects if one not in batch]
        rungs.left_out += len(batch)


def _climb(rungs: Rungs, preset: str, until: float, studio: Studio) -> None:
    """Draw what is missing at a preset, as many batches at a time as keep everybody busy, while these can be expected to fit."""
    section = rungs.at(preset)
    waiting = list(batches(section, rungs.missing(preset)))

    def took(done: Done) -> None:
        for drawn in studio.kept(done):
            for name in (preset,) if drawn.record else LADDER:  # what failed would fail again
                rungs.drawn[name][drawn.subject] = drawn
        batch = done.job.subjects
        new = len(batch) if preset == LADDER[0] else 0  # what is refined was counted as a draft
        studio.emit(events.Drew(section.name, new, f"{words(batch[-1])}, {preset}"))

    while waiting:
        width = studio.hands.width
        some, waiting = waiting[:width], waiting[width:]
        known = [batch for batch in some if (section.group(batch[0]), preset) in rungs.paces]
        expected = sum(rungs.seconds(batch, preset) for batch in known) / max(width // 2, 1)
        nothing_yet = not any(rungs.drawn[name] for name in LADDER)
        if time.monotonic() + expected <= until or nothing_yet:
            studio.hands.draw([studio.job(section, batch) for batch in some], took)
