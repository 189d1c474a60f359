"""One model as one HTML file that opens anywhere: no network, no server, no JavaScript needed, fitted to a size."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from convreport import __version__
from convreport.book.folder import Atlas
from convreport.core.base import assets
from convreport.core.base.errors import UsageError
from convreport.core.base.files import digest, write_atomically, write_text
from convreport.core.explain import saliency
from convreport.share.media import Media, as_address, sheet_of
from convreport.site import alerts, summary, templating, viewer

Data = Mapping[str, Any]
FILE = "report.html"  # beside the pages of its model
COLUMNS = 8
TOP = 32  # units a layer where nothing is said
LIMIT = 25_000_000  # bytes: what review tools and comments take


@dataclass(frozen=True)
class Measure:
    """How much goes in: units a layer, and the longest side of tiles and of pictures in pixels."""

    top: int
    tile: int
    picture: int


def ladder(top: int) -> Iterator[Measure]:
    """Ever smaller measures: first pixels are saved, then units, by halves."""
    for tile, picture in ((128, 360), (112, 300), (96, 256), (80, 200), (64, 160)):
        yield Measure(top, tile, picture)
    while top > 1:
        top //= 2
        yield Measure(top, 64, 160)


def one_file(atlas: Atlas, data: Data, *, top: int = TOP, limit: int = LIMIT, templates: Path | None = None) -> bytes:
    """The report of one model as UTF-8 HTML of at most `limit` bytes; UsageError if not even the smallest fits."""
    media = Media(atlas.docs / data["model"]["slug"])
    smallest = 0
    for measure in ladder(top):
        text = _rendered(media, data, measure, top, templates).encode()
        if len(text) <= limit:
            return text
        smallest = len(text)
    raise UsageError(
        f"The smallest report of {data['model']['name']} has {smallest / 1e6:.1f} MB, more than {limit / 1e6:g}.",
        "Allow more with --max-mb, or build with fewer pictures or layers.",
    )


def lay(atlas: Atlas, models: Sequence[Data], templates: Path | None) -> tuple[dict[str, int], list[str]]:
    """Lay the report of every model beside its pages, where it is not there already.

    Returns slug -> bytes of those that lie there, and what to tell of those that could not be made.
    """
    book = atlas.cache / "reports.json"
    try:
        before = json.loads(book.read_bytes())
    except (OSError, ValueError):
        before = {}
    now, sizes, told = {}, {}, []
    for data in models:
        slug = data["model"]["slug"]
        path = atlas.docs / slug / FILE
        now[slug] = _shaped_by(data, templates)
        if before.get(slug) != now[slug] or not path.is_file():
            try:
                write_atomically(path, one_file(atlas, data, templates=templates))
            except UsageError as error:
                path.unlink(missing_ok=True)
                told.append(error.message)
                continue
        sizes[slug] = path.stat().st_size
    write_text(book, json.dumps(now))
    return sizes, told


def _shaped_by(data: Data, templates: Path | None) -> str:
    """The digest of all that shapes a report: what was drawn, and every file it is made with."""
    folders = [assets.folder("templates"), assets.folder("site_src") / "docs/assets", templates]
    files = [path for folder in folders if folder for path in sorted(folder.rglob("*")) if path.is_file()]
    return digest(data, __version__, [path.read_text("utf-8", errors="replace") for path in files])


def _rendered(media: Media, data: Data, measure: Measure, asked: int, templates: Path | None) -> str:
    script = (assets.folder("site_src") / "docs/assets/convreport.js").read_text("utf-8")
    style = (assets.folder("site_src") / "docs/assets/convreport.css").read_text("utf-8")
    layers = [_layer(media, data, path, measure) for path in _with_patterns(data)]
    return (
        templating.environment(templates)
        .get_template("report.html")
        .render(
            data=data,
            model=data["model"],
            slugs=data["slugs"],
            layers=layers,
            known={layer["path"]: layer for layer in data["model"]["layers"]},
            patterns=[_pattern(media, drawing, measure) for drawing in _one_a_class(data)],
            pictures=[_picture(media, data, sample, measure) for sample in data["samples"]],
            strip=summary.strip(data["model"]["layers"]),
            judged=summary.judged(data),
            well=summary.health(data),
            alerts=alerts.alerts(data),
            faithfulness=summary.faithfulness(data),
            methods=saliency.METHODS,
            whole=True,
            left_out=_left_out(data, layers, measure, asked),
            script=Markup(script),
            style=Markup(style),
            policy=_policy(script),
        )
    )


def _policy(script: str) -> str:
    """No network at all; the one script that may run is named by its digest."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _with_patterns(data: Data) -> list[str]:
    shown = {sheet["layer"] for section in data["sections"] for sheet in section["sheets"]}
    return [layer["path"] for layer in data["model"]["layers"] if layer["path"] in shown]


def _layer(media: Media, data: Data, path: str, measure: Measure) -> dict[str, Any]:
    """A layer's best units on one sheet a figure, with the viewer's data of them."""
    slug = data["slugs"][path]
    whole = viewer.of_layer(data, path)
    sheets: dict[str, Any] = {}
    for number, (name, sheet) in enumerate(whole["sheets"].items()):
        facts = _best(sheet["units"], measure.top)
        if name == "crops" and "pattern" in sheets:  # beside each pattern what its unit really answers to
            chosen = {one["unit"] for one in sheets["pattern"]["units"]}
            facts = [one for one in sheet["units"] if one["unit"] in chosen] or facts
        units = [one["unit"] for one in facts]
        tiles = media.tiles(sheet)
        exact = "span" in facts[0]  # kernels are maps of a few pixels
        side = measure.tile if name != "crops" else measure.tile * 5 // 4  # nine pictures in one
        made = sheet_of([tiles[unit] for unit in units], COLUMNS, side, exact=exact)
        rows = -(-len(units) // COLUMNS)
        shape = [made.shape[0] // rows, made.shape[1] // min(COLUMNS, len(units))]
        identity = f"sheet-{slug}-{number}"
        sheets[name] = {
            "layer": path, "figure": name, "tile": shape, "columns": COLUMNS, "units": facts,
            "files": [{"file": f"#{identity}", "units": units}],
            "id": identity, "number": _number(facts), "all": len(sheet["units"]),
            "size": made.shape[:2], "source": as_address(made, "map" if exact else "pattern"),
        }  # fmt: skip
    for_viewer = {
        "name": path,
        "sheets": {
            name: {key: sheet[key] for key in ("layer", "figure", "tile", "columns", "files", "units")}
            for name, sheet in sheets.items()
        },
        "answers": [
            {key: answer[key] for key in ("slug", "name", "channels", "silent", "rectified", "most")}
            for answer in whole["answers"]
        ],
    }
    return {"path": path, "slug": slug, "sheets": sheets, "data": Markup(viewer.as_json(for_viewer))}


def _best(units: Sequence[Data], top: int) -> list[Data]:
    """The `top` units by score, by the weight of their kernels or by their highest answer, in the order of their numbers."""
    number = _number(units)
    ranked = sorted(units, key=lambda facts: -facts.get(number, 0))[:top]
    return sorted(ranked, key=lambda facts: facts["unit"])


def _number(units: Sequence[Data]) -> str:
    """What orders the units of a sheet: the score of patterns, the highest answer of examples, the span of kernels."""
    return next(key for key in ("score", "span", "most") if key in units[0])


def _one_a_class(data: Data) -> list[Data]:
    """The patterns of classes, each once, also where several pictures asked for the same."""
    return list({drawing["facts"]["class"]: drawing for drawing in summary.drawings(data, "classes")}.values())


def _pattern(media: Media, drawing: Data, measure: Measure) -> dict[str, Any]:
    figure = drawing["figures"]["pattern"]
    shown = media.picture(figure["file"], measure.tile)
    return {
        "facts": drawing["facts"], "alt": figure["alt"], "size": shown.shape[:2],
        "source": as_address(shown, "pattern"),
    }  # fmt: skip


def _picture(media: Media, data: Data, sample: Data, measure: Measure) -> dict[str, Any]:
    """A picture with what the network says of it and the heatmap of each explained class."""
    shown = media.picture(sample["file"], measure.picture)
    found: dict[str, Any] = {
        "sample": sample,
        "source": as_address(shown, "photo"),
        "size": shown.shape[:2],
        "facts": None,
        "maps": [],
    }
    for drawing in summary.drawings(data, "gradcam"):
        if drawing["sample"] == sample["slug"]:
            found["facts"] = drawing["facts"]
            found["maps"] = [
                {
                    "class": one,
                    "alt": drawing["figures"][f"overlay{place}"]["alt"],
                    "overlay": _small(media, drawing["figures"][f"overlay{place}"]["file"], measure.picture),
                    "heat": _small(media, drawing["figures"][f"heat{place}"]["file"], measure.picture // 2),
                }
                for place, one in enumerate(drawing["facts"]["classes"])
            ]
    return found


def _small(media: Media, file: str, most: int) -> str:
    return as_address(media.picture(file, most), "photo")


def _left_out(data: Data, layers: Sequence[Data], measure: Measure, asked: int) -> list[str]:
    """What the atlas has and this file has not, in words."""
    said = []
    cut = [
        (layer["path"], len(sheet["units"]), sheet["all"])
        for layer in layers
        for sheet in layer["sheets"].values()
        if len(sheet["units"]) < sheet["all"]
    ]
    if cut:
        shown, whole = sum(one[1] for one in cut), sum(one[2] for one in cut)
        why = "to fit the size" if measure.top < asked else "the strongest of each layer"
        said.append(
            f"{whole - shown:,} of {whole:,} units of {len(cut)} layers: {measure.top} a layer are here ({why})"
        )
    if measure.tile < 128:
        said.append(f"pixels: tiles are {measure.tile} and pictures {measure.picture} pixels wide, to fit the size")
    if summary.drawings(data, "activations"):
        said.append("the maps of all channels on every picture; their highest values are here")
    if any(drawing["facts"]["others"] for drawing in summary.drawings(data, "gradcam")):
        said.append("heatmaps by other methods and from earlier layers")
    return said
