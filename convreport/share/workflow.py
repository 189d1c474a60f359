"""A GitHub Actions workflow that builds the committed pages of an atlas and deploys them; it needs no TensorFlow."""

import subprocess
from pathlib import Path

from convreport.book.folder import Atlas
from convreport.core.base import assets
from convreport.core.base.errors import UsageError
from convreport.core.base.files import write_atomically
from convreport.sections.shelf import shelf

PLACE = Path(".github/workflows/atlas.yml")


def write(atlas: Atlas, *, force: bool) -> tuple[Path, list[str]]:
    """Write the workflow into the repository around the atlas; returns where, and what to commit.

    UsageError if one is there already and `force` is not set, or if the atlas holds no model.
    """
    slugs = [book.slug for book in shelf(atlas).books]
    if not slugs:
        raise UsageError(f"{atlas.out} holds no model.", "Build one first: `convreport build MODEL`.")
    root = _root(atlas.out)
    path = root / PLACE
    if path.exists() and not force:
        raise UsageError(f"{path} already exists; it was not touched.", "Replace it with --force.")
    folder = atlas.out.resolve().relative_to(root).as_posix()
    write_atomically(path, _text(folder, slugs).encode())
    names = ("mkdocs.yml", "docs", ".gitignore")
    return path, [PLACE.as_posix(), *(f"{folder}/{name}" if folder != "." else name for name in names)]


def _root(out: Path) -> Path:
    """The top of the repository around the atlas; where there is none, the folder the atlas lies in."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--show-toplevel"], cwd=out, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return out.resolve().parent
    return Path(done.stdout.strip()).resolve() if done.returncode == 0 else out.resolve().parent


def _text(folder: str, slugs: list[str]) -> str:
    """The workflow: our own file with the folder put in, and a step a report."""
    plain = (assets.folder("templates") / "workflow.yml").read_text("utf-8")
    head, step, tail = plain.split("# -- a report\n")
    steps = "".join(step.replace("SLUG", slug) for slug in slugs)
    return (head + steps + tail).replace("ATLAS", folder)
