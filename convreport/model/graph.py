"""A Keras model's wiring as one flat list of calls in the order they run, nested models opened up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from convreport.core.errors import ModelError
from convreport.core.types import LayerInfo
from convreport.model.fields import field_of


@dataclass(frozen=True)
class Call:
    """One call of one operation: `inputs` are the paths of the calls it reads, `turn` counts the calls of the same layer."""

    path: str
    operation: Any
    turn: int
    inputs: tuple[str, ...]
    shape: tuple[int | None, ...]


def calls(model: Any) -> tuple[list[Call], list[str]]:
    """Every call inside a functional or Sequential model, and the paths that make its outputs."""
    found: list[Call] = []
    outputs = _walk(_functional(model), "", None, found, {}, {})
    return found, outputs


def operations(model: Any) -> list[Any]:
    """Every operation inside a model, nested models themselves included, each once."""
    graph = _functional(model)
    found = {id(node.operation): node.operation for nodes in graph._nodes_by_depth.values() for node in nodes}
    inner = [one for one in found.values() if hasattr(one, "layers")]
    return [*found.values(), *(one for nested in inner for one in operations(nested))]


def layers(model: Any) -> tuple[LayerInfo, ...]:
    """What is to be known of every layer, with receptive fields and digests."""
    found, _ = calls(model)
    done: dict[str, LayerInfo] = {}
    for call in found:
        sources = [done[path] for path in call.inputs if path in done]
        operation = call.operation
        weights = list(getattr(operation, "weights", []))
        done[call.path] = LayerInfo(
            path=call.path,
            kind=type(operation).__name__,
            shape=call.shape,
            params=sum(_size(weight) for weight in weights),
            trainable=sum(_size(weight) for weight in getattr(operation, "trainable_weights", [])),
            activation=_activation(operation),
            inputs=call.inputs,
            kernel=_kernel_shape(operation),
            receptive_field=field_of(operation, [source.receptive_field for source in sources], _sizes(sources)),
            digest=_digest(operation, weights, [source.digest for source in sources]),
        )
    return tuple(done.values())


def _functional(model: Any) -> Any:
    """The graph of a functional or built Sequential model; ModelError for one whose wiring is Python code."""
    graph = getattr(model, "_functional", None) if type(model).__name__ == "Sequential" else model
    if graph is None:
        raise ModelError(
            f"The Sequential model '{model.name}' has no input shape, so its layers have no outputs yet.",
            "Call it once on a picture, or give it a keras.Input, and save it again.",
        )
    if not hasattr(graph, "_nodes_by_depth"):
        raise ModelError(
            f"The model '{model.name}' is a subclass whose wiring is Python code; convreport needs a functional or "
            "Sequential model.",
            "Rebuild it with keras.Input and keras.Model(inputs, outputs), and load the weights into that.",
        )
    return graph


def _walk(
    graph: Any,
    prefix: str,
    fed: list[str] | None,
    found: list[Call],
    paths: dict[int, str],
    turns: dict[int, int],
) -> list[str]:
    """Append the calls of `graph` to `found`; returns the paths of its outputs. `fed`: what a nested model reads."""
    local = dict(paths)
    for position, tensor in enumerate(graph.inputs):
        if fed is None:
            operation = tensor._keras_history.operation
            found.append(Call(prefix + _name(operation), operation, 0, (), _shape(tensor)))
            local[id(tensor)] = found[-1].path
        else:
            local[id(tensor)] = fed[min(position, len(fed) - 1)]
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            operation = node.operation
            if node.is_input or operation is None:
                continue
            sources = [local[id(tensor)] for tensor in node.arguments.keras_tensors if id(tensor) in local]
            if hasattr(operation, "_nodes_by_depth") or getattr(operation, "_functional", None) is not None:
                made = _walk(_functional(operation), f"{prefix}{_name(operation)}/", sources, found, local, turns)
            else:
                turn = turns.get(id(operation), 0)
                turns[id(operation)] = turn + 1
                path = prefix + _name(operation) + (f"@{turn + 1}" if turn else "")
                found.append(Call(path, operation, turn, tuple(dict.fromkeys(sources)), _shape(node.outputs[0])))
                made = [path] * len(node.outputs)
            for tensor, path in zip(node.outputs, made, strict=False):
                local[id(tensor)] = path
    return [local[id(tensor)] for tensor in graph.outputs]


def _name(operation: Any) -> str:
    # A slash inside a name (old SqueezeNets) must not read as nesting.
    return str(operation.name).replace("/", "_")


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(None if side is None else int(side) for side in tensor.shape[1:])


def _sizes(sources: list[LayerInfo]) -> tuple[int | None, int | None]:
    """Height and width of the first spatial source, where they are known."""
    for source in sources:
        if source.spatial:
            return source.shape[0], source.shape[1]
    return None, None


def _size(weight: Any) -> int:
    size = 1
    for side in weight.shape:
        size *= int(side)
    return size


def _activation(operation: Any) -> str | None:
    if type(operation).__name__ in ("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"):
        name = type(operation).__name__.lower()
        return "relu6" if name == "relu" and operation.max_value == 6 else name
    activation = getattr(operation, "activation", None)
    function = getattr(activation, "__name__", None)
    return None if function in (None, "linear") else str(function)


def _kernel_shape(operation: Any) -> tuple[int, ...] | None:
    kernel = getattr(operation, "kernel", getattr(operation, "depthwise_kernel", None))
    return None if kernel is None else tuple(int(side) for side in kernel.shape)


def _digest(operation: Any, weights: list[Any], below: list[str]) -> str:
    """The digest of a layer's kind, configuration (its name left out), weights, and everything it reads."""
    config: Mapping[str, Any] = operation.get_config() if hasattr(operation, "get_config") else {}
    own = {key: value for key, value in config.items() if key not in ("name", "trainable")}
    state = blake2b(digest_size=16)
    state.update(json.dumps([type(operation).__name__, own, below], sort_keys=True, default=str).encode())
    for weight in weights:
        state.update(memoryview(weight.numpy()).cast("B") if _size(weight) else b"")
    return state.hexdigest()
