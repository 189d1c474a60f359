"""What is wrong with a model, in plain words, the worst first, each with the pictures it rests on."""

from collections.abc import Iterator, Mapping
from typing import Any

from convreport.site.summary import drawings
from convreport.site.wording import readable

Data = Mapping[str, Any]
FEW = 100  # pictures, below which an alert about units is called a hint
FEW_OF_A_CLASS = 10  # the same for one about a class, which rests on that class's pictures alone
# How bad a kind is for a layer all of whose units have it; an alert weighs that times the share of units.
WEIGHTS = {"shortcut": 8.0, "silent": 4.0, "constant": 4.0, "saturated": 2.0, "always": 2.0, "duplicates": 1.0}
_WORDS = {
    "silent": ("silent: above zero nowhere on {pictures}", ""),
    "constant": ("constant: the same value at every place of {pictures}", ""),
    "saturated": ("saturated: at the ceiling of the activation at half of all places or more of {pictures}", ""),
    "always": ("always on: above zero at every place of {pictures}", ", so nothing ever closes the gate"),
}


def alerts(data: Data) -> list[dict[str, Any]]:
    """Alerts as {kind, layer, units, said, pictures, hint, mild}, the worst first.

    `said` is one sentence without markup; `units` are those of `layer` it speaks of; `layer` is None for one about a class.
    `pictures` is how many it rests on, `hint` whether those are few; `mild` is a hint, or one that harms little.
    """
    found = [*_of_layers(data), *_of_classes(data)]
    found.sort(key=lambda one: -one["weight"])
    for one in found:
        one["hint"] = one["pictures"] < (FEW_OF_A_CLASS if one["kind"] == "shortcut" else FEW)
        if one["hint"]:
            one["said"] += (
                f" That is a hint: it rests on {one['pictures']} picture{'s' if one['pictures'] != 1 else ''}."
            )
        one["mild"] = one["hint"] or one["kind"] == "duplicates"
    return found


def _of_layers(data: Data) -> Iterator[dict[str, Any]]:
    for drawing in drawings(data, "health"):
        facts, layer = drawing["facts"], drawing["layer"]
        pictures = _pictures(facts["pictures"])
        for kind, (words, more) in _WORDS.items():
            units = facts[kind]
            if units:
                are = "is" if len(units) == 1 else "are"
                said = f"{len(units)} of the {facts['units']} units of {layer} {are} {words.format(pictures=pictures)}{more}."
                yield _alert(kind, layer, units, said, facts, len(units) / facts["units"])
        if facts["duplicates"]:
            pairs = facts["duplicates"]
            units = sorted({unit for one in pairs for unit in one[:2]})
            first, second, kernels, responses = pairs[0]
            whole = f"{len(pairs)} pairs of units of {layer} are near-duplicates, the nearest"
            what = whole if len(pairs) > 1 else f"Units {first} and {second} of {layer} are near-duplicates:"
            pair = f" {first} and {second}:" if len(pairs) > 1 else ""
            said = (
                f"{what}{pair} their kernels have a cosine of {kernels:.3f}, their answers to {pictures} a correlation of"
                f" {responses:.3f}."
            )
            yield _alert("duplicates", layer, units, said, facts, len(units) / facts["units"])


def _of_classes(data: Data) -> Iterator[dict[str, Any]]:
    for drawing in drawings(data, "shortcuts"):
        for one in drawing["facts"]["classes"]:
            if one["suspect"]:
                said = (
                    f"The evidence for {readable(one['name'])} lies {one['where']}, whatever is shown: the heatmaps of the"
                    f" {one['pictures']} pictures it was sought on correlate by {one['agreement']:.2f} in the mean. It may be"
                    " a mark or a border, not the object."
                )
                yield _alert("shortcut", None, [], said, one, 1.0) | {"class": one["index"]}


def _alert(kind: str, layer: str | None, units: list[int], said: str, facts: Data, share: float) -> dict[str, Any]:
    return {
        "kind": kind, "layer": layer, "units": units, "said": said, "pictures": facts["pictures"],
        "weight": WEIGHTS[kind] * share,
    }  # fmt: skip


def _pictures(count: int) -> str:
    return f"all {count:,} pictures" if count > 1 else "the picture"
