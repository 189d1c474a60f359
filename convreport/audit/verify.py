"""Is an atlas what it says it is? The model is loaded again, some of its drawings are drawn again, and all are compared."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from convreport import __version__
from convreport.book import values
from convreport.book.folder import Atlas
from convreport.book.values import Book, Chapter
from convreport.builder import model, pipeline, publishing
from convreport.builder.drawing import words
from convreport.builder.plan import Plan
from convreport.core.base import events
from convreport.core.base.codec import to_json
from convreport.core.base.errors import ConvreportError
from convreport.core.base.kinds import Pixels
from convreport.core.drawing.drawn import Drawn, SectionDrawn
from convreport.core.drawing.figures import Drawing, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Record, Store
from convreport.core.seam import Network
from convreport.engines.code import versions
from convreport.sections import registry
from convreport.sections.base import Section

ALIKE = 0.99  # correlation of two pictures that agree; maps of few levels may also differ by so little:
LEVELS = 1.5  # mean difference in steps of 255
NEAR = 0.02  # relative difference of two scores that agree


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `agrees` is None for what is only told."""

    what: str
    said: str
    agrees: bool | None


def verify(atlas: Atlas, book: Book, plan: Plan, count: int, seed: int, emit: events.Emit) -> Iterator[Finding]:
    """What agrees and what does not, one by one: versions, published files, the model, `count` random drawings."""
    yield from _versions(book)
    store = Store(atlas.cache)
    yield from _published(atlas, store, book)
    loaded = model.load(plan)
    card = loaded.card
    network = cache(lambda: loaded.network(model.means_of(plan, atlas)))
    if card.digest != book.model.digest:
        yield Finding(
            "model", f"its weights or wiring have changed: {book.model.digest} then, {card.digest} now", False
        )
        return
    yield Finding("model", f"the same weights and wiring, {card.digest}", True)
    scope = pipeline.covered(replace(plan, fresh=True), card, emit, atlas.cache)
    drawn = [(section, one) for section in plan.sections for one in section.drawn(book)]
    known = {sample.slug: sample.digest for sample in scope.samples}
    for sample in book.samples:
        if known.get(sample.slug) != sample.digest:
            yield Finding(f"picture {sample.name}", "it has changed, or is gone", False)
    drawn = [one for one in drawn if one[1].sample is None or one[1].sample in known]
    if scope.examples is not None and book.examples is not None and scope.examples.digest != book.examples.digest:
        yield Finding("examples", f"they are different now, {scope.examples.words}", False)
        drawn = [one for one in drawn if not one[0].of_examples]
    for section, drawing in random.Random(seed).sample(drawn, min(count, len(drawn))):
        yield _again(section, drawing, store, scope, network)


def _versions(book: Book) -> Iterator[Finding]:
    then = {"convreport": book.made.convreport, **book.made.packages}
    for name, version in {"convreport": __version__, **versions(book.model.engine)}.items():
        if then.get(name) != version:
            yield Finding(name, f"another version: {then.get(name)} then, {version} now", None)


def _published(atlas: Atlas, store: Store, book: Book) -> Iterator[Finding]:
    """Is every published file what the stored drawings give?"""
    lost = 0
    whole: list[tuple[type[Section[Any, Any]], SectionDrawn]] = []
    for chapter in book.sections:
        kind = registry().get(chapter.name)
        if kind is None:
            yield Finding(chapter.name, "its section is not installed here, so it cannot be compared", None)
            continue
        records = [(one, store.get(one.key)) for one in chapter.drawings]
        lost += sum(record is None for _, record in records)
        for one, record in records:
            if record is not None and to_json(record.facts) != to_json(one.facts):
                name = f"{chapter.name}, {words(_subject(one))}"
                yield Finding(name, "its numbers are not those that were drawn", False)
        whole.append((kind, _only_whole(chapter, records)))
    if lost:
        said = f"{lost} drawings are no longer in the cache, so they cannot be compared"
        yield Finding("published files", said, None)
    looked, wrong = publishing.differing(atlas, store, book, whole)
    for file, why in wrong:
        yield Finding(f"{book.slug}/{file}", why, False)
    yield Finding("published files", f"{looked - len(wrong)} of {looked} are what the stored drawings give", not wrong)


def _only_whole(
    chapter: Chapter[Any, Any], records: Sequence[tuple[values.Drawing[Any], Record | None]]
) -> SectionDrawn:
    """Without layers of which a drawing is lost: their sheets cannot be made again."""
    lost = {one.layer for one, record in records if record is None}
    kept = [(one, record) for one, record in records if record is not None and one.layer not in lost]
    drawn = tuple(Drawn(_subject(one), one.key, record) for one, record in kept)
    return SectionDrawn(chapter.name, chapter.page, chapter.options, chapter.purpose, drawn)


def _subject(drawing: values.Drawing[Any]) -> Subject:
    return Subject(drawing.layer, drawing.unit, drawing.sample, drawing.label)


def _again(
    section: Section[Any, Any],
    drawing: values.Drawing[Any],
    store: Store,
    scope: Scope,
    network: Callable[[], Network],
) -> Finding:
    """Draw one thing again and compare it with what the store has of it."""
    subject = _subject(drawing)
    name = f"{section.name}, {words(subject)}"
    try:
        now = section.draw((subject,), scope, network())[0]
    except ConvreportError as error:
        return Finding(name, f"it can no longer be drawn: {error.message}", False)
    scores = _scores(to_json(drawing.facts), to_json(now.facts))
    then = store.get(drawing.key)
    if then is None:
        return Finding(name, f"no longer in the cache; {scores[0]}", scores[1])
    pictures = _pictures(then, now, store)
    return Finding(name, "; ".join(said for said, _ in (pictures, scores) if said), pictures[1] and scores[1])


def _pictures(then: Record, now: Drawing, store: Store) -> tuple[str, bool]:
    """How alike the pictures of two drawings are, in words, and whether that is enough."""
    known = {figure.name: figure.picture for figure in then.figures}
    if set(known) != {figure.name for figure in now.figures}:
        return "its pictures have changed", False
    alike = [_alike(store.picture(known[figure.name]), figure.pixels) for figure in now.figures]
    if not alike:
        return "", True
    worst = min(alike)
    return f"pixels alike to {worst:.4f}", worst >= ALIKE


def _alike(one: Pixels, other: Pixels) -> float:
    """The correlation of two pictures, 1 where they hardly differ, 0 where they differ in size."""
    if one.shape != other.shape:
        return 0.0
    if float(np.abs(one.astype(np.float32) - other).mean()) <= LEVELS:
        return 1.0
    return float(np.nan_to_num(np.corrcoef(one.ravel(), other.ravel())[0, 1]))


def _scores(then: Any, now: Any) -> tuple[str, bool]:
    """The largest relative difference of all numbers of two sets of facts, and whether it is small enough."""
    if "score" in then and isinstance(then["score"], float):
        then, now = {"score": then["score"]}, {"score": now.get("score")}
    pairs = list(_numbers(then, now))
    if not pairs:
        return "", True
    span = max(max(abs(one), abs(other)) for one, other in pairs) or 1.0
    worst = max(abs(one - other) for one, other in pairs) / span
    return f"numbers within {worst:.1%}", worst <= NEAR


def _numbers(then: Any, now: Any) -> Iterator[tuple[float, float]]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in then:
            yield from _numbers(then[key], now.get(key))
    elif isinstance(then, Sequence) and not isinstance(then, str) and isinstance(now, Sequence):
        for one, other in zip(then, now, strict=False):
            yield from _numbers(one, other)
    elif isinstance(then, float) and isinstance(now, int | float):
        yield then, float(now)
