"""Which layers of two networks are looked at, which of them stand for each other, and how far each has drifted."""

import math

import numpy as np

from convreport.book.comparison.values import Drift, Layers
from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.comparing.conduct import Encounter
from convreport.core.network import layers
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.network.circuits import MIXING
from convreport.core.seam import Network
from convreport.reviewing.sides import Side

MOST_LAYERS = 32  # of a side that are aligned with all of the other
MOST_FEATURES = 300_000  # of a picture, beside those of the layers that are shown anyway


def looked_at(side: Side) -> tuple[str, ...]:
    """The layers of a side to be aligned: those that are shown, and as many convolutions and merges as there is room for,
    the smallest first.
    """
    card = side.card
    wanted = {layer.path for layer in layers.shown(card, side.scope.chosen)}
    room = MOST_FEATURES
    computing = [
        layer
        for layer in layers.spatial(card)
        if layer.path not in wanted and (layer.kind in layers.CONVOLUTIONS or layer.kind in ("Add", "Concatenate"))
    ]
    for layer in sorted(computing, key=_features):
        room -= _features(layer)
        if room < 0 or len(wanted) >= MOST_LAYERS:
            break
        wanted.add(layer.path)
    return tuple(layer.path for layer in card.layers if layer.path in wanted)


def counterparts(old: ModelCard, new: ModelCard) -> dict[str, str]:
    """Of each new layer the old one that stands for it: of the same path, else, in or out of a nested network, of the same
    name and kind where there is only one such.
    """
    paths = {layer.path for layer in old.layers}
    names = [_by_name(card) for card in (old, new)]
    found = {}
    for layer in new.layers:
        if layer.path in paths:
            found[layer.path] = layer.path
            continue
        there, here = (some.get(_name(layer), []) for some in names)
        if len(here) == len(there) == 1:
            found[layer.path] = there[0].path
    return found


def _name(layer: LayerInfo) -> tuple[str, str]:
    return layer.path.rpartition("/")[2], layer.kind


def _by_name(card: ModelCard) -> dict[tuple[str, str], list[LayerInfo]]:
    found: dict[tuple[str, str], list[LayerInfo]] = {}
    for layer in card.layers:
        found.setdefault(_name(layer), []).append(layer)
    return found


def paired(old: Side, new: Side) -> tuple[tuple[str, str], ...]:
    """The shown layers of the new side whose units are matched, with the layer that stands for each; where none does, with
    those of the same places and numbers of units.
    """
    shown = [layers.shown(side.card, side.scope.chosen) for side in (old, new)]
    known = {layer.path for layer in layers.spatial(old.card)}
    mates = counterparts(old.card, new.card)
    pairs = [(mates[layer.path], layer.path) for layer in shown[1] if mates.get(layer.path) in known]
    if not pairs and [layer.units for layer in shown[0]] == [layer.units for layer in shown[1]]:
        pairs = [(first.path, second.path) for first, second in zip(*shown, strict=True)]
    return tuple(pairs)


def told(encounter: Encounter, old: Network, new: Network) -> Layers | None:
    """CKA as a matrix, and the drift of every layer that both have; None where too few pictures say anything."""
    matrix = encounter.alignment.matrix()
    first, second = encounter.old.layers, encounter.new.layers
    places = {path: place for place, path in enumerate(first)}
    mates = counterparts(old.card, new.card) | {pair[1]: pair[0] for pair in encounter.pairs}
    drifts = []
    kernels = {layer.path for layer in old.card.layers if layer.kind in MIXING}
    for layer in new.card.layers:
        mate = mates.get(layer.path, "")
        seen = layer.path in second and mate in places
        weights = _weights(old, new, mate, layer.path) if mate in kernels and layer.kind in MIXING else None
        if seen or weights is not None:
            value = matrix[places[mate], second.index(layer.path)] if seen else math.nan
            drifts.append(Drift(mate, layer.path, _number(value), weights))
    if not encounter.alignment.pictures and not any(one.weights is not None for one in drifts):
        return None
    rows = tuple(tuple(_number(value) for value in row) for row in matrix)
    return Layers(first, second, rows, encounter.alignment.pictures, tuple(drifts))


def _weights(old: Network, new: Network, first: str, second: str) -> float | None:
    """The norm of the change of a kernel relative to its old norm; None where the shapes are not the same."""
    before, now = old.kernel(first), new.kernel(second)
    if before is None or now is None or before.weights.shape != now.weights.shape:
        return None
    norm = float(np.linalg.norm(before.weights.astype(np.float64)))
    change = float(np.linalg.norm(now.weights.astype(np.float64) - before.weights))
    return short(change / norm) if norm else None


def _number(value: Array | float) -> float | None:
    return None if math.isnan(float(value)) else round(float(value), 6)


def _features(layer: LayerInfo) -> int:
    return math.prod(side or 64 for side in layer.shape)


def same_classes(old: ModelCard, new: ModelCard) -> bool:
    """Do both speak of the same classes by the same numbers?"""
    return old.classes == new.classes and all(old.label(one).name == new.label(one).name for one in range(new.classes))
