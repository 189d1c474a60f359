"""A file of the site's source."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One Markdown file of the site's source; `path` is relative to docs/."""

    path: str
    title: str
    markdown: str
