"""Jinja with everything escaped for HTML, and the user's templates laid over ours: the only module that imports jinja2."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
)
from markupsafe import Markup

from convreport.core.base import assets
from convreport.core.base.errors import SiteError
from convreport.sections import registry
from convreport.site import wording

__all__ = ["Environment", "block", "environment", "has_block", "own_templates", "rendered", "tidy"]


def environment(templates: Path | None) -> Environment:
    """What every page and the one-file report is rendered with; `templates` is the user's folder."""
    folders = [str(folder) for folder in (templates, assets.folder("templates")) if folder is not None]
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(folders), FunctionLoader(_of_another_package)]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(wording.FILTERS)
    return made


def has_block(environment: Environment, section: str, names: Iterable[str]) -> bool:
    """Has a section's template any of these blocks?"""
    return any(name in _of_section(environment, section).blocks for name in names)


def block(environment: Environment, section: str, names: Iterable[str], context: Mapping[str, Any]) -> Markup:
    """The first of these blocks that a section's template has, rendered; nothing where it has none."""
    template = _of_section(environment, section)
    for name in names:
        if name in template.blocks:
            with _told(str(template.name)):
                return Markup("".join(template.blocks[name](template.new_context(dict(context)))))
    return Markup("")


def _of_section(environment: Environment, section: str) -> Template:
    """A section's template; one that has none has that of `sections/_any.md`."""
    try:
        with _told(f"sections/{section}.md"):
            return environment.get_template(f"sections/{section}.md")
    except TemplateNotFound:
        return environment.get_template("sections/_any.md")


def rendered(environment: Environment, template: str, context: Mapping[str, Any]) -> str:
    """A whole template, rendered; SiteError says what is wrong with it, and where."""
    with _told(template):
        return environment.get_template(template).render(context)


def own_templates() -> list[Path]:
    """The templates of other packages' sections."""
    return [path for name in registry() if (path := _beside(name)) is not None]


@contextmanager
def _told(template: str) -> Iterator[None]:
    """A mistake in a template, most likely one of the user's own, as a sentence."""
    try:
        yield
    except TemplateNotFound:
        raise
    except TemplateError as error:
        lines = [one.lineno for one in extract_tb(error.__traceback__) if one.filename.endswith((".md", ".html"))]
        line = getattr(error, "lineno", None) or (lines or [None])[-1]
        where = f"{template}, line {line}" if line else template
        raise SiteError(
            f"The template {where}, cannot be rendered: {error}.", "Fix it, or leave out --templates."
        ) from error


def tidy(markdown: str) -> str:
    """Markdown without the empty lines that templates leave."""
    return re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n"


def _of_another_package(name: str) -> str | None:
    found = re.fullmatch(r"sections/(\w+)\.md", name)
    path = _beside(found[1]) if found and found[1] in registry() else None
    return path.read_text("utf-8") if path is not None else None


def _beside(section: str) -> Path | None:
    """The template beside the module of a section, where there is one."""
    spec = find_spec(registry()[section].__module__)
    path = Path(spec.origin).parent / f"{section}.md" if spec is not None and spec.origin else None
    return path if path is not None and path.is_file() else None
