"""Units of both sides matched, with their pictures: what is drawn in the atlases, and what had to be drawn for this."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from convreport.book.comparison.values import Shown, UnitPair, UnitsOf
from convreport.builder.drawing import batches
from convreport.core.base import events
from convreport.core.comparing.conduct import Encounter, Seen
from convreport.core.comparing.matching import Fate, Pair, match
from convreport.core.drawing.drawn import count
from convreport.core.drawing.figures import Subject
from convreport.core.drawing.store import Store
from convreport.core.pictures import pixels
from convreport.core.pictures.samples import slug
from convreport.reviewing.sides import Side
from convreport.sections.base import Section
from convreport.workers.jobs import Done

SHOWN = 6  # units a layer that are shown with their pictures
SURELY = 1  # of them the most changed ones, that are drawn where they are missing
CLIMBED = 160  # layers below those whose missing patterns are drawn: to prepare an ascent takes time for each of them
SURE = 0.9  # correlation of answers from which a kept unit is not worth a picture
CHANGED: tuple[Fate, ...] = ("silent", "changed", "new", "gone", "moved", "kept", "idle")  # the worst first
DRIVERS = 3  # classes that are named
DRIVING = 0.5  # of the strongest class's drive, from which another is named beside it
Key = tuple[int, str, int]  # side, layer, unit


def matched(encounter: Encounter) -> tuple[UnitsOf, ...]:
    """The units of every layer pair, the most changed first, with the classes that drive them in words."""
    found = []
    for (old, new), together in encounter.together.items():
        sides = encounter.old, encounter.new
        seen = sides[0].seen[old], sides[1].seen[new]
        answering = seen[0].answers(sides[0].card, old), seen[1].answers(sides[1].card, new)
        pairs = match(together.correlations(), *answering)
        told = [_told(pair, seen, encounter.groups) for pair in pairs]
        told.sort(key=lambda one: (CHANGED.index(one.fate), one.alike, one.old if one.old is not None else 1 << 30))
        found.append(UnitsOf(old, new, tuple(told)))
    return tuple(found)


def _told(pair: Pair, seen: tuple[Seen, Seen], groups: Sequence[str]) -> UnitPair:
    driven = tuple(
        () if unit is None else _words(one.driven(unit), groups)
        for unit, one in zip((pair.old, pair.new), seen, strict=True)
    )
    return UnitPair(pair.old, pair.new, round(pair.alike, 4), pair.fate, (driven[0], driven[1]))


def _words(driven: Sequence[tuple[int, float]], groups: Sequence[str]) -> tuple[str, ...]:
    """The classes that drive a unit nearly as much as the strongest; nothing where all do."""
    strong = [groups[group] for group, share in driven if share >= DRIVING]
    return tuple(strong[:DRIVERS]) if len(strong) < max(len(driven), 2) else ()


def illustrated(
    layers: Sequence[UnitsOf], old: Side, new: Side, pictures: dict[str, bytes]
) -> tuple[tuple[UnitsOf, ...], list[str], list[str]]:
    """The same with pictures of the most changed units, what could not be drawn, and the keys of all drawings used."""
    wanted = [(layer, _shown(layer, old, new)) for layer in layers]
    tiles: dict[Key, dict[str, Shown]] = {}
    failed: list[str] = []
    keys: list[str] = []
    climbed, spared = _climbed(wanted, new), set[tuple[str, int]]()
    for place, side in enumerate((old, new)):
        subjects = [
            Subject(layer=(layer.old, layer.new)[place], unit=(one.old, one.new)[place])
            for layer, some in wanted
            for one in some
            if (one.old, one.new)[place] is not None
        ]
        affordable = {(layer.old, layer.new)[place] for layer in layers if layer.new in climbed}
        for section in _drawing(side):
            there = side.studio.stored(section, subjects) if "ascend" in section.asks else subjects
            paid = [one for one in subjects if one in there or one.layer in affordable]
            spared |= {(one.layer or "", one.unit or 0) for one in subjects if one not in paid}
            _draw(section, paid, place, side, tiles, failed, keys, pictures)
    if spared:
        failed.append(
            f"patterns of {len(spared)} units that their atlases lack, such as {_unit(*min(spared))}: in so deep a network"
            " only those of the layers that changed most are drawn; `convreport draw` draws any"
        )
    found = []
    for layer, some in wanted:
        chosen = {id(one) for one in some}
        pairs = [_with_tiles(one, layer, tiles) if id(one) in chosen else one for one in layer.pairs]
        found.append(UnitsOf(layer.old, layer.new, tuple(pairs)))
    return tuple(found), failed, keys


def _unit(layer: str, unit: int) -> str:
    return f"unit {unit} of {layer}"


def _climbed(wanted: Sequence[tuple[UnitsOf, Sequence[UnitPair]]], new: Side) -> set[str]:
    """The layers whose missing patterns are drawn: the one whose units changed most, and others as far as there is room."""
    place = {layer.path: number for number, layer in enumerate(new.card.layers, 1)}
    room, found = CLIMBED, set[str]()
    for layer, some in sorted(wanted, key=lambda one: -_changed(one[0])):
        room -= place[layer.new]
        if some and (room >= 0 or not found):
            found.add(layer.new)
    return found


def _changed(layer: UnitsOf) -> float:
    """The share of its units that are worth a picture."""
    return sum(_worth(one) for one in layer.pairs) / max(len(layer.pairs), 1)


def _shown(layer: UnitsOf, old: Side, new: Side) -> list[UnitPair]:
    """The most changed units: the very first whatever it costs to draw them, then those that are drawn in both atlases."""
    some = [one for one in layer.pairs if _worth(one)]
    drawn = [_drawn(side, path) for side, path in ((old, layer.old), (new, layer.new))]
    known = [
        one
        for one in some[SURELY:]
        if all(unit is None or unit in there for unit, there in zip((one.old, one.new), drawn, strict=True))
    ]
    chosen = [*some[:SURELY], *known][:SHOWN]
    return chosen if len(chosen) > SURELY else some[:SHOWN]


def _drawn(side: Side, path: str) -> set[int]:
    """The units of a layer that the atlas shows."""
    return {
        one.unit
        for chapter in side.built.book.sections
        for one in chapter.drawings
        if one.layer == path and one.unit is not None
    }


def _worth(pair: UnitPair) -> bool:
    return pair.fate not in ("kept", "idle") or (pair.fate == "kept" and pair.alike < SURE)


def _drawing(side: Side) -> list[Section[Any, Any]]:
    """The sections whose drawings are pictures of single units of maps."""
    return [
        one
        for one in side.studio.plan.sections
        if one.units is not None and not one.units.exact and one.page == "layer"
    ]


def _draw(
    section: Section[Any, Any], subjects: Sequence[Subject], place: int, side: Side, tiles: dict[Key, dict[str, Shown]],
    failed: list[str], keys: list[str], pictures: dict[str, bytes],
) -> None:  # fmt: skip
    """Look these units up, draw what is missing of them, and put their pictures among the others."""
    studio = side.studio
    done = dict(studio.stored(section, subjects))
    missing, started = [one for one in subjects if one not in done], time.monotonic()

    def took(finished: Done) -> None:
        done.update({drawn.subject: drawn for drawn in studio.kept(finished)})
        studio.emit(events.Drew(section.name, len(finished.outcomes), finished.outcomes[-1].subject.layer or ""))

    if missing:
        studio.emit(events.SectionStarted(section.name, len(subjects), len(done)))
        studio.hands.draw([studio.job(section, batch) for batch in batches(section, missing)], took)
        counts = count([done[one] for one in subjects])
        studio.emit(events.SectionFinished(section.name, *counts, time.monotonic() - started))
    store = Store(side.built.atlas.cache)
    for subject in subjects:
        drawn = done[subject]
        if drawn.record is None:
            failed.append(
                f"{section.name} of unit {subject.unit} of {subject.layer} of {side.card.name}: {drawn.failure}"
            )
            continue
        keys.append(drawn.key)
        for figure in drawn.record.figures:
            file = f"figures/{('old', 'new')[place]}-{slug(subject.layer or '')}-{subject.unit}-{figure.name}.webp"
            pictures[file] = pixels.encode(store.picture(figure.picture), figure.kind)
            shown = Shown(file, figure.size, f"{side.card.name}: {figure.alt}")
            tiles.setdefault((place, subject.layer or "", subject.unit or 0), {})[figure.name] = shown


def _with_tiles(pair: UnitPair, layer: UnitsOf, tiles: Mapping[Key, Mapping[str, Shown]]) -> UnitPair:
    both = [
        tiles.get((place, path, unit), {}) if unit is not None else {}
        for place, (path, unit) in enumerate(((layer.old, pair.old), (layer.new, pair.new)))
    ]
    names = dict.fromkeys((*both[0], *both[1]))
    shown = {name: (both[0].get(name), both[1].get(name)) for name in names}
    return UnitPair(pair.old, pair.new, pair.alike, pair.fate, pair.driven, shown or None)
