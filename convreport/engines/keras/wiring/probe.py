"""Any layer's output inside any model, without a second model.

For the length of one call of the model, the methods of the probed layers are wrapped to note what passes, and put back
whatever happens. This works under tf.function, for nested and shared layers, and where Keras's own route
(`Model(inputs, layer.output)`) is disconnected or belongs to another graph. The model is never changed for good.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from convreport.engines.keras.wiring import depthwise
from convreport.engines.keras.wiring.graph import Call

# Layers, and operations of keras.ops, that are nothing but an activation.
ACTIVATION_LAYERS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Sigmoid", "Relu", "Relu6")

GRAPH_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


class Reached(BaseException):
    """Stops a trace at its last probed layer, so that nothing above it is built.

    A BaseException because Keras catches and rewraps every Exception.
    """


class Taps:
    """What passed the probed layers: `inputs`, `outputs` and `pre` (before the layer's activation) by path."""

    def __init__(self) -> None:
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.pre: dict[str, Any] = {}


@contextmanager
def probing(
    calls: Iterable[Call],
    *,
    pre: Iterable[Call] = (),
    inputs: Iterable[Call] = (),
    watch: Callable[[Any], None] | None = None,
    stop: bool = False,
    operations: Iterable[Any] = (),
) -> Iterator[Taps]:
    """Note the outputs of `calls`, the pre-activations of `pre` and what goes into `inputs`, of every call of the model
    inside the block.

    `watch` is shown every noted tensor before the model goes on with it (a gradient tape watches it so). With `stop`,
    Reached is raised as soon as everything asked for has passed. `operations`, all that the model holds, are unhindered.
    """
    taps = Taps()
    wanted = list(calls)
    wanted_pre = list(pre)
    wanted_inputs = list(inputs)
    books = ((taps.outputs, wanted), (taps.pre, wanted_pre), (taps.inputs, wanted_inputs))

    def note(book: dict[str, Any], path: str, value: Any) -> Any:
        book[path] = value
        if watch is not None:
            watch(value)
        if stop and all(len(noted) == len(asked) for noted, asked in books):
            raise Reached
        return value

    with ExitStack() as undo:
        for operation, turns in _by_operation(wanted):
            undo.enter_context(_noting_outputs(operation, turns, lambda p, v: note(taps.outputs, p, v)))
        for operation, turns in _by_operation(wanted_pre):
            undo.enter_context(_noting_preactivations(operation, turns, lambda p, v: note(taps.pre, p, v)))
        for operation, turns in _by_operation(wanted_inputs):
            undo.enter_context(_noting_inputs(operation, turns, lambda p, v: note(taps.inputs, p, v)))
        undo.enter_context(unhindered(operations))
        yield taps


@contextmanager
def unhindered(operations: Iterable[Any]) -> Iterator[None]:
    """Set aside what would hinder a call: inner models refuse other input sizes, names that TensorFlow cannot write into
    a graph (`a <b>`) stop a trace, and convolutions with a group a channel are slow as such.
    """
    with ExitStack() as undo:
        for operation in operations:
            if hasattr(operation, "layers"):
                undo.enter_context(replaced(operation, "_assert_input_compatibility", lambda *a, **k: None))
            if hasattr(operation, "_open_name_scope") and not GRAPH_NAME.fullmatch(operation.name):
                undo.enter_context(replaced(operation, "_open_name_scope", nullcontext))
            if faster := depthwise.replacement(operation):
                undo.enter_context(replaced(operation, "convolution_op", faster))
        yield


def first_of(output: Any) -> Any:
    """What a layer returns; the first of several things, which by custom is its map and not what goes with it."""
    return output[0] if isinstance(output, tuple | list) and output else output


def has_preactivation(operation: Any) -> bool:
    """Does this layer apply an activation whose input can be noted?"""
    if not type(operation).__module__.startswith("keras."):
        return False  # what a layer of somebody's own does with its activation is not known
    activation = getattr(operation, "activation", None)
    applies = callable(activation) and getattr(activation, "__name__", "") != "linear"
    return applies or type(operation).__name__ in ACTIVATION_LAYERS


def _by_operation(calls: Iterable[Call]) -> list[tuple[Any, dict[int, str]]]:
    """(operation, {which of its calls: path}): a shared layer is wrapped once and counts its calls."""
    grouped: dict[int, tuple[Any, dict[int, str]]] = {}
    for call in calls:
        grouped.setdefault(id(call.operation), (call.operation, {}))[1][call.turn] = call.path
    return list(grouped.values())


@contextmanager
def _noting_outputs(operation: Any, turns: Mapping[int, str], note: Callable[[str, Any], Any]) -> Iterator[None]:
    original = operation.call
    count = itertools.count()

    def call(*args: Any, **kwargs: Any) -> Any:
        turn = next(count)
        output = original(*args, **kwargs)
        if turn in turns:
            note(turns[turn], first_of(output))
        return output

    with replaced(operation, "call", call):
        yield


@contextmanager
def _noting_inputs(operation: Any, turns: Mapping[int, str], note: Callable[[str, Any], Any]) -> Iterator[None]:
    original = operation.call
    count = itertools.count()

    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        turn = next(count)
        return original(note(turns[turn], inputs) if turn in turns else inputs, *args, **kwargs)

    with replaced(operation, "call", call):
        yield


@contextmanager
def _noting_preactivations(operation: Any, turns: Mapping[int, str], note: Callable[[str, Any], Any]) -> Iterator[None]:
    count = itertools.count()
    name = "call" if type(operation).__name__ in ACTIVATION_LAYERS else "activation"
    original = getattr(operation, name)

    def apply(x: Any, *args: Any, **kwargs: Any) -> Any:
        turn = next(count)
        return original(note(turns[turn], x) if turn in turns else x, *args, **kwargs)

    with replaced(operation, name, apply):
        yield


@contextmanager
def replaced(thing: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute past Keras's tracking, and restore the instance exactly."""
    own = vars(thing)
    had, before = name in own, own.get(name)
    object.__setattr__(thing, name, value)
    try:
        yield
    finally:
        if had:
            object.__setattr__(thing, name, before)
        else:
            object.__delattr__(thing, name)
