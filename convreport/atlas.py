"""The folder of an atlas: what is published of each model, where, and how drawn figures become files there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from convreport.core import pixels
from convreport.core.codec import to_json
from convreport.core.errors import UsageError
from convreport.core.samples import unique_slug
from convreport.core.store import Record, Store, StoredFigure, digest, write_atomically
from convreport.core.types import FigureKind, Pixels, Sample, Subject

MARK = "# A convreport atlas: docs/ is its source, cache/ and site/ can be made again.\ncache/\nsite/\n"
COLUMNS, ROWS = 8, 4  # tiles of a sprite sheet
CONTACT_MARGIN = 5  # pixels between the tiles of a contact sheet, as in the sources
FORMAT = 1


@dataclass(frozen=True)
class Drawn:
    """What became of one subject: its record, or why there is none."""

    subject: Subject
    key: str
    record: Record | None
    failure: str = ""
    reused: bool = False


@dataclass(frozen=True)
class SectionDrawn:
    """Everything one section drew, with what a page must know of the section."""

    name: str
    page: str
    options: Mapping[str, Any]
    purpose: str
    drawn: tuple[Drawn, ...]


class Atlas:
    """Where everything of one atlas lies on disk."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.docs = out / "docs"
        self.cache = out / "cache"
        self.site = out / "site"

    @classmethod
    def open(cls, out: Path, *, create: bool) -> "Atlas":
        """An atlas in that folder; UsageError if it is something else, or cannot be written."""
        marker = out / ".gitignore"
        is_atlas = marker.is_file() and marker.read_text("utf-8", errors="replace").startswith(MARK.splitlines()[0])
        if not is_atlas and not create:
            raise UsageError(f"{out} is not an atlas.", "Make one with `convreport build MODEL --out DIR`.")
        try:
            if not is_atlas:
                if out.exists() and (not out.is_dir() or any(out.iterdir())):
                    raise UsageError(
                        f"{out} exists and is not an atlas; nothing in it was touched.",
                        "Give an empty or new folder with --out.",
                    )
                write_atomically(marker, MARK.encode())
            (out / "docs").mkdir(exist_ok=True)
            (out / "cache").mkdir(exist_ok=True)
            probe = out / "cache" / f".{digest(str(out))}.probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"{out} cannot be written ({error.strerror or error}).", "Choose another folder with --out."
            ) from None
        return cls(out)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time writes docs/ and site/; the store needs no lock."""
        with FileLock(str(self.cache / "lock")):
            yield

    def claim(self, slug: str, name: str, source: str) -> None:
        """Give a model's place to a source; UsageError if another one has it, which would be silently replaced.

        Which source has which place is kept in the cache: it may be a path, and paths are not published.
        """
        book = self.cache / "sources.json"
        known: dict[str, str] = json.loads(book.read_bytes()) if book.is_file() else {}
        other = known.get(slug)
        if other not in (None, source) and (other == Path(str(other)).name or Path(str(other)).exists()):
            raise UsageError(
                f"This atlas already has a model named {name}, made from {other}.",
                "Give this one another name with --name, or another folder with --out.",
            )
        if other != source:
            write_atomically(book, json.dumps({**known, slug: source}).encode())

    def models(self) -> list[dict[str, Any]]:
        """The atlas.json of every model in this atlas, by name."""
        found = [json.loads(path.read_bytes()) for path in self.docs.glob("*/atlas.json")]
        return sorted((data for data in found if data.get("format") == FORMAT), key=lambda data: data["model"]["name"])

    def referred(self) -> set[str]:
        """The store keys that the models of this atlas refer to."""
        return {
            drawing["key"] for data in self.models() for section in data["sections"] for drawing in section["drawings"]
        }


class Press:
    """Turns stored figures into the published files of one model; writes only what changed."""

    def __init__(self, atlas: Atlas, slug: str, store: Store) -> None:
        self._folder = atlas.docs / slug
        self._store = store
        self._memory = atlas.cache / f"published-{slug}.json"
        try:
            self._before: dict[str, str] = json.loads(self._memory.read_bytes())
        except (OSError, ValueError):
            self._before = {}
        self._now: dict[str, str] = {}
        self._jobs: list[tuple[str, Any]] = []

    def section(self, drawn: SectionDrawn, slugs: Mapping[str, str]) -> dict[str, Any]:
        """The section's part of atlas.json: its drawings, and sprite sheets of those that belong to units."""
        return {
            "name": drawn.name,
            "page": drawn.page,
            "options": to_json(drawn.options),
            "purpose": drawn.purpose,
            "drawings": [self._drawing(drawn.name, one, slugs) for one in drawn.drawn],
            "sheets": [
                sheet
                for layer in dict.fromkeys(one.subject.layer for one in drawn.drawn if one.subject.unit is not None)
                for sheet in self._sheets(drawn.name, layer or "", [o for o in drawn.drawn if o.subject.layer == layer], slugs)
            ],
        }

    def sample(self, sample: Sample) -> dict[str, Any]:
        """A sample's part of atlas.json; its picture is published without any of the file's metadata."""
        shown = pixels.fit_within(sample.pixels, pixels.PUBLISHED)
        file = f"figures/pictures/{sample.slug}.webp"
        self._file(file, sample.digest, lambda: pixels.encode(shown, "photo", 88))
        return {
            "name": sample.name,
            "slug": sample.slug,
            "digest": sample.digest,
            "file": file,
            "size": list(shown.shape[:2]),
        }

    def mosaic(
        self, file: str, figures: Sequence[StoredFigure], columns: int, *, side: int = 0, margin: int = 0
    ) -> dict[str, Any] | None:
        """Some stored tiles as one published picture (for the home page, the journey); None if there are none.

        `side` brings tiles of different layers to one size; 0 leaves them as they are.
        """
        if not figures:
            return None
        names = [figure.picture for figure in figures]
        side = side or max(max(figure.size) for figure in figures)
        columns = min(columns, len(figures))
        rows = -(-len(figures) // columns)

        def make() -> bytes:
            tiles = [pixels.resize_picture(self._store.picture(name), side, side) for name in names]
            ground = (255, 255, 255) if margin else 0
            return pixels.encode(pixels.tile(np.stack(tiles), columns, margin=margin, ground=ground), "pattern")

        self._file(file, digest(names, columns, side, margin), make)
        return {"file": file, "size": [rows * (side + margin) - margin, columns * (side + margin) - margin]}

    def finish(self) -> int:
        """Write what changed, delete what we published before and no longer do; how many files were written."""
        with ThreadPoolExecutor() as pool:  # the encoders release the interpreter
            written = list(pool.map(self._write, self._jobs))
        for file in set(self._before) - set(self._now):
            (self._folder / file).unlink(missing_ok=True)
        if self._before != self._now:
            write_atomically(self._memory, json.dumps(self._now).encode())
        return len(written)

    def _write(self, job: tuple[str, Any]) -> None:
        file, make = job
        write_atomically(self._folder / file, make())

    def _file(self, file: str, content: str, make: Any) -> None:
        """Publish `make()` as `file`, unless the same content already stands there."""
        self._now[file] = content
        if self._before.get(file) != content or not (self._folder / file).is_file():
            self._jobs.append((file, make))

    def _drawing(self, section: str, drawn: Drawn, slugs: Mapping[str, str]) -> dict[str, Any]:
        subject = drawn.subject
        data: dict[str, Any] = {"layer": subject.layer, "unit": subject.unit, "sample": subject.sample, "key": drawn.key}
        if drawn.record is None:
            return {**data, "failure": drawn.failure, "facts": {}, "figures": {}}
        figures = {}
        for figure in drawn.record.figures:
            entry: dict[str, Any] = {"alt": figure.alt, "caption": figure.caption, "scale": figure.scale}
            if subject.unit is None:
                parts = [part for part in (subject.sample, slugs.get(subject.layer or ""), figure.name) if part]
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
                made = self._sheet(f"{base}-{number // per_sheet}.webp", [figure for _, figure in some], tiles[0][1].kind)
                files.append({**made, "units": [unit for unit, _ in some]})
            sheet: dict[str, Any] = {"layer": layer, "figure": name, "tile": side, "columns": COLUMNS, "files": files}
            if tiles[0][1].kind == "pattern":
                sheet["contact"] = self._contact(f"{base}-contact.jpg", [figure for _, figure in tiles[:64]])
            yield sheet

    def _sheet(self, file: str, figures: Sequence[StoredFigure], kind: FigureKind) -> dict[str, Any]:
        names = [figure.picture for figure in figures]
        self._file(
            file, digest(names, kind), lambda: pixels.encode(pixels.tile(self._tiles(figures), COLUMNS), kind)
        )
        side = [max(figure.size[axis] for figure in figures) for axis in (0, 1)]
        rows, columns = -(-len(figures) // COLUMNS), min(COLUMNS, len(figures))
        return {"file": file, "size": [rows * side[0], columns * side[1]]}

    def _contact(self, file: str, figures: Sequence[StoredFigure]) -> str:
        """The stitched 8 x 8 sheet with black margins, as a JPEG that any program opens."""
        names = [figure.picture for figure in figures]
        self._file(
            file,
            digest(names, CONTACT_MARGIN),
            lambda: pixels.encode_jpeg(pixels.tile(self._tiles(figures), COLUMNS, margin=CONTACT_MARGIN)),
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


def paged_layers(data: Mapping[str, Any]) -> list[str]:
    """The layers with a page of their own: those that anything was drawn of, in network order."""
    drawn = {drawing["layer"] for section in data["sections"] for drawing in section["drawings"]}
    return [layer["path"] for layer in data["model"]["layers"] if layer["path"] in drawn]


def write_text(path: Path, text: str) -> bool:
    """Write a text file if it says something new; True if it did."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True


def tree_digest(folder: Path) -> str:
    """The digest of everything in a folder, by content name, size and time: cheap, and enough to see a change."""
    state = blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            state.update(f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return state.hexdigest()

