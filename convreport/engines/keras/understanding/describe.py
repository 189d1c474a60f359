"""A Keras model -> its card: layers, inputs, what it answers, how pictures become its input."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convreport.core.base.files import digest
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.pictures import samples
from convreport.engines.keras import runtime
from convreport.engines.keras.understanding import evidence, fingerprint, heads
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.fields import field_of
from convreport.engines.keras.wiring.graph import Wiring, is_block
from convreport.engines.keras.wiring.wire import wire
from convreport.engines.request import Request
from convreport.engines.shared import describing, reach
from convreport.engines.shared.fields import union
from convreport.engines.shared.tokens import grid_of
from convreport.engines.shared.understood import Opener, Understood


def describe(
    model: Any, name: str, request: Request, origin: str, repairs: Sequence[str], forward: Opener
) -> Understood[Wiring, Feed]:
    """All that is to be known of a Keras model; ModelError for one that convreport cannot show."""
    feed = Feed(model, dict(request.inputs))
    wiring = wire(model, feed)
    found = _layers(wiring, feed)
    describing.must_convolve(name, found)
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
        labels=describing.labels_of(request, output.classes, output.head, name),
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
        alerts=describing.alerts(_floats(model)),
    )
    card = dataclasses.replace(card, cam=_cam(card, wiring, feed, output.place, forward))
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
            grid=None if call.regrouped else grid_of(call.shape, seeing, done.values(), guessed=call.owner is None),
            regrouped=call.regrouped,
            reads_picture=entry or bool(seeing) or (not call.inputs and call.owner is not None),
        )
    return tuple(done.values())


def _trial(feed: Feed, name: str) -> list[Any]:
    """The model's outputs for two pictures of noise."""
    tf = runtime.tensorflow()
    pictures = describing.noise(feed.input)
    try:
        return [np.asarray(tf.cast(one, tf.float32)) for one in feed.run(tf.constant(pictures))]
    except Exception as error:
        raise describing.not_run(name, pictures, error) from error


def _floats(model: Any) -> Iterator[tuple[str, Any]]:
    """The weights that are floats, by their paths."""
    for weight in model.weights:
        if "float" in str(weight.dtype):
            yield weight.path, np.asarray(weight.numpy(), np.float32)


def _cam(card: ModelCard, wiring: Wiring, feed: Feed, output: int, forward: Opener) -> str:
    """The last map that a gradient of the scores reaches; "" where the wiring tells it anyway."""
    maps = reach.candidates(card)
    calls = {call.path: call for call in wiring.calls}
    if not maps or (maps[-1].grid is None and wiring.kind != "subclassed" and not calls[maps[-1].path].mixed):
        return ""
    return reach.reaching(forward(card, wiring, feed, output), maps)


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
