"""The whole site as a zip, and the drawings of one model as plain files."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from convreport.book.folder import Atlas
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Pixels
from convreport.core.drawing.store import Store
from convreport.core.pictures import pixels
from convreport.share.media import Media

Data = Mapping[str, Any]
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


def pictures(atlas: Atlas, data: Data, to: Path) -> int:
    """One file a drawing in the folder `to`, and the stitched contact sheets; how many files.

    Drawings are exact PNGs where the atlas's cache still has them, else what is published of them.
    """
    media = Media(atlas.docs / data["model"]["slug"])
    count = 0
    for name, picture in _drawings(atlas, data, media):
        write_atomically(to / f"{name}.png", pixels.encode_png(picture))
        count += 1
    for section in data["sections"]:
        for sheet in section["sheets"]:
            if contact := sheet.get("contact"):
                source = atlas.docs / data["model"]["slug"] / contact
                write_atomically(to / source.name, source.read_bytes())
                count += 1
    return count


def _drawings(atlas: Atlas, data: Data, media: Media) -> Iterator[tuple[str, Pixels]]:
    """(file name without its ending, picture) of every figure that was drawn."""
    store = Store(atlas.cache)
    for section in data["sections"]:
        published: dict[tuple[str, str, int], Pixels] = {}
        for drawing in section["drawings"]:
            if drawing.get("failure"):
                continue
            record = store.get(drawing["key"])
            stored = {figure.name: figure.picture for figure in record.figures} if record else {}
            for figure, entry in drawing["figures"].items():
                if figure in stored:
                    picture = store.picture(stored[figure])
                elif "file" in entry:
                    picture = media.picture(entry["file"], 1 << 16)
                else:
                    published = published or {
                        (sheet["layer"], sheet["figure"], unit): tile
                        for sheet in section["sheets"]
                        for unit, tile in media.tiles(sheet).items()
                    }
                    picture = published[drawing["layer"], figure, drawing["unit"]]
                yield _name(section["name"], drawing, figure, data["slugs"]), picture


def _name(section: str, drawing: Data, figure: str, slugs: Mapping[str, str]) -> str:
    """`<layer>_<unit>` for what a unit seeks; what else there is says what it is."""
    layer = slugs.get(drawing["layer"] or "", "")
    if drawing["unit"] is not None:
        return f"{layer}_{drawing['unit']}" if figure == "pattern" else f"{layer}_{drawing['unit']}_{figure}"
    if section == "classes":
        return f"class_{drawing['facts']['class']}"
    return "_".join(part for part in (drawing["sample"] or "", layer, section, figure) if part)
