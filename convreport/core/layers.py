"""Which layers to show: by the user's globs and indices, or, without a word, the telling ones."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from convreport.core.errors import UsageError, did_you_mean
from convreport.core.types import LayerInfo, ModelCard

CONVOLUTIONS = ("Conv2D", "SeparableConv2D", "Conv2DTranspose", "DepthwiseConv2D")
MERGES = ("Add", "Concatenate", "Average", "Maximum", "Multiply", "Subtract")
NOT_DRAWN = ("InputLayer", "Rescaling", "Normalization", "Resizing")


def is_pooling(layer: LayerInfo) -> bool:
    """Does it only gather its input over space?"""
    return "Pooling" in layer.kind


def spatial(card: ModelCard) -> list[LayerInfo]:
    """The layers whose output is a stack of maps, input and preprocessing left out."""
    return [layer for layer in card.layers if layer.spatial and layer.kind not in NOT_DRAWN and not _is_random(layer)]


def telling(card: ModelCard) -> list[LayerInfo]:
    """One layer a resolution: the last merge of branches in a net that merges, else the first convolution.

    These are the layers the sources of this field show: VGG16's block1_conv1 ... block5_conv1, a ResNet's last Add of
    each stage.
    """
    chosen: dict[tuple[int | None, ...], LayerInfo] = {}
    for layer in spatial(card):
        size = resolution(layer)
        if layer.kind in CONVOLUTIONS and layer.kind != "DepthwiseConv2D":
            chosen.setdefault(size, layer)
        elif layer.kind in MERGES and layer.kind != "Multiply":
            chosen[size] = layer
    return [layer for layer in card.layers if layer in chosen.values() and _more_than_a_point(layer)]


def telling_and_pooled(card: ModelCard) -> list[LayerInfo]:
    """The telling layers and every pooling between them: what the book's activation figures walk through."""
    telling_layers = telling(card)
    return [
        layer for layer in spatial(card) if layer in telling_layers or (is_pooling(layer) and _more_than_a_point(layer))
    ]


def cam_layer(card: ModelCard) -> LayerInfo | None:
    """Where Grad-CAM looks: the last map larger than a point that is no pooling (VGG16: block5_conv3)."""
    for layer in reversed(spatial(card)):
        if not is_pooling(layer) and _more_than_a_point(layer):
            return layer
    return None


def first_convolution(card: ModelCard) -> LayerInfo | None:
    """The convolution nearest the pixels, whose kernels can be read as pictures."""
    for layer in card.layers:
        if layer.kernel is not None and len(layer.kernel) == 4:
            return layer
    return None


def choose(card: ModelCard, words: Sequence[str], *, everything: bool = False) -> tuple[LayerInfo, ...] | None:
    """The layers that the user's globs and indices name, in network order; None where nothing was said.

    An index counts the layers of `convreport layers` from 0, or from the end if negative.
    """
    if everything:
        return tuple(spatial(card))
    if not words:
        return None
    named = {layer.path for word in words for layer in _matching(card, word)}
    return tuple(layer for layer in card.layers if layer.path in named)


def resolution(layer: LayerInfo) -> tuple[int | None, ...]:
    """What the layers of one stage share: the stride where it is known, else the size of the map."""
    field = layer.receptive_field
    return field.stride if field is not None and min(field.stride) > 0 else layer.shape[:2]


def _matching(card: ModelCard, word: str) -> Iterable[LayerInfo]:
    if word.lstrip("-").isdigit():
        index = int(word)
        if not -len(card.layers) <= index < len(card.layers):
            raise UsageError(
                f"{card.name} has no layer number {index}.", f"Its layers are numbered 0 to {len(card.layers) - 1}."
            )
        return [card.layers[index]]
    found = [layer for layer in card.layers if fnmatchcase(layer.path, word) or fnmatchcase(layer.name, word)]
    if not found:
        raise UsageError(
            f"{card.name} has no layer that matches '{word}'.",
            did_you_mean(
                word,
                [layer.path for layer in card.layers],
                otherwise=f"`convreport layers {card.source}` lists them all.",
            ),
        )
    return found


def _more_than_a_point(layer: LayerInfo) -> bool:
    return any(side is None or side > 1 for side in layer.shape[:2])


def _is_random(layer: LayerInfo) -> bool:
    return layer.kind.startswith("Random")
