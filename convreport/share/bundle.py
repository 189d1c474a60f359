"""The whole site as a zip, and the drawings of one model as plain files."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Pixels
from convreport.core.drawing.store import Store
from convreport.core.pictures import pixels
from convreport.sections import registry
from convreport.share.media import Media

EPOCH = (2020, 1, 1, 0, 0, 0)  # one time for every file: the same site gives the same zip


def site_zip(atlas: Atlas, to: Path) -> int:
    """The built site in a zip, below one folder of the atlas's name; opens from file://. How many files."""
    files = sorted(path for path in atlas.site.rglob("*") if path.is_file())
    root = atlas.out.resolve().name
    temporary = to.with_name(f".{to.name}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for path in files:
                entry = zipfile.ZipInfo(f"{root}/{path.relative_to(atlas.site).as_posix()}", EPOCH)
                packed = path.suffix in (".webp", ".jpg", ".png", ".gz", ".woff2")
                entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())
        temporary.replace(to)
    finally:
        temporary.unlink(missing_ok=True)
    return len(files)


def pictures(atlas: Atlas, book: Book, to: Path) -> int:
    """One file a drawing in the folder `to`, and the stitched contact sheets; how many files.

    Drawings are exact PNGs where the atlas's cache still has them, else what is published of them.
    """
    media = Media(atlas.docs / book.slug)
    count = 0
    for name, picture in _drawings(atlas, book, media):
        write_atomically(to / f"{name}.png", pixels.encode_png(picture))
        count += 1
    for chapter in book.sections:
        for sheet in chapter.sheets:
            if sheet.contact:
                source = atlas.docs / book.slug / sheet.contact
                write_atomically(to / source.name, source.read_bytes())
                count += 1
    return count


def _drawings(atlas: Atlas, book: Book, media: Media) -> Iterator[tuple[str, Pixels]]:
    """(file name without its ending, picture) of every figure that was drawn."""
    store = Store(atlas.cache)
    for chapter in book.sections:
        kind = registry().get(chapter.name)
        published: dict[tuple[str, str, int], Pixels] = {}
        for drawing in chapter.drawings:
            record = store.get(drawing.key)
            stored = {figure.name: figure.picture for figure in record.figures} if record else {}
            for figure, entry in drawing.figures.items():
                if figure in stored:
                    picture = store.picture(stored[figure])
                elif entry.file:
                    picture = media.picture(entry.file, 1 << 16)
                else:
                    published = published or {
                        (sheet.layer, sheet.figure, unit): tile
                        for sheet in chapter.sheets
                        for unit, tile in media.tiles(sheet).items()
                    }
                    picture = published[drawing.layer or "", figure, drawing.unit or 0]
                name = (
                    kind.file_name(drawing, figure, book.slugs) if kind is not None else f"{chapter.name}_{drawing.key}"
                )
                yield name, picture
