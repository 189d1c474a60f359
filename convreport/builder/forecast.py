"""What a build would cost, before it is made: some drawings of each section are made and measured, the rest follows.

Seconds are those of this machine. Every sample is drawn twice: the first time more is paid once for each layer or picture
(TensorFlow traces it), the second is paid for every batch. All of it ends in about a given time: sections share what is left
of it, and one that it does not reach is told by its number of drawings and files alone.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convreport.builder import pipeline
from convreport.builder.plan import Plan
from convreport.builder.press import COLUMNS, ROWS
from convreport.core.base.errors import ConvreportError
from convreport.core.drawing.figures import Drawing, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.card import ModelCard
from convreport.core.pictures import pixels
from convreport.core.seam import Network
from convreport.sections.base import Section
from convreport.share.report import LIMIT

SAMPLED = 3  # drawings, or batches, of each section that are made
WITHIN = 120.0  # seconds it takes by default, about; a batch that is begun is ended
SURVEYED = 24  # examples that are looked at for it
# Measured on the demo's site: the theme and the guide, and what a page of HTML weighs.
THEME_FILES, THEME_BYTES = 55, 2_780_000
REPORT = 4 / 3  # bytes of the one-file report, where pictures are text, to those of the pictures
PAGE_BYTES, LINE_BYTES = 33_000, 260  # a page; a drawing's line in atlas.json and in the viewer's data, and on pages


@dataclass(frozen=True)
class Cost:
    """What a section, or something else of a build, would cost: so many drawings, seconds, bytes and files of the site.

    `lack` says why seconds and bytes are not known (then they are 0), or are only bounds.
    """

    name: str
    drawings: int
    seconds: float
    bytes: int
    files: int
    lack: str = ""


def forecast(plan: Plan, card: ModelCard, network: Network, within: float = WITHIN) -> list[Cost]:
    """The cost of every section, of the survey of the examples, and of the pages.

    Takes about `within` seconds at most, where a single batch does not take longer. Raises what a build would raise before it
    draws; a drawing that fails is no more than something that cannot be told.
    """
    until = time.monotonic() + within
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        whole = pipeline.covered(plan, card, lambda event: None, scratch)
        few, fewer = (
            pipeline.covered(replace(plan, max_examples=count), card, lambda event: None, scratch)
            for count in (SURVEYED, SURVEYED // 2)
        )
        found = list(_sections(plan, whole, few, fewer, network, until))
    return [*found, _pages(whole, found, plan)]


def _sections(plan: Plan, whole: Scope, few: Scope, fewer: Scope, network: Network, until: float) -> Iterator[Cost]:
    """The survey is paid by the first section that needs it, and told apart; passes of its own by each that has some."""
    surveyed = False
    asked = [(section, list(section.subjects(whole))) for section in plan.sections]
    asked = [(section, subjects) for section, subjects in asked if subjects]
    for place, (section, subjects) in enumerate(asked):
        now = time.monotonic()
        share = now + (until - now) / (len(asked) - place)
        passes = section.passes(whole)
        wanted = section.of_examples and (passes or not surveyed) and now < until
        if wanted and whole.examples is not None and few.examples is not None:
            surveyed = surveyed or not passes
            known = set(section.subjects(few))
            first = next((one for one in subjects if one in known), None)
            if first is not None:
                traced, _, _ = _drawn(section, [first], fewer, network)
                once, _, _ = _drawn(section, [first], few, network)
                again, _, lack = _drawn(section, [first], few, network)
                each = max(once - again, 0.0) / max(section.passes(few) or few.examples.count, 1)
                name = f"{section.name}, passes" if passes else "survey"
                yield Cost(name, 0, traced + each * (passes or whole.examples.count), 0, 0, lack)
            elif passes:
                continue  # none of the few has masks
        yield _cost(section, subjects, few, network, share, late=now >= until)


def _cost(
    section: Section[Any, Any], subjects: Sequence[Subject], scope: Scope, network: Network, until: float, *, late: bool
) -> Cost:
    """Some subjects, from the first to the last, drawn in batches of the usual size, and what all of them come to."""
    if late:
        return Cost(section.name, len(subjects), 0.0, 0, _files(subjects, 1), "no time was left for it")
    known = set(section.subjects(scope))
    drawable = [one for one in subjects if one in known] or list(subjects)
    groups: dict[Any, list[Subject]] = {}
    for one in drawable:
        groups.setdefault(section.group(one), []).append(one)
    chosen = list(groups.values())
    places = sorted({round(place * (len(chosen) - 1) / max(SAMPLED - 1, 1)) for place in range(SAMPLED)})
    once: list[float] = []
    each: list[float] = []
    lack = ""
    drawn: list[Drawing] = []
    for place in _from_the_middle(places):
        if each and time.monotonic() > until:
            lack = f"from {len(each)} of {len(places)} places"
            break
        batch = chosen[place][: section.batch]
        traced, made, why = _drawn(section, batch, scope, network)
        if why:
            lack = why
            continue
        # Where time is short the first drawing stands for both, and more is said than will be paid.
        took = traced if time.monotonic() > until else _drawn(section, batch, scope, network)[0]
        once.append(max(traced - took, 0.0))
        each.append(took)
        drawn += made
    if not drawn:
        return Cost(section.name, len(subjects), 0.0, 0, 0, lack)
    batches = sum(-(-len(group) // section.batch) for group in chosen)
    whole = sum(once) / len(once) * len(chosen) + sum(each) / len(each) * batches
    bytes_ = sum(len(pixels.encode(figure.pixels, figure.kind)) for drawing in drawn for figure in drawing.figures)
    figures = sum(len(drawing.figures) for drawing in drawn) / len(drawn)
    size = round(bytes_ / len(drawn) * len(subjects))
    return Cost(
        section.name, len(subjects), whole * len(subjects) / len(drawable), size, _files(subjects, figures), lack
    )


def _from_the_middle(places: Sequence[int]) -> list[int]:
    """The one that stands best for all of them first."""
    middle = len(places) // 2
    return [*places[middle:], *places[:middle]]


def _files(subjects: Sequence[Subject], figures: float) -> int:
    """Tiles of units share sprite sheets, layer by layer; other pictures have a file each."""
    of: dict[str | None, int] = {}
    for one in subjects:
        if one.unit is not None:
            of[one.layer] = of.get(one.layer, 0) + 1
    alone = sum(one.unit is None for one in subjects)
    sheets = sum(-(-count // (COLUMNS * ROWS)) + 1 for count in of.values())
    return round((alone + sheets) * figures)


def _drawn(
    section: Section[Any, Any], batch: Sequence[Subject], scope: Scope, network: Network
) -> tuple[float, list[Drawing], str]:
    """The seconds it took, what was drawn, and why nothing was: a build would tell it, and go on."""
    started, made, why = time.monotonic(), [], ""
    try:
        made = list(section.draw(batch, scope, network))
    except Exception as error:
        why = error.message if isinstance(error, ConvreportError) else f"{type(error).__name__}: {error}"
    return time.monotonic() - started, made, why


def _pages(scope: Scope, costs: Sequence[Cost], plan: Plan) -> Cost:
    """The theme, a page a layer, picture and class, and the data of the viewer."""
    subjects = [one for section in plan.sections for one in section.subjects(scope)]
    layers = {one.layer for one in subjects if one.layer is not None}
    labels = {one.label for one in subjects if one.label is not None}
    pages = 8 + len(layers) + len(scope.samples) + min(len(labels), 100)
    drawings = sum(one.drawings for one in costs)
    report = min(round(REPORT * sum(one.bytes for one in costs)), LIMIT)
    size = THEME_BYTES + pages * PAGE_BYTES + 3 * drawings * LINE_BYTES + report
    files = THEME_FILES + pages + len(layers) + 2 * len(scope.samples)
    return Cost("pages", 0, 2.0 + 0.05 * pages, size, files)
