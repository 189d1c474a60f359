"""How a Keras model's outputs are made, and which of them is explained."""

from collections.abc import Sequence
from typing import Any

from convreport.engines.keras.wiring.graph import Call, Wiring
from convreport.engines.keras.wiring.probe import has_preactivation
from convreport.engines.shared.heads import Ending, Output, read
from convreport.engines.shared.heads import choose as choose_of

# What only reshapes or passes on: the activation that makes the output may stand before it.
PASSING = ("Reshape", "Flatten", "Identity", "Dropout", "Activation", "Cast", "Squeeze")
# A linear output of these is class scores; of anything else (pooling, normalization) it is an embedding.
SCORING = ("Dense", "Conv2D", "Conv2DTranspose", "EinsumDense", "Activation", "Reshape", "Flatten")
ENLARGING = ("Conv2DTranspose", "UpSampling2D", "Resizing")


def choose(wiring: Wiring, wanted: str | None, trial: Sequence[Any]) -> Output:
    """The explained output; `trial` are all for a few pictures. UsageError for an unknown name."""
    found = []
    for place, (name, path, shape) in enumerate(zip(wiring.names, wiring.outputs, wiring.shapes, strict=True)):
        found.append(read(place, name, path, shape, trial[place], _ending(wiring, place, path, dense=len(shape) == 3)))
    return choose_of(found, wanted)


def _ending(wiring: Wiring, place: int, path: str, *, dense: bool) -> Ending:
    calls = {call.path: call for call in wiring.calls}
    end, activation = _activation(calls, path)
    enlarging = any(type(call.operation).__name__ in ENLARGING for call in wiring.calls)
    kind = type(calls[end].operation).__name__ if end else ""
    scoring = kind in SCORING if not dense else enlarging and (kind in SCORING or kind in ENLARGING)
    opaque = not end or _own_code(calls[end])
    return Ending(end, activation, opaque, scoring, enlarging, bool(wiring.ops) and wiring.ops[place] == "Sigmoid")


def _activation(calls: dict[str, Call], path: str) -> tuple[str, str | None]:
    """(the call that makes the output, its activation: None where nobody can say)."""
    while path in calls:
        operation = calls[path].operation
        kind = type(operation).__name__
        if has_preactivation(operation):
            function = getattr(operation, "activation", None)
            return path, str(getattr(function, "__name__", kind.lower()))
        if kind not in PASSING or len(calls[path].inputs) != 1 or calls[path].mixed:
            return path, None if _own_code(calls[path]) else "linear"
        path = calls[path].inputs[0]
    return "", None


def _own_code(call: Call) -> bool:
    return (
        call.mixed
        or type(call.operation).__name__ == "Lambda"
        or not type(call.operation).__module__.startswith("keras.")
    )
