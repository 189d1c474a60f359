"""What changed since another model, as a part of the one-file report."""

from collections.abc import Iterator
from functools import partial

from markupsafe import Markup

from convreport.book.comparison import folder
from convreport.book.comparison.values import Shown
from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.sections.telling import Part
from convreport.share.media import Media, Picture
from convreport.site import compared, templating
from convreport.site.templating import Environment


def parts(atlas: Atlas, book: Book, environment: Environment, most: int) -> Iterator[tuple[Part, Markup]]:
    """A part for each comparison in which this model is the new one; no picture is longer than `most` pixels."""
    for one in folder.of_new(atlas.docs, book):
        media = Media(folder.place(atlas.docs, one.slug))
        where = f"changed-{one.old.slug}"
        scene = compared.scene_of(one, [book], partial(_inline, media, most))
        text = templating.rendered(environment, "_changed.html", {**scene, "anchor": where})
        yield Part(where, f"Changed since {one.old.name}"), Markup(text)


def _inline(media: Media, most: int, shown: Shown) -> Picture:
    return media.inline(shown.file, most, "photo")


def keys(atlas: Atlas, book: Book) -> list[tuple[str, str]]:
    """What tells whether a report has to be made again."""
    return [(one.key, one.date) for one in folder.of_new(atlas.docs, book)]
