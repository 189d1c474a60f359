"""module:function | timm:name | torchvision:name | model.pt2 | weights with --arch | a live module -> the model, understood."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.core.network.card import ModelCard
from convreport.core.seam import Means
from convreport.engines.request import Request
from convreport.engines.shared.network import EngineNetwork
from convreport.engines.shared.understood import Understood
from convreport.engines.torch import runtime
from convreport.engines.torch.reading import sources
from convreport.engines.torch.running.forward import TorchForward
from convreport.engines.torch.understanding.describe import describe


@dataclass(frozen=True)
class Loaded:
    """A PyTorch model in memory, what is understood of it, and the files it came from."""

    model: Any
    understood: Understood[Any, Any]
    files: tuple[Path, ...]

    @property
    def card(self) -> ModelCard:
        """What is known of it without PyTorch."""
        return self.understood.card

    def network(self, means: Means) -> EngineNetwork:
        """The model behind the Network protocol."""
        known = self.understood
        return EngineNetwork(TorchForward(known.card, known.wiring, known.feed, known.output), means)


def name_of(request: Request) -> str:
    """The model's name in the atlas: --name, else the function's, the package's, the file's stem, or that of its class.

    ModelError for a file that is not there.
    """
    if request.name:
        return request.name
    if request.live is not None:
        return str(getattr(request.live, "name", "") or type(request.live).__name__)
    if ":" in request.source:
        return request.source.partition(":")[2]
    return _existing(request.source).stem


def identity(request: Request) -> str:
    """What tells this source from another of the same name: its words, or the file's whole path."""
    if request.live is not None:
        return f"live:{name_of(request)}"
    return request.source if ":" in request.source else str(_existing(request.source).resolve())


def load(request: Request) -> Loaded:
    """Import PyTorch, make or read the model, and describe it. ModelError says why not."""
    name = name_of(request)
    runtime.torch()
    found = sources.find(request)
    return Loaded(found.module, describe(found, name, request, TorchForward), found.files)


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no model file {source}.", "Check the path.")
    return path
