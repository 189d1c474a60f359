"""What a saved model may bring with it: layers of Keras and of registered modules, and no code that runs on loading."""

import builtins
import math
from collections.abc import Iterator, Sequence
from typing import Any

from convreport.core.base.errors import ModelError

# Layers that hold code, or that load some from elsewhere.
CODE = {
    "Lambda": "a Lambda layer",
    "__lambda__": "a lambda",
    "TFSMLayer": "a SavedModel",
    "TorchModuleWrapper": "a pickle",
}
PLAIN = (
    "function",
    "slice",
    "tuple",
    "list",
    "dict",
    "set",
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "sum",
    "max",
    "min",
    "abs",
)
# Parts of Keras that a model's configuration has no business with: they fetch, write and run files.
NOT_MODELS = ("utils", "saving", "export", "legacy", "callbacks", "wrappers")


# Of layers: how many units or cells they have, each of which has a weight of its own.
SIZES = ("filters", "units", "kernel_size", "input_dim", "output_dim", "depth_multiplier")
SMALL = 100_000  # so many are no danger, whatever a file holds
STEPS = ("strides", "dilation_rate", "pool_size", "padding", "cropping", "size", "output_padding")
FAR = 1_000_000  # pixels


def refuse_code(config: Any, file: str, trusted: Sequence[str]) -> None:
    """ModelError if loading this configuration would run its author's code; `trusted` are the modules of --custom."""
    for node in _nodes(config):
        kind, module = str(node.get("class_name", "")), node.get("module")
        if kind in CODE:
            raise ModelError(
                f"{file} contains {CODE[kind]}: code that would run on loading.",
                "If you trust its author, load it with --unsafe; otherwise replace it with a Keras layer and save again.",
            )
        inner = node.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("vocabulary"), str):
            raise ModelError(
                f"{file} names a file of this machine as the vocabulary of {kind}: nothing outside the model's file is read.",
                "Save the model with the words themselves in it, as Keras does by default; or load it with --unsafe.",
            )
        if isinstance(module, str) and "class_name" in node and not _allowed(module, node, trusted):
            what = node.get("config") if kind == "function" and isinstance(node.get("config"), str) else kind
            raise ModelError(
                f"{file} names {module}.{what}, which is not Keras's: loading it would run code from there.",
                f"If you trust it, import the module yourself with --custom {module.split('.')[0]}, or give --unsafe.",
            )


def refuse_giants(config: Any, numbers: int, file: str) -> None:
    """ModelError where a layer says to have more units or cells of a kernel than numbers are stored in the whole file, or to
    go in steps that no picture has room for.

    Keras would first make all the units, with random values, and only then find out; TensorFlow ends the process where a step
    is no 32-bit number.
    """
    for node in _nodes(config):
        for key in SIZES:
            said = node.get(key)
            sides = said if isinstance(said, list | tuple) else [said]
            whole = math.prod(side for side in sides if isinstance(side, int))
            if whole > max(numbers, SMALL):
                raise ModelError(
                    f"{file} is damaged: a layer says {key} = {str(said)[:40]}, and the file holds {numbers:,} weights.",
                    "Copy or save it again.",
                )
        for key in STEPS:
            if any(isinstance(side, int) and abs(side) > FAR for side in _flat(node.get(key))):
                raise ModelError(
                    f"{file} is damaged: a layer says {key} = {str(node[key])[:40]}, which is beyond any picture.",
                    "Copy or save it again.",
                )


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value


def _allowed(module: str, node: Any, trusted: Sequence[str]) -> bool:
    if any(module == one or module.startswith(f"{one}.") for one in trusted) or _is_registered(node):
        return True
    if module == "builtins":
        return _plain(node)
    parts = module.split(".")
    if parts[0] in ("tf_keras", "tensorflow"):
        return parts[:2] == ["tensorflow", "keras"]
    return parts[0] == "keras" and not any(part in NOT_MODELS for part in parts)


def _is_registered(node: Any) -> bool:
    """Has this process registered it already? Then loading runs nothing that is not running yet."""
    import keras

    name = node.get("registered_name")
    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _plain(node: Any) -> bool:
    """A built-in that holds values, or a function that is none of Python's own: Keras looks that up among its own."""
    kind, config = str(node.get("class_name")), node.get("config")
    if kind == "function":
        return not (isinstance(config, str) and hasattr(builtins, config) and config not in PLAIN)
    return kind in PLAIN


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)
