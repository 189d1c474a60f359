"""Picture files -> Samples, shown right whatever they are; and how a Sample meets a network's input and comes back."""

import glob
import io
import os
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from convreport.core import pixels
from convreport.core.errors import ImageError, UsageError, did_you_mean
from convreport.core.types import Array, Pixels, Sample

LONGEST = 1024  # pixels; larger pictures are brought down to this, more than any network here takes
HUGE = 120_000_000  # pixels; beyond this a file is a mistake or an attack
FITS = ("stretch", "crop", "pad")


@dataclass(frozen=True)
class Reading:
    """What came of reading: the samples, (file name, reason) of what was skipped, and how many pictures were there."""

    samples: tuple[Sample, ...]
    skipped: tuple[tuple[str, str], ...]
    found: int


@dataclass(frozen=True)
class Fit:
    """How a picture met the input: picture pixel p lies at p * scale + offset, per axis (height, width).

    `size` is the input's, `picture` the sample's.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]
    size: tuple[int, int]
    picture: tuple[int, int]

    def back(self, plane: Array) -> Array:
        """A map over the input (any resolution) at the picture's size and place, bilinear; zero where nothing was seen."""
        rows, columns = (self._cells(axis, plane.shape[axis]) for axis in (0, 1))
        across = np.stack([np.interp(columns, np.arange(plane.shape[1]), row) for row in plane])
        full = np.stack([np.interp(rows, np.arange(plane.shape[0]), column) for column in across.T], 1)
        seen = _within(rows, plane.shape[0])[:, None] & _within(columns, plane.shape[1])[None, :]
        return (full * seen).astype(np.float32)

    def _cells(self, axis: int, count: int) -> Array:
        """Where the picture's pixel centres lie among `count` cells that share the input, cell 0's centre being 0."""
        at_input = (np.arange(self.picture[axis]) + 0.5) * self.scale[axis] + self.offset[axis]
        return at_input * count / self.size[axis] - 0.5


def _within(places: Array, count: int) -> NDArray[np.bool_]:
    return (places >= -0.5 - 1e-6) & (places <= count - 0.5 + 1e-6)


def fit_of(picture: tuple[int, int], size: tuple[int, int], how: str) -> Fit:
    """How a picture of that (height, width) meets an input of that size: stretched, cropped or padded."""
    per_axis = (size[0] / picture[0], size[1] / picture[1])
    if how == "stretch":
        return Fit(per_axis, (0.0, 0.0), size, picture)
    if how not in FITS:
        raise UsageError(f"There is no fit '{how}'.", did_you_mean(how, FITS))
    share = (max if how == "crop" else min)(per_axis)
    inside = _scaled(picture, (share, share))
    return Fit((share, share), ((size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2), size, picture)


def fit(sample: Sample, size: tuple[int, int], how: str) -> Array:
    """A sample as a float32 (height, width, 3) in 0..255 for an input of that size, gray where it is padded."""
    placed = fit_of((sample.pixels.shape[0], sample.pixels.shape[1]), size, how)
    inside = _scaled(placed.picture, placed.scale)
    resized = Image.fromarray(sample.pixels).resize((inside[1], inside[0]), Image.Resampling.BILINEAR)
    offset = (int(placed.offset[0]), int(placed.offset[1]))
    canvas = np.full((*size, 3), 127.5, np.float32)
    into = tuple(slice(max(0, o), max(0, o) + min(s, i)) for o, s, i in zip(offset, size, inside, strict=True))
    out_of = tuple(slice(max(0, -o), max(0, -o) + min(s, i)) for o, s, i in zip(offset, size, inside, strict=True))
    canvas[into] = np.asarray(resized, np.float32)[out_of]
    return canvas


def _scaled(picture: tuple[int, int], scale: tuple[float, float]) -> tuple[int, int]:
    return max(1, round(picture[0] * scale[0])), max(1, round(picture[1] * scale[1]))


def read(patterns: Sequence[str], most: int) -> Reading:
    """The pictures that files, folders and globs name, at most `most`, taken evenly; unreadable ones are skipped, named."""
    candidates, skipped = _candidates(patterns)
    evenly = np.linspace(0, len(candidates) - 1, min(most, len(candidates))).round().astype(int).tolist()
    # Where a picked file turns out to be no picture, the next one that was not picked takes its place.
    spare = iter(sorted(set(range(len(candidates))) - set(evenly)))
    pictures: list[tuple[int, Path, Pixels]] = []
    queue = list(evenly)
    while queue:
        index = queue.pop(0)
        try:
            pictures.append((index, candidates[index], load(candidates[index])))
        except ImageError as error:
            skipped.append((candidates[index].name, error.message))
            queue.extend([spared] if (spared := next(spare, None)) is not None else [])
    if not pictures:
        raise ImageError(
            f"None of the {len(skipped)} files given with --images can be read as a picture"
            + (f": {skipped[0][0]}: {skipped[0][1]}." if skipped else "."),
            "Give PNG, JPEG, WebP, TIFF, GIF or BMP files.",
        )
    pictures.sort(key=lambda one: one[0])
    named = zip([path.stem for _, path, _ in pictures], [image for _, _, image in pictures], strict=True)
    return Reading(tuple(named_samples(named)), tuple(skipped), len(candidates))


def natural(most: int) -> Reading:
    """Free photos that ship with scikit-image: a cat, a coffee, a rocket, an astronaut."""
    package = find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise ImageError("scikit-image, which brings the sample photos, is not installed.", "Give your own: --images.")
    folder = Path(next(iter(package.submodule_search_locations))) / "data"
    names = {"cat": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg", "astronaut": "astronaut.png"}
    chosen = list(names.items())[:most]
    samples = named_samples((name, load(folder / file)) for name, file in chosen)
    return Reading(tuple(samples), (), len(names))


def named_samples(pictures: Iterable[tuple[str, Pixels]]) -> Iterator[Sample]:
    """Samples with unique slugs from (name, pixels)."""
    taken: set[str] = set()
    for name, image in pictures:
        content = blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).hexdigest()
        yield Sample(name, unique_slug(name, taken), content, image)


def slug(text: str) -> str:
    """A name for files and addresses: letters, digits, `_`, `.` and `-`, never empty, never a path."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).strip("-.")[:80] or "unnamed"


def unique_slug(text: str, taken: set[str]) -> str:
    """A slug that no other name in `taken` has, also on file systems that ignore case; adds it to `taken`."""
    wanted = candidate = slug(text)
    number = 2
    while candidate.casefold() in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    taken.add(candidate.casefold())
    return candidate


def load(path: Path) -> Pixels:
    """A picture file as uint8 (height, width, 3): upright, in sRGB, its first frame, on white where transparent.

    Raises ImageError with a reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                if picture.width * picture.height > HUGE:
                    raise ImageError(f"{picture.width} x {picture.height} pixels are too many")
                picture.draft("RGB", (LONGEST, LONGEST))
                upright = ImageOps.exif_transpose(picture)
                return pixels.fit_within(_to_rgb(upright), LONGEST)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError("its pixels are too many") from None
    except UnidentifiedImageError:
        raise ImageError("not a picture, or of an unknown kind") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"cannot be read ({str(error) or type(error).__name__})") from None


def _to_rgb(picture: Image.Image) -> Pixels:
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return _deep_gray(np.asarray(picture))
    profile = picture.info.get("icc_profile")
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        picture = _to_srgb(picture, profile)
    return np.asarray(picture.convert("RGB"))


def _deep_gray(values: np.ndarray) -> Pixels:
    """16-bit or float gray: 0..65535, 0..1 or 0..255, told apart by the largest value and the kind of number."""
    values = values.astype(np.float64)
    top = values.max(initial=0)
    ceiling = 65535 if top > 255 else 1 if 0 < top <= 1 else 255
    plane = (np.clip(values / ceiling, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.repeat(plane[..., None], 3, axis=2)


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Colours as the embedded profile means them; a broken profile is passed over."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, target, outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _candidates(patterns: Sequence[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """The files that look like pictures by their endings, in order and once each; and those in folders that do not."""
    known = set(Image.registered_extensions())
    files: dict[Path, None] = {}
    skipped: list[tuple[str, str]] = []
    for pattern in patterns:
        place = Path(pattern).expanduser()
        if place.is_dir():
            inside = sorted(_walk(place))
            if not inside:
                raise ImageError(f"The folder {pattern} holds no files.", "Name a folder of pictures with --images.")
            for file in inside:
                if file.suffix.lower() in known:
                    files[file] = None
                else:
                    skipped.append((file.name, "not a picture by its ending"))
        elif place.is_file():
            files[place] = None
        else:
            matches = [Path(match) for match in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207 (absolute patterns too)
            if not matches:
                near = [str(other) for other in place.parent.iterdir()] if place.parent.is_dir() else []
                raise ImageError(
                    f"There is no picture, folder or match for {pattern}.",
                    did_you_mean(str(place), near, otherwise="Check the path given with --images."),
                )
            files.update(dict.fromkeys(match for match in matches if match.is_file()))
    return list(files), skipped


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if not name.startswith("."))
