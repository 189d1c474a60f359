"""What two books say that differs: alerts, numbers of sections, architecture, settings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convreport.book.comparison.values import Alarm, Difference, Evidence, UnitsOf
from convreport.book.values import Book
from convreport.core.base.numbers import short
from convreport.core.network.card import ModelCard
from convreport.sections import together
from convreport.sections.telling import Alert

FEW = 8  # layers that are named
OF_MODEL = ("model", "name", "weights", "arch", "no_top")  # settings that say which model it is


def alarms(before: Book, now: Book, units: Sequence[UnitsOf]) -> tuple[Alarm, ...]:
    """New, resolved and kept alerts, in this order, the worst first.

    The same alert is one of the same kind about the same layer or class; of a kept one the units are told that it did not
    speak of before, wherever these now stand.
    """
    moved = {(layer.new, pair.old): pair.new for layer in units for pair in layer.pairs if pair.old is not None}
    earlier = {_identity(one, before): one for one in together.alerts(before)}
    later = {_identity(one, now): one for one in together.alerts(now)}
    found = []
    for identity, one in later.items():
        then = earlier.get(identity)
        if then is None:
            found.append(Alarm("new", one.kind, one.said, one.hint, one.layer, one.units))
            continue
        known = {moved.get((one.layer or "", unit), unit) for unit in then.units} | set(then.units)
        more = tuple(unit for unit in one.units if unit not in known)
        grown = more if len(one.units) > len(then.units) else ()
        found.append(Alarm("kept", one.kind, one.said, one.hint, one.layer, grown))
    gone = [one for identity, one in earlier.items() if identity not in later]
    found += [Alarm("resolved", one.kind, one.said, one.hint, one.layer, one.units) for one in gone]
    order = ("new", "kept", "resolved")
    return tuple(sorted(found, key=lambda one: order.index(one.status)))


def _identity(alert: Alert, book: Book) -> tuple[str, str, str]:
    label = book.model.label(alert.label).name if alert.label is not None else ""
    return alert.kind, alert.layer or "", label


def evidence(before: Book, now: Book) -> tuple[Evidence, ...]:
    """The numbers that sections tell of both; what became worse first."""
    found = [
        Evidence(one.name, _short(one.old), _short(one.new), one.share, one.worse)
        for one in together.shifts(now, before)
        if one.old is not None or one.new is not None
    ]
    return tuple(sorted(found, key=lambda one: not one.worse))


def _short(value: float | None) -> float | None:
    return None if value is None else short(value)


def differences(before: Book, now: Book) -> tuple[Difference, ...]:
    """Architecture, input and settings that are not the same."""
    rows = [*_of_cards(before.model, now.model), *_of_layers(before.model, now.model)]
    rows += [Difference("pictures become", before.preprocessing, now.preprocessing)]
    rows += [Difference("digest of weights and wiring", before.model.digest[:12], now.model.digest[:12])]
    rows += [
        Difference(
            "pictures",
            ", ".join(sorted(one.name for one in before.samples)),
            ", ".join(sorted(one.name for one in now.samples)),
        ),
        Difference("example pictures", *(book.examples.words if book.examples else "none" for book in (before, now))),
    ]
    rows += _of_mappings("setting", before.made.settings, now.made.settings, OF_MODEL)
    rows += _of_mappings("version of", before.made.packages, now.made.packages)
    rows += [Difference("version of convreport", before.made.convreport, now.made.convreport)]
    return tuple(one for one in rows if one.old != one.new)


def _of_cards(old: ModelCard, new: ModelCard) -> Iterator[Difference]:
    for name, first, second in (
        ("layers", len(old.layers), len(new.layers)),
        ("parameters", f"{old.params:,}", f"{new.params:,}"),
        ("trainable parameters", f"{old.trainable:,}", f"{new.trainable:,}"),
        ("input", _shape(old.input), _shape(new.input)),
        ("output", f"{old.head}, {old.classes} classes", f"{new.head}, {new.classes} classes"),
        ("names of classes", _names(old, new), _names(new, old)),
        ("framework", old.engine, new.engine),
    ):
        yield Difference(name, str(first), str(second))


def _names(card: ModelCard, other: ModelCard) -> str:
    """The names of classes that the other has not."""
    others = {other.label(index).name for index in range(other.classes)}
    mine = [name for index in range(card.classes) if (name := card.label(index).name) not in others]
    return _few(mine) or "no other"


def _of_layers(old: ModelCard, new: ModelCard) -> Iterator[Difference]:
    first, second = ({layer.path: layer for layer in card.layers} for card in (old, new))
    yield Difference(
        "layers of its own",
        *(_few([one for one in a if one not in b]) or "none" for a, b in ((first, second), (second, first))),
    )
    changed = [
        path for path in first
        if path in second and (first[path].kind, first[path].shape, first[path].activation, first[path].kernel)
        != (second[path].kind, second[path].shape, second[path].activation, second[path].kernel)
    ]  # fmt: skip
    for path in changed[:FEW]:
        told = [f"{one.kind} {_shape(one.shape)} {one.activation or ''}".strip() for one in (first[path], second[path])]
        yield Difference(f"layer {path}", *told)
    if len(changed) > FEW:
        yield Difference("more layers that differ", "", str(len(changed) - FEW))


def _of_mappings(
    word: str, old: Mapping[str, Any], new: Mapping[str, Any], but: Sequence[str] = ()
) -> list[Difference]:
    names = [name for name in dict.fromkeys((*old, *new)) if name not in but]
    return [
        Difference(f"{word} {name}", str(old.get(name, "not set")), str(new.get(name, "not set"))) for name in names
    ]


def _shape(sides: Sequence[int | None]) -> str:
    return " x ".join("any" if side is None else str(side) for side in sides)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
