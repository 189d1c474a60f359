"""A summary in Markdown with one contact sheet, for the comment under a pull request."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convreport.book.comparison import folder, words
from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Pixels
from convreport.core.pictures import pixels
from convreport.sections import registry, together
from convreport.share.media import Media
from convreport.site import templating
from convreport.site.pages import Slots

TILE, COLUMNS, GAP, TEXT = 96, 12, 4, 22  # pixels, tiles a row
PAPER, INK = (255, 255, 255), (70, 70, 68)
LIMIT = 10_000_000  # bytes: what a comment takes as a picture


def summarize(atlas: Atlas, book: Book, to: Path, templates: Path | None = None) -> list[Path]:
    """Write the summary to `to` and its contact sheet beside it, as a JPEG of less than 10 MB."""
    sheet = to.with_name(f"{to.stem}-contact.jpg")
    write_atomically(sheet, _within(contact(atlas, book), LIMIT))
    environment = templating.environment(templates)
    common = {"book": book, "model": book.model, "alerts": together.alerts(book), "slugs": book.slugs}
    more = {"summary": together.summary(book), "contact": sheet.name, "slots": Slots(environment, book, common)}
    more["changes"] = [(one, words.summary(one)) for one in folder.of_new(atlas.docs, book)]
    text = templating.rendered(environment, "comment.md", common | more)
    write_atomically(to, templating.tidy(text).encode())
    return [to, sheet]


def contact(atlas: Atlas, book: Book) -> Pixels:
    """Rows of tiles with their titles above: the strongest units of each layer, and what sections add."""
    media = Media(atlas.docs / book.slug)
    rows: list[tuple[str, list[Pixels]]] = []
    for chapter in book.sections:
        kind = registry().get(chapter.name)
        number = kind.units.number if kind is not None and kind.units is not None else ""
        strength = {(one.layer, one.unit): getattr(one.facts, number, None) or 0.0 for one in chapter.drawings}
        for sheet in chapter.sheets:
            tiles = media.tiles(sheet)
            ranked = sorted(tiles, key=lambda unit: -strength[sheet.layer, unit])[:COLUMNS]
            rows.append((f"{sheet.layer}: {sheet.figure}s", [_square(tiles[unit]) for unit in sorted(ranked)]))
    for strip in (strip for kind in registry().values() for strip in kind.contact(book)):
        rows.append((strip.title, [_square(media.picture(file, 512)) for file in strip.files[:COLUMNS]]))
    return np.concatenate([_row(title, tiles) for title, tiles in rows] or [_row(book.name, [])])


def _square(picture: Pixels) -> Pixels:
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return pixels.resize_picture(pixels.on_white(picture[top : top + side, left : left + side]), TILE, TILE)


def _row(title: str, tiles: Sequence[Pixels]) -> Pixels:
    picture = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, TEXT + (TILE + GAP if tiles else 0)), PAPER)
    plain = title.encode("latin-1", "replace").decode("latin-1")
    ImageDraw.Draw(picture).text((GAP, 4), plain, INK, ImageFont.load_default(13))
    for place, tile in enumerate(tiles):
        picture.paste(Image.fromarray(tile), (GAP + place * (TILE + GAP), TEXT))
    return np.asarray(picture)


def _within(picture: Pixels, limit: int) -> bytes:
    """As a JPEG of fewer than `limit` bytes: a very tall sheet is made smaller."""
    data = pixels.encode_jpeg(picture)
    while len(data) >= limit:
        picture = pixels.fit_within(picture, max(picture.shape) * 3 // 4)
        data = pixels.encode_jpeg(picture)
    return data
