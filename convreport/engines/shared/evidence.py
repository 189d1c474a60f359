"""How pictures become a model's input: said by the user, or decided by evidence."""

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from convreport.core.base.errors import ConvreportError, UsageError, did_you_mean
from convreport.core.base.kinds import Array
from convreport.core.network.preprocessing import COLOUR_ONLY, MODES, Preprocessing, imported, of_function
from convreport.core.pictures import samples
from convreport.core.pictures.fitting import FREE_SIDE, planes_for
from convreport.engines.request import Request, code_of

# How far the statistics of a BatchNormalization may be off on natural photos: mean over channels of the error of the
# deviation (in e-folds) plus that of the mean (in deviations). The right scaling measured 0.45 to 0.65 on four trained
# networks, the next best 0.87 to 1.2, wrong scales 2 to 140.
FITTING = 1.5
# ILSVRC classes that are right for the free photos: cats; espresso, cup, coffee mug; missile, projectile, space shuttle.
KNOWN_PHOTOS = {"cat": (281, 282, 283, 284, 285), "coffee": (967, 968, 504), "rocket": (657, 744, 812)}
SURE = 0.3  # mean probability of the right classes from which ImageNet's photos decide


@dataclass(frozen=True)
class Remembered:
    """A normalization at the layer `path`: the mean and variance, a number a channel, of what `source` gave in training;
    "" for the picture itself.
    """

    path: str
    source: str
    mean: Array
    variance: Array


class Witness(Protocol):
    """A model that can be asked how it likes its pictures (n, height, width, channels)."""

    @property
    def size(self) -> tuple[int | None, int | None, int]:
        """The picture's (height, width, channels)."""
        ...

    def normalization(self) -> Remembered | None:
        """The first normalization that remembers statistics of one layer."""
        ...

    def biases(self) -> tuple[str, Array] | None:
        """The first convolution and its biases, where it has some."""
        ...

    def maps(self, path: str, pictures: Array, *, before: bool = False) -> Array | None:
        """What a layer gives, channels last (before its activation, if asked and it has one); None where it is no map."""
        ...

    def thousand(self, pictures: Array) -> Array | None:
        """The answers (n, 1000) of a model whose only output is ImageNet's classes."""
        ...


def mode(name: str, why: str) -> Preprocessing:
    """One of the known conventions, and the reason for it."""
    return dataclasses.replace(MODES[name], why=why)


def said(request: Request, channels: int) -> Preprocessing:
    """The user's choice: a mode by its name, or a function of their own."""
    said = request.preprocess
    why = "chosen with --preprocess"
    if request.function is None and ":" not in said:
        if said not in MODES:
            raise UsageError(f"There is no preprocessing '{said}'.", did_you_mean(said, ["auto", *MODES]))
        if said in COLOUR_ONLY and channels != 3:
            raise UsageError(
                f"--preprocess {said} is for colour pictures, and the model takes {channels} channels.",
                "Give none, rescale, symmetric, or a function of your own (module:function).",
            )
        return mode(said, why)
    try:
        function = request.function or imported(said)
        made = of_function(function, said, channels, code_of((said,)))
    except Exception as error:
        raise UsageError(
            f"--preprocess {said} cannot be used ({type(error).__name__}: {error}).",
            "Give a function that takes and returns an array (n, height, width, channels), pixels in 0..255.",
        ) from error
    return dataclasses.replace(made, why=why)


def decided(witness: Witness) -> Preprocessing:
    """By evidence; assumed where there is none."""
    with suppress(ConvreportError):  # without the free photos there is no evidence
        if found := _by_evidence(witness):
            return found
    return mode("rescale", "assumed, as nothing in the model says otherwise; override it with --preprocess")


def _by_evidence(witness: Witness) -> Preprocessing | None:
    channels = witness.size[2]
    if channels not in (1, 3):
        return None
    photos = _photos(witness)
    modes = {name: one for name, one in MODES.items() if channels == 3 or name not in COLOUR_ONLY}
    fed = {name: np.asarray(one.apply(photos), np.float32) for name, one in modes.items()}
    return _by_normalization(witness, fed) or _by_known_photos(witness, fed) or _by_biases(witness, fed)


def _photos(witness: Witness) -> Array:
    """The free photos as the input wants them, float32 (n, h, w, channels) in 0..255."""
    height, width, channels = witness.size
    size = (height or FREE_SIDE, width or FREE_SIDE)
    found = samples.natural(len(KNOWN_PHOTOS)).samples
    return np.stack([planes_for(sample, size, "stretch", channels) for sample in found])


def _by_normalization(witness: Witness, fed: Mapping[str, Array]) -> Preprocessing | None:
    """The scaling under which the first BatchNormalization meets the statistics it remembers from training."""
    norm = witness.normalization()
    if norm is None:
        return None
    expected, deviation = norm.mean.astype(np.float64), np.sqrt(norm.variance.astype(np.float64))
    if (expected == 0).all() and (deviation == 1).all():
        return None  # never trained
    alive = deviation > 1e-4
    if not alive.any():
        return None  # nothing, or nothing that is a number, was remembered
    errors = {}
    for name, pictures in fed.items():
        maps = witness.maps(norm.source, pictures) if norm.source else pictures
        if maps is None or maps.shape[-1] != len(expected):
            return None
        spread = np.maximum(maps.std((0, 1, 2))[alive], 1e-9) / deviation[alive]
        shift = (maps.mean((0, 1, 2)) - expected)[alive] / deviation[alive]
        errors[name] = float(np.abs(np.log(spread)).mean() + np.abs(shift).mean())
    ranked = sorted(errors, key=lambda name: errors[name])
    if not errors[ranked[0]] < FITTING:
        return None
    return mode(
        ranked[0],
        f"photos then have the statistics that {norm.path} remembers from training: off by {errors[ranked[0]]:.2f} "
        f"deviations, {errors[ranked[1]]:.2f} with the next best, {MODES[ranked[1]].words}",
    )


def _by_known_photos(witness: Witness, fed: Mapping[str, Array]) -> Preprocessing | None:
    """With ImageNet's 1,000 classes: the scaling under which a cat is a cat."""
    chances = {}
    for name, pictures in fed.items():
        answer = witness.thousand(pictures)
        if answer is None:
            return None
        if not np.allclose(answer.sum(1), 1, atol=1e-2):
            answer = np.exp(answer - answer.max(1, keepdims=True))
            answer /= answer.sum(1, keepdims=True)
        right = [answer[place, list(classes)].sum() for place, classes in enumerate(KNOWN_PHOTOS.values())]
        chances[name] = float(np.mean(right))
    best = max(chances, key=lambda name: chances[name])
    if chances[best] < SURE:
        return None
    return mode(best, f"it then recognizes a cat, a coffee and a rocket, with {chances[best] * 100:.0f} % on average")


def _by_biases(witness: Witness, fed: Mapping[str, Array]) -> Preprocessing | None:
    """Pixels of 0..1 that the first layer's biases drown were not what it was trained on; then they are 0..255."""
    found = witness.biases()
    if found is None or not np.abs(found[1]).max() > 0:
        return None
    path, bias = found
    ratios = {}
    for name in ("none", "rescale", "symmetric"):
        maps = witness.maps(path, fed[name], before=True)
        if maps is None:
            return None
        ratios[name] = float(np.median(maps.std((0, 1, 2)) / (np.abs(bias) + 1e-9)))
    if max(ratios["rescale"], ratios["symmetric"]) >= 1 or ratios["none"] < 1:
        return None
    return mode(
        "none", f"weak evidence: the biases of {path} are larger than its responses to pixels in 0..1; "
        "override it with --preprocess"
    )  # fmt: skip
