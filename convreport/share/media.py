"""The published pictures of one model, taken apart and made smaller."""

import base64
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from convreport.book.values import Sheet
from convreport.core.base.errors import UsageError
from convreport.core.base.kinds import FigureKind, Pixels
from convreport.core.pictures import pixels

Size = Literal["tile", "photo", "layer"]
KEPT = 300  # pictures that are held at a time
QUALITY = 78  # of what is encoded a second time


@dataclass(frozen=True)
class Picture:
    """A picture inside a page: its data: address, and its (height, width)."""

    source: str
    size: tuple[int, int]


class Media:
    """What lies in docs/ of one model; a file is read once, while there is room for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = lru_cache(KEPT)(self._decode)

    def picture(self, file: str, most: int) -> Pixels:
        """A published picture, (height, width, 3 or 4), no side longer than `most` pixels."""
        return pixels.fit_within(self._read(file), most)

    def inline(self, file: str, most: int, kind: FigureKind) -> "Picture":
        """The same as an address that holds it."""
        shown = self.picture(file, most)
        return Picture(as_address(shown, kind), (shown.shape[0], shown.shape[1]))

    def tiles(self, sheet: Sheet, wanted: Container[int] | None = None) -> dict[int, Pixels]:
        """The tiles of the units of a layer, or of those that are wanted, cut out of their sprite sheets."""
        height, width = sheet.tile
        found = {}
        for file in sheet.files:
            if wanted is not None and not any(unit in wanted for unit in file.units):
                continue
            whole = self._read(file.file)
            for place, unit in enumerate(file.units):
                row, column = divmod(place, sheet.columns)
                found[unit] = whole[row * height : (row + 1) * height, column * width : (column + 1) * width]
        return found

    def _decode(self, file: str) -> Pixels:
        try:
            return pixels.decode(str(self._folder / file))
        except (OSError, SyntaxError):  # Pillow's word for a broken file
            raise UsageError(
                f"The picture {file} of {self._folder.name} is not there, or is damaged.",
                "Build its model again: what is in the cache is not drawn again.",
            ) from None


def sheet_of(tiles: Sequence[Pixels], columns: int, side: int, *, exact: bool) -> Pixels:
    """Tiles of one size as a sheet, none of their sides longer than `side`; exact ones are left as they are."""
    small = tiles if exact else [pixels.fit_within(tile, side) for tile in tiles]
    return pixels.tile(np.stack(small), columns)


def as_address(picture: Pixels, kind: FigureKind) -> str:
    """A picture as a data: address, WebP."""
    return "data:image/webp;base64," + base64.b64encode(pixels.encode(picture, kind, QUALITY)).decode()
