"""Which layers of a Keras model mind the size of the picture."""

from convreport.core.network import layers
from convreport.core.network.card import ModelCard
from convreport.engines.keras.wiring.graph import Wiring
from convreport.engines.shared.fields import SIZELESS


def takes_any_size(card: ModelCard, wiring: Wiring, path: str) -> bool:
    """Is everything from the input up to this layer known not to mind the picture's size?"""
    below = layers.ancestors(card, path)
    kinds = {layer.kind for layer in card.layers if layer.path in below}
    in_python = any(call.owner is not None or call.mixed for call in wiring.calls if call.path in below)
    return not in_python and kinds <= SIZELESS
