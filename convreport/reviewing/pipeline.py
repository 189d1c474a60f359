"""The whole comparison on one page: two models in, a part of the atlas and events out."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convreport.book.comparison import folder
from convreport.book.comparison.values import FORMAT, Comparison, Flip
from convreport.book.folder import Atlas
from convreport.builder.pipeline import make_site
from convreport.core.base import events
from convreport.core.base.events import Emit
from convreport.core.base.files import digest
from convreport.core.base.provenance import code_digest
from convreport.core.comparing.answers import scores_classes
from convreport.core.comparing.conduct import Encounter
from convreport.engines.code import shape, versions
from convreport.reviewing import aligned, differing, units
from convreport.reviewing.attending import MOST_FLIPS, Attending, Namer
from convreport.reviewing.judged import Judged
from convreport.reviewing.sides import Built, Side, Wanted, both, ready

SHAPED_BY = (
    *(f"convreport.core.comparing.{name}" for name in ("alignment", "answers", "attention", "conduct", "decisions", "matching")),
    *(f"convreport.reviewing.{name}" for name in ("aligned", "attending", "differing", "judged", "pipeline", "units")),
    "convreport.core.explain.saliency", "convreport.sections.shared.overlays", "convreport.book.comparison.values",
)  # fmt: skip
ASKED = ("observe", "look", "score", "kernels")


@dataclass(frozen=True)
class Compared:
    """A comparison that is made: where, what it says, its page, and whether it stood there already."""

    atlas: Atlas
    comparison: Comparison
    page: Path
    reused: bool


def compare(old: Wanted, new: Wanted, home: Path | None, emit: Emit, *, fresh: bool = False) -> Compared:
    """Compare two models and build the site with the pages of it, in the atlas of the new one, or in `home`.

    Raises ConvreportError; what was drawn before that is in the stores of the atlases.
    """
    started = time.monotonic()
    first, second = both(old, new, home or Path("atlas"), emit)
    before, now, told = ready(first, second, emit)
    atlas = Atlas.open(home, create=True) if home is not None else second.atlas
    slug, key = f"{first.book.slug}-to-{second.book.slug}", _key(before, now)
    found = None if fresh else folder.read(atlas.docs, slug)
    reused = found is not None and found.key == key
    if found is None or not reused:
        with first.atlas.building(), second.atlas.building():
            comparison, pictures = _made(before, now, told, emit)
        with atlas.locked():
            found = folder.write(atlas.docs, replace(comparison, slug=slug, key=key), pictures)
    with atlas.locked():
        index = make_site(atlas, second.plan.templates, emit)
    page = index.parent / folder.FOLDER / slug / "index.html"
    emit(events.Built(str(page), 0 if reused else 1, int(reused), 0, time.monotonic() - started))
    return Compared(atlas, found, page, reused)


def _key(old: Side, new: Side) -> str:
    """Everything that a comparison rests on."""
    plan = new.studio.plan
    sides = [
        (
            vars(side.built.told), side.card.labels, side.card.input, side.card.preprocessing.key, side.card.output,
            [layer.path for layer in side.scope.chosen or ()], shape(side.card.engine, ASKED), versions(side.card.engine),
        )
        for side in (old, new)
    ]  # fmt: skip
    examples = new.scope.examples.digest if new.scope.examples else ""
    drawn = [sample.digest for sample in new.scope.samples]
    return digest(FORMAT, sides, examples, drawn, plan.fit, plan.seed, [code_digest(name) for name in SHAPED_BY])


def _made(old: Side, new: Side, told: list[str], emit: Emit) -> tuple[Comparison, dict[str, bytes]]:
    """Show both all the pictures, look where they looked, draw what is missing; and the published pictures of it."""
    examples, fit = new.scope.examples, new.scope.fit
    assert examples is not None
    looked, pairs = (aligned.looked_at(old), aligned.looked_at(new)), aligned.paired(old, new)
    encounter = Encounter.between((old.network(), new.network()), (old.card, new.card), looked, pairs, examples)
    encounter.hold(examples, fit, emit)
    left_out = [*told, *_unequal(old, new, pairs)]
    pictures: dict[str, bytes] = {}
    decided: dict[str, Any] = {"decisions": None, "attention": None}
    if all(scores_classes(side.card) for side in (old, new)):
        judged, name = Judged(encounter.old.answers, encounter.new.answers), Namer(new)
        decided = _decided(judged, Attending(old, new, judged), name, pictures, left_out)
    matched, failed, keys = units.illustrated(units.matched(encounter), old, new, pictures)
    left_out += failed
    layers = aligned.told(encounter, old.network(), new.network())
    if layers is None or not layers.pictures:
        left_out.append("how far layers drifted: that needs at least four pictures of one size")
    before, now = old.built.book, new.built.book
    comparison = Comparison(
        FORMAT, "", "", old.built.told, new.built.told, examples.words, **decided, layers=layers, units=matched,
        alarms=differing.alarms(before, now, matched), evidence=differing.evidence(before, now),
        differences=differing.differences(before, now), left_out=tuple(left_out), drawn=tuple(dict.fromkeys(keys)),
    )  # fmt: skip
    return comparison, pictures


def _decided(
    judged: Judged, attending: Attending, name: Namer, pictures: dict[str, bytes], left_out: list[str]
) -> dict[str, Any]:
    decisions = judged.told(name)
    if not attending.possible:
        left_out.append("where the evidence lies: not both have a map that classes of whole pictures rest on")
        return {"decisions": decisions, "attention": None}
    seen = attending.look()
    by_number = {one.number: one for one in seen}
    flips: list[Flip] = []
    for number, flip in zip(judged.flips, decisions.flips, strict=False):
        one = by_number.get(number) if len(flips) < MOST_FLIPS else None
        if one is not None:
            flip = replace(
                flip, overlays=attending.overlays(one, one.own, (flip.old.name, flip.new.name), "flip", pictures)
            )
        flips.append(flip)
    return {"decisions": replace(decisions, flips=tuple(flips)), "attention": attending.told(seen, name, pictures)}


def _unequal(old: Side, new: Side, pairs: tuple[tuple[str, str], ...]) -> list[str]:
    """What cannot be compared of these two, or not on equal terms, in words."""
    said = []
    first, second = old.card, new.card
    if not all(scores_classes(card) for card in (first, second)):
        names = " and ".join(card.name for card in (first, second) if not scores_classes(card))
        said.append(f"decisions: {names} scores no classes")
    elif not aligned.same_classes(first, second):
        known = [{card.label(one).name for one in range(card.classes)} for card in (first, second)]
        shared = len(known[0] & known[1])
        said.append(f"decisions about classes that only one of them has: {shared} classes have the same name in both")
    if not pairs:
        said.append("units: no layer in the atlas has a counterpart of the same path or place")
    if None in first.input[:2] or None in second.input[:2]:
        said.append(
            "the places of answers: pictures may be of any size, so layers are aligned by the means of their maps"
        )
    elif first.input != second.input:
        said.append("equal input: each is shown the pictures in the size, and with the channels, that it reads")
    books = old.built.book, new.built.book
    if _digests(books[0]) != _digests(books[1]):
        said.append("equal evidence: alerts and the numbers of sections rest on other pictures in the two atlases")
    return said


def _digests(book: Any) -> tuple[Any, ...]:
    return book.examples.digest if book.examples else "", *sorted(sample.digest for sample in book.samples)


__all__ = ["Built", "Compared", "compare"]
