"""Keras, as an engine."""

from convreport.core.seam import Means, Network
from convreport.engines.base import Loaded
from convreport.engines.keras import load as loading
from convreport.engines.request import Request


class KerasEngine:
    """Engine of `engines.base`."""

    name = "keras"

    def name_of(self, request: Request) -> str:
        """--name, else the model's own, the catalog's, the factory's or the file's stem."""
        return loading.name_of(request)

    def identity(self, request: Request) -> str:
        """The catalog's name, or the file's whole path."""
        return loading.identity(request)

    def load(self, request: Request) -> Loaded:
        """Build or read the model, and describe it."""
        loaded = loading.load(request)

        def network(means: Means) -> Network:
            from convreport.engines.keras.running.network import KerasNetwork

            return KerasNetwork(loaded, means)

        return Loaded(loaded.card, loaded.files, network)
