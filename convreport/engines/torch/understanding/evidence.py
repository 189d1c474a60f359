"""A PyTorch model as the witness of how it likes its pictures."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.network import labels
from convreport.engines.shared.evidence import Remembered
from convreport.engines.torch import runtime
from convreport.engines.torch.wiring import watch
from convreport.engines.torch.wiring.feed import Feed
from convreport.engines.torch.wiring.trace import Call, Wiring, first_of


class TorchWitness:
    """Witness of `engines.shared.evidence`."""

    def __init__(self, wiring: Wiring, feed: Feed) -> None:
        self._wiring, self._feed = wiring, feed
        self.size = feed.input

    def normalization(self) -> Remembered | None:
        """The first BatchNormalization, and the layer it reads."""
        norm = next((call for call in self._wiring.calls if call.kind == "BatchNormalization" and call.module), None)
        if norm is None or len(norm.inputs) != 1 or norm.thing.running_mean is None:
            return None
        source = norm.inputs[0]
        mean, variance = (
            one.detach().float().cpu().numpy() for one in (norm.thing.running_mean, norm.thing.running_var)
        )
        return Remembered(norm.path, "" if self._call(source).kind == "InputLayer" else source, mean, variance)

    def biases(self) -> tuple[str, Array] | None:
        """Of the first convolution."""
        first = next((call for call in self._wiring.calls if "Conv2D" in call.kind), None)
        bias = getattr(first.thing, "bias", None) if first is not None else None
        return None if first is None or bias is None else (first.path, bias.detach().float().cpu().numpy())

    def maps(self, path: str, pictures: Array, *, before: bool = False) -> Array | None:
        """What a module gives; None where it is not reached, or is no module."""
        call = self._call(path)
        if not call.module:
            return None
        noted = _One(path)
        paths = watch.named(self._feed.model)
        with watch.watching(self._feed.model, paths, noted, only=[call.thing]), suppress(Exception):
            self._feed.run(runtime.torch().from_numpy(pictures))
        if noted.value is None or noted.value.dim() != 4:
            return None
        maps = noted.value.float().cpu().numpy().astype(np.float64)
        return maps if call.last else maps.transpose(0, 2, 3, 1)

    def thousand(self, pictures: Array) -> Array | None:
        """The answers where the only output is ImageNet's classes."""
        if len(self._wiring.shapes) != 1 or self._wiring.shapes[0] != (len(labels.imagenet()),):
            return None
        return self._feed.run(runtime.torch().from_numpy(pictures))[0].float().cpu().numpy().astype(np.float64)

    def _call(self, path: str) -> Call:
        return next(one for one in self._wiring.calls if one.path == path)


class _One:
    """Visitor that notes the output of one module."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.value: Any = None

    def enters(self, path: str, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Nothing to note."""
        return args

    def leaves(self, path: str, module: Any, args: tuple[Any, ...], made: Any) -> Any:
        """What the module answers."""
        if path == self._path:
            self.value = first_of(made).clone()
        return made

    def meets(
        self, path: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], call: Callable[..., Any]
    ) -> Any:
        """Functions answer as they do."""
        return call(*args, **kwargs)
