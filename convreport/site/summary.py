"""What atlas.json amounts to: right and wrong, health, the classes with what belongs to each, the strip of layers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convreport.core.pictures.samples import unique_slug

AREAS = ("deletion", "insertion", "drop", "rise")
INSIDE = ("pointing", "energy", "covers")  # of pictures whose object is known
MOST_CLASSES = 100  # pages of classes that nothing but a pattern is known of

Data = Mapping[str, Any]

HIDDEN_IN_LONG_STRIPS = (
    "Activation",
    "ReLU",
    "BatchNormalization",
    "Dropout",
    "ZeroPadding2D",
    "InputLayer",
    "Reshape",
)


def strip(layers: Sequence[Data]) -> list[dict[str, Any]]:
    """The layers as bars: height tells the map's size, width the units; very long networks show what computes."""
    shown = layers
    if len(layers) > 60:
        shown = [layer for layer in layers if layer["kind"] not in HIDDEN_IN_LONG_STRIPS]
    tallest = max((layer["shape"][0] or 1 for layer in shown if len(layer["shape"]) == 3), default=1)
    bars = []
    for layer in shown:
        spatial = len(layer["shape"]) == 3
        side = (layer["shape"][0] or 1) if spatial else 1
        units = layer["shape"][-1] or 1 if layer["shape"] else 1
        height = 14 + round(58 * (side / tallest) ** 0.6)
        width = 14 + round(1.6 * max(units, 1) ** 0.4)
        bars.append({**layer, "height": height, "width": width, "family": _family(layer["kind"])})
    return bars


def _family(kind: str) -> str:
    if "Conv" in kind:
        return "conv"
    if "Pooling" in kind:
        return "pool"
    if kind in ("Add", "Concatenate", "Multiply", "Average", "Maximum"):
        return "merge"
    return "dense" if kind == "Dense" else "other"


def judged(data: Data) -> dict[str, Any] | None:
    """How many pictures it was right about, of how many whose true class is known, and the drawings of the wrong ones."""
    known = [
        drawing
        for section in data["sections"]
        if section["name"] == "gradcam"
        for drawing in section["drawings"]
        if drawing["facts"].get("right") is not None
    ]
    wrong = [drawing for drawing in known if not drawing["facts"]["right"]]
    return {"all": len(known), "right": len(known) - len(wrong), "wrong": wrong} if known else None


def said_and_true(facts: Data) -> tuple[tuple[int, Data], tuple[int, Data]]:
    """(place, class) of what it said first, and of the truth, among the explained classes."""
    said = facts["top"][0]["index"]
    places = list(enumerate(facts["classes"]))
    return (
        next((one for one in places if one[1]["index"] == said), places[0]),
        next(one for one in places if one[1]["true"]),
    )


def drawings(data: Data, section: str) -> list[dict[str, Any]]:
    """The drawings of one section that did not fail."""
    return [
        drawing
        for one in data["sections"]
        if one["name"] == section
        for drawing in one["drawings"]
        if not drawing.get("failure")
    ]


def health(data: Data) -> dict[str, int]:
    """`silent` of `channels` on all of `pictures`, of the layers that can be; `grey` of `patterns`; `failed` drawings.

    By the survey of the examples where there was one, else by what was drawn of the pictures.
    """
    silent: dict[str, set[int]] = {}
    channels: dict[str, int] = {}
    for one in drawings(data, "activations"):
        if one["facts"]["rectified"]:
            now = set(one["facts"]["silent"])
            silent[one["layer"]] = silent.get(one["layer"], now) & now
            channels[one["layer"]] = one["facts"]["channels"]
    pictures = len(data["samples"])
    if surveyed := [one["facts"] for one in drawings(data, "health") if one["facts"]["gated"]]:
        silent = {str(place): set(facts["silent"]) for place, facts in enumerate(surveyed)}
        channels = {str(place): facts["units"] for place, facts in enumerate(surveyed)}
        pictures = surveyed[0]["pictures"]
    patterns = drawings(data, "filters")
    return {
        "silent": sum(map(len, silent.values())),
        "channels": sum(channels.values()),
        "pictures": pictures,
        "patterns": len(patterns),
        "grey": sum(one["facts"].get("responds") is False for one in patterns),
        "failed": sum(1 for section in data["sections"] for one in section["drawings"] if one.get("failure")),
    }


def faithful(data: Data) -> dict[str, dict[int, Any]]:
    """Picture -> class index -> how faithful its heatmaps are: see the section of that name."""
    return {
        one["sample"]: {found["index"]: found for found in one["facts"]["classes"]}
        for one in drawings(data, "faithfulness")
    }


def faithfulness(data: Data) -> list[dict[str, Any]]:
    """Of each method the mean areas and gains over the pictures, for the class explained first; then its rivals."""
    first = [one["facts"]["classes"][0] for one in drawings(data, "faithfulness")]
    rows = []
    for name in dict.fromkeys(name for one in first for name in one["methods"]):
        found = [one["methods"][name] for one in first if name in one["methods"]]
        true = [
            class_["methods"][name]
            for one in drawings(data, "faithfulness")
            for class_ in one["facts"]["classes"]
            if name in class_["methods"]
        ]
        measured = {key: _mean(found, key) for key in AREAS} | {key: _mean(true, key) for key in INSIDE}
        rows.append({"name": name, "pictures": len(found), **measured})
    for name in ("random", "centre") if rows else ():
        rows.append(
            {"name": name, "pictures": len(first), **{key: _mean([one[name] for one in first], key) for key in AREAS}}
        )
    return rows


def sanity(data: Data) -> list[dict[str, Any]]:
    """Of each method the mean rank correlation and SSIM at each stage of shuffling, and whether it survived all of it."""
    drawn = drawings(data, "sanity")
    rows = []
    for name in drawn[0]["facts"]["methods"] if drawn else ():
        stages = [
            {
                "share": stage["share"],
                **{
                    key: sum(one["facts"]["methods"][name][at][key] for one in drawn) / len(drawn)
                    for key in ("rank", "ssim")
                },
            }
            for at, stage in enumerate(drawn[0]["facts"]["methods"][name])
        ]
        survived = stages[-1]["rank"] > drawn[0]["facts"]["survived"]
        rows.append({"name": name, "stages": stages, "survived": survived, "pictures": len(drawn)})
    return rows


def _mean(found: Sequence[Data], key: str) -> float | None:
    values = [one[key] for one in found if one.get(key) is not None]
    return sum(values) / len(values) if values else None


def classes(data: Data) -> dict[int, dict[str, Any]]:
    """Class index -> its name, slug, pattern, and the pictures that were predicted as it or are it, the surest first.

    A class has an entry if it has a pattern, was predicted first for a picture, or is the truth of one; of those that have
    a pattern and nothing else only so many as are worth a page each.
    """
    if data["model"]["head"] in ("none", "regression"):
        return {}
    patterns = {one["facts"]["class"]: one for one in drawings(data, "classes")}
    pictures: dict[int, list[dict[str, Any]]] = {}
    for drawing in drawings(data, "gradcam"):
        facts = drawing["facts"]
        said, truth = facts["top"][0]["index"], (facts["truth"] or {}).get("index")
        for index in dict.fromkeys(one for one in (said, truth) if one is not None):
            pictures.setdefault(index, []).append(_as_class(drawing, index, said, truth))
    named = dict(_names(data))
    alone = [index for index in patterns if index not in pictures][:MOST_CLASSES]
    taken = {"index"}  # a page of that name would stand for all of them
    return {
        index: {
            **named[index],
            "slug": unique_slug(named[index]["name"], taken),
            "pattern": patterns.get(index),
            "pictures": sorted(pictures.get(index, []), key=lambda one: -one["answer"]["probability"]),
        }
        for index in sorted({*pictures, *alone})
    }


def _as_class(drawing: Data, index: int, said: int, truth: int | None) -> dict[str, Any]:
    """One picture as a class sees it: what the network says of it, and where the evidence lies if that was drawn."""
    facts = drawing["facts"]
    place = next((at for at, one in enumerate(facts["classes"]) if one["index"] == index), None)
    answers = [*facts["classes"], *facts["top"]]
    return {
        "sample": drawing["sample"],
        "measure": facts["measure"],
        "answer": next(one for one in answers if one["index"] == index),
        "overlay": None if place is None else drawing["figures"][f"overlay{place}"],
        "predicted": said == index,
        "truth": truth,
        "said": facts["top"][0],
    }


def _names(data: Data) -> Iterator[tuple[int, dict[str, Any]]]:
    for one in drawings(data, "classes"):
        yield one["facts"]["class"], {"index": one["facts"]["class"], "name": one["facts"]["name"], "wnid": ""}
    for drawing in drawings(data, "gradcam"):
        for one in [*drawing["facts"]["classes"], *drawing["facts"]["top"]]:
            yield one["index"], {"index": one["index"], "name": one["name"], "wnid": one["wnid"]}
