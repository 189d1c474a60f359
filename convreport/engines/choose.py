"""Which engine a request is for, and the networks that engines know by name."""

from collections.abc import Iterator
from dataclasses import dataclass

from convreport.core.network.preprocessing import MODES
from convreport.engines.base import Engine
from convreport.engines.keras.engine import KerasEngine
from convreport.engines.keras.reading import catalog
from convreport.engines.request import Request


@dataclass(frozen=True)
class Known:
    """A network known by name: parameters, side of its input in pixels, what pictures become, the bytes of its weights, and
    whether those are on this machine.
    """

    name: str
    params: int
    size: int
    becomes: str
    download: int
    here: bool


def engine_of(request: Request) -> Engine:
    """The engine that can load what is asked for."""
    return KerasEngine()


def is_named(source: str) -> bool:
    """Is it the name of a network, in any usual spelling?"""
    return catalog.find(source) is not None


def named() -> Iterator[Known]:
    """The networks known by name."""
    for one in catalog.APPLICATIONS.values():
        becomes = MODES[one.preprocessing].words
        yield Known(one.name, one.params, one.size, becomes, one.download, catalog.on_this_machine(one))
