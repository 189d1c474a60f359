"""Masks as COCO writes them: one JSON file with the polygons, or run lengths, of all objects in all pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convreport.core.base.errors import ImageError, UsageError
from convreport.core.base.files import digest, digest_file
from convreport.core.base.kinds import Array
from convreport.core.pictures.concepts import MOST, Concept, Plane, Planes, matched, must_fit


class Coco:
    """The `images`, `annotations` and `categories` of a file; UsageError where it has not all three."""

    def __init__(self, file: Path) -> None:
        try:
            said = json.loads(file.read_text("utf-8-sig"))
            images, categories = said["images"], sorted(said["categories"], key=lambda one: int(one["id"]))
            self._images = [(str(one["file_name"]), int(one["height"]), int(one["width"])) for one in images]
            place = {one["id"]: number for number, one in enumerate(images)}
            number = {one["id"]: place for place, one in enumerate(categories, 1)}
            self._shapes: dict[int, list[tuple[int, Any]]] = {}
            for one in said["annotations"]:
                shape = (number[one["category_id"]], one["segmentation"])
                self._shapes.setdefault(place[one["image_id"]], []).append(shape)
            self.concepts = tuple(Concept(str(one["name"])) for one in categories)
        except OSError as error:
            raise UsageError(f"The masks {file} cannot be read ({error.strerror}).", "Check the path.") from None
        except (ValueError, TypeError, KeyError) as error:
            what = f"{error} is missing or unknown" if isinstance(error, KeyError) else str(error)
            raise UsageError(
                f"{file.name} is not a COCO file of masks ({what}).",
                "It has images (id, file_name, height, width), categories (id, name) and annotations (image_id, category_id,"
                " segmentation).",
            ) from None
        if not 0 < len(self.concepts) <= MOST:
            raise UsageError(f"{file.name} names {len(self.concepts)} categories.", f"There may be 1 to {MOST}.")
        self.digest = digest("coco", digest_file(file))

    def of(self, paths: Sequence[Path]) -> dict[int, int]:
        """The record of each picture that has one, by the end of its path."""
        return matched(paths, [name for name, _, _ in self._images], whole=False)

    def planes(self, mask: int, brought: bytes = b"") -> Planes:
        """As few planes as the overlapping of its objects allows; one, empty, for a picture without any."""
        name, height, width = self._images[mask]
        must_fit((height, width), name)
        planes: list[Plane] = [np.zeros((height, width), np.uint16)]
        for number, shape in self._shapes.get(mask, ()):
            try:
                inside = drawn(shape, (height, width))
            except (ValueError, TypeError, KeyError) as error:
                raise ImageError(f"a mask of {name} cannot be drawn ({error})") from None
            free = next((one for one in planes if not ((one > 0) & (one != number) & inside).any()), None)
            if free is None:
                free = np.zeros((height, width), np.uint16)
                planes.append(free)
            free[inside] = number
        return tuple(planes)

    def here(self, mask: int) -> bool:
        """All is in memory."""
        return True

    def file(self, mask: int) -> bytes:
        """There is none."""
        return b""


def drawn(shape: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """A segmentation as a mask, bool of (height, width): a list of polygons [x, y, x, y ...], or {"counts", "size"}, where
    counts are the lengths of runs outside and inside in turn, column by column. ValueError for anything else.
    """
    if isinstance(shape, Mapping):
        return _of_runs(shape["counts"], (int(shape["size"][0]), int(shape["size"][1])), size)
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise ValueError("it is neither polygons nor run lengths")
    inside = np.zeros(size, bool)
    for polygon in shape:
        corners = np.asarray(polygon, np.float64).reshape(-1, 2)
        if len(corners) < 3:
            raise ValueError("a polygon has fewer than three corners")
        inside |= _filled(corners, size)
    return inside


def _filled(corners: Array, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centres lie inside a polygon of (x, y) corners: to the right of an odd number of its edges."""
    crossed = np.zeros((size[0], size[1] + 1), np.int32)
    for (x, y), (to_x, to_y) in zip(corners, np.roll(corners, -1, 0), strict=True):
        low, high = np.clip(np.ceil(np.array([min(y, to_y), max(y, to_y)]) - 0.5), 0, size[0]).astype(int)
        rows = np.arange(low, high)
        at = x + (rows + 0.5 - y) * (to_x - x) / (to_y - y) if len(rows) else np.zeros(0)
        np.add.at(crossed, (rows, np.clip(np.ceil(at - 0.5), 0, size[1]).astype(int)), 1)
    return crossed.cumsum(1)[:, :-1] % 2 == 1


def _of_runs(counts: Any, said: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    if isinstance(counts, str | bytes):
        raise ValueError("its run lengths are compressed: write them as lists of numbers")
    if said != size or sum(counts) != size[0] * size[1]:
        raise ValueError(f"its run lengths are those of another size than {size[1]} x {size[0]}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(size[1], size[0]).T
