"""The pictures among which units find what they answer to, as sections see them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from convreport.core.base.errors import ImageError, ModelError
from convreport.core.survey.tally import Tally

if TYPE_CHECKING:
    from convreport.core.network.card import ModelCard
    from convreport.core.pictures.concepts import Concept, Labelled
    from convreport.core.pictures.sample import Sample
    from convreport.core.seam import Network
    from convreport.core.survey.dissection import Dissection
    from convreport.core.survey.shards import Surveyor


class PicturesAwayError(Exception):
    """These pictures, by their numbers, are not where this process could read them: they must be brought to it."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(tuple(numbers))
        self.numbers = tuple(numbers)


class Survey:
    """What came of showing all examples to a network: a Tally a layer, or why there is none; and the groups' names."""

    def __init__(self, tallies: dict[str, Tally], failures: dict[str, str], groups: Sequence[str]) -> None:
        self._tallies = tallies
        self._failures = failures
        self.groups = tuple(groups)

    def of(self, layer: str) -> Tally:
        """The tally of a layer; ModelError with the reason where it could not be kept."""
        if layer in self._failures:
            raise ModelError(self._failures[layer])
        return self._tallies[layer]


class Examples(Protocol):
    """Any number of pictures, by their numbers from 0."""

    @property
    def digest(self) -> str:
        """Names all of them."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def words(self) -> str:
        """What they are."""
        ...

    def name(self, number: int) -> str:
        """A picture's name."""
        ...

    def said(self, number: int) -> str:
        """What its user says it shows: the folder it lies in, or what --truth says; "" where nobody said."""
        ...

    def samples(self, numbers: Iterable[int]) -> Iterator["Sample | None"]:
        """These pictures, read anew, in order; None for what cannot be read."""
        ...

    @property
    def concepts(self) -> "tuple[Concept, ...]":
        """What their masks mark; nothing where nobody gave masks."""
        ...

    @property
    def masked(self) -> Sequence[int]:
        """The numbers of those that have masks."""
        ...

    @property
    def masks(self) -> str:
        """Names all masks, and whose they are; "" where there are none."""
        ...

    def labelled(self, numbers: Iterable[int]) -> Iterator["Labelled | ImageError"]:
        """These pictures with their masks, read anew, in order; ImageError for what cannot be read."""
        ...

    def survey(self, net: "Network", layers: Sequence[str], fit: str) -> Survey:
        """Show all of them to a network, once for these layers."""
        ...

    def survey_by(
        self, surveyor: "Surveyor", card: "ModelCard", rests_on: str, layers: Sequence[str], fit: str
    ) -> Survey:
        """The same, by somebody who has the network; `rests_on` is what that says of itself."""
        ...

    def dissect(self, net: "Network", layers: Sequence[str], fit: str, most: int) -> "Dissection":
        """Find what the units of these layers detect, by at most so many pictures with masks."""
        ...

    def dissect_by(
        self, surveyor: "Surveyor", card: "ModelCard", layers: Sequence[str], fit: str, most: int
    ) -> "Dissection":
        """The same, by somebody who has the network."""
        ...

    def abroad(self, brought: Mapping[int, bytes]) -> "Examples":
        """As a process sees them that may not share the disk, and was brought the files of some.

        Its `samples` raises PicturesAwayError for what is neither there nor brought.
        """
        ...

    def files(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The files of these pictures as they are, to be brought elsewhere; empty ones for what is gone."""
        ...
