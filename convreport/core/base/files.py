"""Files written whole or not at all, and digests of what they hold."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

from convreport.core.base.codec import to_json


def digest(*parts: Any) -> str:
    """A short, stable name for anything JSON can hold."""
    text = json.dumps(to_json(parts), sort_keys=True, separators=(",", ":"))
    return digest_bytes(text.encode())


def digest_file(path: Path) -> str:
    """The digest of a file's bytes; blake2b reads half a gigabyte in about a second."""
    state = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            state.update(chunk)
    return state.hexdigest()


def digest_bytes(data: bytes) -> str:
    """The digest of a file that has these bytes."""
    return blake2b(data, digest_size=16).hexdigest()


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


def write_text(path: Path, text: str) -> bool:
    """Write a text file if it says something new; True if it did."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True


def read_json(path: Path) -> dict[str, Any]:
    """The mapping that a JSON file of ours holds; an empty one where it is not there, cut short or something else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def tree_digest(folder: Path, memory: Path) -> str:
    """The digest of everything in a folder, by names and content.

    In the file `memory` the digests of files are kept by size and time, so that only what changed is read again.
    """
    known = read_json(memory)
    now: dict[str, list[Any]] = {}
    state = blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, stat = path.relative_to(folder).as_posix(), path.stat()
            before = known.get(name)
            seen = [stat.st_size, stat.st_mtime_ns]
            if isinstance(before, list) and len(before) == 3 and before[:2] == seen:
                now[name] = before
            else:
                now[name] = [*seen, digest_file(path)]
            state.update(f"{name} {now[name][2]}\n".encode())
    if now != known:
        write_atomically(memory, json.dumps(now).encode())
    return state.hexdigest()
