"""Heatmaps of a class: what a layer answers, and how the class's score depends on it. Each method is a few lines.

`activation` and `gradient` are (height, width, channels): a map's channels, and the derivative of the class's score with
respect to them. Heatmaps are float32 (height, width), not negative: only evidence *for* the class is kept.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.base.kinds import Array

Needs = Literal["map", "masks", "input"]  # a layer's answer and gradient; its channels as masks; the input's gradient


@dataclass(frozen=True)
class Method:
    """A way of making heatmaps: its name in the command, its title, whose it is, and what it is computed from."""

    name: str
    title: str
    source: str
    needs: Needs = "map"


METHODS = {
    method.name: method
    for method in (
        Method("gradcam", "Grad-CAM", "Selvaraju et al. 2017"),
        Method("gradcam++", "Grad-CAM++", "Chattopadhay et al. 2018"),
        Method("hirescam", "HiResCAM", "Draelos and Carin 2020"),
        Method("layercam", "LayerCAM", "Jiang et al. 2021"),
        Method("xgradcam", "XGrad-CAM", "Fu et al. 2020"),
        Method("scorecam", "Score-CAM", "Wang et al. 2020", "masks"),
        Method("gradient", "Gradient", "Simonyan et al. 2014", "input"),
        Method("smoothgrad", "SmoothGrad", "Smilkov et al. 2017", "input"),
        Method("integrated", "Integrated gradients", "Sundararajan et al. 2017", "input"),
    )
}


def find(name: str) -> Method:
    """The method of that name; UsageError with "did you mean" for an unknown one."""
    if name not in METHODS:
        raise UsageError(f"There is no heatmap method '{name}'.", did_you_mean(name, METHODS))
    return METHODS[name]


def gradcam(activation: Array, gradient: Array) -> Array:
    """Grad-CAM, in units of the score: channels weighted by their mean gradient, averaged.

    Selvaraju et al. 2017, equations 1 and 2; the mean over channels, where the paper sums, as in Chollet's listing.
    """
    weights = gradient.mean((0, 1))
    return np.maximum((activation * weights).mean(2), 0)


def gradcam_plus_plus(activation: Array, gradient: Array) -> Array:
    """Grad-CAM++: positive gradients weighted so that every place where a channel answers counts alike.

    Chattopadhay et al. 2018, equations 19 and 11, for the exponential of the score, whose own factor cancels; the weights
    of a channel are brought to sum one over its places, as in the authors' code.
    """
    second, third = gradient**2, gradient**3
    below = 2 * second + activation.sum((0, 1)) * third
    shares = np.divide(second, below, out=np.zeros_like(second), where=below != 0)
    whole = shares.sum((0, 1))
    shares = shares / np.where(whole == 0, 1, whole)
    weights = (np.maximum(gradient, 0) * shares).sum((0, 1))
    return np.maximum((activation * weights).sum(2), 0)


def hirescam(activation: Array, gradient: Array) -> Array:
    """HiResCAM: every cell weighted by its own gradient; where the score is linear in the map, its exact share of it.

    Draelos and Carin 2020, equation 4.
    """
    return np.maximum((activation * gradient).sum(2), 0)


def layercam(activation: Array, gradient: Array) -> Array:
    """LayerCAM: as HiResCAM, of positive gradients alone. Jiang et al. 2021, equations 5 and 6."""
    return np.maximum((activation * np.maximum(gradient, 0)).sum(2), 0)


def xgradcam(activation: Array, gradient: Array) -> Array:
    """XGrad-CAM: channels weighted by their mean gradient where they answer. Fu et al. 2020, equation 8."""
    whole = activation.sum((0, 1))
    drawn = (activation * gradient).sum((0, 1))
    weights = np.divide(drawn, whole, out=np.zeros_like(drawn), where=np.abs(whole) > 1e-7)
    return np.maximum((activation * weights).sum(2), 0)


def scorecam(activation: Array, gains: Array) -> Array:
    """Score-CAM: channels weighted by what of the class remains where only their places are seen.

    Wang et al. 2020, algorithm 1. `gains` (channels): the probability of the class for the picture under each channel's mask.
    """
    return np.maximum((activation * gains).sum(2), 0)


def of_gradient(gradient: Array) -> Array:
    """The input's own gradient (height, width, channels): the largest of its channels, whatever its sign.

    Simonyan et al. 2014, section 3.1; of SmoothGrad's mean the same.
    """
    return np.abs(gradient).max(2)


def integrated(gradients: Array, way: Array) -> Array:
    """Integrated gradients: the mean gradient (n, height, width, channels) on a straight way, times the way.

    Sundararajan et al. 2017, equation 1, summed over channels. Before anything negative is cut off, all pixels sum to what
    the score rises along the way.
    """
    return np.maximum((gradients.mean(0) * way).sum(2), 0)


def shares(heat: Array) -> Array:
    """A heatmap in 0..1, of its own maximum; one as fine as pixels, of what one pixel in 200 exceeds, which are cut off:
    single hot pixels would dim all others.
    """
    top = float(np.quantile(heat, 0.995)) if heat.size > 10_000 else float(heat.max())
    return np.minimum(heat / top, 1) if top > 0 else np.zeros_like(heat)


OF_A_MAP = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": hirescam,
    "layercam": layercam,
    "xgradcam": xgradcam,
}
