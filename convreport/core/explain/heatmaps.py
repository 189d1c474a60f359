"""A heatmap by any method, asked of a network through its narrow waist."""

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.explain import saliency
from convreport.core.pictures import pixels
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Look, Network

# The modules whose code shapes a heatmap, for the cache keys of the sections that draw or measure one.
SHAPED_BY = (
    "convreport.core.explain.saliency",
    "convreport.core.explain.heatmaps",
    "convreport.core.pictures.colour",
    "convreport.core.pictures.pixels",
    "convreport.core.pictures.fitting",
)
MOST_MASKS = 64  # channels that Score-CAM tries: those that vary most over the picture
NOISES, NOISE = 16, 0.15  # SmoothGrad: how many, and their deviation as a share of the picture's range
STEPS = 32  # of the way of integrated gradients


def heatmap(
    name: str, net: Network, sample: Sample, fit: str, layer: str, look: Look, index: int, *, seed: int = 0
) -> Array:
    """The heatmap of class `index` for one sample, float32 (height, width) of the layer's map or of the input.

    `look` has looked at this one sample, with the class among its targets.
    """
    method = saliency.find(name)
    activation = look.activations[layer][0]
    if method.needs == "map":
        place = look.targets[0].tolist().index(index)
        return np.asarray(saliency.OF_A_MAP[name](activation, look.gradients[layer][0, place]), np.float32)
    planes = net.read(sample, fit)
    if method.needs == "masks":
        return _by_masks(net, planes, activation, index, raw=sample.raw)
    if name == "integrated":
        start = np.broadcast_to(net.card.preprocessing.nothing, planes.shape).astype(np.float32)
        start = np.zeros_like(planes) if sample.raw else start
        shares = (np.arange(STEPS, dtype=np.float32) + 0.5) / STEPS
        along = start + shares[:, None, None, None] * (planes - start)
        return saliency.integrated(net.slope(along, index, raw=sample.raw), planes - start)
    if name == "smoothgrad":
        noise = np.random.default_rng([seed, index]).normal(0, NOISE * np.ptp(planes), (NOISES, *planes.shape))
        slopes = net.slope((planes + noise).astype(np.float32), index, raw=sample.raw)
        return saliency.of_gradient(slopes.mean(0))
    return saliency.of_gradient(net.slope(planes[None], index, raw=sample.raw)[0])


def _by_masks(net: Network, planes: Array, activation: Array, index: int, *, raw: bool) -> Array:
    """Score-CAM: the picture is shown once a channel, dimmed to nothing wherever the channel is at its least."""
    varying = np.argsort(-activation.std((0, 1), dtype=np.float64), kind="stable")[:MOST_MASKS]
    some = activation[..., varying]
    large = np.stack([pixels.resize(some[..., place], *planes.shape[:2]) for place in range(some.shape[2])])
    low, high = large.min((1, 2), keepdims=True), large.max((1, 2), keepdims=True)
    masks = np.divide(large - low, high - low, out=np.zeros_like(large), where=high > low)[..., None]
    nothing = 0.0 if raw else np.asarray(net.card.preprocessing.nothing, np.float32)
    _, probabilities = net.answer((nothing + (planes - nothing) * masks).astype(np.float32), raw=raw)
    return np.asarray(saliency.scorecam(some, probabilities[:, index]), np.float32)
