"""The model in a few tiles: a cover, the journey, one picture's way through it, and the units that answered each picture."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from convreport.core.drawing.drawn import Drawn, SectionDrawn
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import StoredFigure

if TYPE_CHECKING:
    from convreport.builder.press import Press

COVER = 40  # tiles of the picture that stands for the model on the home page
ROW = 8  # tiles of a row
KERNELS = 16
SIDE = 96  # pixels of a tile that stands among tiles of other layers


def chosen(press: "Press", scope: Scope, drawn: Sequence[SectionDrawn], slugs: Mapping[str, str]) -> dict[str, Any]:
    """What the home page, the model's page and the pictures' pages show of it, published; None where there is nothing."""
    by_name = {section.name: [one for one in section.drawn if one.record is not None] for section in drawn}
    filters = by_name.get("filters", [])
    strong: dict[str, list[StoredFigure]] = {}
    rows: dict[str, Any] = {}
    for layer, group in groupby(filters, key=lambda one: one.subject.layer or ""):
        records = [one.record for one in group if one.record is not None]
        records.sort(key=lambda record: -record.facts["score"])
        strong[layer] = [record.figures[0] for record in records[: -(-len(records) * 3 // 4)]]
        if row := press.mosaic(f"figures/filters/{slugs[layer]}-row.webp", _spread(strong[layer], ROW), ROW):
            rows[layer] = row
    per_layer = -(-COVER // max(len(strong), 1))
    cover = [figure for figures in strong.values() for figure in _spread(figures, per_layer)][-COVER:]
    answers = by_name.get("activations", [])
    return {
        "rows": rows,
        "cover": press.mosaic("figures/cover.webp", cover, 10, side=SIDE),
        "kernels": _kernels(press, by_name.get("kernels", [])),
        "way": _way(press, answers, scope),
        "answered": {
            sample.slug: found
            for sample in scope.samples
            if (found := _answered(press, filters, [one for one in answers if one.subject.sample == sample.slug]))
        },
    }


def _spread(ranked: Sequence[Any], count: int) -> list[Any]:
    """`count` of them from first to last: the very strongest units of a layer tend to look alike."""
    step = max(len(ranked) / count, 1)
    return [ranked[int(index * step)] for index in range(min(count, len(ranked)))]


def _kernels(press: "Press", drawn: Sequence[Drawn]) -> dict[str, Any] | None:
    """The first layer's kernels with the largest weights, where they are small colour pictures."""
    records = [one.record for one in drawn if one.record is not None and one.record.facts["in_colour"]]
    records.sort(key=lambda record: -record.facts["span"])
    row = press.mosaic("figures/kernels/row.webp", [record.figures[0] for record in records[:KERNELS]], KERNELS)
    return {**row, "layer": drawn[0].subject.layer} if row else None


def _way(press: "Press", drawn: Sequence[Drawn], scope: Scope) -> dict[str, Any] | None:
    """One picture's way through the layers: of each the channel that answers it most, as a map."""
    if not scope.samples:
        return None
    sample = scope.samples[0].slug
    figures, boxes, steps = [], [], []
    for one in drawn:
        if one.record is None or one.subject.sample != sample:
            continue
        facts = one.record.facts
        channel = max(range(facts["channels"]), key=lambda index: facts["most"][index])
        height, width = facts["tile"]
        row, column = divmod(channel, facts["columns"])
        figures.append(next(figure for figure in one.record.figures if figure.name == "raw"))
        boxes.append((row * (height + facts["margin"]), column * (width + facts["margin"]), height, width))
        steps.append({"layer": one.subject.layer, "unit": channel})
    made = press.mosaic("figures/activations/way.webp", figures, len(figures), side=SIDE, boxes=boxes)
    return {**made, "steps": steps, "sample": sample} if made else None


def _answered(press: "Press", filters: Sequence[Drawn], answers: Sequence[Drawn]) -> dict[str, Any] | None:
    """Of each layer the drawn units that answered one picture most, the strongest first."""
    ranked: list[tuple[str, list[tuple[int, float, StoredFigure]]]] = []
    for answer in answers:
        most = answer.record.facts["most"] if answer.record else []
        units = [
            (one.subject.unit, most[one.subject.unit], one.record.figures[0])
            for one in filters
            if one.record and one.subject.layer == answer.subject.layer and one.subject.unit is not None
        ]
        if units:
            ranked.append((answer.subject.layer or "", sorted(units, key=lambda unit: -unit[1])))
    if not ranked:
        return None
    count = min(ROW, *(len(units) for _, units in ranked), ROW)
    tiles = [figure for _, units in ranked for _, _, figure in units[:count]]
    made = press.mosaic(f"figures/pictures/{answers[0].subject.sample}-units.webp", tiles, count, side=SIDE)
    rows = [
        {"layer": layer, "units": [{"unit": unit, "most": most} for unit, most, _ in units[:count]]}
        for layer, units in ranked
    ]
    return {**made, "rows": rows} if made else None
