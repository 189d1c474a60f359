"""The pictures among which units find what they answer to, as sections see them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from convreport.core.base.errors import ModelError
from convreport.core.survey.tally import Tally

if TYPE_CHECKING:
    from convreport.core.pictures.sample import Sample
    from convreport.core.seam import Network


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

    def survey(self, net: "Network", layers: Sequence[str], fit: str) -> Survey:
        """Show all of them to a network, once for these layers."""
        ...
