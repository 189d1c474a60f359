"""Picture files -> Samples, shown right whatever they are."""

import dataclasses
import glob
import io
import os
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from convreport.core.base.errors import ImageError, did_you_mean
from convreport.core.base.kinds import Pixels
from convreport.core.pictures import arrays, pixels, truth
from convreport.core.pictures.sample import Picture, Sample

LONGEST = 1024  # pixels; larger pictures are brought down to this, more than any network here takes
HUGE = 120_000_000  # pixels; beyond this a file is a mistake or an attack


@dataclass(frozen=True)
class Reading:
    """What came of reading: the samples, (file name, reason) of what was skipped, how many pictures were there, and the
    folders they lay in.
    """

    samples: tuple[Sample, ...]
    skipped: tuple[tuple[str, str], ...]
    found: int
    folders: tuple[str, ...] = ()


def read(patterns: Sequence[str], most: int, table: Mapping[str, str] | None = None) -> Reading:
    """The pictures that files, folders and globs name, at most `most`, taken evenly; unreadable ones are skipped, named.

    `table` says what each shows; without one, the folder it lies in does.
    """
    known, skipped = candidates(patterns)
    evenly = np.linspace(0, len(known) - 1, min(most, len(known))).round().astype(int).tolist()
    # Where a picked file turns out to be no picture, the next one that was not picked takes its place.
    spare = iter(sorted(set(range(len(known))) - set(evenly)))
    pictures: list[tuple[int, Picture]] = []
    queue = list(evenly)
    while queue:
        index = queue.pop(0)
        try:
            found = load(known[index])
            said = truth.of_file(known[index], table)
            pictures.append((index, dataclasses.replace(found, said=said, path=str(known[index]))))
        except ImageError as error:
            skipped.append((known[index].name, error.message))
            queue.extend([spared] if (spared := next(spare, None)) is not None else [])
    if not pictures:
        raise ImageError(
            f"None of the {len(skipped)} files given with --images can be read as a picture"
            + (f": {skipped[0][0]}: {skipped[0][1]}." if skipped else "."),
            "Give PNG, JPEG, WebP, TIFF, GIF or BMP files, or arrays (.npy, .npz).",
        )
    pictures.sort(key=lambda one: one[0])
    samples = tuple(named_samples(picture for _, picture in pictures))
    folders = tuple(sorted({path.absolute().parent.name for path in known}))
    return Reading(samples, tuple(skipped), len(known), folders)


def natural(most: int, *, gray: bool = False) -> Reading:
    """Free photos that ship with scikit-image: a cat, a coffee, a rocket, an astronaut; in gray on request."""
    package = find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise ImageError("scikit-image, which brings the sample photos, is not installed.", "Give your own: --images.")
    folder = Path(next(iter(package.submodule_search_locations))) / "data"
    names = {"cat": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg", "astronaut": "astronaut.png"}
    chosen = list(names.items())[:most]
    pictures = [dataclasses.replace(load(folder / file), name=name) for name, file in chosen]
    if gray:
        pictures = [dataclasses.replace(one, pixels=pixels.in_gray(one.pixels)) for one in pictures]
    samples = named_samples(pictures)
    return Reading(tuple(samples), (), len(names))


def named_samples(pictures: Iterable[Picture]) -> Iterator[Sample]:
    """Samples with unique slugs."""
    taken: set[str] = set()
    for one in pictures:
        state = blake2b(repr(one.pixels.shape).encode() + one.pixels.tobytes(), digest_size=16)
        if one.planes is not None:
            state.update(repr(one.planes.shape).encode() + np.ascontiguousarray(one.planes).tobytes())
        slug_ = unique_slug(one.name, taken)
        yield Sample(
            one.name, slug_, state.hexdigest(), one.pixels, one.planes, one.said,
            raw=one.raw, mask=one.mask, path=one.path,
        )  # fmt: skip


def slug(text: str) -> str:
    """A name for files and addresses: letters, digits, `_`, `.` and `-`, never empty, never a path.

    Windows can have it too: no name of a device, with or without an ending, and no dot at its end.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    short = re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).strip("-.")[:80].rstrip("-.") or "unnamed"
    return re.sub(r"^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", r"\1_", short, flags=re.IGNORECASE)


def unique_slug(text: str, taken: set[str]) -> str:
    """A slug that no other name in `taken` has, also on file systems that ignore case; adds it to `taken`."""
    wanted = candidate = slug(text)
    number = 2
    while candidate.casefold() in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    taken.add(candidate.casefold())
    return candidate


def load(path: Path) -> Picture:
    """A picture or array file: pixels uint8 (height, width, 3), upright, in sRGB, the first frame, on white where transparent.

    What has more channels, or finer steps, than that keeps them as `planes`. Raises ImageError with a reason.
    """
    if path.suffix.lower() in arrays.ENDINGS:
        return arrays.load(path, LONGEST)
    try:
        return _load_picture(path)
    except ManyPlanesError:
        with suppress(ImageError):  # pages that are no channels: the first is the picture
            return arrays.load(path, LONGEST)
        return _load_picture(path, first=True)
    except ImageError:
        if path.suffix.lower() in arrays.TIFF:  # many channels a pixel are beyond Pillow
            return arrays.load(path, LONGEST)
        raise


class ManyPlanesError(ImageError):
    """A TIFF of several pages, which may be channels."""


def _load_picture(path: Path, *, first: bool = False) -> Picture:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                if picture.width * picture.height > HUGE:
                    raise ImageError(f"{picture.width} x {picture.height} pixels are too many")
                if picture.format == "TIFF" and getattr(picture, "n_frames", 1) > 1 and not first:
                    raise ManyPlanesError("it has several pages")
                picture.draft("RGB", (LONGEST, LONGEST))
                upright = ImageOps.exif_transpose(picture)
                planes = None
                if upright.mode in ("RGBA", "CMYK") and max(upright.size) <= LONGEST:
                    planes = np.asarray(upright, np.float32)  # for a network that reads four channels
                return Picture(path.stem, pixels.fit_within(_to_rgb(upright), LONGEST), planes)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError("it has too many pixels") from None
    except UnidentifiedImageError:
        raise ImageError("not a picture, or of an unknown kind") from None
    except Exception as error:  # whatever Pillow raises of a broken file, a TypeError too
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


def candidates(patterns: Sequence[str], option: str = "--images") -> tuple[list[Path], list[tuple[str, str]]]:
    """The files that look like pictures by their endings, in order and once each; and those in folders that do not.

    ImageError, naming the option that said it, for a pattern that leads to nothing.
    """
    known = {*Image.registered_extensions(), *arrays.ENDINGS}
    files: dict[Path, None] = {}
    skipped: list[tuple[str, str]] = []
    for pattern in patterns:
        place = Path(pattern).expanduser()
        if place.is_dir():
            inside = sorted(_walk(place))
            if not inside:
                raise ImageError(f"The folder {pattern} holds no files.", f"Name a folder of pictures with {option}.")
            for file in inside:
                if file.suffix.lower() in known:
                    files[file] = None
                else:
                    skipped.append((file.name, "not a picture, judging by its name"))
        elif place.is_file():
            files[place] = None
        else:
            matches = [Path(match) for match in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207 (absolute patterns too)
            if not matches:
                near = [str(other) for other in place.parent.iterdir()] if place.parent.is_dir() else []
                raise ImageError(
                    f"There is no picture, folder or match for {pattern}.",
                    did_you_mean(str(place), near, otherwise=f"Check the path given with {option}."),
                )
            files.update(dict.fromkeys(match for match in matches if match.is_file()))
    return list(files), skipped


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if not name.startswith("."))
