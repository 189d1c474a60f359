"""Key -> record -> lossless pictures, content-addressed, atomic: what is drawn once is never drawn again.

A record names its pictures by the digest of their pixels. Everything is written under a temporary name and renamed, so a
killed build leaves no half-written entry and two builds at once write the same bytes to the same names. Only successes
are stored.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from convreport.core.base.codec import from_json, to_json
from convreport.core.base.errors import UsageError
from convreport.core.base.files import read_json, write_atomically
from convreport.core.base.kinds import Facts, FigureKind, Pixels
from convreport.core.drawing.figures import Drawing
from convreport.core.pictures import pixels

KEPT_UNUSED = 24 * 3600  # seconds an entry no model refers to is kept, so that a build under way loses nothing


@dataclass(frozen=True)
class StoredFigure:
    """A Figure whose pixels are in the store; `size` is (height, width)."""

    name: str
    picture: str
    size: tuple[int, int]
    alt: str
    caption: str
    scale: str
    kind: FigureKind


@dataclass(frozen=True)
class Record:
    """A Drawing whose figures are in the store."""

    figures: tuple[StoredFigure, ...]
    facts: Facts


@dataclass(frozen=True)
class Packed:
    """A Drawing as it is stored, wherever it was made: its record, and its pictures by name, as PNG."""

    record: Record
    pictures: Mapping[str, bytes]


def pack(drawing: Drawing) -> Packed:
    """A drawing as the store keeps it."""
    pictures: dict[str, bytes] = {}
    figures = []
    for figure in drawing.figures:
        image = figure.pixels
        name = _name_of(image)
        size = (image.shape[0], image.shape[1])
        pictures[name] = pixels.encode_png(image)
        figures.append(StoredFigure(figure.name, name, size, figure.alt, figure.caption, figure.scale, figure.kind))
    return Packed(Record(tuple(figures), to_json(drawing.facts)), pictures)


@dataclass(frozen=True)
class Sizes:
    """Bytes: of pictures that models refer to, of those that none does, and of records."""

    needed: int
    idle: int
    records: int


class Store:
    """Drawings by key, in a folder that may be deleted at any time between builds."""

    def __init__(self, root: Path) -> None:
        self._records = root / "records"
        self._pictures = root / "pictures"

    def get(self, key: str) -> Record | None:
        """The record of that key if it and all its pictures are there; touched, so that pruning lets it live."""
        path = self._record_path(key)
        try:
            record = from_json(Record, json.loads(path.read_bytes()))
            for figure in record.figures:
                if self._picture_path(figure.picture).stat().st_size == 0:
                    return None
            os.utime(path)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return record

    def put(self, key: str, packed: Packed) -> Record:
        """Keep a drawing; the record is written last, so it never names a picture that is not there."""
        for name, data in packed.pictures.items():
            self._put_picture(name, data)
        write_atomically(self._record_path(key), json.dumps(to_json(packed.record)).encode())
        return packed.record

    def picture(self, name: str) -> Pixels:
        """The pixels of a stored picture. UsageError if it is damaged, or no longer what it was: then it is deleted, so that
        the next build draws it again.
        """
        path = self._picture_path(name)
        try:
            found = pixels.decode(str(path))
        except (OSError, SyntaxError, ValueError):  # Pillow's words for a broken file
            found = None
        if found is not None and _name_of(found) == name:
            return found
        path.unlink(missing_ok=True)
        raise UsageError(
            f"The stored picture {path.name} was damaged, and is deleted.",
            "Run the same command again: only that one is redrawn.",
        )

    def prune(self, referred: Iterable[str], unused: float = KEPT_UNUSED) -> int:
        """Delete what no model refers to and nobody has used for a day, or for `unused` seconds; how many records went.

        Call it under the lock.
        """
        keys = set(referred)
        latest = time.time() - unused
        kept: set[str] = set()
        gone = 0
        for path in self._records.glob("*/*.json"):
            if path.stem in keys or path.stat().st_mtime > latest:
                kept.update(_pictures_of(read_json(path)))
            else:
                path.unlink(missing_ok=True)
                gone += 1
        for path in self._pictures.glob("*/*.png"):
            if path.stem not in kept and path.stat().st_mtime < latest:
                path.unlink(missing_ok=True)
        return gone

    def sizes(self, referred: Iterable[str]) -> Sizes:
        """What lies in the store, by what needs it; `referred` are the keys of the models' drawings."""
        keys = set(referred)
        records = {path: path.stat().st_size for path in self._records.glob("*/*.json")}
        kept = {name for path in records if path.stem in keys for name in _pictures_of(read_json(path))}
        pictures = {path: path.stat().st_size for path in self._pictures.glob("*/*.png")}
        needed = sum(size for path, size in pictures.items() if path.stem in kept)
        return Sizes(needed, sum(pictures.values()) - needed, sum(records.values()))

    def repack(self) -> None:
        """Write every picture again, packed as small as PNG gets; its pixels and its name stay."""
        for path in self._pictures.glob("*/*.png"):
            stat = path.stat()
            small = pixels.encode_png(self.picture(path.stem), level=9)
            if len(small) < stat.st_size:
                write_atomically(path, small)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def _put_picture(self, name: str, data: bytes) -> None:
        path = self._picture_path(name)
        if not path.exists():
            write_atomically(path, data)
        else:
            os.utime(path)

    def _record_path(self, key: str) -> Path:
        return self._records / key[:2] / f"{key}.json"

    def _picture_path(self, name: str) -> Path:
        return self._pictures / name[:2] / f"{name}.png"


def _name_of(image: Pixels) -> str:
    """The digest of a picture's shape and pixels."""
    return blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).hexdigest()


def _pictures_of(record: Mapping[str, Any]) -> list[str]:
    """None for a record that is damaged: it is drawn again when it is asked for."""
    with suppress(KeyError, TypeError):
        return [str(figure["picture"]) for figure in record["figures"]]
    return []
