"""The wiring of Python code: a model or block is called once in a graph, and its layers are watched meanwhile.

Which layer reads which is found by walking the graph of TensorFlow operations back from what a layer was given to what
other layers gave: through additions, concatenations and functions that no layer stands for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.core.pictures.fitting import FREE_SIDE
from convreport.engines.keras import runtime
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.graph import Call, Wiring, functional, is_block, name_of, operations
from convreport.engines.keras.wiring.probe import first_of, replaced, unhindered

INPUT = "input"
TRACED = 2  # pictures a trace is made with: what comes out in another number was cut into windows

# What a TensorFlow operation does cell by cell: receptive fields pass through it unchanged.
CELLWISE = {
    "Abs", "Add", "AddN", "AddV2", "BiasAdd", "Cast", "ConcatV2", "Elu", "Erf", "Exp", "FusedBatchNormV3", "Identity",
    "LeakyRelu", "Log", "Maximum", "Minimum", "Mul", "Neg", "Pow", "RealDiv", "Relu", "Relu6", "Rsqrt", "Selu", "Sigmoid",
    "Softmax", "Softplus", "Sqrt", "Square", "StopGradient", "Sub", "Tanh",
}  # fmt: skip


Reads = tuple[tuple[str, ...], bool]  # (what it reads, does anything unknown happen on the way)


class Seen:
    """One call of one layer as it was watched: what went in and what came out, as graph tensors."""

    def __init__(self, operation: Any, turn: int, given: Sequence[Any], made: Any) -> None:
        self.operation, self.turn, self.given, self.made = operation, turn, given, made


def trace_model(model: Any, feed: Feed) -> Wiring:
    """The wiring of a subclassed model; ModelError where it will not even run."""
    tf = runtime.tensorflow()
    height, width, channels = feed.input
    spec = tf.TensorSpec((TRACED, height or FREE_SIDE, width or FREE_SIDE, channels), tf.float32, name="picture")
    holder: dict[str, Any] = {}

    def run(pictures: Any) -> Any:
        holder["input"] = pictures
        holder["outputs"] = feed.run(pictures)
        return holder["outputs"]

    seen = _watched(model, operations(model), run, (spec,), holder)
    paths = _paths(model, "", seen)
    made = _makers({_key(holder["input"]): INPUT}, seen, paths)
    height_and_width = (height, width, channels)
    calls = [Call(INPUT, _Input(), 0, (), height_and_width, owner=model)]
    calls += [_call(one, path, made, model) for one, path in zip(seen, paths, strict=True)]
    outputs = holder["outputs"]
    ends = [made.get(_key(tensor), "") for tensor in outputs]
    names = tuple(f"output_{place}" if len(outputs) > 1 else "output" for place in range(len(outputs)))
    shapes = tuple(tuple(tensor.shape[1:]) for tensor in outputs)
    kinds = tuple("" if holder.get("eager") else _maker(tensor) for tensor in outputs)
    return Wiring("subclassed", tuple(calls), tuple(ends), names, shapes, tuple(operations(model)), kinds)


def inside_of(
    block: Any, node: Any, sources: Sequence[str], path: str, turns: dict[int, int]
) -> tuple[list[Call], Reads]:
    """The calls inside a block of a functional model (none where it will not be traced), and what its output is made from."""
    tf = runtime.tensorflow()
    given = list(node.arguments.keras_tensors)
    specs = tuple(tf.TensorSpec((TRACED, *tensor.shape[1:]), tensor.dtype) for tensor in given)
    holder: dict[str, Any] = {}

    def run(*tensors: Any) -> Any:
        holder["inputs"] = tensors
        args, kwargs = node.arguments.fill_in({id(k): t for k, t in zip(given, tensors, strict=True)})
        if getattr(block, "_call_has_training_arg", False):
            kwargs["training"] = False
        holder["outputs"] = [one for one in tf.nest.flatten(block(*args, **kwargs)) if tf.is_tensor(one)][:1]
        return holder["outputs"]

    inner = [one for one in operations(block) if one is not block]
    try:
        seen = _watched(block, inner, run, specs, holder)
    except ModelError:
        return [], (tuple(dict.fromkeys(sources)), True)
    before = {id(one.operation): turns.get(id(one.operation), 0) for one in seen}
    for one in seen:
        one.turn += before[id(one.operation)]
    for one in seen:
        turns[id(one.operation)] = max(turns.get(id(one.operation), 0), one.turn + 1)
    paths = _paths(block, f"{path}/", seen)
    entries = {_key(tensor): source for tensor, source in zip(holder["inputs"], sources, strict=False)}
    made = _makers(entries, seen, paths)
    calls = [_call(one, path, made, block) for one, path in zip(seen, paths, strict=True)]
    reads, mixed = _reads(holder["outputs"], made)
    return calls, (reads, mixed) if reads else (tuple(dict.fromkeys(sources)), True)


def _watched(
    owner: Any, inner: Sequence[Any], run: Callable[..., Any], specs: Sequence[Any], holder: dict[str, Any]
) -> list[Seen]:
    """Call `run` once in a graph with every layer inside watched, nested models' by their own layers; eagerly where it
    cannot be traced.
    """
    tf = runtime.tensorflow()
    seen: list[Seen] = []
    counts: dict[int, int] = {}

    def watching(layer: Any) -> Callable[..., Any]:
        original = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            turn = counts.get(id(layer), 0)
            counts[id(layer)] = turn + 1
            first = first_of(made)
            if tf.is_tensor(first) and first.shape.rank is not None:
                given = [one for one in tf.nest.flatten((args, kwargs)) if tf.is_tensor(one)]
                seen.append(Seen(layer, turn, given, first))
            return made

        return call

    opened = {layer for layer, _ in _folders(owner, "")}
    layers = [
        one for one in inner if id(one) in opened and callable(getattr(one, "call", None)) and _graph(one) is None
    ]
    with ExitStack() as undo:
        for layer in layers:
            undo.enter_context(replaced(layer, "call", watching(layer)))
        undo.enter_context(unhindered(inner))
        try:
            holder["graph"] = tf.function(run, autograph=True).get_concrete_function(*specs)
        except Exception as untraceable:
            seen.clear()
            counts.clear()
            zeros = [tf.zeros([1 if side is None else side for side in spec.shape], spec.dtype) for spec in specs]
            holder["eager"] = True
            try:
                run(*zeros)
            except Exception as error:
                raise ModelError(
                    f"'{owner.name}' cannot be run on a picture ({_first_line(error)}).",
                    "Check the shape of its input; it was called with zeros.",
                ) from untraceable
    return seen


def _graph(layer: Any) -> Any:
    return functional(layer) if hasattr(layer, "_nodes_by_depth") or hasattr(layer, "_functional") else None


def _paths(owner: Any, prefix: str, seen: Sequence[Seen]) -> list[str]:
    """A unique path for each call, by the names of the containers it lies in."""
    folders = dict(_folders(owner, prefix))
    taken: dict[str, int] = {}
    paths = []
    for one in seen:
        plain = folders.get(id(one.operation), prefix + name_of(one.operation))
        path = plain + (f"@{one.turn + 1}" if one.turn else "")
        taken[path] = taken.get(path, 0) + 1
        paths.append(path if taken[path] == 1 else f"{path}~{taken[path]}")
    return paths


def _folders(owner: Any, prefix: str) -> Iterator[tuple[int, str]]:
    """(layer, its path) of everything inside; Keras's own layers are not opened, blocks and nested models are."""
    for layer in getattr(owner, "_layers", ()):
        yield id(layer), prefix + name_of(layer)
        if is_block(layer) or _graph(layer) is not None:
            yield from _folders(layer, f"{prefix}{name_of(layer)}/")


def _makers(known: dict[Any, str], seen: Sequence[Seen], paths: Sequence[str]) -> dict[Any, str]:
    """Which path made a tensor: the first to hand it on, as a dropout at rest returns what it was given."""
    for one, path in zip(seen, paths, strict=True):
        known.setdefault(_key(one.made), path)
    return known


def _call(one: Seen, path: str, made: dict[Any, str], owner: Any) -> Call:
    # What a block reads is told by what its output is made from: the layers inside it, and what passed them by.
    others = {key: source for key, source in made.items() if source != path}
    sources, mixed = _reads([one.made] if is_block(one.operation) else one.given, others)
    shape = tuple(None if side is None else int(side) for side in one.made.shape[1:])
    first = getattr(one.operation, "data_format", "") == "channels_first" and len(shape) == 3
    shape = (*shape[1:], shape[0]) if first else shape
    regrouped = one.made.shape[0] not in (TRACED, None)
    return Call(path, one.operation, one.turn, sources, shape, first, mixed, owner, regrouped)


def _reads(tensors: Sequence[Any], made: dict[Any, str]) -> Reads:
    """The paths that tensors are made from, and whether anything unknown happens on the way."""
    found = [origin for tensor in tensors for origin in _origins(tensor, made)]
    paths = tuple(dict.fromkeys(path for path, _ in found))
    return paths, not paths or not all(plain for _, plain in found)


def _origins(tensor: Any, made: dict[Any, str]) -> Iterator[tuple[str, bool]]:
    """(path, nothing but cell-wise operations between) of every watched tensor that this one is made from."""
    waiting = [(tensor, True)]
    visited: set[Any] = set()
    while waiting:
        one, plain = waiting.pop()
        key = _key(one)
        if key in made:
            yield made[key], plain
        elif key not in visited and hasattr(one, "op") and not _is_eager(one):
            visited.add(key)
            plain = plain and one.op.type in CELLWISE
            waiting += [(source, plain) for source in one.op.inputs if source.dtype.name != "resource"]


def _key(tensor: Any) -> Any:
    return id(tensor) if _is_eager(tensor) else (id(tensor.graph), tensor.op.name, tensor.value_index)


def _is_eager(tensor: Any) -> bool:
    return hasattr(tensor, "_numpy") or not hasattr(tensor, "graph") or type(tensor).__name__ == "EagerTensor"


def _maker(tensor: Any) -> str:
    """The kind of operation that makes a tensor, identities passed over."""
    op = tensor.op
    while op.type in ("Identity", "Reshape", "Cast") and len(op.inputs):
        op = op.inputs[0].op
    return str(op.type)


class _Input:
    """Stands for the picture, where no InputLayer does."""

    name = INPUT

    def call(self, pictures: Any) -> Any:
        return pictures


_Input.__name__ = "InputLayer"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
