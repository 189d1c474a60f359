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
from convreport.book.values import Book
from convreport.core.base import assets
from convreport.core.base.errors import UsageError
from convreport.core.base.files import digest, read_json, write_atomically, write_text
from convreport.core.explain import saliency
from convreport.sections import registry, together
from convreport.sections.telling import Part, Units
from convreport.share import changes
from convreport.share.media import Media, Picture, Size, as_address, sheet_of
from convreport.site import templating, viewer
from convreport.site.pages import Slots
from convreport.site.strip import strip

FILE = "report.html"  # beside the pages of its model
COLUMNS = 8
TOP = 32  # units a layer where nothing is said
PICTURES = 100  # at most: more would be looked at in the atlas
MANY, SAMPLED = 40, 8  # layers: of more than so many a few are measured first
SURELY = 1.1  # times the limit: what is foreseen to be larger is not tried
LARGEST = 128  # pixels of a tile
LIMIT = 25_000_000  # bytes: what review tools and comments take


@dataclass(frozen=True)
class Measure:
    """How much goes in: units a layer, and the longest side of tiles and of pictures in pixels."""

    top: int
    tile: int
    picture: int


def ladder(top: int) -> Iterator[Measure]:
    """Ever smaller measures: first pixels are saved, then units, by halves."""
    for tile, picture in ((LARGEST, 360), (112, 300), (96, 256), (80, 200), (64, 160)):
        yield Measure(top, tile, picture)
    while top > 1:
        top //= 2
        yield Measure(top, 64, 160)


def one_file(atlas: Atlas, book: Book, *, top: int = TOP, limit: int = LIMIT, templates: Path | None = None) -> bytes:
    """The report of one model as UTF-8 HTML of at most `limit` bytes; UsageError if not even the smallest fits."""
    media = Media(atlas.docs / book.slug)
    asked = min(top, _most_units(book))
    steps = list(ladder(asked))
    size = beside = 0  # bytes: of what was tried last, and what of it was not foreseen
    for measure in steps:
        foreseen = _foreseen(media, book, measure)
        if foreseen and foreseen + beside > SURELY * limit and measure is not steps[-1]:
            continue
        text = _rendered(atlas, media, book, measure, asked, templates).encode()
        size, beside = len(text), len(text) - foreseen
        if size <= limit:
            return text
    raise UsageError(
        f"The smallest report of {book.name} has {size / 1e6:.1f} MB, more than {limit / 1e6:g}.",
        "Allow more with --max-mb, or build with fewer pictures or layers.",
    )


def _most_units(book: Book) -> int:
    """Of how many units the layer with most of them has tiles; at least one."""
    sheets = [sheet for chapter in book.sections for sheet in chapter.sheets]
    return max((sum(len(file.units) for file in sheet.files) for sheet in sheets), default=1)


def _foreseen(media: Media, book: Book, measure: Measure) -> int:
    """Bytes of the sheets of very many layers, from those of a few: all, at every measure, take minutes. Of few layers 0."""
    paths = _with_tiles(book)
    if len(paths) <= MANY:
        return 0
    some = paths[:: len(paths) // SAMPLED][:SAMPLED]
    size = sum(len(sheet["source"]) for path in some for sheet in _layer(media, book, path, measure)["sheets"])
    return size * len(paths) // len(some)


def lay(atlas: Atlas, books: Sequence[Book], templates: Path | None) -> tuple[dict[str, int], list[str]]:
    """Lay the report of every model beside its pages, where it is not there already.

    Returns slug -> bytes of those that lie there, and what to tell of those that could not be made.
    """
    memory = atlas.cache / "reports.json"
    before = read_json(memory)
    now, sizes, told = {}, {}, []
    for book in books:
        path = atlas.docs / book.slug / FILE
        now[book.slug] = _shaped_by(atlas, book, templates)
        if before.get(book.slug) != now[book.slug] or not path.is_file():
            try:
                write_atomically(path, one_file(atlas, book, templates=templates))
            except UsageError as error:
                path.unlink(missing_ok=True)
                told.append(error.message)
                continue
        sizes[book.slug] = path.stat().st_size
    write_text(memory, json.dumps(now))
    return sizes, told


def _shaped_by(atlas: Atlas, book: Book, templates: Path | None) -> str:
    """The digest of all that shapes a report: what was drawn, and every file it is made with."""
    folders = [assets.folder("templates"), assets.folder("site_src") / "docs/assets", templates]
    files = [path for folder in folders if folder for path in sorted(folder.rglob("*")) if path.is_file()]
    files += templating.own_templates()
    return digest(
        book, changes.keys(atlas, book), __version__, [path.read_text("utf-8", errors="replace") for path in files]
    )


@dataclass(frozen=True)
class Desk:
    """What the parts of sections are written with: pictures inside the page, as large as there is room for."""

    media: Media
    measure: Measure

    def inline(self, file: str, kind: Size) -> Picture:
        """A published picture as an address that holds it."""
        most = {"tile": self.measure.tile, "photo": self.measure.picture, "layer": self.measure.picture // 2}[kind]
        return self.media.inline(file, most, "pattern" if kind == "tile" else "photo")


def _rendered(atlas: Atlas, media: Media, book: Book, measure: Measure, asked: int, templates: Path | None) -> str:
    script = (assets.folder("site_src") / "docs/assets/convreport.js").read_text("utf-8")
    style = (assets.folder("site_src") / "docs/assets/convreport.css").read_text("utf-8")
    layers = [_layer(media, book, path, measure) for path in _with_tiles(book)]
    environment, desk = templating.environment(templates), Desk(media, measure)
    common: dict[str, Any] = {
        "book": book,
        "model": book.model,
        "slugs": book.slugs,
        "methods": saliency.METHODS,
        "alerts": together.alerts(book),
        "summary": together.summary(book),
        "desk": desk,
    }
    slots = Slots(environment, book, common)
    more = {
        "slots": slots,
        "layers": layers,
        "known": book.layers,
        "parts": [*changes.parts(atlas, book, environment, measure.picture // 2), *_parts(book, desk, slots)],
        "pictures": [(sample, desk.inline(sample.file, "photo")) for sample in book.samples[:PICTURES]],
        "strip": strip(book.model.layers),
        "left_out": _left_out(book, layers, measure, asked),
        "script": Markup(script),
        "style": Markup(style),
        "policy": _policy(script),
    }
    return templating.rendered(environment, "report.html", common | more)


def _parts(book: Book, desk: Desk, slots: Slots) -> Iterator[tuple[Part, Markup]]:
    """What sections bring, each with its place in the table of contents."""
    for name, kind in registry().items():
        for part in kind.report(book, desk) if kind.chapter(book) is not None else ():
            yield part, slots.of(name, "report", **part.context)


def _policy(script: str) -> str:
    """No network at all; the one script that may run is named by its digest."""
    named = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{named}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _with_tiles(book: Book) -> list[str]:
    shown = {sheet.layer for chapter in book.sections for sheet in chapter.sheets}
    return [layer.path for layer in book.model.layers if layer.path in shown]


def _layer(media: Media, book: Book, path: str, measure: Measure) -> dict[str, Any]:
    """A layer's best units on one sheet a figure, with the viewer's data of them."""
    slug = book.slugs[path]
    whole = together.layer_data(book, path)
    specs = {
        sheet.figure: (kind.units if (kind := registry().get(chapter.name)) else None) or Units(sheet.figure, "unit")
        for chapter in book.sections
        for sheet in chapter.sheets
        if sheet.layer == path
    }
    published = {sheet.figure: sheet for chapter in book.sections for sheet in chapter.sheets if sheet.layer == path}
    sheets: list[dict[str, Any]] = []
    for place, (name, data) in enumerate(whole["sheets"].items()):
        spec = specs[name]
        facts = _best(data["units"], spec.number, measure.top)
        if spec.beside in whole["sheets"]:  # beside each pattern what its unit really responds to
            chosen = {one["unit"] for one in _shown(sheets, spec.beside)}
            facts = [one for one in data["units"] if one["unit"] in chosen] or facts
        units = [one["unit"] for one in facts]
        tiles = media.tiles(published[name], set(units))
        side = measure.tile if not spec.beside else measure.tile * 5 // 4  # several pictures in one
        made = sheet_of([tiles[unit] for unit in units], COLUMNS, side, exact=spec.exact)
        rows = -(-len(units) // COLUMNS)
        shape = [made.shape[0] // rows, made.shape[1] // min(COLUMNS, len(units))]
        identity = f"sheet-{slug}-{place}"
        sheets.append({
            "layer": path, "figure": name, "tile": shape, "columns": COLUMNS, "units": facts,
            "files": [{"file": f"#{identity}", "units": units}], "rows": data.get("rows", {}), "caption": data.get("caption", ""),
            "id": identity, "spec": spec, "all": len(data["units"]),
            "size": made.shape[:2], "source": as_address(made, "map" if spec.exact else "pattern"),
        })  # fmt: skip
    kept = ("layer", "figure", "tile", "columns", "files", "units", "rows", "caption")
    answers = [
        {key: answer[key] for key in ("slug", "name", "channels", "silent", "rectified", "most")}
        for answer in whole["answers"]
    ]
    for_viewer = {
        "name": path,
        "sheets": {sheet["figure"]: {key: sheet[key] for key in kept} for sheet in sheets},
        "answers": answers,
        "detects": whole.get("detects", {}),
    } | {key: whole[key] for key in ("unshown",) if key in whole}
    return {"path": path, "slug": slug, "sheets": sheets, "data": Markup(viewer.as_json(for_viewer))}


def _shown(sheets: Sequence[Mapping[str, Any]], figure: str) -> Sequence[Mapping[str, Any]]:
    return next((sheet["units"] for sheet in sheets if sheet["figure"] == figure), ())


def _best(units: Sequence[dict[str, Any]], number: str, top: int) -> list[dict[str, Any]]:
    """The `top` units by a number, in the order of their own; those that have none come last."""
    ranked = sorted(units, key=lambda facts: (facts.get(number) is not None and -facts[number]) or 0)[:top]
    return sorted(ranked, key=lambda facts: facts["unit"])


def _left_out(book: Book, layers: Sequence[Mapping[str, Any]], measure: Measure, asked: int) -> list[str]:
    """What the atlas has and this file has not, in words."""
    said = []
    if len(book.samples) > PICTURES:
        said.append(f"{len(book.samples) - PICTURES:,} of {len(book.samples):,} pictures")
    cut = [
        (layer["path"], len(sheet["units"]), sheet["all"])
        for layer in layers
        for sheet in layer["sheets"]
        if len(sheet["units"]) < sheet["all"]
    ]
    if cut:
        shown, whole = sum(one[1] for one in cut), sum(one[2] for one in cut)
        why = "to fit the size limit" if measure.top < asked else "the strongest of each layer"
        count = len({one[0] for one in cut})
        where = f"{count} layer{'s' if count != 1 else ''}"
        said.append(f"{whole - shown:,} of {whole:,} unit tiles of {where}, keeping {measure.top} per layer ({why})")
    if measure.tile < LARGEST:
        said.append(
            f"resolution: tiles are {measure.tile} and pictures {measure.picture} pixels wide, to fit the size limit"
        )
    return said + [one for kind in registry().values() for one in kind.left_out(book)]
