"""The folder of an atlas: where everything lies, and whose it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from uuid import uuid4

from filelock import FileLock, Timeout

from convreport.core.base.errors import UsageError
from convreport.core.base.files import read_json, write_atomically

MARK = "# A convreport atlas: docs/ is its source, cache/ and site/ can be made again.\ncache/\nsite/\n"


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
                # Another build that begins in the same moment may be writing the marker: its temporary file is no content.
                if out.exists() and (not out.is_dir() or any(path.suffix != ".tmp" for path in out.iterdir())):
                    raise UsageError(
                        f"{out} exists and is not an atlas; nothing in it was touched.",
                        "Give an empty or new folder with --out.",
                    )
                write_atomically(marker, MARK.encode())
            (out / "docs").mkdir(exist_ok=True)
            (out / "cache").mkdir(exist_ok=True)
            with TemporaryFile(dir=out / "cache"):
                pass  # it can be written
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

    @contextmanager
    def building(self) -> Iterator[None]:
        """While this lasts, what is drawn belongs to no model yet, and is not to be pruned; several may build at once."""
        self.is_building()
        place = self.cache / "builds" / f"{uuid4().hex}.lock"
        place.parent.mkdir(exist_ok=True)
        with FileLock(str(place)):
            try:
                yield
            finally:
                with suppress(OSError):  # Windows keeps a locked file; the next build deletes it
                    place.unlink()

    def is_building(self) -> bool:
        """Is a build of this atlas under way? A killed one is not: its lock went with it, and its file is deleted here."""
        for place in (self.cache / "builds").glob("*.lock"):
            try:
                with FileLock(str(place), timeout=0):
                    place.unlink(missing_ok=True)
            except Timeout:
                return True
        return False

    def claim(self, slug: str, name: str, source: str) -> None:
        """Give a model's place to a source; UsageError if another one has it, which would be silently replaced.

        Which source has which place is kept in the cache: it may be a path, and paths are not published.
        """
        book = self.cache / "sources.json"
        with self.locked():
            known = read_json(book)
            other = known.get(slug)
            if other not in (None, source) and (other == Path(str(other)).name or Path(str(other)).exists()):
                raise UsageError(
                    f"This atlas already has a model named {name}, made from {other}.",
                    "Give this one another name with --name, or another folder with --out.",
                )
            if other != source:
                write_atomically(book, json.dumps({**known, slug: source}).encode())

    def forget(self, slug: str) -> None:
        """A model's place is free again. Call it under the lock."""
        book = self.cache / "sources.json"
        known = read_json(book)
        if known.pop(slug, None) is not None:
            write_atomically(book, json.dumps(known).encode())
