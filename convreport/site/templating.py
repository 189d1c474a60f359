"""Jinja with everything escaped for HTML, and the user's templates laid over ours: the only module that imports jinja2."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

from convreport.core.base import assets
from convreport.site import wording

__all__ = ["Environment", "TemplateNotFound", "environment"]


def environment(templates: Path | None) -> Environment:
    """What every page and the one-file report is rendered with; `templates` is the user's folder."""
    folders = [str(folder) for folder in (templates, assets.folder("templates")) if folder is not None]
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(wording.FILTERS)
    return made
