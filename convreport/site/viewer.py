"""atlas.json -> the data files that the viewer's script reads: one a layer, one a picture."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convreport.book.folder import paged_layers
from convreport.core.base.numbers import short
from convreport.site.page import Page
from convreport.site.summary import drawings

Data = Mapping[str, Any]
KEPT = ("channels", "tile", "columns", "margin", "silent", "rectified", "least", "most", "mean", "map")


def data_files(data: Data) -> Iterator[Page]:
    """The files of one model. They are scripts that call convreport(...), as file:// allows no fetch."""
    slugs = data["slugs"]
    for path in paged_layers(data):
        yield _script(data, f"data/layer-{slugs[path]}.js", of_layer(data, path))
    for sample in data["samples"]:
        tilings = {
            slugs[drawing["layer"]]: {"layer": drawing["layer"], **_tiling(drawing)}
            for drawing in drawings(data, "activations")
            if drawing["sample"] == sample["slug"]
        }
        yield _script(data, f"data/picture-{sample['slug']}.js", {"name": sample["name"], "tilings": tilings})


def of_layer(data: Data, path: str) -> dict[str, Any]:
    """The sheets of a layer with the facts of their units, and its answers to the pictures."""
    sheets = {
        sheet["figure"]: {**sheet, "units": _units(section, path)}
        for section in data["sections"]
        for sheet in section["sheets"]
        if sheet["layer"] == path
    }
    if "crops" in sheets and "pattern" in sheets:
        _compare(sheets["crops"]["units"], sheets["pattern"]["units"])
    found = {"name": path, "sheets": sheets, "answers": answers(data, path)}
    wired = next((one["facts"]["units"] for one in drawings(data, "circuits") if one["layer"] == path), None)
    if wired:
        paged, named = (
            set(paged_layers(data)),
            {link[0] for unit in wired.values() for way in unit.values() for link in way},
        )
        found |= {"circuits": wired, "links": {layer: data["slugs"][layer] for layer in sorted(named & paged)}}
    return found


def _compare(crops: Sequence[dict[str, Any]], patterns: Sequence[Data]) -> None:
    """Note the share of the highest answer to its pattern that a unit's best example reaches, where both are answers."""
    peaks = {one["unit"]: one.get("peak", 0) for one in patterns}
    for one in crops:
        if one["best"] and one["best"][0] > 0 and peaks.get(one["unit"], 0) > 0:
            one["share"] = short(one["best"][0] / peaks[one["unit"]])


def answers(data: Data, layer: str) -> list[dict[str, Any]]:
    """The pictures whose activations of this layer were drawn, with where each channel's map lies."""
    samples = {sample["slug"]: sample for sample in data["samples"]}
    found = []
    for drawing in drawings(data, "activations"):
        if drawing["layer"] == layer:
            sample = samples[drawing["sample"]]
            shown = {"name": sample["name"], "picture": sample["file"], "size": sample["size"]}
            found.append({"slug": drawing["sample"], **shown, **_tiling(drawing)})
    return found


def as_json(data: Data) -> str:
    """JSON that may stand inside a script element: nothing in it can end one."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _script(data: Data, path: str, content: Data) -> Page:
    return Page(f"{data['model']['slug']}/{path}", path, f"convreport({as_json(content)});\n")


def _tiling(drawing: Data) -> dict[str, Any]:
    return {"raw": drawing["figures"]["raw"]["file"], **{key: drawing["facts"][key] for key in KEPT}}


def _units(section: Data, layer: str) -> list[dict[str, Any]]:
    return [
        {"unit": drawing["unit"], **drawing["facts"]}
        for drawing in section["drawings"]
        if drawing["layer"] == layer and not drawing.get("failure")
    ]
