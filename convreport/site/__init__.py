"""Pages and site: the book of a model becomes Markdown, and MkDocs makes HTML of it.

Imports `core`, `book` and `sections`. Jinja is known to `templating` alone, MkDocs to `mkdocs` alone.
"""
