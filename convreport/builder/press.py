"""Stored figures -> the published files of one model: pictures and sprite sheets."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convreport import __version__
from convreport.book.folder import Atlas
from convreport.book.values import (
    Channels,
    Chapter,
    Drawing,
    Failure,
    Mosaic,
    Sheet,
    SheetFile,
    ShownFigure,
    ShownSample,
)
from convreport.core.base.codec import to_json
from convreport.core.base.files import digest, digest_bytes, digest_file, read_json, write_atomically
from convreport.core.base.kinds import FigureKind, Pixels
from convreport.core.drawing.drawn import Drawn, SectionDrawn
from convreport.core.drawing.store import Record, Store, StoredFigure
from convreport.core.pictures import arrays, pixels
from convreport.core.pictures.sample import Sample
from convreport.core.pictures.samples import unique_slug
from convreport.sections.base import Box, Section

ENCODING = 3  # of published pictures: another number publishes all of them again
COLUMNS, ROWS = 8, 4  # tiles of a sprite sheet
CONTACT_MARGIN = 5  # pixels between the tiles of a contact sheet, as in the sources
CHANNEL_TILE, CHANNEL_COLUMNS = 192, 4  # pixels of a channel's tile, and how many a row


@dataclass(frozen=True)
class Job:
    """A file that is to be published, and of what it is."""

    file: str
    content: str
    make: Callable[[], bytes]


class Press:
    """Turns stored figures into the published files of one model; writes only what changed.

    `mended` are the files that somebody or something else had changed.
    """

    def __init__(
        self, atlas: Atlas, slug: str, store: Store, slugs: Mapping[str, str], *, everything: bool = False
    ) -> None:
        self.slugs = slugs
        self._folder = atlas.docs / slug
        self._store = store
        self._memory = atlas.cache / f"published-{slug}.json"
        self._before: dict[str, Any] = read_json(self._memory)  # file -> [of what it is, digest of its bytes]
        self._everything = everything
        self._now: dict[str, Any] = {}
        self._jobs: list[Job] = []
        self.mended: list[str] = []

    def chapter(self, kind: type[Section[Any, Any]], drawn: SectionDrawn) -> Chapter[Any, Any]:
        """What a section drew, and sprite sheets of what belongs to units; its highlights are not among them yet."""
        done = [one for one in drawn.drawn if one.record is not None]
        layers = dict.fromkeys(one.subject.layer or "" for one in done if one.subject.unit is not None)
        return Chapter(
            name=drawn.name,
            page=drawn.page,
            options=to_json(drawn.options),
            purpose=drawn.purpose,
            silence=drawn.silence,
            drawings=tuple(self._drawing(kind, one, one.record) for one in done if one.record is not None),
            failures=tuple(_failure(one) for one in drawn.drawn if one.record is None),
            sheets=tuple(
                sheet
                for layer in layers
                for sheet in self._sheets(drawn.name, layer, [one for one in done if one.subject.layer == layer])
            ),
        )

    def sample(self, sample: Sample) -> ShownSample:
        """A sample; its picture is published without any of the file's metadata."""
        shown = pixels.published(sample.pixels)
        file = f"figures/pictures/{sample.slug}.webp"
        self._file(file, sample.digest, lambda: pixels.encode(shown, "photo", 88))
        many = sample.planes is not None and sample.planes.shape[2] not in (1, 3)
        channels = self._channels(sample) if many else None
        return ShownSample(sample.name, sample.slug, sample.digest, file, (shown.shape[0], shown.shape[1]), channels)

    def _channels(self, sample: Sample) -> Channels:
        """Each channel of a picture of many, as a gray tile of its own."""
        assert sample.planes is not None
        planes = sample.planes
        tiles = np.stack([pixels.fit_within(pixels.published(one), CHANNEL_TILE) for one in arrays.channels_of(planes)])
        sheet = pixels.tile(tiles, CHANNEL_COLUMNS, margin=4, ground=(128, 128, 128))
        file = f"figures/pictures/{sample.slug}-channels.webp"
        self._file(file, f"channels {sample.digest}", lambda: pixels.encode(sheet, "photo", 88))
        ranges = tuple((_short(plane.min()), _short(plane.max())) for plane in planes.transpose(2, 0, 1))
        return Channels(file, (sheet.shape[0], sheet.shape[1]), ranges)

    def mosaic(
        self, file: str, figures: Sequence[StoredFigure], columns: int, side: int = 0, boxes: Sequence[Box] = ()
    ) -> Mosaic | None:
        """Some stored tiles as one published picture; None if there are none.

        `side` brings tiles of different layers to one size; 0 leaves them as they are. `boxes` cuts a part out of each. A file
        that is named .jpg is a JPEG.
        """
        if not figures:
            return None
        names = [figure.picture for figure in figures]
        side = side or max(max(figure.size) for figure in figures)
        columns = min(columns, len(figures))
        kind: FigureKind = "map" if boxes else "pattern"

        def make() -> bytes:
            tiles = _of_one_depth([self._store.picture(name) for name in names])
            if boxes:
                cut = zip(tiles, boxes, strict=True)
                tiles = [tile[top : top + high, left : left + wide] for tile, (top, left, high, wide) in cut]
                sized = [pixels.enlarge(tile, side) for tile in tiles]
            else:
                sized = [pixels.resize_picture(tile, side, side) for tile in tiles]
            whole = pixels.tile(np.stack(sized), columns)
            return pixels.encode_jpeg(whole, 85) if file.endswith(".jpg") else pixels.encode(whole, kind)

        self._file(file, digest(names, columns, side, boxes), make)
        return Mosaic(file, (-(-len(figures) // columns) * side, columns * side))

    def finish(self) -> int:
        """Write what changed, delete what we published before and no longer do; how many files were written."""
        with ThreadPoolExecutor() as pool:  # the encoders release the interpreter
            for job, written in zip(self._jobs, pool.map(self._write, self._jobs), strict=True):
                self._now[job.file] = [job.content, written]
        for file in set(self._before) - set(self._now):
            (self._folder / file).unlink(missing_ok=True)
        if self._before != self._now:
            write_atomically(self._memory, json.dumps(self._now).encode())
        return len(self._jobs)

    def compared(self) -> tuple[int, list[tuple[str, str]]]:
        """How many files there are to publish, and (file, how it differs) of those that lie there otherwise."""
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(self._compare, self._jobs))
        return len(found), [(job.file, why) for job, why in zip(self._jobs, found, strict=True) if why]

    def _compare(self, job: Job) -> str:
        """How a published file differs from what would be published now; nothing if only another encoder was at work."""
        try:
            there = (self._folder / job.file).read_bytes()
            if there == (made := job.make()) or pixels.nearly_same(there, made):
                return ""
            return "it is not the picture that was drawn"
        except OSError:
            return "it is missing, or no longer a picture"

    def forget(self) -> None:
        """Nothing of this model is published any more."""
        self._memory.unlink(missing_ok=True)

    def _write(self, job: Job) -> str:
        """Publish a file; the digest of its bytes."""
        data = job.make()
        write_atomically(self._folder / job.file, data)
        return digest_bytes(data)

    def _file(self, file: str, content: str, make: Callable[[], bytes]) -> None:
        """Publish `make()` as `file`, unless the same content already stands there, as it was written."""
        content = f"{__version__} {ENCODING} {content}"  # another version may encode in another way
        before, path = self._before.get(file), self._folder / file
        known = not self._everything and isinstance(before, list) and before[:1] == [content] and path.is_file()
        if known and before == [content, digest_file(path)]:
            self._now[file] = before
            return
        if known:
            self.mended.append(file)
        self._now[file] = None
        self._jobs.append(Job(file, content, make))

    def _drawing(self, kind: type[Section[Any, Any]], drawn: Drawn, record: Record) -> Drawing[Any]:
        subject = drawn.subject
        figures = {}
        for figure in record.figures:
            shown = ShownFigure(figure.alt, figure.caption, figure.scale)
            if subject.unit is None:
                label = "" if subject.label is None else f"class-{subject.label}"
                layer = self.slugs.get(subject.layer or "")
                parts = [part for part in (label, subject.sample, layer, figure.name) if part]
                shown = replace(shown, file=f"figures/{kind.name}/{'-'.join(parts)}.webp", size=figure.size)
                self._publish_figure(shown.file, figure)
            figures[figure.name] = shown
        facts = kind.facts_of(record)
        return Drawing(subject.layer, subject.unit, subject.sample, subject.label, drawn.key, facts, figures)

    def _publish_figure(self, file: str, figure: StoredFigure) -> None:
        self._file(file, figure.picture, lambda: pixels.encode(self._store.picture(figure.picture), figure.kind))

    def _sheets(self, section: str, layer: str, drawn: Sequence[Drawn]) -> Iterator[Sheet]:
        """A sheet for each figure that the units of a layer have."""
        by_name: dict[str, list[tuple[int, StoredFigure]]] = {}
        for one in drawn:
            for figure in one.record.figures if one.record is not None else ():
                by_name.setdefault(figure.name, []).append((one.subject.unit or 0, figure))
        for name, tiles in by_name.items():
            base = f"figures/{section}/{self.slugs[layer]}-{name}"
            side = (max(figure.size[0] for _, figure in tiles), max(figure.size[1] for _, figure in tiles))
            pattern = tiles[0][1].kind == "pattern"
            per_sheet = COLUMNS * ROWS
            files = tuple(
                self._sheet(f"{base}-{number // per_sheet}.webp", tiles[number : number + per_sheet])
                for number in range(0, len(tiles), per_sheet)
            )
            contact = self._contact(f"{base}-contact.jpg", [figure for _, figure in tiles[:64]]) if pattern else ""
            yield Sheet(layer, name, side, COLUMNS, files, contact)

    def _sheet(self, file: str, tiles: Sequence[tuple[int, StoredFigure]]) -> SheetFile:
        figures = [figure for _, figure in tiles]
        kind = figures[0].kind
        names = [figure.picture for figure in figures]
        self._file(file, digest(names, kind), lambda: pixels.encode(pixels.tile(self._tiles(figures), COLUMNS), kind))
        height, width = (max(figure.size[axis] for figure in figures) for axis in (0, 1))
        rows, columns = -(-len(figures) // COLUMNS), min(COLUMNS, len(figures))
        return SheetFile(file, (rows * height, columns * width), tuple(unit for unit, _ in tiles))

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
        stored = _of_one_depth([self._store.picture(figure.picture) for figure in figures])
        tiles = np.zeros((len(figures), height, width, stored[0].shape[2]), np.uint8)
        for index, tile in enumerate(stored):
            factor = max(1, min(height // tile.shape[0], width // tile.shape[1]))
            tile = tile.repeat(factor, 0).repeat(factor, 1)
            top, left = (height - tile.shape[0]) // 2, (width - tile.shape[1]) // 2
            tiles[index, top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        return tiles


def _of_one_depth(tiles: Sequence[Pixels]) -> list[Pixels]:
    """All with transparency, or where some have none, all without."""
    least = min(tile.shape[2] for tile in tiles)
    return [tile if tile.shape[2] == least else pixels.on_white(tile) for tile in tiles]


def _failure(drawn: Drawn) -> Failure:
    subject = drawn.subject
    return Failure(subject.layer, subject.unit, subject.sample, subject.label, drawn.failure)


def _short(value: Any) -> float:
    return float(f"{value:.4g}")


def layer_slugs(paths: Sequence[str]) -> dict[str, str]:
    """A file name for each layer path, unique also where the file system ignores case."""
    taken: set[str] = set()
    return {path: unique_slug(path, taken) for path in paths}
