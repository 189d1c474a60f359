"""Masks as label images: one a picture, in which the gray or palette number of a pixel is that of its concept."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from convreport.core.base.errors import ImageError, UsageError
from convreport.core.base.files import digest, digest_file
from convreport.core.pictures.concepts import MOST, VOID, Concept, Plane, Planes, matched, must_fit

NAMES = ("labels.txt", "labels.json")  # beside the masks
ENDINGS = (".png", ".gif", ".bmp", ".tif", ".tiff")  # kinds that lose nothing: a JPEG's numbers are not what they were
UNNAMED = 255  # concepts, where no file names them
IGNORED = 255  # the number that by custom (PASCAL VOC) means "do not count this"


class LabelImages:
    """A folder of label images. 0 is nothing; 255 is left out, unless it has a name or a mask knows no other number."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
        if not self._files:
            raise UsageError(
                f"The folder {folder} holds no masks.",
                f"Label images end in {', '.join(ENDINGS)}; a JPEG cannot be one.",
            )
        self._stems = [path.relative_to(folder).as_posix() for path in self._files]
        said = next((folder / name for name in NAMES if (folder / name).is_file()), None)
        self._names = names_of(said) if said is not None else {}
        numbers = sorted(number for number in self._names if number) or list(range(1, UNNAMED + 1))
        self._number = {number: place for place, number in enumerate(numbers, 1)}
        self.concepts = tuple(Concept(self._names.get(number) or f"label {number}") for number in numbers)
        self._digests = [digest_file(path) for path in self._files]
        self.digest = digest("label images", self._stems, self._digests, self._names)

    def of(self, paths: Sequence[Path]) -> dict[int, int]:
        """The mask of each picture that has one: the file that has its name, and lies in folders of the same names."""
        return matched(paths, self._stems, whole=True)

    def planes(self, mask: int, brought: bytes = b"") -> Planes:
        """One plane."""
        name = self._stems[mask]
        try:
            with Image.open(io.BytesIO(brought) if brought else self._files[mask]) as picture:
                must_fit((picture.height, picture.width), name)
                numbers = _numbers(picture, name)
        except ImageError:
            raise
        except (
            OSError,
            ValueError,
            SyntaxError,
            EOFError,
            Image.DecompressionBombError,
            UnidentifiedImageError,
        ) as error:
            raise ImageError(f"the mask {name} cannot be read ({str(error) or type(error).__name__})") from None
        return (self._plane(numbers, name),)

    def here(self, mask: int) -> bool:
        """Is that very file on this machine?"""
        return self._files[mask].is_file() and digest_file(self._files[mask]) == self._digests[mask]

    def file(self, mask: int) -> bytes:
        """The file as it is."""
        try:
            return self._files[mask].read_bytes()
        except OSError:
            return b""

    def _plane(self, numbers: np.ndarray, name: str) -> Plane:
        known = [int(number) for number in np.unique(numbers) if number]
        void = IGNORED not in self._names and (known != [IGNORED] or bool(self._names))
        made = np.zeros(numbers.shape, np.uint16)
        for number in known:
            if void and number == IGNORED:
                made[numbers == number] = VOID
            elif number in self._number:
                made[numbers == number] = self._number[number]
            else:
                why = "has no name among the labels" if self._names else f"is beyond {UNNAMED} and needs a labels.txt"
                raise ImageError(f"the label {number} of the mask {name} {why}")
        return made


def _numbers(picture: Image.Image, name: str) -> np.ndarray:
    """The number of every pixel, (height, width)."""
    if picture.mode == "1":
        return np.asarray(picture).astype(np.int64)
    values = np.asarray(picture)
    if values.ndim == 3:
        if not (values[..., :3] == values[..., :1]).all():
            raise ImageError(f"the mask {name} is in colour, and not one number a pixel")
        values = values[..., 0]
    if values.dtype.kind not in "ui":
        raise ImageError(f"the mask {name} holds no whole numbers")
    return values.astype(np.int64)


def names_of(file: Path) -> dict[int, str]:
    """Number -> name: JSON, a list or a map either way; or one name a line, the first that of 0; or lines of `7 wheel`.

    UsageError for anything else.
    """
    try:
        text = file.read_text("utf-8-sig")
        found = _named_in_json(json.loads(text)) if text.lstrip()[:1] in ("[", "{") else _named_in_lines(text)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"The names {file} cannot be read ({error}).", "Write one name per line, or `7 wheel`."
        ) from None
    if not any(found) or min(found) < 0 or max(found) > MOST:
        raise UsageError(
            f"{file} names no labels from 1 to {MOST}.", "The first line, or the number 0, is the background."
        )
    return found


def _named_in_json(said: object) -> dict[int, str]:
    if isinstance(said, list):
        return {number: str(name) for number, name in enumerate(said)}
    assert isinstance(said, Mapping)
    if all(isinstance(value, int) for value in said.values()):
        return {int(number): str(name) for name, number in said.items()}
    return {int(number): str(name) for number, name in said.items()}


def _named_in_lines(text: str) -> dict[int, str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [match for line in lines if (match := re.fullmatch(r"(\d+)[\s:,;]+(.+)", line))]
    if len(numbered) == len(lines):
        return {int(match[1]): match[2] for match in numbered}
    return dict(enumerate(lines))
