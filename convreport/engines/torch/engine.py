"""PyTorch, as an engine."""

from convreport.engines.base import Loaded
from convreport.engines.request import Request
from convreport.engines.torch import load as loading


class TorchEngine:
    """Engine of `engines.base`."""

    name = "torch"

    def name_of(self, request: Request) -> str:
        """--name, else the function's, the package's, the file's stem or the class's."""
        return loading.name_of(request)

    def identity(self, request: Request) -> str:
        """The source's words, or the file's whole path."""
        return loading.identity(request)

    def load(self, request: Request) -> Loaded:
        """Make or read the model, and describe it."""
        loaded = loading.load(request)
        return Loaded(loaded.card, loaded.files, loaded.network)
