"""Does a book hold together? What it refers to must be in it, and every name of a file must stay in its model's folder."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from convreport.book.values import Book

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def must_be_whole(book: Book) -> None:
    """ValueError says what is missing, or what would lead out of the folder."""
    for what, name in (("model", book.slug), *(("layer", slug) for slug in book.slugs.values())):
        _must_be_name(what, name)
    layers, samples = book.layers, book.by_slug
    if missing := next((path for path in layers if path not in book.slugs), None):
        raise ValueError(f"the layer {missing} has no name for its page")
    for sample in book.samples:
        _must_be_name("picture", sample.slug)
    for chapter in book.sections:
        spoken = [(one.layer, one.sample) for one in chapter.drawings]
        spoken += [(one.layer, one.sample) for one in chapter.failures]
        spoken += [(sheet.layer, None) for sheet in chapter.sheets]
        for layer, shown in spoken:
            if layer is not None and layer not in layers:
                raise ValueError(f"{chapter.name} speaks of a layer {layer}, which is not there")
            if shown is not None and shown not in samples:
                raise ValueError(f"{chapter.name} speaks of a picture {shown}, which is not there")
    for file in _files(book):
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or "\\" in file:
            raise ValueError(f"{file[:80]} lies outside its folder")


def _must_be_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} cannot be the name of a {what}'s page")


def _files(book: Book) -> Iterator[str]:
    """Every file that a book names, but for those in the facts of sections."""
    for sample in book.samples:
        yield sample.file
        if sample.channels is not None:
            yield sample.channels.file
    for chapter in book.sections:
        for drawing in chapter.drawings:
            yield from (figure.file for figure in drawing.figures.values())
        for sheet in chapter.sheets:
            yield from (one.file for one in sheet.files)
            yield sheet.contact
