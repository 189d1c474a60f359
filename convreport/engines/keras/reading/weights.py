"""Weights from a file into a model that has none of them yet, and the proof that all of them arrived."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from convreport.core.base.errors import ModelError
from convreport.core.base.kinds import Array
from convreport.engines.keras import runtime
from convreport.engines.keras.reading.trees import opened

LISTED = 4  # layers named in a message
NOT_WEIGHTS = ("optimizer", "optimizer_weights", "metrics")  # at the top of a file


def fill(model: Any, file: Path) -> None:
    """Load the weights of a file, in whatever of Keras's formats, old or new.

    ModelError names the layers that differ; the model is then of no use.
    """
    with opened(file) as tree:
        group = _weights_in(tree)
        if "layer_names" in group.attrs:
            _fill_by_layers(model, _stored(group), file)
            return
    try:
        with _under_keras_name(file) as named, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(named)
    except Exception:
        raise ModelError(
            f"The weights in {file.name} do not fit {model.name}: {_difference_of_trees(model, file)}.", MISFIT
        ) from None
    account(model, file)


MISFIT = "Is it a weights file of this architecture, saved by Keras?"


def account(model: Any, file: Path) -> None:
    """Every weight of the model came from the file, and every one in the file went into it; else ModelError.

    Judged by content (shape and values), so that it holds whatever names and order the file's format has.
    """
    with opened(file) as tree:
        group = _weights_in(tree)
        stored: dict[str, list[str]] = {}
        for path, value in _datasets(group):
            stored.setdefault(_print(value), []).append(path)
    missing = []
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        same = stored.get(_print(np.asarray(weight.numpy())))
        if same:
            same.pop()
        else:
            missing.append(weight.path)
    left = [path for paths in stored.values() for path in paths]
    if missing or left:
        parts = [f"{_list(missing)} not found in the file"] if missing else []
        parts += [f"{_list(left)} of the file not used"] if left else []
        raise ModelError(
            f"Not every weight of {file.name} is accounted for: {'; '.join(parts)}.",
            "The model can be read only in part, and a picture of it would mislead. Save it again with the Keras that wrote it.",
        )


def _weights_in(tree: Any) -> Any:
    """A whole .h5 model keeps its weights in a group of their own."""
    return tree.get("model_weights", tree)


Stored = list[tuple[str, list[tuple[str, Any]]]]  # (layer, [(weight, dataset)])


def _stored(group: Any) -> Stored:
    """The layers of an old weights file that have weights, in their order."""
    found = []
    for name in map(_text, _chunked(group, "layer_names")):
        inner = [(_text(weight), group[name][_text(weight)]) for weight in _chunked(group[name], "weight_names")]
        if inner:
            found.append((name, inner))
    return found


def _chunked(group: Any, name: str) -> list[Any]:
    """An attribute that Keras splits into name0, name1, ... where it is long."""
    if name in group.attrs:
        return list(group.attrs[name])
    parts: list[Any] = []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(list(group.attrs[f"{name}{len(parts)}"]))
    return [one for part in parts for one in part]


def _fill_by_layers(model: Any, stored: Stored, file: Path) -> None:
    """Layer by layer: by name where the names agree, else in order; inside a layer likewise."""
    layers = [(layer, _weights(layer)) for layer in model.layers if _weights(layer)]
    names = {str(layer.name).replace("/", "_"): place for place, (layer, _) in enumerate(layers)}
    order = [names.get(name.replace("/", "_"), -1) for name, _ in stored]
    if sorted(order) != list(range(len(layers))):
        order = list(range(len(stored)))
    shapes = [[tuple(value.shape) for _, value in inner] for _, inner in stored]
    wanted = [[tuple(int(side) for side in weight.shape) for weight in weights] for _, weights in layers]
    if len(stored) != len(layers) or any(
        sorted(shapes[place]) != sorted(wanted[index]) for place, index in enumerate(order)
    ):
        raise ModelError(
            f"The weights in {file.name} do not fit {model.name}: {_difference(stored, layers, order, shapes, wanted)}.",
            MISFIT,
        )
    for (_, inner), index in zip(stored, order, strict=True):
        _assign(layers[index][1], inner)


def _weights(layer: Any) -> list[Any]:
    """In the order in which Keras has always written them."""
    return [w for w in (*layer.trainable_weights, *layer.non_trainable_weights) if "seed_generator" not in w.path]


def _assign(weights: Sequence[Any], inner: Sequence[tuple[str, Any]]) -> None:
    """By the last parts of their names where these are unique on both sides, else in order."""
    for parts in (1, 2):
        here = {_tail(weight.path, parts): weight for weight in weights}
        there = {_tail(name, parts): value for name, value in inner}
        if len(here) == len(there) == len(weights) == len(inner) and set(here) == set(there):
            for tail, weight in here.items():
                weight.assign(np.asarray(there[tail]))
            return
    for weight, (_, value) in zip(weights, inner, strict=True):
        weight.assign(np.asarray(value))


def _tail(name: str, parts: int) -> str:
    """The end of a weight's name, in today's words."""
    plain = name.partition(":")[0].replace("depthwise_kernel", "kernel")
    return "/".join(plain.split("/")[-parts:])


def _difference(
    stored: Stored, layers: Sequence[Any], order: Sequence[int], shapes: Sequence[Any], wanted: Sequence[Any]
) -> str:
    """Which layers differ, in words."""
    here = [str(layer.name).replace("/", "_") for layer, _ in layers]
    there = [name.replace("/", "_") for name, _ in stored]
    if len(stored) == len(layers):
        unlike = [
            f"{there[place]} is {_shapes(shapes[place])}, {here[index]} {_shapes(wanted[index])}"
            for place, index in enumerate(order)
            if sorted(shapes[place]) != sorted(wanted[index])
        ]
        return "; ".join(unlike[:LISTED]) + (f"; and {len(unlike) - LISTED} more" if len(unlike) > LISTED else "")
    only_there = [name for name in there if name not in here]
    only_here = [name for name in here if name not in there]
    parts = [f"it has {len(there)} layers with weights, the model {len(here)}"]
    parts += [f"only the file has {_list(only_there)}"] if only_there else []
    parts += [f"only the model has {_list(only_here)}"] if only_here else []
    return ", ".join(parts)


def _difference_of_trees(model: Any, file: Path) -> str:
    """Which layers differ between a file of Keras 3 and what the model would write itself, in words."""
    with tempfile.TemporaryDirectory(dir=runtime.scratch()) as folder:
        own = Path(folder) / "own.weights.h5"
        model.save_weights(own)
        here, there = _layers_in(own), _layers_in(file)
    unlike = [
        f"{name} is {_shapes(there[name])}, in the model {_shapes(here[name])}"
        for name in there
        if name in here and sorted(here[name]) != sorted(there[name])
    ]
    parts = ["; ".join(unlike[:LISTED]) + (f"; and {len(unlike) - LISTED} more" if len(unlike) > LISTED else "")]
    parts += [f"only the file has {_list(names)}"] if (names := [name for name in there if name not in here]) else []
    parts += [f"only the model has {_list(names)}"] if (names := [name for name in here if name not in there]) else []
    return "; ".join(part for part in parts if part) or "Keras cannot read them"


def _layers_in(file: Path) -> dict[str, list[tuple[int, ...]]]:
    """Layer -> the shapes of its weights, by the names in the file."""
    found: dict[str, list[tuple[int, ...]]] = {}
    with opened(file) as tree:
        for path, value in _datasets(tree):
            parts = [
                part
                for part in path.split("/")[:-1]
                if part not in ("layers", "vars", "_layer_checkpoint_dependencies")
            ]
            found.setdefault("/".join(parts), []).append(value.shape)
    return found


def _shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " + ".join("x".join(map(str, shape)) or "a number" for shape in shapes)


def _datasets(group: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    """Every array in a tree, whatever its format, but for optimizers, seeds and empty ones."""
    for name, inner in group.items():
        here = f"{path}/{name}".lstrip("/")
        if here in NOT_WEIGHTS or name == "seed_generator":
            continue
        if hasattr(inner, "items"):
            yield from _datasets(inner, here)
        elif inner.size:
            yield here, np.asarray(inner)


def _print(value: Array) -> str:
    """What tells one array from another: its shape and values."""
    plain = np.ascontiguousarray(value.astype(np.float32, copy=False))
    state = blake2b(repr(value.shape).encode(), digest_size=16)
    state.update(plain.reshape(-1).view(np.uint8).data)
    return state.hexdigest()


@contextmanager
def _under_keras_name(file: Path) -> Iterator[Path]:
    """The file under a name by which Keras knows its format."""
    if file.name.endswith((".weights.h5", ".keras")):
        yield file
        return
    with tempfile.TemporaryDirectory(dir=runtime.scratch()) as folder:
        named = Path(folder) / "model.weights.h5"
        try:
            named.symlink_to(file.resolve())
        except OSError:  # where links need a privilege
            shutil.copyfile(file, named)
        yield named


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
