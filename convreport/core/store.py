"""Key -> record -> lossless pictures, content-addressed, atomic: what is drawn once is never drawn again.

A record names its pictures by the digest of their pixels. Everything is written under a temporary name and renamed, so a
killed build leaves no half-written entry and two builds at once write the same bytes to the same names. Only successes
are stored.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

from convreport.core import pixels
from convreport.core.codec import from_json, to_json
from convreport.core.types import Drawing, Facts, FigureKind, Pixels

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


def digest(*parts: Any) -> str:
    """A short, stable name for anything JSON can hold."""
    text = json.dumps(to_json(parts), sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's bytes; blake2b reads half a gigabyte in about a second."""
    state = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            state.update(chunk)
    return state.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """All of the file or nothing of it, whoever kills or races us."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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

    def put(self, key: str, drawing: Drawing) -> Record:
        """Keep a drawing; the record is written last, so it never names a picture that is not there."""
        figures = tuple(
            StoredFigure(
                figure.name,
                self._put_picture(figure.pixels),
                (figure.pixels.shape[0], figure.pixels.shape[1]),
                figure.alt,
                figure.caption,
                figure.scale,
                figure.kind,
            )
            for figure in drawing.figures
        )
        record = Record(figures, drawing.facts)
        write_atomically(self._record_path(key), json.dumps(to_json(record)).encode())
        return record

    def picture(self, name: str) -> Pixels:
        """The pixels of a stored picture; OSError if the store was damaged meanwhile."""
        return pixels.decode(str(self._picture_path(name)))

    def prune(self, referred: Iterable[str]) -> int:
        """Delete what no model refers to and nobody has used for a day; how many records went. Call it under the lock."""
        keys = set(referred)
        latest = time.time() - KEPT_UNUSED
        kept: set[str] = set()
        gone = 0
        for path in self._records.glob("*/*.json"):
            if path.stem in keys or path.stat().st_mtime > latest:
                kept.update(_pictures_of(json.loads(path.read_bytes())))
            else:
                path.unlink(missing_ok=True)
                gone += 1
        for path in self._pictures.glob("*/*.png"):
            if path.stem not in kept and path.stat().st_mtime < latest:
                path.unlink(missing_ok=True)
        return gone

    def _put_picture(self, image: Pixels) -> str:
        name = blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).hexdigest()
        path = self._picture_path(name)
        if not path.exists():
            write_atomically(path, pixels.encode_png(image))
        else:
            os.utime(path)
        return name

    def _record_path(self, key: str) -> Path:
        return self._records / key[:2] / f"{key}.json"

    def _picture_path(self, name: str) -> Path:
        return self._pictures / name[:2] / f"{name}.png"


def _pictures_of(record: Mapping[str, Any]) -> list[str]:
    return [figure["picture"] for figure in record["figures"]]
