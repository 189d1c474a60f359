"""Repairs that let Keras 3 read models saved by Keras 2; applied only where the plain load fails.

Each is a function on a model's configuration that mends it in place and says whether there was anything to mend; its
docstring's first line is what the user is told.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

Config = dict[str, Any]


def mend(config: Config, *, archive: bool) -> tuple[str, ...]:
    """Apply every repair that has something to do; returns what was done, in words. `archive`: of a .keras file."""
    repairs = [repair for repair in REPAIRS if archive or repair not in ARCHIVE_ONLY]
    return tuple(_words(repair) for repair in repairs if repair(config))


def wrap_bare_list(config: Config) -> bool:
    """a Sequential written as a bare list of layers (Keras 2.1)."""  # noqa: D403
    found = [
        node for node in _nodes(config) if node.get("class_name") == "Sequential" and isinstance(node["config"], list)
    ]
    for place, node in enumerate(found):
        node["config"] = {
            "name": node.get("name", "sequential" if place == 0 else f"sequential_{place}"),
            "layers": node["config"],
        }
    return bool(found)


def drop_initializer_dtype(config: Config) -> bool:
    """initializers with a dtype (tf.keras 2.1 and 2.2)."""  # noqa: D403
    found = [
        value["config"]
        for node in _nodes(config)
        for key, value in node.items()
        if key.endswith("_initializer") and isinstance(value, dict) and "dtype" in (value.get("config") or {})
    ]
    for inner in found:
        del inner["dtype"]
    return bool(found)


def drop_depthwise_groups(config: Config) -> bool:
    """groups on a depthwise convolution (Keras 2.4)."""  # noqa: D403
    found = [layer for layer in _layers(config, "DepthwiseConv2D") if "groups" in layer]
    for layer in found:
        del layer["groups"]
    return bool(found)


def unnest_single_ends(config: Config) -> bool:
    """a nested model whose single input or output is a list (Keras 2)."""  # noqa: D403
    changed = False
    for node in _nodes(config):
        for key in ("input_layers", "output_layers"):
            ends = node.get(key)
            if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
                node[key] = ends[0]
                changed = True
    return changed


def name_modules_anew(config: Config) -> bool:
    """modules that have moved since Keras 2 (keras.src.engine)."""  # noqa: D403
    moved = {
        "keras.src.engine.functional": "keras.src.models.functional",
        "keras.src.engine.sequential": "keras.src.models.sequential",
        "keras.src.engine.training": "keras.src.models.model",
        "keras.src.engine.input_layer": "keras.layers",
    }
    found = [node for node in _nodes(config) if node.get("module") in moved]
    for node in found:
        node["module"] = moved[node["module"]]
    return bool(found)


def count_nodes_from_zero(config: Config) -> bool:
    """a nested model referred to by its second node (Keras 2)."""  # noqa: D403
    changed = False
    for node in _nodes(config):
        layers = node.get("layers")
        if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
            continue
        calls = {_name(layer): len(layer.get("inbound_nodes") or []) for layer in layers}
        calls = {name: count for name, count in calls.items() if count}
        references = [
            one
            for place in (*[layer.get("inbound_nodes") for layer in layers], node.get("output_layers"))
            for one in _references(place)
        ]
        beyond = {one[0] for one in references if one[1] >= calls.get(one[0], one[1] + 1)}
        for reference in references:
            if reference[0] in beyond and reference[1] > 0:
                reference[1] -= 1
                changed = True
    return changed


def put_input_layer_first(config: Config) -> bool:
    """an input shape on the first layer instead of an input layer (Keras 2)."""  # noqa: D403
    changed = False
    for node in _nodes(config):
        layers = node.get("layers")
        if not isinstance(layers, list) or not layers or "output_layers" in node or not isinstance(layers[0], dict):
            continue
        first = layers[0].get("config")
        if layers[0].get("class_name") == "InputLayer" or not isinstance(first, dict):
            continue
        if shape := first.pop("batch_input_shape", None):
            inner = {"batch_shape": shape, "dtype": "float32", "name": f"{first.get('name', 'first')}_input"}
            layers.insert(
                0, {"class_name": "InputLayer", "module": "keras.layers", "config": inner, "registered_name": None}
            )
            changed = True
    return changed


def drop_value_range(config: Config) -> bool:
    """a value range on an augmentation layer that has none any more (Keras 3.5)."""  # noqa: D403
    import keras

    changed = False
    for node in _nodes(config):
        kind, inner = str(node.get("class_name", "")), node.get("config")
        if kind.startswith("Random") and isinstance(inner, dict) and "value_range" in inner:
            known = getattr(keras.layers, kind, None)
            if known is not None and "value_range" not in inspect.signature(known.__init__).parameters:
                del inner["value_range"]
                changed = True
    return changed


def replace_slashes_in_names(config: Config) -> bool:
    """slashes in the names of layers (Keras 2)."""  # noqa: D403
    names = {name for node in _nodes(config) if isinstance(name := node.get("name"), str) and "/" in name}
    if names:
        _rename(config, {name: name.replace("/", "_") for name in names})
    return bool(names)


REPAIRS: tuple[Callable[[Config], bool], ...] = (
    wrap_bare_list,
    drop_initializer_dtype,
    drop_depthwise_groups,
    name_modules_anew,
    count_nodes_from_zero,
    unnest_single_ends,
    put_input_layer_first,
    drop_value_range,
    replace_slashes_in_names,
)


# Keras still reads these in .h5 files by itself.
ARCHIVE_ONLY = (name_modules_anew, count_nodes_from_zero)


def _words(repair: Callable[[Config], bool]) -> str:
    return (repair.__doc__ or repair.__name__).rstrip(".")


def _nodes(value: Any) -> Iterator[Config]:
    """Every mapping inside, outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in list(value.values()):
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _layers(config: Config, kind: str) -> list[Config]:
    return [
        node["config"]
        for node in _nodes(config)
        if node.get("class_name") == kind and isinstance(node.get("config"), dict)
    ]


def _name(layer: Config) -> str:
    inner = layer.get("config")
    return str(layer.get("name") or (inner.get("name") if isinstance(inner, dict) else ""))


def _references(value: Any) -> Iterator[list[Any]]:
    """Every [layer, node, tensor, ...] inside, as Keras writes its connections, old and new."""
    if isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and all(isinstance(part, int) for part in value[1:3]):
            yield value
        else:
            for inner in value:
                yield from _references(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _references(inner)


def _rename(value: Any, names: dict[str, str]) -> None:
    """Replace these texts wherever they stand alone."""
    places = enumerate(value) if isinstance(value, list) else list(value.items())
    for key, inner in places:
        if isinstance(inner, str) and inner in names:
            value[key] = names[inner]
        elif isinstance(inner, list | dict):
            _rename(inner, names)
