"""A summary in Markdown with one contact sheet, for the comment under a pull request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convreport.book.folder import Atlas
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Pixels
from convreport.core.pictures import pixels
from convreport.share.media import Media
from convreport.site import alerts, summary, templating

Data = Mapping[str, Any]
TILE, COLUMNS, GAP, TEXT = 96, 12, 4, 22  # pixels, tiles a row
PAPER, INK = (255, 255, 255), (70, 70, 68)
LIMIT = 10_000_000  # bytes: what a comment takes as a picture


def summarize(atlas: Atlas, data: Data, to: Path, templates: Path | None = None) -> list[Path]:
    """Write the summary to `to` and its contact sheet beside it, as a JPEG of less than 10 MB."""
    sheet = to.with_name(f"{to.stem}-contact.jpg")
    write_atomically(sheet, _within(_contact(Media(atlas.docs / data["model"]["slug"]), data), LIMIT))
    text = templating.environment(templates).get_template("comment.md").render(
        data=data, model=data["model"], judged=summary.judged(data), well=summary.health(data),
        alerts=alerts.alerts(data), contact=sheet.name,
        predictions=summary.drawings(data, "gradcam"), verdicts=_verdicts(data),
    )  # fmt: skip
    write_atomically(to, text.encode())
    return [to, sheet]


def _verdicts(data: Data) -> list[dict[str, Any]]:
    """Of each layer how many of its patterns speak of their own unit."""
    found: dict[str, dict[str, Any]] = {}
    for one in summary.drawings(data, "filters"):
        row = found.setdefault(one["layer"], {"layer": one["layer"], "units": 0, "specific": 0, "grey": 0})
        row["units"] += 1
        row["specific"] += one["facts"].get("verdict") == "specific"
        row["grey"] += one["facts"].get("responds") is False
    return list(found.values())


def _contact(media: Media, data: Data) -> Pixels:
    """Rows of tiles with their layer's name above: the strongest units of each, the classes, the heatmaps."""
    rows: list[tuple[str, list[Pixels]]] = []
    for section in data["sections"]:
        facts = {(one["layer"], one["unit"]): one["facts"] for one in section["drawings"] if not one.get("failure")}
        for sheet in section["sheets"]:
            tiles = media.tiles(sheet)
            number = "score" if section["name"] == "filters" else "span"
            ranked = sorted(tiles, key=lambda unit: -facts[sheet["layer"], unit].get(number, 0))[:COLUMNS]
            rows.append((f"{sheet['layer']}: {sheet['figure']}s", [_square(tiles[unit]) for unit in sorted(ranked)]))
    for name, figure, title in (("classes", "pattern", "classes"), ("gradcam", "overlay0", "Grad-CAM")):
        files = dict.fromkeys(
            one["figures"][figure]["file"] for one in summary.drawings(data, name) if figure in one["figures"]
        )
        if files:
            rows.append((title, [_square(media.picture(file, 512)) for file in list(files)[:COLUMNS]]))
    return np.concatenate([_row(title, tiles) for title, tiles in rows] or [_row(data["model"]["name"], [])])


def _square(picture: Pixels) -> Pixels:
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return pixels.resize_picture(picture[top : top + side, left : left + side, :3], TILE, TILE)


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
