"""What an engine is: a framework that finds, names and loads models, and opens them behind the seam."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from convreport.core.network.card import ModelCard
from convreport.core.seam import Means, Network
from convreport.engines.request import Request


@dataclass(frozen=True)
class Loaded:
    """A model in memory: its card, the files it came from, and the way to its Network."""

    card: ModelCard
    files: tuple[Path, ...]
    network: Callable[[Means], Network]


class Engine(Protocol):
    """A framework."""

    name: str

    def name_of(self, request: Request) -> str:
        """The model's name in the atlas; UsageError or ModelError for no such model. Costs nothing."""
        ...

    def identity(self, request: Request) -> str:
        """What tells this source from another of the same name."""
        ...

    def load(self, request: Request) -> Loaded:
        """Import the framework, build or read the model, and describe it; ModelError says why not."""
        ...
