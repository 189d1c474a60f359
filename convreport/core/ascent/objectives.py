"""What an ascent maximizes: channels, neurons, logits, directions and likenesses; sums and weights of them; pure values."""

from dataclasses import dataclass
from typing import Literal

TermKind = Literal["channel", "neuron", "logit", "direction", "likeness"]


@dataclass(frozen=True)
class Term:
    """One weighted part of an Objective.

    A `channel` is the mean of one unit over its map, a `neuron` the unit at the centre of its map, a `direction` the mean
    over the map of the dot product with a vector of the layer's channels, a `likeness` that of the dot product times the
    cosine, a `logit` the score of one class.
    """

    kind: TermKind
    layer: str = ""
    unit: int = 0
    vector: tuple[float, ...] = ()
    weight: float = 1.0

    @property
    def name(self) -> str:
        """A text that differs where the term does, but for its weight."""
        if self.kind == "channel":
            return f"{self.layer}/{self.unit}"
        if self.kind in ("direction", "likeness"):
            return f"{self.layer}/{self.kind} {','.join(map(repr, self.vector))}"
        return f"{self.layer}/{self.kind} {self.unit}"


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms, with the arithmetic of one: `channel("a", 3) - 0.5 * channel("a", 4)`."""

    terms: tuple[Term, ...]

    @property
    def form(self) -> tuple[tuple[TermKind, str], ...]:
        """What must be traced: objectives of one form climb together, their units and weights being tensors."""
        return tuple((term.kind, term.layer) for term in self.terms)

    @property
    def name(self) -> str:
        """What the randomness of its picture is keyed by."""
        if len(self.terms) == 1 and self.terms[0].weight == 1:
            return self.terms[0].name
        return " + ".join(f"{term.weight!r} {term.name}" for term in self.terms)

    def __add__(self, other: "Objective") -> "Objective":
        return Objective(self.terms + other.terms)

    def __sub__(self, other: "Objective") -> "Objective":
        return self + -1.0 * other

    def __neg__(self) -> "Objective":
        return -1.0 * self

    def __mul__(self, weight: float) -> "Objective":
        scaled = (Term(one.kind, one.layer, one.unit, one.vector, one.weight * weight) for one in self.terms)
        return Objective(tuple(scaled))

    __rmul__ = __mul__


def channel(layer: str, unit: int) -> Objective:
    """The mean of one unit over its map."""
    return Objective((Term("channel", layer, unit),))


def neuron(layer: str, unit: int) -> Objective:
    """One unit at the centre of its map."""
    return Objective((Term("neuron", layer, unit),))


def logit(unit: int) -> Objective:
    """The score of one class, before the softmax."""
    return Objective((Term("logit", "", unit),))


def direction(layer: str, vector: tuple[float, ...]) -> Objective:
    """The mean over the map of the dot product of a layer's channels with `vector`."""
    return Objective((Term("direction", layer, 0, tuple(float(value) for value in vector)),))


def likeness(layer: str, vector: tuple[float, ...]) -> Objective:
    """The mean over the map of a layer's output, after its activation, of the dot product of its channels with `vector`
    times their cosine, so that nothing is won by length alone (Carter et al., Activation Atlas, Distill 2019).
    """
    return Objective((Term("likeness", layer, 0, tuple(float(value) for value in vector)),))
