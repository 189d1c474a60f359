"""A model as convreport understands it, and the way from there to its forward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from convreport.core.network.card import ModelCard
from convreport.engines.shared.forward import Forward

W = TypeVar("W")
F = TypeVar("F")


@dataclass(frozen=True)
class Understood(Generic[W, F]):
    """A model's card, its wiring, how it is called, and which of its outputs is explained."""

    card: ModelCard
    wiring: W
    feed: F
    output: int


# Of a card, its wiring, its feed and the place of the explained output: the way to run it.
Opener = Callable[[ModelCard, Any, Any, int], Forward]
