"""Which of the examples have masks, and the masks of those: the user's own, by --masks, or those of the demo's scenes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convreport.core.base.errors import ImageError
from convreport.core.base.files import digest
from convreport.core.pictures import masks
from convreport.core.pictures.concepts import Concept, Masks, Planes, proportional
from convreport.core.survey.examples import PicturesAwayError
from convreport.demo import scenes

OBJECTS = tuple(Concept(name, "object") for name in scenes.CLASSES)
PARTS = tuple(Concept(name, "part") for name in scenes.PARTS[1:])


@dataclass(frozen=True)
class Masking:
    """What masks mark, whose they are, and what names all that. `given` are the user's, by picture in `of`."""

    concepts: tuple[Concept, ...] = ()
    masked: Sequence[int] = ()
    digest: str = ""
    given: Masks | None = None
    of: Mapping[int, int] | None = None

    def planes(self, number: int, picture: tuple[int, int], away: Mapping[int, bytes] | None) -> Planes:
        """The masks of a picture of (height, width); ImageError with a reason.

        `away` is None where all files are; else it has what was brought, and PicturesAwayError asks for more.
        """
        assert self.given is not None and self.of is not None
        mask = self.of[number]
        brought = b"" if away is None else away.get(name_of(number), b"")
        if away is not None and not brought and not self.given.here(mask):
            raise PicturesAwayError([number])
        planes = self.given.planes(mask, brought)
        for plane in planes:
            if not proportional(plane, picture):
                (high, wide), (height, width) = plane.shape, picture
                raise ImageError(
                    f"a mask is {wide} x {high} pixels, which is not the shape of its picture ({width} x {height})"
                )
        return planes

    def files(self, number: int) -> dict[int, bytes]:
        """The file of a picture's mask, to be brought elsewhere, under a name of its own."""
        data = self.given.file(self.of[number]) if self.given is not None and self.of and number in self.of else b""
        return {name_of(number): data} if data else {}


def name_of(number: int) -> int:
    """What the mask of a picture is called among files by the numbers of pictures."""
    return -1 - number


def given(place: Path, paths: Sequence[str], option: str) -> Masking:
    """The masks that lie there, of pictures by their paths; ImageError where not one has a mask.

    `option` is the one that named the pictures.
    """
    found = masks.opened(place)
    of = found.of([Path(path) for path in paths])
    if not of:
        example = f" ({Path(paths[0]).name})" if paths else ""
        raise ImageError(
            f"None of the {len(paths):,} pictures given with {option}{example} has a mask in {place}.",
            "A mask has the name of its picture, and lies in a folder of the same name; in a COCO file file_name is that name.",
        )
    return Masking(found.concepts, tuple(of), digest(found.digest, sorted(of.items())), found, of)


def of_scenes(count: int) -> Masking:
    """Those of so many scenes: every one shows an object, and all its parts."""
    return Masking((*OBJECTS, *PARTS), range(count), "scenes")


def planes_of(scene: scenes.Scene) -> Planes:
    """The object of a scene, and its parts, by their numbers among the concepts."""
    parts = np.where(scene.parts > 0, scene.parts + len(OBJECTS), 0)
    return np.where(scene.mask, scene.label + 1, 0).astype(np.uint16), parts.astype(np.uint16)
