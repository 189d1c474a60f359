"""Handing an atlas over: the one-file report, a zip, a summary for a comment, GitHub Pages, a workflow, a small server.

Imports `core`, `book`, `sections` and `site`; needs no framework.
"""
