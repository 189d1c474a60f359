"""How a batch of pictures becomes a call of the model: at rest, on its device, in its format, with its other inputs."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from convreport.core.base.errors import ModelError, UsageError, did_you_mean
from convreport.core.network.card import Given
from convreport.engines.torch import runtime


class Feed:
    """Calls the model with pictures (n, height, width, channels) and its other inputs held fixed."""

    def __init__(self, model: Any, said: Mapping[str, Any], name: str) -> None:
        self.model = model
        self.name = name
        self.input: tuple[int | None, int | None, int] = (None, None, 3)  # set when it is known
        self.input_name, more = _arguments(model)
        # Must pictures lie in memory channel by channel? For models that mind (`view`).
        self.contiguous = False
        self._values = _values(more, dict(said), name)
        first = next((one for one in _numbers(model) if one.is_floating_point()), None)
        torch = runtime.torch()
        self.device = torch.device("cpu") if first is None else first.device
        self.dtype = torch.float32 if first is None else first.dtype
        self._modules = list(model.modules())
        self._parameters = list(model.parameters())

    @property
    def given(self) -> tuple[Given, ...]:
        """The inputs beside the picture."""
        return tuple(Given(key, value.shape[1:], _in_words(value)) for key, value in self._values.items())

    def run(self, pictures: Any, *, slopes: bool = False) -> list[Any]:
        """The model's outputs, flat, maps channels last, for a tensor of pictures; with `slopes` for gradients to follow."""
        torch = runtime.torch()
        fed = pictures.to(self.device, self.dtype).permute(0, 3, 1, 2)
        fed = fed.contiguous() if self.contiguous else fed
        more = {
            key: torch.as_tensor(np.repeat(value, len(fed), 0), device=self.device)
            for key, value in self._values.items()
        }
        with self.at_rest(), torch.set_grad_enabled(slopes):
            made = self.model(fed, **more)
        return [one.permute(0, 2, 3, 1) if one.dim() == 4 else one for _, one in flat(made)]

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Inference, and no gradient for weights; afterwards everything is as it was found."""
        training = [module for module in self._modules if module.training]
        learning = [parameter for parameter in self._parameters if parameter.requires_grad]
        try:
            for module in training:
                module.training = False
            for parameter in learning:
                parameter.requires_grad_(False)
            yield
        finally:
            for module in training:
                module.training = True
            for parameter in learning:
                parameter.requires_grad_(True)


def flat(made: Any) -> list[tuple[str, Any]]:
    """The tensors in what a model returns, with their keys ("" where it is one tensor)."""
    if runtime.torch().is_tensor(made):
        return [("", made)]
    pairs = made.items() if hasattr(made, "items") else enumerate(made) if isinstance(made, list | tuple) else ()
    found = []
    for key, value in pairs:
        name = key if isinstance(key, str) else f"output_{key}"
        found += [(f"{name}/{inner}".rstrip("/"), one) for inner, one in flat(value)]
    return found


def _numbers(model: Any) -> Iterator[Any]:
    yield from model.parameters()
    yield from model.buffers()


def _arguments(model: Any) -> tuple[str, list[str]]:
    """The name of the picture, and of whatever else `forward` must be given."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_ONLY)
    named = [one for one in parameters if one.kind in plain]
    more = [one.name for one in named[1:] if one.default is one.empty]
    return (named[0].name if named else "input"), more


def _values(more: Sequence[str], said: dict[str, Any], name: str) -> dict[str, Any]:
    """A value, one example with a batch axis of 1, for each further input; ModelError where one is missing."""
    parameters = [*more, *(key for key in said if key not in more)]
    for key in said:
        if key not in more:
            raise UsageError(f"{name} needs no input '{key}'.", did_you_mean(key, more, otherwise="Leave it out."))
    if missing := [key for key in parameters if key not in said]:
        raise ModelError(
            f"The forward of {name} needs more inputs than the picture: {', '.join(missing)}.",
            f"Give them: --input {missing[0]}=VALUE, a number or one example in a .npy file; or wrap the model in one that "
            "takes the picture alone.",
        )
    return {key: _value(key, value) for key, value in said.items()}


def _value(key: str, said: Any) -> Any:
    try:
        if isinstance(said, str) and said.lower().endswith(".npy"):
            value = np.load(Path(said).expanduser(), allow_pickle=False)
        elif isinstance(said, str):
            value = np.array([0.0 if said == "zeros" else float(said)])
        else:
            value = np.atleast_1d(np.asarray(said))
    except (OSError, ValueError) as error:
        raise UsageError(f"--input {key} cannot be {said!r} ({error}).", "Give a number or a .npy file.") from None
    return (value.astype(np.float32) if value.dtype.kind == "f" else value)[None]


def _in_words(value: Any) -> str:
    return f"{float(value[0, 0]):g}" if value.size == 1 else f"an array of {' x '.join(map(str, value.shape[1:]))}"
