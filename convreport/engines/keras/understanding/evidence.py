"""How pictures become a model's input: said by the user, known, seen in the model, or decided by evidence."""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from convreport.core.base.errors import ConvreportError, UsageError, did_you_mean
from convreport.core.base.kinds import Array
from convreport.core.network.card import LayerInfo
from convreport.core.network.preprocessing import COLOUR_ONLY, MODES, Preprocessing, imported, of_function
from convreport.core.pictures import samples
from convreport.core.pictures.fitting import FREE_SIDE, planes_for
from convreport.engines.keras import runtime
from convreport.engines.keras.reading import catalog
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.graph import Call, Wiring
from convreport.engines.keras.wiring.probe import Reached, has_preactivation, probing
from convreport.engines.request import Request, code_of

INSIDE = ("Rescaling", "Normalization")
ARITHMETIC = ("Divide", "TrueDivide", "Subtract", "Multiply")  # keras.ops on the picture alone: preprocessing by hand
# How far the statistics of a BatchNormalization may be off on natural photos: mean over channels of the error of the
# deviation (in e-folds) plus that of the mean (in deviations). The right scaling measured 0.45 to 0.65 on four trained
# networks, the next best 0.87 to 1.2, wrong scales 2 to 140.
FITTING = 1.5
# ILSVRC classes that are right for the free photos: cats; espresso, cup, coffee mug; missile, projectile, space shuttle.
KNOWN_PHOTOS = {"cat": (281, 282, 283, 284, 285), "coffee": (967, 968, 504), "rocket": (657, 744, 812)}
SURE = 0.3  # mean probability of the right classes from which ImageNet's photos decide


def preprocessing(
    model: Any, wiring: Wiring, feed: Feed, found: Sequence[LayerInfo], request: Request
) -> Preprocessing:
    """What pictures become, and in `why` the reason in words."""
    if request.preprocess != "auto":
        return _said(request, feed)
    application = catalog.find(request.arch or request.source) if not request.live else None
    if application is not None:
        return _mode(application.preprocessing, f"what {application.name} was trained with")
    if inside := _inside(found):
        return _mode("none", f"the model begins with a {inside} of its own")
    names = [str(model.name), *(str(one.name) for one in wiring.operations if hasattr(one, "layers"))]
    for name in names:
        application = catalog.namesake(name)
        if application is not None and feed.input[2] == 3:
            whose = "the model calls itself" if name == names[0] else "it holds a network that calls itself"
            return _mode(application.preprocessing, f"{whose} {name}, and {application.name} was trained with it")
    with suppress(ConvreportError):  # without the free photos there is no evidence
        if decided := _by_evidence(wiring, feed):
            return decided
    return _mode("rescale", "assumed, as nothing in the model tells; overrule it with --preprocess")


def _mode(name: str, why: str) -> Preprocessing:
    return dataclasses.replace(MODES[name], why=why)


def _said(request: Request, feed: Feed) -> Preprocessing:
    """The user's choice: a mode by its name, or a function of their own."""
    channels = feed.input[2]
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
        return _mode(said, why)
    try:
        function = request.function or imported(said)
        made = of_function(function, said, channels, code_of((said,)))
    except Exception as error:
        raise UsageError(
            f"--preprocess {said} cannot be used ({type(error).__name__}: {error}).",
            "Give a function that takes and returns an array (n, height, width, channels), pixels in 0..255.",
        ) from error
    return dataclasses.replace(made, why=why)


def _inside(found: Sequence[LayerInfo]) -> str:
    """What scales the picture inside the model, before the first layer that learned something; "" if nothing does."""
    for layer in found:
        if layer.kind in INSIDE or (layer.kind in ARITHMETIC and len(layer.inputs) == 1):
            return f"{layer.kind} layer" if layer.kind in INSIDE else f"keras.ops {layer.kind.lower()}"
        if layer.params and layer.reads_picture:
            return ""
    return ""


def _by_evidence(wiring: Wiring, feed: Feed) -> Preprocessing | None:
    channels = feed.input[2]
    if channels not in (1, 3):
        return None
    photos = _photos(feed)
    modes = {name: mode for name, mode in MODES.items() if channels == 3 or name not in COLOUR_ONLY}
    fed = {name: np.asarray(mode.apply(photos), np.float32) for name, mode in modes.items()}
    return _by_normalization(wiring, feed, fed) or _by_known_photos(wiring, feed, fed) or _by_biases(wiring, feed, fed)


def _photos(feed: Feed) -> Array:
    """The free photos as the input wants them, float32 (n, h, w, channels) in 0..255."""
    height, width, channels = feed.input
    size = (height or FREE_SIDE, width or FREE_SIDE)
    found = samples.natural(len(KNOWN_PHOTOS)).samples
    return np.stack([planes_for(sample, size, "stretch", channels) for sample in found])


def _by_normalization(wiring: Wiring, feed: Feed, fed: Mapping[str, Array]) -> Preprocessing | None:
    """The scaling under which the first BatchNormalization meets the statistics it remembers from training."""
    norm = next((call for call in wiring.calls if type(call.operation).__name__ == "BatchNormalization"), None)
    if norm is None or len(norm.inputs) != 1:
        return None
    source = next(call for call in wiring.calls if call.path == norm.inputs[0])
    expected = np.asarray(norm.operation.moving_mean.numpy(), np.float64)
    deviation = np.sqrt(np.asarray(norm.operation.moving_variance.numpy(), np.float64))
    if (expected == 0).all() and (deviation == 1).all():
        return None  # never trained
    errors = {}
    for name, pictures in fed.items():
        maps = pictures if type(source.operation).__name__ == "InputLayer" else _output(wiring, feed, source, pictures)
        if maps is None or maps.shape[-1] != len(expected):
            return None
        alive = deviation > 1e-4
        spread = np.maximum(maps.std((0, 1, 2))[alive], 1e-9) / deviation[alive]
        shift = (maps.mean((0, 1, 2)) - expected)[alive] / deviation[alive]
        errors[name] = float(np.abs(np.log(spread)).mean() + np.abs(shift).mean())
    ranked = sorted(errors, key=lambda name: errors[name])
    if not errors[ranked[0]] < FITTING:
        return None
    return _mode(
        ranked[0],
        f"photos then have the statistics that {norm.path} remembers from training: off by {errors[ranked[0]]:.2f} "
        f"deviations, {errors[ranked[1]]:.2f} with the next best, {MODES[ranked[1]].words}",
    )


def _by_known_photos(wiring: Wiring, feed: Feed, fed: Mapping[str, Array]) -> Preprocessing | None:
    """With ImageNet's 1,000 classes: the scaling under which a cat is a cat."""
    if len(wiring.shapes) != 1 or wiring.shapes[0] != (catalog.CLASSES,):
        return None
    tf = runtime.tensorflow()
    chances = {}
    for name, pictures in fed.items():
        answer = np.asarray(tf.cast(feed.run(tf.constant(pictures))[0], tf.float32), np.float64)
        if not np.allclose(answer.sum(1), 1, atol=1e-2):
            answer = np.exp(answer - answer.max(1, keepdims=True))
            answer /= answer.sum(1, keepdims=True)
        right = [answer[place, list(classes)].sum() for place, classes in enumerate(KNOWN_PHOTOS.values())]
        chances[name] = float(np.mean(right))
    best = max(chances, key=lambda name: chances[name])
    if chances[best] < SURE:
        return None
    return _mode(best, f"it then knows a cat, a coffee and a rocket, with {chances[best] * 100:.0f} % on average")


def _by_biases(wiring: Wiring, feed: Feed, fed: Mapping[str, Array]) -> Preprocessing | None:
    """Pixels of 0..1 that the first layer's biases drown were not what it was trained on; then they are 0..255."""
    first = next((call for call in wiring.calls if hasattr(call.operation, "kernel_size")), None)
    bias = getattr(first.operation, "bias", None) if first is not None else None
    if first is None or bias is None or not np.abs(bias.numpy()).max() > 0:
        return None
    ratios = {}
    for name in ("none", "rescale", "symmetric"):
        maps = _output(wiring, feed, first, fed[name], before=True)
        if maps is None:
            return None
        ratios[name] = float(np.median(maps.std((0, 1, 2)) / (np.abs(bias.numpy()) + 1e-9)))
    if max(ratios["rescale"], ratios["symmetric"]) >= 1 or ratios["none"] < 1:
        return None
    return _mode(
        "none", f"weak evidence: the biases of {first.path} are larger than its answers to pixels in 0..1; "
        "overrule it with --preprocess"
    )  # fmt: skip


def _output(wiring: Wiring, feed: Feed, call: Call, pictures: Array, *, before: bool = False) -> Array | None:
    """What a layer gives (before its activation, if asked and it has one); None where it is not reached."""
    tf = runtime.tensorflow()
    pre = [call] if before and has_preactivation(call.operation) else []
    outs = [] if pre else [call]
    with probing(outs, pre=pre, stop=True, operations=wiring.operations) as taps, suppress(Reached):
        feed.run(tf.constant(pictures))
    value = {**taps.outputs, **taps.pre}.get(call.path)
    if value is None or value.shape.rank != 4:
        return None
    maps = np.asarray(tf.cast(value, tf.float32), np.float64)
    return maps.transpose(0, 2, 3, 1) if call.channels_first else maps
