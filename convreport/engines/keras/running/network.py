"""KerasNetwork: a loaded Keras model behind the Network protocol."""

from convreport.core.seam import Means
from convreport.engines.keras.load import Loaded
from convreport.engines.keras.running.forward import KerasForward
from convreport.engines.shared.network import EngineNetwork


class KerasNetwork(EngineNetwork):
    """Kernels, looks and ascents of a Keras model."""

    def __init__(self, loaded: Loaded, means: Means | None = None) -> None:
        known = loaded.understood
        super().__init__(KerasForward(known.card, known.wiring, known.feed, known.output), means or Means())
        self.model, self._understood = loaded.model, known
