"""What lies in the cache of an atlas, and what of it can go."""

import os
from dataclasses import dataclass
from pathlib import Path

from convreport.book.comparison import folder
from convreport.book.folder import Atlas
from convreport.core.base.errors import UsageError
from convreport.core.drawing.store import Store
from convreport.sections.shelf import Shelf, shelf


@dataclass(frozen=True)
class Kind:
    """A kind of things in the cache: its bytes, and what they are for."""

    name: str
    bytes: int
    purpose: str


def kinds(atlas: Atlas) -> list[Kind]:
    """All that lies in the cache, by kind; the sizes add up to the whole."""
    with atlas.locked():
        return _kinds(atlas)


def _kinds(atlas: Atlas) -> list[Kind]:
    found = Store(atlas.cache).sizes(referred(atlas, shelf(atlas)))
    surveys = sum(map(_size, atlas.cache.glob("survey-*.npz")))
    parts = [
        Kind("pictures", found.needed, "every drawing of the models, lossless, so that a build redraws nothing"),
        Kind("idle pictures", found.idle, "drawings of earlier settings; kept a day after their last use"),
        Kind("records", found.records, "what was measured of each drawing"),
        Kind("surveys", surveys, "how units responded to the examples"),
    ]
    rest = _whole(atlas.cache) - sum(part.bytes for part in parts)
    return [*parts, Kind("other", rest, "models seen, plans, digests and, while a site is made, the site")]


def referred(atlas: Atlas, found: Shelf) -> set[str]:
    """The store keys that the models of an atlas, and its comparisons, refer to."""
    return found.referred | {key for one in folder.all_of(atlas.docs) for key in one.drawn}


def prune(atlas: Atlas) -> None:
    """Delete what no model and no comparison of the atlas needs, and pack the rest smaller; a build afterwards draws nothing
    again.

    While a model's atlas.json cannot be read nothing is deleted, as its drawings may be needed. UsageError while a build is
    under way: what it has drawn belongs to no model yet.
    """
    if atlas.is_building():
        raise UsageError(f"A build of {atlas.out} is under way.", "Prune its cache when it has ended.")
    with atlas.locked():
        found, store = shelf(atlas), Store(atlas.cache)
        if not found.damaged and not found.outdated:
            store.prune(referred(atlas, found), 0)
        store.repack()


def _whole(place: Path) -> int:
    """The bytes of all files below a folder; what a build moves away meanwhile does not count."""
    return sum(_size(Path(root, name)) for root, _, names in os.walk(place) for name in names)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
