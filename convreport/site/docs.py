"""The folder docs/ of an atlas: our pages and assets in it, and nothing of its user's touched."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from convreport.core.base import assets
from convreport.core.base.files import write_atomically, write_text
from convreport.site.page import Page


def write(pages: Sequence[Page], docs: Path, cache: Path) -> int:
    """Bring docs/ to these pages and our own assets; what we did not write is left alone. How many files changed."""
    memory = cache / "pages.json"
    try:
        before = {str(path) for path in json.loads(memory.read_bytes())}
    except (OSError, ValueError, TypeError):
        before = set()
    changed = sum(write_text(docs / page.path, page.markdown) for page in pages)
    source = assets.folder("site_src") / "docs"
    own = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    for path in own:
        place = docs / path
        if not place.is_file() or place.read_bytes() != (source / path).read_bytes():
            write_atomically(place, (source / path).read_bytes())
            changed += 1
    now = {page.path for page in pages} | {path.as_posix() for path in own}
    for gone in before - now:
        (docs / gone).unlink(missing_ok=True)
    for folder in {(docs / gone).parent for gone in before - now}:
        _remove_empty(folder, docs)
    write_text(memory, json.dumps(sorted(now)))
    return changed


def _remove_empty(folder: Path, docs: Path) -> None:
    """Delete a folder that holds nothing any more, and those above it, below docs/."""
    while folder != docs and folder.is_dir() and not any(path.is_file() for path in folder.rglob("*")):
        shutil.rmtree(folder)
        folder = folder.parent
