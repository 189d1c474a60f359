"""Markdown -> HTML: the only module that knows MkDocs, which runs as a child process."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from convreport.book.comparison.folder import FOLDER, all_of
from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.core.base import assets
from convreport.core.base.errors import SiteError, UsageError
from convreport.core.base.files import digest, tree_digest, write_atomically, write_text
from convreport.sections import registry

HEADER = "# Written by convreport. `mkdocs build` here, with mkdocs-material installed, makes the same site.\n"


HUNDRED = 100  # of layers, pictures or classes stand beside each other in the navigation,
MOST = 250  # where there are more than so many
STAMP = ".convreport"  # in a site: the digest of all that it was made from


def move(atlas: Atlas, address: str) -> None:
    """Note where the site will stand, which the previews of links need; "none" forgets it. UsageError for no address.

    It is kept in mkdocs.yml from then on.
    """
    if not address:
        return
    parts = urlsplit(address)
    if address != "none" and (
        parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"[\s\"'<>]", address)
    ):
        raise UsageError(
            f"The site cannot be at '{address}'.", "Give --site-url https://NAME.github.io/REPOSITORY/, or none."
        )
    if (whole := "" if address == "none" else address.rstrip("/") + "/") != standing(atlas):
        write_text(atlas.out / "mkdocs.yml", HEADER + _standing_at(whole))


def standing(atlas: Atlas) -> str:
    """The address that was noted for the site; empty where none was."""
    try:
        found = re.search(r"^site_url: '(.*)'$", (atlas.out / "mkdocs.yml").read_text("utf-8"), re.M)
    except OSError:
        return ""
    return found[1] if found else ""


def _standing_at(address: str) -> str:
    return f"site_url: {_quoted(address, html=False)}\n" if address else ""


def is_stale(atlas: Atlas) -> bool:
    """Has anything changed since the site was last built?"""
    stamp = atlas.site / STAMP
    whole = (atlas.site / "index.html").is_file()
    return not whole or not stamp.is_file() or stamp.read_text("utf-8", errors="replace") != _state(atlas)


def build(atlas: Atlas, books: Sequence[Book]) -> None:
    """Write mkdocs.yml and run `mkdocs build --strict`; SiteError carries what MkDocs said.

    The new site takes the place of the old one when it is whole.
    """
    base = (assets.folder("site_src") / "mkdocs.yml").read_text("utf-8")
    write_text(atlas.out / "mkdocs.yml", HEADER + _standing_at(standing(atlas)) + base + _nav(atlas.docs, books))
    fresh = (atlas.cache / "site").absolute()
    shutil.rmtree(fresh, ignore_errors=True)
    words = ["--strict", "--quiet", "--config-file", "mkdocs.yml", "--site-dir", str(fresh)]
    finished = subprocess.run(
        # -P: a module that lies in the atlas, which may be somebody else's, must not stand for one of MkDocs
        [sys.executable, "-P", "-m", "mkdocs", "build", *words],
        cwd=atlas.out,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise _why(finished.stderr or finished.stdout)
    write_atomically(fresh / STAMP, _state(atlas).encode())
    _take_place(fresh, atlas)


def _why(said: str) -> SiteError:
    """What MkDocs says, without its traceback; a full disk and the like in a sentence of its own."""
    lines = said.strip().splitlines() or ["it gave no reason"]
    if found := re.search(r"\[(?:Errno|WinError) \d+\] ([^:\n]+)", said):
        return SiteError(
            f"MkDocs could not write the site ({found[1].lower()}).",
            "All drawings and the last site are kept. Make room, or fix the permissions, and run `convreport site`.",
        )
    told = lines[-1:] if "Traceback (most recent call last)" in said else lines[-6:]
    return SiteError(
        "MkDocs could not build the site: " + "\n".join(told),
        "All drawings are kept. If the pages in docs/notes are at fault, fix them and run `convreport site`.",
    )


def _take_place(fresh: Path, atlas: Atlas) -> None:
    """Put a whole new site in the place of the old one; what its user hid there (.nojekyll, .git) stays."""
    old = atlas.cache / "site.old"
    shutil.rmtree(old, ignore_errors=True)
    if atlas.site.exists():
        for hidden in atlas.site.glob(".*"):
            if hidden.name != STAMP and not (fresh / hidden.name).exists():
                hidden.rename(fresh / hidden.name)
        atlas.site.rename(old)
    fresh.rename(atlas.site)
    shutil.rmtree(old, ignore_errors=True)


def _state(atlas: Atlas) -> str:
    base = assets.folder("site_src") / "mkdocs.yml"
    return digest(
        tree_digest(atlas.docs, atlas.cache / "docs.json"),
        base.read_text("utf-8"),
        standing(atlas),
        version("mkdocs-material"),
        version("mkdocs"),
    )


def _nav(docs: Path, books: Sequence[Book]) -> str:
    """The navigation as readable YAML: home, each model with its layers and pictures, the guide, the user's notes."""
    lines = ["\nnav:", "  - Home: index.md"]
    for book in books:
        slug = book.slug
        lines += [f"  - {_quoted(book.name)}:", f"      - {slug}/index.md"]
        for kind in registry().values():
            lines += [f"      - {_quoted(page.nav)}: {slug}/{page.path}" for page in kind.pages(book)]
        for title, folder, names in (
            ("Layers", "layers", {book.slugs[path]: path for path in book.paged}),
            ("Pictures", "pictures", {sample.slug: sample.name for sample in book.samples}),
        ):
            lines += _shelf(
                title, [f"{_quoted(name)}: {slug}/{folder}/{file}.md" for file, name in names.items()], "      "
            )
        found = sorted((docs / slug / "classes").glob("*.md"))
        lines += _shelf("Classes", [f"{slug}/classes/{path.name}" for path in found], "      ")
    if changes := all_of(docs):
        lines += ["  - What changed:"]
        lines += [f"      - {_quoted(one.name)}: {FOLDER}/{one.slug}/index.md" for one in changes]
    lines += ["  - How to read this atlas: how-to-read.md", "  - Reproduction: reproduction.md", "  - About: about.md"]
    notes = sorted(path.relative_to(docs).as_posix() for path in docs.glob("notes/**/*.md"))
    if notes:
        lines += ["  - Notes:", *(f"      - {_quoted(note, html=False)}" for note in notes)]
    return "\n".join(lines) + "\n"


def _shelf(title: str, entries: Sequence[str], indent: str) -> list[str]:
    """A part of the navigation. A page lists all that stand beside it: of very many each lists its own hundred, or the site
    would grow with the square of their number.
    """
    if not entries:
        return []
    inner = f"{indent}    - "
    if len(entries) <= MOST:  # also the hundreds
        return [f"{indent}- {title}:", *(inner + entry for entry in entries)]
    lines = [f"{indent}- {title}:"]
    for first in range(0, len(entries), HUNDRED):
        some = entries[first : first + HUNDRED]
        lines += _shelf(f"{title} {first + 1} to {first + len(some)}", some, f"{indent}    ")
    return lines


def _quoted(text: str, *, html: bool = True) -> str:
    """A YAML scalar that is only a scalar; titles are HTML-escaped because the theme prints them as they are."""
    shown = escape(text) if html else text
    return "'" + "".join(char if char.isprintable() else " " for char in shown).replace("'", "''") + "'"
