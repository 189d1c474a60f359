"""A PyTorch model -> its card: layers, inputs, what it answers, how pictures become its input."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from convreport.core.base.errors import ModelError, UsageError
from convreport.core.base.files import digest
from convreport.core.base.provenance import source_of
from convreport.core.network.card import Label, LayerInfo, ModelCard
from convreport.core.network.preprocessing import Preprocessing
from convreport.core.pictures import samples
from convreport.engines.request import Request
from convreport.engines.shared import describing, evidence, heads, reach
from convreport.engines.shared.fields import seen_by
from convreport.engines.shared.tokens import grid_of
from convreport.engines.shared.understood import Opener, Understood
from convreport.engines.torch.reading.sources import SIDES, Found
from convreport.engines.torch.running import kernels
from convreport.engines.torch.understanding.evidence import TorchWitness
from convreport.engines.torch.wiring import kinds, symbolic, watch
from convreport.engines.torch.wiring.feed import Feed
from convreport.engines.torch.wiring.fields import field_of
from convreport.engines.torch.wiring.trace import Call, Wiring, trace

# What only passes on, or reshapes: the activation that makes the output may stand before it.
PASSING = ("Flatten", "Dropout", "Identity")
SCORING = ("Dense", "Conv2D", "Conv2DTranspose", "Flatten")
ENLARGING = ("Conv2DTranspose", "UpSampling2D")


def describe(found: Found, name: str, request: Request, forward: Opener) -> Understood[Wiring, Feed]:
    """All that is to be known of a PyTorch model; ModelError for one that convreport cannot show."""
    feed = Feed(found.module, dict(request.inputs), name)
    wiring, origin = _sized(found, feed, request)
    infos = _layers(wiring)
    describing.must_convolve(name, infos)
    output = _output(wiring, request.output, found, len(request.labels))
    parameters = list(found.module.parameters())
    card = ModelCard(
        name=name,
        slug=samples.slug(name).lower(),
        source=request.shown,
        origin=origin,
        digest=digest([layer.digest for layer in infos], output.name),
        layers=infos,
        input=feed.input,
        preprocessing=_preprocessing(found, wiring, feed, request),
        head=output.head,
        classes=output.classes,
        labels=_labels(found, request, output, name),
        params=sum(one.numel() for one in parameters),
        trainable=sum(one.numel() for one in parameters if one.requires_grad),
        repairs=found.repairs,
        engine="torch",
        wiring="symbolic" if symbolic.confirmed(feed, wiring) else "traced",
        layout="channels_first",
        input_name=feed.input_name,
        given=feed.given,
        outputs=wiring.names,
        output=output.name,
        end=output.end,
        dense=output.dense,
        score=output.score,
        alerts=describing.alerts(_floats(found.module)),
    )
    maps = reach.candidates(card, _on_the_way)
    if maps:
        card = dataclasses.replace(card, cam=reach.reaching(forward(card, wiring, feed, output.place), maps))
    return Understood(card, wiring, feed, output.place)


def _sized(found: Found, feed: Feed, request: Request) -> tuple[Wiring, str]:
    """The wiring at the input's shape: said, known, or the first usual one that the model takes; and where it came from."""
    shape = request.input_shape or found.shape
    channels = next((m.in_channels for m in found.module.modules() if hasattr(m, "in_channels")), 3)
    sizes = [(shape[1], shape[2], shape[0])] if shape else [(side, side, int(channels)) for side in SIDES]
    first: Exception | None = None
    for feed.input in sizes:
        try:
            wiring = _traced(feed)
        except (ModelError, UsageError):
            raise
        except Exception as error:
            first = first or error
            continue
        if shape:
            return wiring, found.origin
        return (
            wiring,
            f"{found.origin}; assumed to read {feed.input[0]} x {feed.input[1]} pixels, as nothing says otherwise",
        )
    assert first is not None
    _must_be_flat(found.module, feed.name)
    feed.input = sizes[0]
    failed = describing.not_run(feed.name, describing.noise(feed.input), first)
    raise ModelError(failed.message, "Give its input: --input-shape CHANNELS,HEIGHT,WIDTH.") from first


def _traced(feed: Feed) -> Wiring:
    """The wiring. Maps that lie channels last in memory are quicker, and break models that reshape them with `view`."""
    pictures = describing.noise(feed.input)
    try:
        return trace(feed, pictures)
    except RuntimeError as error:
        if feed.contiguous or "view size is not compatible" not in str(error):
            raise
    feed.contiguous = True
    return trace(feed, pictures)


def _must_be_flat(module: Any, name: str) -> None:
    """ModelError for a network of videos or sounds, where it could not be run on a picture."""
    kinds_ = [(path, kinds.kind_of(one)) for path, one in module.named_modules()]
    if not any("Conv2D" in kind for _, kind in kinds_):
        for path, kind in kinds_:
            describing.refuse_convolution(name, path.replace(".", "/"), kind)


def _layers(wiring: Wiring) -> tuple[LayerInfo, ...]:
    """What is to be known of every layer, with receptive fields and digests."""
    done: dict[str, LayerInfo] = {}
    for call in wiring.calls:
        sources = [done[path] for path in call.inputs if path in done]
        below = [source.receptive_field for source in sources]
        block = call.module and not watch.is_leaf(call.thing)
        field = (None if call.moved else seen_by(below)) if block else field_of(call, below)
        weight = kernels.pictured(call)
        grid = None if call.regrouped else grid_of(call.shape, sources, done.values(), guessed=False)
        parameters = list(call.thing.parameters(recurse=not block)) if call.module else []
        done[call.path] = LayerInfo(
            path=call.path,
            kind=call.kind,
            shape=call.shape,
            params=sum(one.numel() for one in parameters),
            trainable=sum(one.numel() for one in parameters if one.requires_grad),
            activation=kinds.activation_of(call.kind, call.thing, call.name),
            inputs=call.inputs,
            kernel=_kernel_shape(call, weight),
            receptive_field=field,
            digest=_digest(call, [source.digest for source in sources]),
            grid=grid,
            regrouped=call.regrouped,
            reads_picture=call.kind == "InputLayer" or any(source.reads_picture for source in sources),
        )
    return tuple(done.values())


def _kernel_shape(call: Call, weight: np.ndarray | None) -> tuple[int, ...] | None:
    if weight is None:
        return None
    if call.kind == "DepthwiseConv2D":  # (height, width, channels, units a channel), as everywhere in convreport
        groups = int(call.thing.groups)
        return (*weight.shape[:2], groups, weight.shape[3] // groups)
    return tuple(int(side) for side in weight.shape)


def _digest(call: Call, below: Sequence[str]) -> str:
    """Of a layer's kind, settings and weights, what happens on the way to it, and everything it reads."""
    said = call.thing.extra_repr() if call.module else call.name
    state = blake2b(repr([call.kind, said, call.trail, *below]).encode(), digest_size=16)
    if call.module:
        if call.own:
            state.update(source_of(type(call.thing)).encode())
        for one in watch.own_tensors(call.thing):
            state.update(one.detach().float().cpu().contiguous().numpy().tobytes())
    return state.hexdigest()


def _output(wiring: Wiring, wanted: str | None, found: Found, labelled: int) -> heads.Output:
    """The explained output. A vector of as many numbers as there are names of classes is of classes, whatever makes it."""
    calls = {call.path: call for call in wiring.calls}
    enlarging = any(call.kind in ENLARGING for call in wiring.calls)
    classes = {found.classes, len(found.labels), labelled} - {0}
    outputs = []
    for place, (name, path, shape) in enumerate(zip(wiring.names, wiring.outputs, wiring.shapes, strict=True)):
        end = path
        while end in calls and calls[end].kind in PASSING and len(calls[end].inputs) == 1 and not calls[end].mixed:
            end = calls[end].inputs[0]
        end = end if end in calls else ""
        kind = calls[end].kind if end else ""
        scoring = (kind in SCORING and (len(shape) == 1 or enlarging)) or (
            len(shape) == 3 and enlarging and kind in ENLARGING
        )
        named = len(shape) == 1 and shape[0] in classes
        scoring = scoring or named or (kind == "GlobalAveragePooling2D" and _is_of_classes(calls, calls[end].inputs))
        activation = kinds.ACTIVATIONS.get(kind, None if not end or calls[end].own else "linear")
        opaque = not end or calls[end].own
        ending = heads.Ending(end, activation, opaque, scoring, enlarging)
        outputs.append(heads.read(place, name, path, shape, wiring.trial[place], ending))
    return heads.choose(outputs, wanted)


def _is_of_classes(calls: Mapping[str, Call], paths: Sequence[str]) -> bool:
    """Does a convolution of one cell, with a bias and no normalization, make what is averaged: a map for each class?"""
    while len(paths) == 1 and paths[0] in calls and calls[paths[0]].kind in ("ReLU", "Dropout"):
        paths = calls[paths[0]].inputs
    call = calls.get(paths[0]) if len(paths) == 1 else None
    single = call is not None and call.kind == "Conv2D" and tuple(call.thing.weight.shape[2:]) == (1, 1)
    return single and call is not None and call.thing.bias is not None


def _on_the_way(layer: LayerInfo) -> bool:
    """Inside a block of a transformer: what is asked of tokens and told of them, and not yet part of them."""
    return layer.grid is not None and layer.kind in ("Dense", "MultiHeadAttention", "Dropout", "Identity")


def _labels(found: Found, request: Request, output: heads.Output, name: str) -> tuple[Label, ...]:
    if not request.labels and found.labels and len(found.labels) == output.classes:
        return tuple(Label(one) for one in found.labels)
    return describing.labels_of(request, output.classes, output.head, name)


def _preprocessing(found: Found, wiring: Wiring, feed: Feed, request: Request) -> Preprocessing:
    """Said by the user, by who published the weights, or decided by evidence."""
    if request.preprocess != "auto":
        return evidence.said(request, feed.input[2])
    if found.mean and found.deviation and len(found.mean) == feed.input[2]:
        scale = tuple(1 / 255 / one for one in found.deviation)
        shift = tuple(-mean / one for mean, one in zip(found.mean, found.deviation, strict=True))
        return Preprocessing("own", scale, shift, why=found.told, function="x / 255, minus mean, over deviation")
    return evidence.decided(TorchWitness(wiring, feed))


def _floats(module: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The weights that are floats, by their names."""
    for name, one in (*module.named_parameters(), *module.named_buffers()):
        if one.is_floating_point():
            yield name, one.detach().float().cpu().numpy()
