"""What a worker must know of a build before its first job: the model as it was asked for, and what the atlas covers."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convreport import __version__
from convreport.core.base.files import digest_file
from convreport.core.base.kinds import Precision
from convreport.core.drawing.scope import Scope
from convreport.engines.code import versions
from convreport.engines.request import Request


@dataclass(frozen=True)
class File:
    """A file that a model is made from: where the client has it, its bytes and its digest."""

    path: str
    size: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> "File":
        """The file as it is now."""
        return cls(str(path.resolve()), path.stat().st_size, digest_file(path))

    def here(self) -> bool:
        """Is that very file at that place on this machine?"""
        path = Path(self.path)
        try:
            return path.stat().st_size == self.size and digest_file(path) == self.digest
        except OSError:
            return False


@dataclass(frozen=True)
class Order:
    """`name` tells the orders of one client apart; `files` are those the model is made from, `memory` the bytes a worker may
    use for a batch (0: a share of what is free there), `devices` how many GPUs the workers of one machine divide.
    """

    name: str
    request: Request
    scope: Scope = field(repr=False)
    files: tuple[File, ...]
    precision: Precision = "auto"
    memory: int = 0
    devices: int = 0

    def at(self, places: Mapping[str, str]) -> Request:
        """The request as it reads where files lie elsewhere: `places` has them by their paths at the client.

        A file that the request does not name is the weights of a network by its name, from Keras's own cache.
        """
        request = self.request
        source, weights = _moved(request.source, places), _moved(request.weights, places)
        inputs = tuple((name, _moved(value, places)) for name, value in request.inputs)
        named = {source, weights, *(value for _, value in inputs if isinstance(value, str))}
        loose = [place for place in places.values() if place not in named]
        weights = loose[0] if loose and weights in (None, "imagenet") else weights
        name = request.name or self.scope.card.name
        return replace(request, name=name, source=source, weights=weights, inputs=inputs)


def made_of(engine: str) -> dict[str, str]:
    """The versions that workers must share with the client, or their pictures would differ."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"convreport": __version__, "Python": python, **versions(engine)}


def _moved(said: Any, places: Mapping[str, str]) -> Any:
    """A path as it reads where the file was brought to; anything else as it is."""
    return places.get(str(Path(said).expanduser().resolve()), said) if isinstance(said, str) and places else said
