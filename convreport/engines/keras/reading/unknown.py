"""The last repair of old models: arguments that this Keras does not know are dropped where they are provably without effect.

Initial values are replaced by the file's weights, of which each is accounted for afterwards; penalties, constraints and seeds
act in training alone; other arguments are idle where they say what every version of Keras does without them.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convreport.core.base.errors import ModelError

# Of layers: what an argument says where it says nothing, in the versions of Keras that wrote it.
IDLE: Mapping[str, tuple[Any, ...]] = {
    "groups": (1,),
    "dilation_rate": (1, [1], [1, 1], [1, 1, 1]),
    "data_format": ("channels_last",),
    "padding": ("valid",),
    "trainable": (True,),
    "dtype": ("float32",),
    "autocast": (True,),
    "synchronized": (False,),
    "renorm": (False,),
    "fused": (True, False),
    "ragged": (False,),
    "sparse": (False,),
    "stateful": (False,),
    "unroll": (False,),
    "time_major": (False,),
    "reset_after": (True,),
    "implementation": (0, 1, 2),
    "keepdims": (False,),
    "mode": (0,),
    "aspect_ratio": (False,),
}
SHAPES = ("batch_input_shape", "batch_shape", "input_shape", "input_dim", "input_length")
OF_TRAINING = ("_regularizer", "_constraint", "_initializer", "seed")
HOLDERS = {"_initializer": "initializers", "_regularizer": "regularizers", "_constraint": "constraints"}
TOLD = 6  # arguments named in a repair's words


@dataclass(frozen=True)
class Unknown:
    """An argument that Keras does not know: its value, and the layer or the part of one that has it."""

    name: str
    value: Any
    owner: str


def drop_idle(config: dict[str, Any], file: str) -> tuple[str, ...]:
    """Drop them in place; what was done, in words, or nothing. ModelError names the first that may have an effect."""
    dropped: list[Unknown] = []
    for node, shapes in _layers(config, ()):
        dropped += _of_parts(node)
        dropped += _of_layer(node, shapes, file)
    if not dropped:
        return ()
    told = list(dict.fromkeys(f"{one.name} of {one.owner}" for one in dropped))
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return (f"arguments that Keras does not know, without effect here ({', '.join(told[:TOLD])}{more})",)


def _layers(value: Any, shapes: Sequence[Any] | None) -> Iterator[tuple[dict[str, Any], Sequence[Any] | None]]:
    """Every layer's description, with the shapes that the input layers of its model say.

    None for a layer that has others before it in a Sequential: Keras has always asked the first alone for its input's shape.
    """
    if isinstance(value, dict):
        inner = value.get("layers")
        if isinstance(inner, list):
            shapes = [_shape(one["config"]) for one in inner if _is(one, "InputLayer")]
        if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
            yield value, shapes
        for name, one in list(value.items()):
            if (
                name == "layers"
                and isinstance(one, list)
                and not any("inbound_nodes" in layer for layer in one if isinstance(layer, dict))
            ):
                first = next((layer for layer in one if not _is(layer, "InputLayer")), None)
                for layer in one:
                    yield from _layers(layer, shapes if layer is first else None)
            else:
                yield from _layers(one, shapes)
    elif isinstance(value, list):
        for one in value:
            yield from _layers(one, shapes)


def _is(node: Any, kind: str) -> bool:
    return isinstance(node, dict) and node.get("class_name") == kind and isinstance(node.get("config"), dict)


def _shape(config: Mapping[str, Any]) -> list[Any] | None:
    """What an input layer says of a batch's shape."""
    said = config.get("batch_shape") or config.get("batch_input_shape")
    return list(said) if isinstance(said, list | tuple) else None


def _of_parts(node: dict[str, Any]) -> Iterator[Unknown]:
    """Drop unknown arguments of initializers, regularizers and constraints: none of them has a say in what is stored."""
    import keras

    for key, part in node["config"].items():
        home = next((home for ending, home in HOLDERS.items() if key.endswith(ending)), None)
        if home is None or not isinstance(part, dict) or not isinstance(part.get("config"), dict):
            continue
        kind = getattr(getattr(keras, home), str(part.get("class_name")), None)
        if not inspect.isclass(kind):
            continue
        for name in [name for name in part["config"] if name not in _known(kind)]:
            yield Unknown(name, part["config"].pop(name), f"the {key.replace('_', ' ')} of {_called(node)}")


def _of_layer(node: dict[str, Any], shapes: Sequence[Any] | None, file: str) -> Iterator[Unknown]:
    """Drop unknown arguments of a layer that cannot be made with them."""
    import keras

    kind, config = getattr(keras.layers, node["class_name"], None), node["config"]
    if not inspect.isclass(kind) or not issubclass(kind, keras.layers.Layer) or issubclass(kind, keras.Model):
        return
    unknown = [name for name in config if name not in _known(kind)]
    if not unknown or _can_be_made(kind, config):
        return
    for name in unknown:
        if not _idle(name, config[name], shapes):
            raise ModelError(
                f"{file} cannot be loaded: Keras {keras.__version__} does not know the argument"
                f" {name} = {str(config[name])[:60]} of the layer {_called(node)} ({node['class_name']}).",
                "It may have an effect, so it is not dropped. Load it with the Keras that wrote it and save it again.",
            )
        yield Unknown(name, config.pop(name), _called(node))


def _idle(name: str, value: Any, shapes: Sequence[Any] | None) -> bool:
    """Is an argument of a layer without effect on what it answers?"""
    if value is None or name.endswith(OF_TRAINING):
        return True
    if name in SHAPES:
        if shapes is None:
            return True
        said = list(value) if isinstance(value, list | tuple) else [value]
        whole = name.startswith("batch")
        return any(shape is not None and said == (shape if whole else shape[1:]) for shape in shapes)
    return any(type(value) is type(one) and value == one for one in IDLE.get(name, ()))


def _can_be_made(kind: Any, config: Mapping[str, Any]) -> bool:
    try:
        kind.from_config(dict(config))
    except Exception:
        return False
    return True


def _known(kind: type[Any]) -> set[str]:
    """The names of all arguments that a class takes, those of the classes it rests on included."""
    names: set[str] = set()
    for one in kind.__mro__:
        if "__init__" not in vars(one) or one is object:
            continue
        parameters = inspect.signature(vars(one)["__init__"]).parameters.values()
        names |= {parameter.name for parameter in parameters}
        if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names


def _called(node: Mapping[str, Any]) -> str:
    return str(node["config"].get("name") or node.get("name") or node["class_name"])
