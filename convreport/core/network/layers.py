"""Which layers to show: by the user's globs and indices, or, without a word, the telling ones."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.network.card import LayerInfo, ModelCard

CONVOLUTIONS = ("Conv2D", "SeparableConv2D", "Conv2DTranspose", "DepthwiseConv2D")
MERGES = ("Add", "Concatenate", "Average", "Maximum", "Multiply", "Subtract")
NOT_DRAWN = (
    "InputLayer", "Rescaling", "Normalization", "Resizing", "CenterCrop", "Divide", "TrueDivide", "Dropout",
    "SpatialDropout2D",
)  # fmt: skip


def is_pooling(layer: LayerInfo) -> bool:
    """Does it only gather its input over space?"""
    return "Pooling" in layer.kind


def spatial(card: ModelCard) -> list[LayerInfo]:
    """The layers whose output is a stack of maps of the picture, input and preprocessing left out."""
    return [layer for layer in card.layers if is_map(layer)]


def is_map(layer: LayerInfo) -> bool:
    """Is its output a stack of maps of the picture that somebody would look at?"""
    return (
        layer.spatial
        and layer.reads_picture
        and layer.kind not in NOT_DRAWN
        and not layer.kind.startswith("Random")
        and layer.units > 0
    )


def telling(card: ModelCard) -> list[LayerInfo]:
    """One layer a resolution: the last merge of branches in a net that merges, else the first convolution.

    These are the layers the sources of this field show: VGG16's block1_conv1 ... block5_conv1, a ResNet's last Add of
    each stage. A block of the user's own counts as a merge, tokens as a resolution of their own.
    """
    chosen: dict[Any, LayerInfo] = {}
    blocks = {layer.path.rpartition("/")[0] for layer in card.layers}
    for layer in spatial(card):
        size = (resolution(layer), layer.grid is not None)
        if layer.kind in CONVOLUTIONS and layer.kind != "DepthwiseConv2D":
            chosen.setdefault(size, layer)
        elif layer.path in blocks or (layer.kind in MERGES and layer.kind != "Multiply" and len(layer.inputs) > 1):
            chosen[size] = layer
    return [layer for layer in card.layers if layer in chosen.values() and _more_than_a_point(layer)]


def shown(card: ModelCard, chosen: Sequence[LayerInfo] | None) -> list[LayerInfo]:
    """The layers whose units are shown: the chosen ones that are maps, by default the telling ones."""
    return [layer for layer in (telling(card) if chosen is None else chosen) if is_map(layer)]


def paths(some: Iterable[LayerInfo]) -> tuple[str, ...]:
    """Their paths."""
    return tuple(layer.path for layer in some)


def telling_and_pooled(card: ModelCard) -> list[LayerInfo]:
    """The telling layers and every pooling between them: what the book's activation figures walk through."""
    telling_layers = telling(card)
    return [
        layer for layer in spatial(card) if layer in telling_layers or (is_pooling(layer) and _more_than_a_point(layer))
    ]


def cam_layer(card: ModelCard, wanted: str = "") -> LayerInfo | None:
    """Where Grad-CAM looks: the last map larger than a point that the score depends on and that is no pooling.

    In VGG16 that is block5_conv3. Where the output is itself a map, it is the last of the coarsest maps, where a
    segmentation network knows most of the whole (Vinogradova et al. 2020). `wanted`, a path, glob or index, overrules;
    UsageError where it names no map or several.
    """
    if wanted:
        return _wanted_map(card, wanted)
    if card.cam:
        return card.layer(card.cam)
    maps = cam_maps(card)
    return maps[-1] if maps else None


def cam_maps(card: ModelCard) -> list[LayerInfo]:
    """The maps that the score may rest on, by the wiring, in network order: those among which Grad-CAM chooses the last."""
    below = ancestors(card, card.end) if card.end else {layer.path for layer in card.layers}
    maps = [one for one in spatial(card) if not is_pooling(one) and _more_than_a_point(one) and one.path in below]
    if card.dense:
        maps = [layer for layer in maps if layer.path != card.end]
        strides = [max(layer.receptive_field.stride) for layer in maps if layer.receptive_field is not None]
        if strides:
            maps = [one for one in maps if one.receptive_field and max(one.receptive_field.stride) == max(strides)]
        else:
            smallest = min((one.map[0] or 1 for one in maps), default=0)
            maps = [layer for layer in maps if (layer.map[0] or 1) == smallest]
    return maps


def earlier_maps(card: ModelCard, last: LayerInfo, count: int) -> list[LayerInfo]:
    """The last map of each of the `count` resolutions before `last`, of those it reads: finer, and sure of less."""
    below = ancestors(card, last.path)
    stages = {
        resolution(one): one
        for one in spatial(card)
        if one.path in below and not is_pooling(one) and one.grid is None and resolution(one) != resolution(last)
    }
    return list(stages.values())[-count:] if count else []


def _wanted_map(card: ModelCard, wanted: str) -> LayerInfo:
    found = list(_matching(card, wanted))
    if len(found) > 1:
        raise UsageError(f"--cam-layer {wanted} names {len(found)} layers.", f"Name one, such as {found[-1].path}.")
    if not found[0].spatial:
        raise UsageError(
            f"--cam-layer {found[0].path} is not a map: its output is {' x '.join(map(str, found[0].shape))}.",
            "Name a convolution, or another layer of height x width x channels.",
        )
    return found[0]


def ancestors(card: ModelCard, path: str) -> set[str]:
    """A layer and all it reads, however far."""
    known = {layer.path: layer for layer in card.layers}
    waiting, found = [path], set[str]()
    while waiting:
        one = waiting.pop()
        if one in known and one not in found:
            found.add(one)
            waiting += known[one].inputs
    return found


def first_convolution(card: ModelCard) -> LayerInfo | None:
    """The convolution nearest the pixels, whose kernels can be read as pictures."""
    for layer in card.layers:
        if layer.kernel is not None and len(layer.kernel) == 4 and layer.reads_picture:
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
    return field.stride if field is not None and min(field.stride) > 0 else layer.map


def _matching(card: ModelCard, word: str) -> Iterable[LayerInfo]:
    if word.lstrip("-").isdigit():
        index = int(word)
        if not -len(card.layers) <= index < len(card.layers):
            raise UsageError(
                f"{card.name} has no layer number {index}.", f"Its layers are numbered 0 to {len(card.layers) - 1}."
            )
        return [card.layers[index]]
    found = [layer for layer in card.layers if fnmatchcase(layer.path, word) or fnmatchcase(layer.name, word)]
    if not found and "." in word:  # as PyTorch writes it
        return _matching(card, word.replace(".", "/"))
    if not found:  # a container that is no layer by itself is known by what it ends with
        found = [layer for layer in card.layers if layer.path.startswith(f"{word}/")][-1:]
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
    return any(side is None or side > 1 for side in layer.map)
