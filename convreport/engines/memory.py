"""Cards of models seen before, so that a rebuild in which nothing changed needs no TensorFlow."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convreport.core.base.codec import from_json, to_json
from convreport.core.base.files import digest, digest_file, read_json, write_atomically
from convreport.core.network.card import ModelCard
from convreport.engines.request import Request


class Memory:
    """Cards by the content of the model's files, whose digests are remembered by path, size and modification time.

    Lives in the cache and is never published: it holds paths.
    """

    def __init__(self, path: Path, rests_on: Any) -> None:
        self._path = path
        self._rests_on = rests_on
        self._book = {key: part for key, part in read_json(path).items() if isinstance(part, dict)}

    def recall(self, request: Request) -> ModelCard | None:
        """The card of the model that this request means now; None if it must be loaded."""
        if not request.memorable:
            return None
        paths = self._book.get("files_of", {}).get(self._key(request))
        if paths is None or not all(Path(path).is_file() for path in paths):
            return None
        card = self._book.get("cards", {}).get(self._content_key(request, [Path(path) for path in paths]))
        try:
            return None if card is None else from_json(ModelCard, card)
        except (TypeError, KeyError, ValueError):
            return None

    def files(self, request: Request) -> list[Path]:
        """The files of a model that is remembered."""
        return [Path(path) for path in self._book.get("files_of", {}).get(self._key(request), ())]

    def remember(self, request: Request, card: ModelCard, files: Sequence[Path]) -> None:
        """Keep the card for the next build; not of what is made by code, which may make something else next time."""
        if not request.memorable:
            return
        self._book.setdefault("files_of", {})[self._key(request)] = [str(path.resolve()) for path in files]
        content = self._content_key(request, [path.resolve() for path in files])
        self._book.setdefault("cards", {})[content] = to_json(card)
        write_atomically(self._path, json.dumps(self._book).encode())

    def _key(self, request: Request) -> str:
        source = Path(request.source).expanduser()
        return digest(request.fingerprint, self._rests_on, str(source.resolve()) if source.is_file() else "")

    def _content_key(self, request: Request, paths: list[Path]) -> str:
        return digest(request.fingerprint, self._rests_on, [self._file_digest(path) for path in paths])

    def _file_digest(self, path: Path) -> str:
        state = path.stat()
        known = self._book.setdefault("digests", {}).get(str(path))
        if not isinstance(known, list) or len(known) != 3 or known[:2] != [state.st_size, state.st_mtime_ns]:
            known = [state.st_size, state.st_mtime_ns, digest_file(path)]
            self._book["digests"][str(path)] = known
        return str(known[2])
