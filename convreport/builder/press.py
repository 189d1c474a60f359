"""Stored figures -> the published files of one model: pictures, sprite sheets, and atlas.json that tells of them."""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from convreport import __version__
from convreport.book import writer as contract
from convreport.book.folder import FORMAT, Atlas
from convreport.builder import highlights
from convreport.core.base.codec import to_json
from convreport.core.base.files import digest, write_atomically
from convreport.core.base.kinds import FigureKind, Pixels
from convreport.core.drawing.drawn import Drawn, SectionDrawn
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Store, StoredFigure
from convreport.core.network import notes
from convreport.core.pictures import arrays, pixels
from convreport.core.pictures.sample import Sample
from convreport.core.pictures.samples import unique_slug

ENCODING = 3  # of published pictures: another number publishes all of them again
COLUMNS, ROWS = 8, 4  # tiles of a sprite sheet
CONTACT_MARGIN = 5  # pixels between the tiles of a contact sheet, as in the sources
Box = tuple[int, int, int, int]  # top, left, height, width
CHANNEL_TILE, CHANNEL_COLUMNS = 192, 4  # pixels of a channel's tile, and how many a row


def publish(atlas: Atlas, store: Store, scope: Scope, drawn: Sequence[SectionDrawn], how: Mapping[str, Any]) -> None:
    """Figures to docs/, and atlas.json with them: the contract from which pages, site and exports are made."""
    card = scope.card
    slugs = layer_slugs([layer.path for layer in card.layers])
    press = Press(atlas, card.slug, store)
    sections = [press.section(section, slugs) for section in drawn]
    data: dict[str, Any] = {
        "format": FORMAT,
        "model": to_json(card),
        "preprocessing": card.preprocessing.words,
        "answers": notes.head(card),
        "notes": notes.of(card),
        "slugs": slugs,
        "samples": [press.sample(sample) for sample in scope.samples],
        "examples": None
        if (of := scope.examples) is None
        else {"words": of.words, "count": of.count, "digest": of.digest},
        "sections": sections,
        "highlights": highlights.chosen(press, scope, drawn, slugs),
        "made": {**how, "convreport": __version__, "python": platform.python_version()},
    }
    press.finish()
    contract.write(atlas.docs / card.slug / "atlas.json", data)


def differing(
    atlas: Atlas, store: Store, data: Mapping[str, Any], drawn: Sequence[SectionDrawn]
) -> tuple[int, list[tuple[str, str]]]:
    """How many published files these stored drawings give, and (file, how it differs) of those that are another now."""
    press = Press(atlas, data["model"]["slug"], store, everything=True)
    for section in drawn:
        press.section(section, data["slugs"])
    return press.compared()


def withdraw(atlas: Atlas, slug: str) -> None:
    """Delete all that was published of a model; what its user laid there stays."""
    press = Press(atlas, slug, Store(atlas.cache))
    press.finish()
    folder = atlas.docs / slug
    for name in ("atlas.json", "report.html"):
        (folder / name).unlink(missing_ok=True)
    press.forget()


class Press:
    """Turns stored figures into the published files of one model; writes only what changed."""

    def __init__(self, atlas: Atlas, slug: str, store: Store, *, everything: bool = False) -> None:
        self._folder = atlas.docs / slug
        self._store = store
        self._memory = atlas.cache / f"published-{slug}.json"
        try:
            self._before: dict[str, str] = json.loads(self._memory.read_bytes())
        except (OSError, ValueError):
            self._before = {}
        self._everything = everything
        self._now: dict[str, str] = {}
        self._jobs: list[tuple[str, Any]] = []

    def section(self, drawn: SectionDrawn, slugs: Mapping[str, str]) -> dict[str, Any]:
        """The section's part of atlas.json: its drawings, and sprite sheets of those that belong to units."""
        return {
            "name": drawn.name,
            "page": drawn.page,
            "options": to_json(drawn.options),
            "purpose": drawn.purpose,
            "silence": drawn.silence,
            "drawings": [self._drawing(drawn.name, one, slugs) for one in drawn.drawn],
            "sheets": [
                sheet
                for layer in dict.fromkeys(one.subject.layer for one in drawn.drawn if one.subject.unit is not None)
                for sheet in self._sheets(
                    drawn.name, layer or "", [o for o in drawn.drawn if o.subject.layer == layer], slugs
                )
            ],
        }

    def sample(self, sample: Sample) -> dict[str, Any]:
        """A sample's part of atlas.json; its picture is published without any of the file's metadata."""
        shown = pixels.published(sample.pixels)
        file = f"figures/pictures/{sample.slug}.webp"
        self._file(file, sample.digest, lambda: pixels.encode(shown, "photo", 88))
        data: dict[str, Any] = {
            "name": sample.name,
            "slug": sample.slug,
            "digest": sample.digest,
            "file": file,
            "size": list(shown.shape[:2]),
        }
        if sample.planes is not None and sample.planes.shape[2] not in (1, 3):
            data["channels"] = self._channels(sample)
        return data

    def _channels(self, sample: Sample) -> dict[str, Any]:
        """Each channel of a picture of many, as a gray tile of its own."""
        assert sample.planes is not None
        planes = sample.planes
        tiles = np.stack([pixels.fit_within(pixels.published(one), CHANNEL_TILE) for one in arrays.channels_of(planes)])
        sheet = pixels.tile(tiles, CHANNEL_COLUMNS, margin=4, ground=(128, 128, 128))
        file = f"figures/pictures/{sample.slug}-channels.webp"
        self._file(file, f"channels {sample.digest}", lambda: pixels.encode(sheet, "photo", 88))
        ranges = [[float(f"{plane.min():.4g}"), float(f"{plane.max():.4g}")] for plane in planes.transpose(2, 0, 1)]
        return {"file": file, "size": list(sheet.shape[:2]), "ranges": ranges}

    def mosaic(
        self, file: str, figures: Sequence[StoredFigure], columns: int, side: int = 0, boxes: Sequence[Box] = ()
    ) -> dict[str, Any] | None:
        """Some stored tiles as one published picture (for the home page, the journey); None if there are none.

        `side` brings tiles of different layers to one size; 0 leaves them as they are. `boxes` cuts a part out of each.
        """
        if not figures:
            return None
        names = [figure.picture for figure in figures]
        side = side or max(max(figure.size) for figure in figures)
        columns = min(columns, len(figures))
        kind: FigureKind = "map" if boxes else "pattern"

        def make() -> bytes:
            tiles = [self._store.picture(name)[..., :3] for name in names]
            if boxes:
                cut = zip(tiles, boxes, strict=True)
                tiles = [tile[top : top + high, left : left + wide] for tile, (top, left, high, wide) in cut]
                sized = [pixels.enlarge(tile, side) for tile in tiles]
            else:
                sized = [pixels.resize_picture(tile, side, side) for tile in tiles]
            return pixels.encode(pixels.tile(np.stack(sized), columns), kind)

        self._file(file, digest(names, columns, side, boxes), make)
        return {"file": file, "size": [-(-len(figures) // columns) * side, columns * side]}

    def finish(self) -> int:
        """Write what changed, delete what we published before and no longer do; how many files were written."""
        with ThreadPoolExecutor() as pool:  # the encoders release the interpreter
            written = list(pool.map(self._write, self._jobs))
        for file in set(self._before) - set(self._now):
            (self._folder / file).unlink(missing_ok=True)
        if self._before != self._now:
            write_atomically(self._memory, json.dumps(self._now).encode())
        return len(written)

    def compared(self) -> tuple[int, list[tuple[str, str]]]:
        """How many files there are to publish, and (file, how it differs) of those that lie there otherwise."""
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(self._compare, self._jobs))
        return len(found), [(file, why) for (file, _), why in zip(self._jobs, found, strict=True) if why]

    def _compare(self, job: tuple[str, Any]) -> str:
        """How a published file differs from what would be published now; nothing if only another encoder was at work."""
        file, make = job
        try:
            there = (self._folder / file).read_bytes()
            if there == (made := make()) or pixels.nearly_same(there, made):
                return ""
            return "it is not the picture that was drawn"
        except OSError:
            return "it is missing, or no picture any more"

    def forget(self) -> None:
        """Nothing of this model is published any more."""
        self._memory.unlink(missing_ok=True)

    def _write(self, job: tuple[str, Any]) -> None:
        file, make = job
        write_atomically(self._folder / file, make())

    def _file(self, file: str, content: str, make: Any) -> None:
        """Publish `make()` as `file`, unless the same content already stands there."""
        content = f"{__version__} {ENCODING} {content}"  # another version may encode in another way
        self._now[file] = content
        if self._everything or self._before.get(file) != content or not (self._folder / file).is_file():
            self._jobs.append((file, make))

    def _drawing(self, section: str, drawn: Drawn, slugs: Mapping[str, str]) -> dict[str, Any]:
        subject = drawn.subject
        data: dict[str, Any] = {
            "layer": subject.layer,
            "unit": subject.unit,
            "sample": subject.sample,
            "class": subject.label,
            "key": drawn.key,
        }
        if drawn.record is None:
            return {**data, "failure": drawn.failure, "facts": {}, "figures": {}}
        figures = {}
        for figure in drawn.record.figures:
            entry: dict[str, Any] = {"alt": figure.alt, "caption": figure.caption, "scale": figure.scale}
            if subject.unit is None:
                label = "" if subject.label is None else f"class-{subject.label}"
                parts = [part for part in (label, subject.sample, slugs.get(subject.layer or ""), figure.name) if part]
                entry["file"] = f"figures/{section}/{'-'.join(parts)}.webp"
                entry["size"] = list(figure.size)
                self._publish_figure(entry["file"], figure)
            figures[figure.name] = entry
        return {**data, "facts": to_json(drawn.record.facts), "figures": figures}

    def _publish_figure(self, file: str, figure: StoredFigure) -> None:
        self._file(file, figure.picture, lambda: pixels.encode(self._store.picture(figure.picture), figure.kind))

    def _sheets(
        self, section: str, layer: str, drawn: Sequence[Drawn], slugs: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        done = [one for one in drawn if one.record is not None]
        names = dict.fromkeys(figure.name for one in done if one.record for figure in one.record.figures)
        for name in names:
            tiles = [
                (one.subject.unit or 0, figure)
                for one in done
                if one.record
                for figure in one.record.figures
                if figure.name == name
            ]
            base = f"figures/{section}/{slugs[layer]}-{name}"
            side = [max(figure.size[axis] for _, figure in tiles) for axis in (0, 1)]
            files = []
            per_sheet = COLUMNS * ROWS
            for number in range(0, len(tiles), per_sheet):
                some = tiles[number : number + per_sheet]
                made = self._sheet(
                    f"{base}-{number // per_sheet}.webp", [figure for _, figure in some], tiles[0][1].kind
                )
                files.append({**made, "units": [unit for unit, _ in some]})
            sheet: dict[str, Any] = {"layer": layer, "figure": name, "tile": side, "columns": COLUMNS, "files": files}
            if tiles[0][1].kind == "pattern":
                sheet["contact"] = self._contact(f"{base}-contact.jpg", [figure for _, figure in tiles[:64]])
            yield sheet

    def _sheet(self, file: str, figures: Sequence[StoredFigure], kind: FigureKind) -> dict[str, Any]:
        names = [figure.picture for figure in figures]
        self._file(file, digest(names, kind), lambda: pixels.encode(pixels.tile(self._tiles(figures), COLUMNS), kind))
        side = [max(figure.size[axis] for figure in figures) for axis in (0, 1)]
        rows, columns = -(-len(figures) // COLUMNS), min(COLUMNS, len(figures))
        return {"file": file, "size": [rows * side[0], columns * side[1]]}

    def _contact(self, file: str, figures: Sequence[StoredFigure]) -> str:
        """The stitched 8 x 8 sheet with black margins, as a JPEG that any program opens."""
        names = [figure.picture for figure in figures]
        self._file(
            file,
            digest(names, CONTACT_MARGIN),
            lambda: pixels.encode_jpeg(
                pixels.tile(self._tiles(figures), COLUMNS, margin=CONTACT_MARGIN), 80, whole_colour=False
            ),
        )
        return file

    def _tiles(self, figures: Sequence[StoredFigure]) -> Pixels:
        """The tiles as one array; smaller ones are enlarged by whole steps and centred."""
        height = max(figure.size[0] for figure in figures)
        width = max(figure.size[1] for figure in figures)
        tiles = np.zeros((len(figures), height, width, 3), np.uint8)
        for index, figure in enumerate(figures):
            tile = self._store.picture(figure.picture)[..., :3]
            factor = max(1, min(height // tile.shape[0], width // tile.shape[1]))
            tile = tile.repeat(factor, 0).repeat(factor, 1)
            top, left = (height - tile.shape[0]) // 2, (width - tile.shape[1]) // 2
            tiles[index, top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        return tiles


def layer_slugs(paths: Sequence[str]) -> dict[str, str]:
    """A file name for each layer path, unique also where the file system ignores case."""
    taken: set[str] = set()
    return {path: unique_slug(path, taken) for path in paths}
