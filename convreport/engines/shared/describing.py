"""What is said of every model alike when its card is made: what it must have, its labels, weights that are no numbers."""

from collections.abc import Iterable, Sequence

import numpy as np

from convreport.core.base.errors import ModelError
from convreport.core.base.kinds import Array
from convreport.core.network import labels
from convreport.core.network.card import Label, LayerInfo
from convreport.core.pictures.fitting import FREE_SIDE
from convreport.demo.scenes import CLASSES as DEMO_CLASSES
from convreport.engines.request import Request

OTHER_CONVOLUTIONS = {"Conv1D": "one-dimensional", "Conv3D": "three-dimensional"}


def must_convolve(name: str, found: Sequence[LayerInfo]) -> None:
    """ModelError for a model without a two-dimensional convolution."""
    if any(layer.kernel is not None and layer.spatial for layer in found):
        return
    for layer in found:
        refuse_convolution(name, layer.path, layer.kind)
    raise ModelError(
        f"{name} has no two-dimensional convolution, so there is nothing convreport could show.",
        "convreport draws networks that look at pictures with convolutions.",
    )


def refuse_convolution(name: str, path: str, kind: str) -> None:
    """ModelError for a layer that convolves something else than pictures."""
    for other, words in OTHER_CONVOLUTIONS.items():
        if kind.startswith(other):
            raise ModelError(
                f"The convolutions of {name} are {words} ({path}); convreport shows two-dimensional ones.",
                "There is nothing here that could be shown as a picture.",
            )


def noise(size: tuple[int | None, int | None, int]) -> Array:
    """Two pictures of noise in 0..1, float32 (2, height, width, channels), to try a model on."""
    height, width, channels = size
    shape = (2, height or FREE_SIDE, width or FREE_SIDE, channels)
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def not_run(name: str, pictures: Array, error: Exception) -> ModelError:
    """A model that fails on pictures of noise."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return ModelError(
        f"{name} cannot be run on a picture of {' x '.join(map(str, pictures.shape[1:]))} ({line}).",
        "Other inputs are zeros unless given with --input NAME=VALUE.",
    )


def labels_of(request: Request, classes: int, head: str, name: str) -> tuple[Label, ...]:
    """The labels the user gives, those of the embedded model, or ImageNet's where there are as many classes."""
    if request.labels:
        return labels.fitting(request.labels, classes, head, name)
    if request.source == "demo" and not request.live:
        return tuple(Label(one) for one in DEMO_CLASSES)
    return labels.imagenet() if classes == len(labels.imagenet()) else ()


def alerts(weights: Iterable[tuple[str, Array]]) -> tuple[str, ...]:
    """Which of the named weights (floats) are no numbers."""
    found = []
    for path, values in weights:
        bad = values.size - int(np.isfinite(values).sum())
        if bad:
            kind = "NaN" if np.isnan(values).any() else "infinite"
            found.append(f"{bad:,} of {values.size:,} weights in {path} are {kind}")
    return tuple(found)
