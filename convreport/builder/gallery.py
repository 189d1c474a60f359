"""The pictures among which units find what they answer to: any number of files, drawn scenes, or the atlas's own."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np

from convreport.builder.plan import Plan
from convreport.core.base.errors import ConvreportError, ImageError, ModelError
from convreport.core.base.events import Emit, Event
from convreport.core.base.files import digest
from convreport.core.network.card import ModelCard
from convreport.core.pictures import samples, truth
from convreport.core.pictures.sample import Picture, Sample
from convreport.core.seam import Network
from convreport.core.survey.conduct import conduct
from convreport.core.survey.examples import PicturesAwayError, Survey
from convreport.core.survey.shards import Here, Surveyor
from convreport.demo import scenes

SCENES = 2000  # drawn for the demo where nothing else is said
READERS = min(8, os.cpu_count() or 1)  # threads that read pictures
TRIED = 16  # files, one of which must be a picture
ENDS = 1 << 16  # bytes of each end of a file that its digest rests on


class Files:
    """Picture files by their paths; what each shows is what a table says, or else the folder it lies in."""

    def __init__(self, paths: Sequence[Path], table: Mapping[str, str] | None) -> None:
        self._paths = paths
        self._table = table
        self.count = len(paths)
        folders = len({path.parent for path in paths})
        self._telling = table is not None or folders > 1  # one folder tells nothing of what a picture shows
        self.words = f"{self.count:,} files" + (f" in {folders} folders" if folders > 1 else "")
        with ThreadPoolExecutor(READERS) as pool:
            self._ends = list(pool.map(_ends, paths))
        self.digest = digest("files", self._ends, [self.said(number) for number in range(self.count)])

    def name(self, number: int) -> str:
        """The file's name without its ending."""
        return self._paths[number].stem

    def said(self, number: int) -> str:
        """What --truth says of it, or its folder where there are several."""
        return truth.of_file(self._paths[number], self._table) if self._telling else ""

    def picture(self, number: int) -> Picture:
        """Read from disk; ImageError with a reason."""
        return samples.load(self._paths[number])

    def here(self, number: int) -> bool:
        """Is the file that was meant in its place on this machine?"""
        return self._ends[number] == _ends(self._paths[number])

    def file(self, number: int) -> bytes:
        """The file as it is; empty where it is gone."""
        try:
            return self._paths[number].read_bytes()
        except OSError:
            return b""

    def brought(self, number: int, data: bytes) -> Picture:
        """Read from what was brought of it."""
        with tempfile.TemporaryDirectory(prefix="convreport-") as folder:
            file = Path(folder) / self._paths[number].name
            file.write_bytes(data)
            return samples.load(file)


class Scenes:
    """Drawn scenes of the demo, none of which its model was trained on."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.words = f"{count:,} generated scenes"
        self.digest = digest("scenes", scenes.EXAMPLES, count)

    def name(self, number: int) -> str:
        """Its class and number."""
        return f"{self.said(number)} {number}"

    def said(self, number: int) -> str:
        """The class of its object."""
        return scenes.CLASSES[number % len(scenes.CLASSES)]

    def picture(self, number: int) -> Picture:
        """Drawn anew, the same on every machine."""
        drawn = scenes.scene(number, seed=scenes.EXAMPLES)
        return Picture(self.name(number), drawn.pixels, mask=drawn.mask)


class Shown:
    """The pictures of the atlas themselves."""

    def __init__(self, shown: Sequence[Sample]) -> None:
        self._shown = shown
        self._telling = len({one.said for one in shown}) > 1  # as with folders
        self.count = len(shown)
        self.words = f"the {self.count} picture{'s' if self.count != 1 else ''} of this atlas"
        self.digest = digest("shown", [(one.digest, one.name, one.said) for one in shown])

    def name(self, number: int) -> str:
        """As it is called in the atlas."""
        return self._shown[number].name

    def said(self, number: int) -> str:
        """What its user says it shows."""
        return self._shown[number].said if self._telling else ""

    def picture(self, number: int) -> Picture:
        """As it was read for the atlas."""
        one = self._shown[number]
        return Picture(one.name, one.pixels, one.planes, one.said, raw=one.raw)


Source = Files | Scenes | Shown


@dataclass
class Gallery:
    """A source as sections see it (core.examples.Examples): read by several threads, surveyed once, and told of."""

    source: Source
    emit: Emit
    scratch: Path
    fresh: bool = False
    away: Mapping[int, bytes] | None = None  # on a machine that may not have the files: those that were brought
    _surveys: dict[tuple[str, ...], Survey | ConvreportError] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Names all the pictures."""
        return self.source.digest

    @property
    def count(self) -> int:
        """How many there are."""
        return self.source.count

    @property
    def words(self) -> str:
        """What they are."""
        return self.source.words

    def name(self, number: int) -> str:
        """A picture's name."""
        return self.source.name(number)

    def said(self, number: int) -> str:
        """What its user says it shows."""
        return self.source.said(number)

    def samples(self, numbers: Iterable[int]) -> Iterator[Sample | None]:
        """These pictures in order, some read ahead; None for what cannot be read."""
        numbers = self._at_hand(numbers)
        waiting = iter(numbers)
        with ThreadPoolExecutor(READERS) as pool:
            ahead = [pool.submit(self._sample, number) for number in islice(waiting, 4 * READERS)]
            while ahead:
                sample = ahead.pop(0).result()
                ahead += [pool.submit(self._sample, number) for number in islice(waiting, 1)]
                yield sample

    def survey(self, net: Network, layers: Sequence[str], fit: str) -> Survey:
        """Show all of them to the network; what was surveyed before in just this way is read back."""
        return self.survey_by(Here(net), net.card, net.rests_on, layers, fit)

    def survey_by(self, surveyor: Surveyor, card: ModelCard, rests_on: str, layers: Sequence[str], fit: str) -> Survey:
        """The same, by whoever has the network."""
        asked = tuple(layers)
        if asked not in self._surveys:
            try:
                self._surveys[asked] = conduct(
                    self, card, rests_on, surveyor, asked, fit, self.scratch, self.emit, fresh=self.fresh
                )
            except (ImageError, ModelError) as error:  # it would fail again for each unit that asks
                self._surveys[asked] = error
        found = self._surveys[asked]
        if isinstance(found, ConvreportError):
            raise found
        return found

    def abroad(self, brought: Mapping[int, bytes]) -> "Gallery":
        """What is sent to another process: it tells nobody anything, and knows what was surveyed so far."""
        return replace(self, emit=_unheard, scratch=Path(), away=dict(brought))

    def files(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The files as they are; of other sources there are none."""
        return {number: self.source.file(number) for number in numbers} if isinstance(self.source, Files) else {}

    def _at_hand(self, numbers: Iterable[int]) -> Iterable[int]:
        """The numbers, all of whose pictures can be read here; PicturesAwayError names those that cannot."""
        if self.away is None or not isinstance(self.source, Files):
            return numbers
        asked = list(numbers)
        absent = [number for number in asked if number not in self.away and not self.source.here(number)]
        if absent:
            raise PicturesAwayError(absent)
        return asked

    def _sample(self, number: int) -> Sample | None:
        try:
            if self.away and number in self.away and isinstance(self.source, Files):
                one = self.source.brought(number, self.away[number])
            else:
                one = self.source.picture(number)
        except ImageError:
            return None
        return Sample(one.name, str(number), "", one.pixels, one.planes, self.said(number), raw=one.raw, mask=one.mask)


def _unheard(event: Event) -> None:
    """Nobody listens."""


def gallery(plan: Plan, shown: Sequence[Sample], scratch: Path, emit: Emit) -> Gallery:
    """The examples of a plan: what --examples names, else scenes for the demo, else the atlas's own pictures.

    ImageError where nothing is named, or none of the first files can be read: that costs nothing yet.
    """
    found = Gallery(_source(plan, shown), emit, scratch, fresh=plan.fresh)
    if plan.examples and not any(sample is not None for sample in found.samples(range(min(found.count, TRIED)))):
        raise ImageError(
            f"None of the first {min(found.count, TRIED)} files given with --examples can be read as a picture.",
            "Give PNG, JPEG, WebP, TIFF, GIF or BMP files, or arrays (.npy, .npz).",
        )
    return found


def _source(plan: Plan, shown: Sequence[Sample]) -> Source:
    if plan.examples:
        paths, _ = samples.candidates(plan.examples, "--examples")
        if not paths:
            raise ImageError("--examples names no pictures.", "Give a folder of PNG, JPEG, WebP, TIFF or .npy files.")
        if plan.max_examples:
            evenly = np.linspace(0, len(paths) - 1, min(plan.max_examples, len(paths))).round().astype(int)
            paths = [paths[place] for place in evenly]
        return Files(paths, truth.read(plan.truth) if plan.truth else None)
    if plan.model == "demo" and plan.at_hand.model is None and not plan.images and not plan.at_hand.pictures:
        return Scenes(plan.max_examples or SCENES)
    return Shown(shown[: plan.max_examples or None])


def _ends(path: Path) -> tuple[str, int, str]:
    """What a file's digest rests on: its name, size and both ends; reading ten thousand whole would take minutes."""
    try:
        size = path.stat().st_size
        state = blake2b(digest_size=16)
        with path.open("rb") as file:
            state.update(file.read(ENDS))
            if size > 2 * ENDS:
                file.seek(-ENDS, os.SEEK_END)
            state.update(file.read(ENDS))
    except OSError:  # it is told of when its turn comes
        return path.name, -1, ""
    return path.name, size, state.hexdigest()
