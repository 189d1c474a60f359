"""The pictures among which units find what they answer to: any number of files, drawn scenes, or the atlas's own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from convreport.builder import masking
from convreport.builder.masking import Masking
from convreport.builder.plan import Plan
from convreport.builder.sources import READERS, Files, Scenes, Shown, Source
from convreport.core.base.errors import ConvreportError, ImageError, ModelError, UsageError
from convreport.core.base.events import Emit, Event
from convreport.core.network.card import ModelCard
from convreport.core.pictures import samples, truth
from convreport.core.pictures.concepts import Concept, Labelled
from convreport.core.pictures.sample import Picture, Sample
from convreport.core.seam import Network
from convreport.core.survey.conduct import conduct
from convreport.core.survey.dissection import Dissection, dissect
from convreport.core.survey.examples import PicturesAwayError, Survey
from convreport.core.survey.shards import Here, Surveyor

SCENES = 2000  # drawn for the demo where nothing else is said
NO_MASKS = Masking()
TRIED = 16  # files, one of which must be a picture


@dataclass
class Gallery:
    """A source as sections see it (core.examples.Examples): read by several threads, surveyed once, and told of."""

    source: Source
    emit: Emit
    scratch: Path
    fresh: bool = False
    away: Mapping[int, bytes] | None = None  # on a machine that may not have the files: those that were brought
    masking: Masking = NO_MASKS
    _surveys: dict[tuple[str, ...], Survey | ConvreportError] = field(default_factory=dict)
    _dissections: dict[tuple[tuple[str, ...], int], Dissection | ConvreportError] = field(default_factory=dict)

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

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """What their masks mark."""
        return self.masking.concepts

    @property
    def masked(self) -> Sequence[int]:
        """The numbers of those that have masks."""
        return self.masking.masked

    @property
    def masks(self) -> str:
        """Names all masks."""
        return self.masking.digest

    def labelled(self, numbers: Iterable[int]) -> Iterator[Labelled | ImageError]:
        """These pictures with their masks, in order; ImageError for what cannot be read."""
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(self._labelled, self._at_hand(numbers))

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

    def dissect(self, net: Network, layers: Sequence[str], fit: str, most: int) -> Dissection:
        """Find what units detect, once for these layers."""
        return self.dissect_by(Here(net), net.card, layers, fit, most)

    def dissect_by(self, surveyor: Surveyor, card: ModelCard, layers: Sequence[str], fit: str, most: int) -> Dissection:
        """The same, by whoever has the network."""
        asked = tuple(layers), most
        if asked not in self._dissections:
            try:
                self._dissections[asked] = dissect(self, card, surveyor, layers, fit, most, self.emit)
            except (ImageError, ModelError) as error:
                self._dissections[asked] = error
        found = self._dissections[asked]
        if isinstance(found, ConvreportError):
            raise found
        return found

    def abroad(self, brought: Mapping[int, bytes]) -> "Gallery":
        """What is sent to another process: it tells nobody anything, and knows what was surveyed so far."""
        return replace(self, emit=_unheard, scratch=Path(), away=dict(brought))

    def files(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The files as they are, with those of their masks; of other sources there are none."""
        asked = list(numbers)
        own = {number: self.source.file(number) for number in asked} if isinstance(self.source, Files) else {}
        return own | {name: data for number in asked for name, data in self.masking.files(number).items()}

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
            return self._shown(number, self._picture(number))
        except ImageError:
            return None

    def _labelled(self, number: int) -> Labelled | ImageError:
        try:
            if isinstance(self.source, Scenes):
                drawn = self.source.drawn(number)
                return Labelled(self._shown(number, self.source.shown(number, drawn)), masking.planes_of(drawn))
            one = self._picture(number)
            return Labelled(
                self._shown(number, one),
                self.masking.planes(number, (one.pixels.shape[0], one.pixels.shape[1]), self.away),
            )
        except ImageError as error:
            return ImageError(f"{self.name(number)}: {error.message}")

    def _picture(self, number: int) -> Picture:
        if self.away and number in self.away and isinstance(self.source, Files):
            return self.source.brought(number, self.away[number])
        return self.source.picture(number)

    def _shown(self, number: int, one: Picture) -> Sample:
        return Sample(one.name, str(number), "", one.pixels, one.planes, self.said(number), raw=one.raw, mask=one.mask)


def _unheard(event: Event) -> None:
    """Nobody listens."""


def gallery(plan: Plan, shown: Sequence[Sample], scratch: Path, emit: Emit) -> Gallery:
    """The examples of a plan: what --examples names, else scenes for the demo, else the atlas's own pictures.

    ImageError where nothing is named, or none of the first files can be read: that costs nothing yet.
    """
    source = _source(plan, shown)
    found = Gallery(source, emit, scratch, fresh=plan.fresh, masking=_masking(plan, source))
    tried = list(found.labelled(found.masked[:TRIED])) if plan.masks is not None else []
    if tried and all(isinstance(one, ImageError) for one in tried):
        raise ImageError(
            f"None of the first {len(tried)} pictures with masks can be read: {tried[0]}.",
            "A mask is a gray or palette image in the shape of its picture, upright; labels.txt beside it names the numbers.",
        )
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


def _masking(plan: Plan, source: Source) -> Masking:
    """The masks of a plan's examples: what --masks names, else those of scenes, else none."""
    if isinstance(source, Scenes):
        if plan.masks is not None:
            raise UsageError("--masks belongs to pictures of your own.", "Name them with --images or --examples.")
        return masking.of_scenes(source.count)
    if plan.masks is None:
        return Masking()
    if isinstance(source, Files):
        return masking.given(plan.masks, [str(path) for path in source.paths], "--examples")
    return masking.given(plan.masks, source.paths, "--images")
