"""How a batch of pictures becomes a call of the model, whatever its wiring: the other inputs, the layout, the outputs."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convreport.core.base.errors import ModelError, UsageError, did_you_mean
from convreport.core.base.kinds import Array
from convreport.core.network.card import Given, Layout
from convreport.engines.keras import runtime

PICTURE = "picture"  # --input NAME=picture


@dataclass(frozen=True)
class Slot:
    """One input of the model: its name, and its shape without the batch axis."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


class Feed:
    """Calls the model with pictures (n, height, width, channels) and with its other inputs held fixed."""

    def __init__(self, model: Any, said: Mapping[str, Any]) -> None:
        self._model = model
        self._structure, self.slots = _inputs(model)
        self.place = _picture_place(self.slots, said, str(model.name))
        self.input, self.layout = _picture_shape(self.slots[self.place], str(model.name))
        self._values = [
            None if place == self.place else _value(slot, said.get(slot.name, "zeros"))
            for place, slot in enumerate(self.slots)
        ]
        self._words = {name: _in_words(value) for name, value in said.items()}
        self.by_call = hasattr(model, "_nodes_by_depth") or type(model).__name__ == "Sequential"

    @property
    def given(self) -> tuple[Given, ...]:
        """The inputs beside the picture."""
        return tuple(
            Given(slot.name, slot.shape, self._words.get(slot.name, "zeros"))
            for place, slot in enumerate(self.slots)
            if place != self.place
        )

    def digest_of(self, name: str) -> bytes:
        """What a given input holds, for digests; nothing for the picture."""
        for slot, value in zip(self.slots, self._values, strict=True):
            if slot.name == name and value is not None:
                return value.tobytes()
        return b""

    def run(self, pictures: Any) -> list[Any]:
        """The model's outputs, flat, for pictures as they come (channels last); inference, whatever the layer."""
        import keras

        arguments = self._arguments(pictures)
        if self.by_call:  # past the check of the input's size
            return list(keras.tree.flatten(self._model.call(arguments, training=False)))
        if isinstance(arguments, dict) and self._structure == "keywords":
            return list(keras.tree.flatten(self._model(**arguments, training=False)))
        return list(keras.tree.flatten(self._model(arguments, training=False)))

    def _arguments(self, pictures: Any) -> Any:
        import keras

        tf = runtime.tensorflow()
        if self.layout == "channels_first":
            pictures = tf.transpose(pictures, [0, 3, 1, 2])
        elif self.layout == "plane":
            pictures = pictures[..., 0]
        count = tf.shape(pictures)[0]
        flat = [
            pictures if value is None else tf.repeat(tf.constant(value, dtype=slot.dtype)[None], count, axis=0)
            for slot, value in zip(self.slots, self._values, strict=True)
        ]
        if self._structure == "keywords":
            return {slot.name: value for slot, value in zip(self.slots, flat, strict=True)}
        return flat[0] if self._structure is None else keras.tree.pack_sequence_as(self._structure, flat)


def _inputs(model: Any) -> tuple[Any, list[Slot]]:
    """How the model takes its inputs (None: one tensor), and each of them in flat order; ModelError if nobody knows."""
    tensors = getattr(model, "inputs", None)
    if tensors:
        slots = [Slot(_name(tensor), tuple(tensor.shape[1:]), str(tensor.dtype)) for tensor in tensors]
        graph = getattr(model, "_functional", None) or model
        structure = getattr(graph, "_inputs_struct", None)
        single = structure is None or (len(tensors) == 1 and not isinstance(structure, dict | list | tuple))
        return (None if single else structure), slots
    shapes = {name: shape for name, shape in (getattr(model, "_build_shapes_dict", None) or {}).items() if shape}
    shapes = shapes or _shape_of_first_convolution(model)
    if not shapes:
        raise ModelError(
            f"The model '{model.name}' has never seen an input, so its layers have no shapes yet.",
            "Call it once on a picture (model(numpy.zeros((1, height, width, 3)))), or give it a keras.Input.",
        )
    first, *more = _arguments_of(model)
    if len(shapes) > 1:
        return "keywords", [Slot(name.removesuffix("_shape"), tuple(shape)[1:]) for name, shape in shapes.items()]
    if more:  # Keras keeps the shape of the first alone; what else `call` demands is a number a picture
        shape = next(iter(shapes.values()))
        return "keywords", [Slot(first, tuple(shape)[1:]), *(Slot(name, (1,)) for name in more)]
    shape = next(iter(shapes.values()))
    if all(side is None or isinstance(side, int) for side in shape):
        return None, [Slot("input", tuple(shape)[1:])]
    named = shape if isinstance(shape, dict) else {f"input_{place}": one for place, one in enumerate(shape)}
    names = sorted(named) if isinstance(shape, dict) else list(named)  # as Keras flattens dictionaries
    if any(isinstance(one, dict) or any(isinstance(side, list | tuple) for side in one) for one in named.values()):
        raise ModelError(
            f"The inputs of '{model.name}' are nested deeper than convreport can follow.",
            "Wrap it in a functional model with a flat list of inputs.",
        )
    structure = dict.fromkeys(names, 0) if isinstance(shape, dict) else [0] * len(names)
    return structure, [Slot(str(name), tuple(named[name])[1:]) for name in names]


def _shape_of_first_convolution(model: Any) -> dict[str, Any]:
    """Where a subclassed model forgot its input's shape, its first convolution remembers what it was built for."""
    for layer in model._flatten_layers():
        if hasattr(layer, "kernel_size") and (shape := getattr(layer, "_build_shapes_dict", None)):
            return dict(shape)
    return {}


def _arguments_of(model: Any) -> list[str]:
    """What `call` must be given: the picture, and whatever else has no default."""
    known = ("training", "mask")
    parameters = inspect.signature(model.call).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [one.name for one in parameters if one.kind in plain and one.default is one.empty and one.name not in known]
    return names or ["input"]


def _name(tensor: Any) -> str:
    """An input by the name of its layer, which is the name its author gave it."""
    return str(tensor._keras_history.operation.name) if hasattr(tensor, "_keras_history") else str(tensor.name)


def _picture_place(slots: Sequence[Slot], said: Mapping[str, Any], model: str) -> int:
    """Which input is the picture: the one the user says, else the first that looks like one."""
    names = [slot.name for slot in slots]
    for name in said:
        if name not in names:
            raise UsageError(f"{model} has no input '{name}'.", did_you_mean(name, names))
    chosen = [name for name, value in said.items() if isinstance(value, str) and value == PICTURE]
    if len(chosen) > 1:
        raise UsageError(f"Only one input can be the picture, not {' and '.join(chosen)}.")
    if chosen:
        return names.index(chosen[0])
    free = [place for place, slot in enumerate(slots) if slot.name not in said]
    for rank in (3, 2):  # (h, w, c); then a plane without a channel axis, if nothing else is a picture
        for place in free:
            if len(slots[place].shape) == rank and (rank == 3 or len(slots) == 1):
                return place
    if not free:
        raise UsageError(
            f"--input gives every input of {model} a value, and one must be the picture: {', '.join(names)}.",
            "Leave out the picture, or say --input NAME=picture; pictures come with --images.",
        )
    return free[0]


def _picture_shape(slot: Slot, model: str) -> tuple[tuple[int | None, int | None, int], Layout]:
    """(height, width, channels) of the picture and how the network wants it; ModelError for what is no picture."""
    shape = slot.shape
    shown = " x ".join("any" if side is None else str(side) for side in shape) or "single numbers"
    if len(shape) == 4:
        raise ModelError(
            f"{model} takes volumes or clips ({shown}); convreport shows two-dimensional convolutions.",
            "A 3-D network cannot be shown yet; a 2-D part of it, saved by itself, can.",
        )
    if len(shape) == 2 and None not in shape and min(side or 0 for side in shape) > 3:
        return (shape[0], shape[1], 1), "plane"
    if len(shape) == 2:
        raise ModelError(
            f"{model} takes series ({shown}); convreport shows two-dimensional convolutions, not one-dimensional ones.",
            "Series cannot be shown as pictures.",
        )
    if len(shape) != 3:
        raise ModelError(
            f"{model} takes input of {shown}, not pictures of height x width x channels.",
            "convreport shows networks that look at pictures, not series or tables.",
        )
    first = shape[0] is not None and shape[0] <= 4 and (shape[2] is None or shape[2] > 4)
    height, width, channels = (shape[1], shape[2], shape[0]) if first else (shape[0], shape[1], shape[2])
    if channels is None:
        raise ModelError(
            f"{model} takes input of {shown}, with an unknown number of channels.",
            "Save it with an input whose channels are known.",
        )
    return (height, width, channels), "channels_first" if first else "channels_last"


def _value(slot: Slot, said: Any) -> Array:
    """The value of an input beside the picture, of its shape: zeros, a number for all of it, or a .npy file."""
    shape = tuple(1 if side is None else side for side in slot.shape)
    kind = np.dtype(slot.dtype) if slot.dtype not in ("bfloat16", "string") else np.dtype("float32")
    if isinstance(said, str) and said == "zeros":
        return np.zeros(shape, kind)
    try:
        if isinstance(said, str) and said.lower().endswith(".npy"):
            value = np.load(Path(said).expanduser(), allow_pickle=False)
        else:
            value = np.asarray(float(said) if isinstance(said, str) else said)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--input {slot.name} cannot be {said!r} ({error}).", "Give a number, zeros, picture, or a .npy file."
        ) from None
    try:
        return np.ascontiguousarray(np.broadcast_to(value, shape).astype(kind))
    except ValueError:
        raise UsageError(
            f"--input {slot.name} is of shape {value.shape}, and the model wants {shape}.",
            "Give one example without a batch axis.",
        ) from None


def _in_words(value: Any) -> str:
    """A given value as it can be published: files by their names."""
    if isinstance(value, str):
        return Path(value).name if value.lower().endswith(".npy") else value
    array = np.asarray(value)
    return f"{float(array):g}" if array.ndim == 0 else f"an array of {' x '.join(map(str, array.shape))}"
