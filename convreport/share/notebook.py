"""What results show of themselves in a notebook: HTML that holds its pictures and links to the pages on disk."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from convreport.book.comparison import folder, words
from convreport.book.comparison.values import Comparison, Shown
from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.core.base.kinds import Pixels
from convreport.core.pictures import pixels
from convreport.sections import together
from convreport.share import comment
from convreport.share.media import Media, as_address

SHOWN = 6  # flips of a comparison
PHOTO, SHEET = 160, 1000  # pixels: the longest side of an overlay, and of the contact sheet


def of_book(atlas: Atlas, book: Book, page: Path, counts: str) -> str:
    """The contact sheet of a model, its summary and alerts, and the way to its pages."""
    sheet = pixels.fit_within(comment.contact(atlas, book), SHEET)
    lines = [line.said for line in together.summary(book)] + [alert.sentence for alert in together.alerts(book)[:4]]
    picture = _image(as_address(sheet, "photo"), f"Contact sheet of {book.name}", sheet.shape[1])
    return _whole(f"{book.name}: {counts}", lines, picture, _link(page, f"Open the pages of {book.name}"))


def of_comparison(atlas: Atlas, one: Comparison, page: Path) -> str:
    """What changed, with the worst flips old and new."""
    media = Media(folder.place(atlas.docs, one.slug))
    flips = [flip for flip in one.decisions.flips if flip.overlays][:SHOWN] if one.decisions else []
    rows = Markup("").join(
        Markup(
            '<div style="display:inline-block;margin:0 1em 1em 0">{}<br><small>{}: {} &rarr; {}</small></div>'
        ).format(
            Markup("&nbsp;").join(_shown(media, shown) for shown in flip.overlays or ()),
            flip.picture,
            flip.old.name,
            flip.new.name,
        )
        for flip in flips
    )
    return _whole(f"{one.old.name} → {one.new.name}", words.summary(one), rows, _link(page, "Open the comparison"))


def of_tiles(tiles: Sequence[Pixels], names: Sequence[str]) -> str:
    """Some patterns with what each is."""
    shown = Markup("").join(
        Markup(
            '<figure style="display:inline-block;margin:0 .6em .6em 0">{}<figcaption><small>{}</small></figcaption></figure>'
        ).format(_image(as_address(tile, "pattern"), name, tile.shape[1]), name)
        for tile, name in zip(tiles, names, strict=True)
    )
    return str(Markup("<div>{}</div>").format(shown))


def _shown(media: Media, shown: Shown) -> Markup:
    found = media.inline(shown.file, PHOTO, "photo")
    return _image(found.source, shown.alt, found.size[1])


def _image(source: str, words_: str, width: int) -> Markup:
    return Markup('<img src="{}" alt="{}" width="{}" style="max-width:100%">').format(source, words_, width)


def _link(page: Path, words_: str) -> Markup:
    return Markup('<p><a href="{}">{}</a></p>').format(page.as_posix(), words_)


def _whole(title: str, lines: Sequence[str], pictures: Markup, link: Markup) -> str:
    listed = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return str(Markup("<div><b>{}</b><ul>{}</ul>{}{}</div>").format(escape(title), listed, pictures, link))
