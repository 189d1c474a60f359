"""A Keras model's wiring as one flat list of calls in the order they run, nested models opened up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from convreport.core.base.errors import ModelError


@dataclass(frozen=True)
class Call:
    """One call of one operation.

    `inputs` are the paths of the calls it reads, `turn` counts the calls of the same layer, `shape` is without the batch
    axis and channels last; `channels_first` says how the output really lies in memory. `mixed`: something unknown
    happens between its inputs and it. `owner` is the outermost block of Python code it is in, whose wiring nobody knows
    from its configuration. `regrouped`: its first axis is no longer the pictures' (windows of them, say).
    """

    path: str
    operation: Any
    turn: int
    inputs: tuple[str, ...]
    shape: tuple[int | None, ...]
    channels_first: bool = False
    mixed: bool = False
    owner: Any = None
    regrouped: bool = False


# Traces a block of Python code: its calls, and (what its output is made from, is that mixed in an unknown way).
Inside = Callable[..., tuple[list[Call], tuple[tuple[str, ...], bool]]]


@dataclass(frozen=True)
class Wiring:
    """Every call of a model, and the path of the call that makes each of its outputs ("" where Python code does)."""

    kind: Literal["functional", "sequential", "subclassed"]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    names: tuple[str, ...]  # of the outputs
    shapes: tuple[tuple[int | None, ...], ...]  # of the outputs, without the batch axis, as they come
    operations: tuple[Any, ...] = field(repr=False)
    ops: tuple[str, ...] = ()  # the TensorFlow operation that makes each output of a subclassed model


def read(model: Any, inside: Inside) -> Wiring:
    """The wiring of a functional or Sequential model; `inside` traces the blocks of Python code in it."""
    graph = functional(model)
    found: list[Call] = []
    outputs = _walk(graph, "", None, found, {}, {}, inside)
    return Wiring(
        "sequential" if type(model).__name__ == "Sequential" else "functional",
        _with_layouts(found),
        tuple(outputs),
        _output_names(model, outputs),
        tuple(tuple(tensor.shape[1:]) for tensor in graph.outputs),
        tuple(operations(model)),
    )


def functional(model: Any) -> Any:
    """The graph of a functional or built Sequential model; None for one whose wiring is Python code."""
    if type(model).__name__ == "Sequential" or hasattr(model, "_functional"):
        graph = getattr(model, "_functional", None)
        if graph is None:
            raise ModelError(
                f"The Sequential model '{model.name}' has no input shape, so its layers have no outputs yet.",
                "Call it once on a picture, or give it a keras.Input, and save it again.",
            )
        return graph
    return model if hasattr(model, "_nodes_by_depth") else None


def operations(model: Any) -> list[Any]:
    """Every operation inside a model, nested ones and containers included, each once."""
    found: dict[int, Any] = {}

    def visit(one: Any) -> None:
        if id(one) in found:
            return
        found[id(one)] = one
        graph = one if hasattr(one, "_nodes_by_depth") else getattr(one, "_functional", None)
        inner = [node.operation for nodes in graph._nodes_by_depth.values() for node in nodes] if graph else []
        for child in (*inner, *getattr(one, "_layers", ())):
            visit(child)

    visit(model)
    return list(found.values())


def is_block(operation: Any) -> bool:
    """Is it wired in Python code of somebody's own, with layers inside?"""
    ours = type(operation).__module__.startswith(("keras.src.layers", "keras.layers"))
    return bool(getattr(operation, "_layers", None)) and not ours


def name_of(operation: Any) -> str:
    """The operation's name as part of a path: a slash inside (old SqueezeNets) must not read as nesting."""
    return str(operation.name).replace("/", "_")


def _walk(
    graph: Any,
    prefix: str,
    fed: list[str] | None,
    found: list[Call],
    paths: dict[int, str],
    turns: dict[int, int],
    inside: Inside,
) -> list[str]:
    """Append the calls of `graph` to `found`; returns the paths of its outputs. `fed`: what a nested model reads."""
    local = dict(paths)
    for position, tensor in enumerate(graph.inputs):
        if fed is None:
            operation = tensor._keras_history.operation
            found.append(Call(prefix + name_of(operation), operation, 0, (), _shape(tensor)))
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
                made = _walk(
                    functional(operation), f"{prefix}{name_of(operation)}/", sources, found, local, turns, inside
                )
            else:
                made = [_visit(node, sources, prefix, found, turns, inside)] * len(node.outputs)
            for tensor, path in zip(node.outputs, made, strict=False):
                local[id(tensor)] = path
    return [local[id(tensor)] for tensor in graph.outputs]


def _visit(
    node: Any,
    sources: list[str],
    prefix: str,
    found: list[Call],
    turns: dict[int, int],
    inside: Inside,
) -> str:
    """One node of a graph that is no model: a layer, an operation, or a block whose inside is traced."""
    operation = node.operation
    turn = turns.get(id(operation), 0)
    turns[id(operation)] = turn + 1
    path = prefix + name_of(operation) + (f"@{turn + 1}" if turn else "")
    reads, mixed = tuple(dict.fromkeys(sources)), False
    if is_block(operation):
        calls, (reads, mixed) = inside(operation, node, sources, path, turns)
        found += calls
    found.append(Call(path, operation, turn, reads, _shape(node.outputs[0]), mixed=mixed))
    return path


def _output_names(model: Any, paths: list[str]) -> tuple[str, ...]:
    """The outputs by the name a user knows them by: the key of a dictionary, else the layer."""
    structure = getattr(model, "_outputs_struct", None)
    if isinstance(structure, dict):
        return tuple(sorted(str(name) for name in structure))
    return tuple(path.rsplit("/", 1)[-1] if len(paths) > 1 else path for path in paths)


def _with_layouts(found: list[Call]) -> tuple[Call, ...]:
    """Shapes channels last: a convolution, pooling or such says how its maps lie, what follows it inherits that."""
    first: dict[str, bool] = {}
    done = []
    asked = {one.operation.name: one for one in found if getattr(one.operation, "data_format", "") == "channels_first"}
    for call in found:
        own = getattr(call.operation, "data_format", None)
        if type(call.operation).__name__ == "Permute":
            flag = tuple(call.operation.dims) == (3, 1, 2)
        elif call.inputs:
            flag = first[call.inputs[0]] if own is None else own == "channels_first"
        else:  # an input: as the first layer that has an opinion reads it
            flag = bool(asked) and len(call.shape) == 3 and (call.shape[0] or 0) <= 4 < (call.shape[2] or 5)
        flag = flag and len(call.shape) == 3
        first[call.path] = flag
        shape = (*call.shape[1:], call.shape[0]) if flag else call.shape
        done.append(replace(call, shape=shape, channels_first=flag))
    return tuple(done)


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(None if side is None else int(side) for side in tensor.shape[1:])
