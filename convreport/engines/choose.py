"""Which engine a request is for, and the networks that engines know by name."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from convreport.core.network.preprocessing import MODES
from convreport.engines.base import Engine
from convreport.engines.keras.engine import KerasEngine
from convreport.engines.keras.reading import catalog
from convreport.engines.request import Request, imported_by
from convreport.engines.torch.engine import TorchEngine
from convreport.engines.torch.reading.sources import EXPORTED, PACKAGES, WEIGHTS

FRAMEWORKS = {
    "torch": "torch", "torchvision": "torch", "timm": "torch", "lightning": "torch", "keras": "keras",
    "tensorflow": "keras", "tf_keras": "keras",
}  # fmt: skip


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
    """The engine that can load what is asked for; found without importing a framework, but for a function whose file tells
    nothing: that is called.
    """
    return TorchEngine() if _is_torch(request) else KerasEngine()


def _is_torch(request: Request) -> bool:
    if request.live is not None:
        return any(one.__module__.split(".")[0] == "torch" for one in type(request.live).__mro__)
    if request.source.partition(":")[0] in PACKAGES:
        return True
    if not request.is_factory:
        return Path(request.source).suffix.lower() in (*WEIGHTS, EXPORTED)
    if Path(request.weights or "").suffix.lower() in WEIGHTS:
        return True
    return _frameworks(request.source) == {"torch"}


@cache
def _frameworks(source: str) -> set[str]:
    """The framework of a module:function, by what its file imports; where that is neither or both, by what it makes.

    Nothing where it cannot be called; the engine that then tries says why.
    """
    module, _, function = source.partition(":")
    found = imported_by(module) & FRAMEWORKS.keys()
    named = {FRAMEWORKS[one] for one in found}
    if len(named) == 1:
        return named
    try:
        made = getattr(importlib.import_module(module), function)()
    except Exception:
        return set()
    roots = {one.__module__.split(".")[0] for one in type(made).__mro__}
    return {FRAMEWORKS[one] for one in roots & FRAMEWORKS.keys()}


def is_named(source: str) -> bool:
    """Is it the name of a network, in any usual spelling?"""
    return catalog.find(source) is not None or source.partition(":")[0] in PACKAGES


def named() -> Iterator[Known]:
    """The networks known by name."""
    for one in catalog.APPLICATIONS.values():
        becomes = MODES[one.preprocessing].words
        yield Known(one.name, one.params, one.size, becomes, one.download, catalog.on_this_machine(one))
