"""What lies in the cache of an atlas, and what of it can go."""

from dataclasses import dataclass
from pathlib import Path

from convreport.book.folder import Atlas
from convreport.core.drawing.store import Store
from convreport.sections.shelf import shelf


@dataclass(frozen=True)
class Kind:
    """A kind of things in the cache: its bytes, and what they are for."""

    name: str
    bytes: int
    purpose: str


def kinds(atlas: Atlas) -> list[Kind]:
    """All that lies in the cache, by kind; the sizes add up to the whole."""
    found = Store(atlas.cache).sizes(shelf(atlas).referred)
    surveys = sum(map(_size, atlas.cache.glob("survey-*.npz")))
    parts = [
        Kind("pictures", found.needed, "every drawing of the models, lossless, so that a build redraws nothing"),
        Kind("idle pictures", found.idle, "drawings of earlier settings; kept a day after their last use"),
        Kind("records", found.records, "what was measured of each drawing"),
        Kind("surveys", surveys, "what units answered to the examples"),
    ]
    rest = sum(_size(path) for path in atlas.cache.rglob("*") if path.is_file()) - sum(part.bytes for part in parts)
    return [*parts, Kind("other", rest, "models seen, plans, digests and, while a site is made, the site")]


def prune(atlas: Atlas) -> None:
    """Delete what no model of the atlas needs, and pack the rest smaller; a build afterwards draws nothing again.

    While a model's atlas.json cannot be read nothing is deleted, as its drawings may be needed.
    """
    with atlas.locked():
        found, store = shelf(atlas), Store(atlas.cache)
        if not found.damaged and not found.outdated:
            store.prune(found.referred, 0)
        store.repack()


def _size(path: Path) -> int:
    return path.stat().st_size
