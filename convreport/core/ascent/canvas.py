"""The canvases of an ascent: how large, from what randomness, and how they are shown."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from convreport.core.ascent.recipes import Recipe
from convreport.core.base.kinds import Array
from convreport.core.network.card import ModelCard

FREE_SCORE_SIDE = 160  # pixels: of the pattern of a class, where a network takes any size
OPAQUE = 80  # percentile of what a tile's pixels were cared for from which they are opaque
SMOOTHED = 50  # the share of a tile over which that is smoothed
MULTIPLE = 16  # pixels: the sides of fitted tiles are multiples of it


def fitted(card: ModelCard, layer: str, recipe: Recipe) -> tuple[int, int]:
    """The sides of canvas and tile where the recipe leaves them open; "" stands for the scores.

    A tile is about one and a half receptive fields, so that a pattern has room to repeat. What a step sees is a whole
    number of the layer's strides: some networks fail at other sizes.
    """
    field = card.layer(layer).receptive_field if layer else None
    wanted = recipe.largest if field is None or field.whole else max(field.size) * 1.5
    tile = int(min(max(-(-wanted // MULTIPLE) * MULTIPLE, recipe.smallest), recipe.largest))
    if not layer and recipe.smallest < recipe.largest:  # scores are best asked at the size the network was trained on
        own = max(card.input[0] or FREE_SCORE_SIDE, card.input[1] or FREE_SCORE_SIDE)
        tile = max(min(own, 2 * recipe.largest) // MULTIPLE, 2) * MULTIPLE
    stride = stride_of(card, layer)
    seen = tile + 2 * (recipe.margin - recipe.crop)
    whole = max(seen // stride, 1) * stride
    if whole < seen and recipe.smallest == recipe.largest:
        whole += stride  # that size is asked for: rather cut more off
    elif whole < seen:
        tile -= -(-(seen - whole) // MULTIPLE) * MULTIPLE
    return whole + 2 * recipe.crop, tile


def stride_of(card: ModelCard, layer: str) -> int:
    """Of what the sides of a layer's input had better be multiples; 32 for the scores, and where it is not known."""
    field = card.layer(layer).receptive_field if layer else None
    return 32 if field is None else max(*field.stride, 1)


def sees_more(card: ModelCard, layer: str, tile: int) -> bool:
    """Does a unit of the layer see more than a tile of that side?"""
    field = card.layer(layer).receptive_field if layer else None
    return field is None or field.whole or max(field.size) > tile


def reads_input(card: ModelCard, layer: str) -> bool:
    """Is this layer the first that convolves?"""
    return layer == next((one.path for one in card.layers if "Conv" in one.kind), "")


def generator(seed: int, name: str, another: int = 0) -> np.random.Generator:
    """The randomness of one tile, whatever else is drawn beside it; `name` is that of its objective, of which `another`
    tile may be the second, or third.
    """
    name = f"{name} #{another}" if another else name
    key = blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, np.uint64)))


def displayed(canvas: Array, recipe: Recipe) -> NDArray[np.uint8]:
    """A raw canvas (n, h, w, c) as its source shows it: centred at 0.5 with the recipe's contrast, or clipped to 0..1 and
    stretched to its range where that is 0; trimmed.
    """
    if recipe.contrast:
        centred = canvas - canvas.mean((1, 2, 3), keepdims=True)
        shown = centred / (centred.std((1, 2, 3), keepdims=True) + 1e-5) * recipe.contrast + 0.5
    else:
        shown = np.clip(canvas, 0, 1)
        least, most = shown.min((1, 2, 3), keepdims=True), shown.max((1, 2, 3), keepdims=True)
        shown = (shown - least) / np.maximum(most - least, 1e-8)
    if recipe.trim:
        shown = shown[:, recipe.trim : -recipe.trim, recipe.trim : -recipe.trim]
    return as_rgb((np.clip(shown, 0, 1) * 255).astype(np.uint8))


def opacity(care: Array) -> NDArray[np.uint8]:
    """How opaque each pixel of tiles (n, h, w) is shown, from how much the steps cared for it in all.

    What was cared for as much as the upper fifth of a tile is opaque, as in the figures of Fel et al. 2023; smoothed over
    a fiftieth of the tile, because a gradient is noisier than what it is about.
    """
    from scipy.ndimage import gaussian_filter  # takes a while, and most commands draw nothing

    smooth = gaussian_filter(np.nan_to_num(care), (0, care.shape[1] / SMOOTHED, care.shape[2] / SMOOTHED))
    full = np.maximum(np.percentile(smooth, OPAQUE, axis=(1, 2), keepdims=True), 1e-30)
    return (np.clip(smooth / full, 0, 1) * 255 + 0.5).astype(np.uint8)


def as_rgb(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray pictures (n, h, w, 1) with their plane three times; others as they are."""
    return np.repeat(pictures, 3, axis=3) if pictures.shape[3] == 1 else pictures
