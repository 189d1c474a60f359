"""A Keras model -> its card: layers, inputs, what it answers, how pictures become its input."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convreport.core.base.errors import ModelError
from convreport.core.base.files import digest
from convreport.core.network import labels
from convreport.core.network.card import Label, LayerInfo, ModelCard
from convreport.core.pictures import samples
from convreport.core.pictures.fitting import FREE_SIDE
from convreport.demo.scenes import CLASSES as DEMO_CLASSES
from convreport.engines.keras import runtime
from convreport.engines.keras.understanding import evidence, fingerprint, heads
from convreport.engines.keras.understanding.reach import reaching
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.fields import field_of, union
from convreport.engines.keras.wiring.graph import Call, Wiring, is_block
from convreport.engines.keras.wiring.wire import wire
from convreport.engines.request import Request

FIRST_TOKENS = 5  # in front of those of the picture: of the class, of distillation, registers
OTHER_CONVOLUTIONS = {"Conv1D": "one-dimensional", "Conv3D": "three-dimensional"}


@dataclass(frozen=True)
class Understood:
    """A model as convreport understands it: its card, its wiring, how it is called, which output is explained."""

    card: ModelCard
    wiring: Wiring
    feed: Feed
    output: int


def describe(model: Any, name: str, request: Request, origin: str, repairs: Sequence[str] = ()) -> Understood:
    """All that is to be known of a Keras model; ModelError for one that convreport cannot show."""
    feed = Feed(model, dict(request.inputs))
    wiring = wire(model, feed)
    found = _layers(wiring, feed)
    _must_convolve(name, found)
    trial = _trial(feed, name)
    output = heads.choose(wiring, request.output, trial)
    card = ModelCard(
        name=name,
        slug=samples.slug(name).lower(),
        source=request.shown,
        origin=origin,
        digest=digest([layer.digest for layer in found], output.name),
        layers=found,
        input=feed.input,
        preprocessing=evidence.preprocessing(model, wiring, feed, found, request),
        head=output.head,
        classes=output.classes,
        labels=_labels(request, output.classes, output.head, name),
        params=int(model.count_params()),
        trainable=sum(_size(weight) for weight in model.trainable_weights),
        repairs=tuple(repairs),
        wiring=wiring.kind,
        layout=feed.layout,
        input_name=feed.slots[feed.place].name,
        given=feed.given,
        outputs=wiring.names,
        output=output.name,
        end=output.end,
        dense=output.dense,
        score=output.score,
        alerts=_alerts(model),
    )
    card = dataclasses.replace(card, cam=reaching(card, wiring, feed, output.place))
    return Understood(card, wiring, feed, output.place)


def _layers(wiring: Wiring, feed: Feed) -> tuple[LayerInfo, ...]:
    """What is to be known of every layer, with receptive fields and digests."""
    done: dict[str, LayerInfo] = {}
    picture = wiring.calls[0].path if wiring.kind == "subclassed" else feed.slots[feed.place].name.replace("/", "_")
    owners: dict[int, str] = {}
    for call in wiring.calls:
        sources = [done[path] for path in call.inputs if path in done]
        seeing = [source for source in sources if source.reads_picture]
        operation = call.operation
        weights = list(getattr(operation, "weights", []))
        entry = call.path == picture
        maps = [source.map for source in seeing if source.spatial]
        field = None
        if len(seeing) == 1 and call.shape == (*seeing[0].shape, 1):
            field = seeing[0].receptive_field  # a plane gets its channel axis
        elif is_block(operation) and seeing and not call.mixed:
            seen = [one.receptive_field for one in seeing if one.receptive_field is not None]
            field = union(seen) if len(seen) == len(seeing) else None  # what its output is made from, cell by cell
        elif entry or (seeing and not call.mixed):
            field = field_of(operation, [one.receptive_field for one in seeing], maps[0] if maps else (None, None))
        below = [source.digest for source in sources]
        if call.owner is not None:
            below.append(owners.setdefault(id(call.owner), fingerprint.of_code(call.owner, feed)))
        given = feed.digest_of(str(operation.name)) if not call.inputs else b""
        done[call.path] = LayerInfo(
            path=call.path,
            kind=type(operation).__name__,
            shape=call.shape,
            params=sum(_size(weight) for weight in weights),
            trainable=sum(_size(weight) for weight in getattr(operation, "trainable_weights", [])),
            activation=_activation(operation),
            inputs=call.inputs,
            kernel=_kernel_shape(operation),
            receptive_field=field,
            digest=fingerprint.of_layer(operation, weights, below, given),
            grid=_grid(call, seeing, done.values()),
            regrouped=call.regrouped,
            reads_picture=entry or bool(seeing) or (not call.inputs and call.owner is not None),
        )
    return tuple(done.values())


def _grid(call: Call, sources: Sequence[LayerInfo], before: Iterable[LayerInfo]) -> tuple[int, int] | None:
    """(height, width) of tokens (tokens, channels) cut from a picture, perhaps behind a few others; None if they are not.

    The grid is that of the map they were cut from, or of as many tokens before; else they must make a square, but inside
    Python code that is not guessed: a row of tokens may be one of many windows there.
    """
    if len(call.shape) != 2 or call.shape[0] is None or call.shape[0] < 4 or call.regrouped:
        return None
    tokens = call.shape[0]
    for source in sources:
        if source.spatial and None not in source.map:
            height, width = source.map
            if height and width and 0 <= tokens - height * width <= FIRST_TOKENS:
                return height, width
    for other in before:
        if other.grid is not None and other.shape[0] == tokens:
            return other.grid
    for count in (tokens, tokens - 1) if call.owner is None else ():
        side = int(np.sqrt(count))
        if side * side == count and side > 1:
            return side, side
    return None


def _must_convolve(name: str, found: Sequence[LayerInfo]) -> None:
    if any(layer.kernel is not None and layer.spatial for layer in found):
        return
    for layer in found:
        for kind, words in OTHER_CONVOLUTIONS.items():
            if layer.kind.startswith(kind):
                raise ModelError(
                    f"The convolutions of {name} are {words} ({layer.path}); convreport shows two-dimensional ones.",
                    "There is nothing here that could be shown as a picture.",
                )
    raise ModelError(
        f"{name} has no two-dimensional convolution, so there is nothing convreport could show.",
        "convreport draws networks that look at pictures with convolutions.",
    )


def _trial(feed: Feed, name: str) -> list[Any]:
    """The model's outputs for two pictures of noise."""
    tf = runtime.tensorflow()
    height, width, channels = feed.input
    draw = np.random.default_rng(0).uniform(0, 1, (2, height or FREE_SIDE, width or FREE_SIDE, channels))
    try:
        return [np.asarray(tf.cast(one, tf.float32)) for one in feed.run(tf.constant(draw, tf.float32))]
    except Exception as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"{name} cannot be run on a picture of {draw.shape[1]} x {draw.shape[2]} x {channels} ({line}).",
            "Other inputs are zeros unless given with --input NAME=VALUE.",
        ) from error


def _labels(request: Request, classes: int, head: str, name: str) -> tuple[Label, ...]:
    if request.labels:
        return labels.fitting(request.labels, classes, head, name)
    if request.source == "demo" and not request.live:
        return tuple(Label(one) for one in DEMO_CLASSES)
    return labels.imagenet() if classes == len(labels.imagenet()) else ()


def _alerts(model: Any) -> tuple[str, ...]:
    """Weights that are no numbers, layer by layer."""
    found = []
    for weight in model.weights:
        values = np.asarray(weight.numpy(), np.float32) if "float" in str(weight.dtype) else np.zeros(0, np.float32)
        bad = values.size - int(np.isfinite(values).sum())
        if bad:
            kind = "NaN" if np.isnan(values).any() else "infinite"
            found.append(f"{bad:,} of {values.size:,} weights in {weight.path} are {kind}")
    return tuple(found)


def _size(weight: Any) -> int:
    return int(np.prod([int(side) for side in weight.shape], dtype=np.int64))


def _activation(operation: Any) -> str | None:
    kind = type(operation).__name__
    if kind in ("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Relu", "Relu6", "Sigmoid"):
        return "relu6" if kind == "ReLU" and operation.max_value == 6 else kind.lower()
    function = getattr(getattr(operation, "activation", None), "__name__", None)
    return None if function in (None, "linear") else str(function)


def _kernel_shape(operation: Any) -> tuple[int, ...] | None:
    kernel = getattr(operation, "kernel", getattr(operation, "depthwise_kernel", None))
    shape = getattr(kernel, "shape", None)
    return None if shape is None else tuple(int(side) for side in shape)
