"""A PyTorch model as the Forward that the shared parts of engines run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np

from convreport.core.base.errors import ModelError
from convreport.core.base.kinds import Array
from convreport.core.network import layers
from convreport.core.network.card import ModelCard
from convreport.core.network.kernels import Kernel
from convreport.engines.shared.fields import SIZELESS
from convreport.engines.shared.forward import Passed, Plain, Weight
from convreport.engines.torch import runtime
from convreport.engines.torch.running import kernels
from convreport.engines.torch.running.ops import TorchOps
from convreport.engines.torch.wiring import kinds, watch
from convreport.engines.torch.wiring.feed import Feed
from convreport.engines.torch.wiring.trace import Wiring, first_of


class TorchForward:
    """Forward of `engines.shared`."""

    beside = False  # modules are listened to while they run

    def __init__(self, card: ModelCard, wiring: Wiring, feed: Feed, output: int) -> None:
        self.card, self.output, self.ops = card, output, TorchOps(feed.device)
        self._feed = feed
        self._calls = {call.path: call for call in wiring.calls}
        self._paths = watch.named(feed.model)

    def run(
        self,
        fed: Any,
        outputs: Sequence[str] = (),
        *,
        before: Sequence[str] = (),
        inputs: Sequence[str] = (),
        whole: bool = False,
        yielded: bool = False,
        slopes: bool = False,
    ) -> Passed:
        """One pass that notes the layers; with `slopes` what is noted can be derived by."""
        passed = Passed()
        taps = _Taps(passed, outputs, before, inputs, slopes=slopes, stop=not whole)
        slopes = slopes or bool(getattr(fed, "requires_grad", False))
        wanted = [self._calls[path] for path in (*outputs, *before, *inputs)]
        functions = any(not call.module for call in wanted)
        only = None if functions else list(dict.fromkeys(call.thing for call in wanted))
        with (
            self.ops.shortened(),
            watch.watching(self._feed.model, self._paths, taps, only=only, functions=functions),
            watch.yielding() if yielded else nullcontext(),
            suppress(Reached),
        ):
            passed.answers = self._feed.run(fed, slopes=slopes)
        passed.inputs = {path: value.permute(0, 2, 3, 1) for path, value in passed.inputs.items()}
        return passed

    def derived(
        self, fed: Any, layers: Sequence[str], score: Callable[[Passed], Sequence[Any]]
    ) -> tuple[Passed, Mapping[str, list[Any]]]:
        """A whole pass, and the gradients of numbers made of it with respect to the outputs of layers."""
        before = [self.card.end] if self.has_before(self.card.end) else []
        torch = runtime.torch()
        with torch.enable_grad():
            passed = self.run(fed, layers, before=before, whole=True, slopes=True)
            numbers = score(passed)
        noted = [path for path in layers if path in passed.outputs]
        at = [passed.outputs[path] for path in noted]
        found: dict[str, list[Any]] = {path: [] for path in noted}
        for number in numbers:
            slopes = [None] * len(at)
            if number.requires_grad and at:
                slopes = torch.autograd.grad(number, at, retain_graph=True, allow_unused=True)
            for path, slope in zip(noted, slopes, strict=True):
                found[path].append(slope)
        return passed, found

    def surveying(self, function: Callable[[Any], Any], *, settled: bool = False) -> Callable[[Any], Any]:
        """As it is: without a gradient asked for, none is prepared."""
        return function

    def folded(self, path: str, value: Any) -> Any:
        """(n, height, width, channels) of what passed a layer; class tokens in front are left out."""
        call = self._calls[path]
        if value.dim() == 4:
            return value if call.last else value.permute(0, 2, 3, 1)
        grid = self.card.layer(path).grid
        if grid is None or value.dim() != 3:
            return value
        spare = value.shape[1] - grid[0] * grid[1]
        return value[:, spare:].reshape(-1, *grid, value.shape[2])

    def has_before(self, path: str) -> bool:
        """Is it an activation, and nothing else?"""
        return path in self._calls and self._calls[path].kind in kinds.ACTIVATIONS

    def joined(self, path: str) -> Sequence[str]:
        """What a concatenation of channels joins, in a way that is known."""
        call = self._calls[path]
        return (
            call.inputs if call.channels and not call.mixed and all(one in self._calls for one in call.inputs) else ()
        )

    def plain(self, path: str) -> Plain | None:
        """PyTorch's own Conv2d without groups, padded with zeros."""
        call, nn = self._calls[path], runtime.torch().nn
        if type(call.thing) is not nn.Conv2d or call.kind != "Conv2D" or call.regrouped:
            return None
        module = call.thing
        if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
            return None

        def padding(axis: int, side: int) -> tuple[int, int]:
            reach = (module.kernel_size[axis] - 1) * module.dilation[axis] + 1
            return module.padding[axis], (side + 2 * module.padding[axis] - reach) // module.stride[axis] + 1

        bias = None if module.bias is None else module.bias.detach().float()
        kernel = module.weight.detach().float().permute(2, 3, 1, 0)
        return Plain(kernel, bias, kinds.pair(module.stride), kinds.pair(module.dilation), padding)

    def kernels(self, path: str) -> Array:
        """The kernel of a convolution, float32 (height, width, input channels, units), as trained."""
        found = kernels.pictured(self._calls[path])
        if found is None:
            raise ModelError(f"{path} has no kernel of its own.", "Choose a convolution.")
        return found

    def kernel(self, path: str) -> Kernel | None:
        """The weights by which a convolution or dense layer mixes channels; None for a layer of another kind."""
        return kernels.kernel_of(self._calls[path], self._flattened(path))

    def weights(self) -> Iterator[Sequence[Weight]]:
        """The weights of each module that has some, in the order they run."""
        owners = dict.fromkeys(call.thing for call in self._calls.values() if call.module)
        for owner in owners:
            some = [one for one in watch.own_tensors(owner) if one.is_floating_point() and one.dim()]
            if some:
                yield [_weight(one) for one in some]

    def takes_any_size(self, path: str) -> bool:
        """Is everything from the input up to this layer known not to mind the picture's size?"""
        below = [self._calls[one] for one in layers.ancestors(self.card, path)]
        return all(call.kind in SIZELESS and not call.mixed for call in below)

    def _flattened(self, path: str) -> tuple[int, int] | None:
        """The (cells, channels) of the map that a dense layer reads flattened; None where it reads none."""
        call = self._calls[path]
        below = self._calls.get(call.inputs[0]) if call.kind == "Dense" and len(call.inputs) == 1 else None
        while below is not None and below.kind in ("Dropout", "Flatten") and len(below.inputs) == 1:
            flat, below = below, self._calls.get(below.inputs[0])
            if flat.kind == "Flatten" and below is not None and len(below.shape) == 3 and not below.last:
                return below.shape[0] * below.shape[1], below.shape[2]
        return None


class Reached(BaseException):
    """Stops a pass at the last layer that is asked for. A BaseException, which no model's own `except Exception` catches."""


class _Taps:
    """Visitor that notes what is asked for. What goes on is a copy, as the next layer may change it in place."""

    def __init__(
        self, passed: Passed, outputs: Sequence[str], before: Sequence[str], inputs: Sequence[str], *,
        slopes: bool, stop: bool,
    ) -> None:  # fmt: skip
        self._books = ((passed.outputs, set(outputs)), (passed.before, set(before)), (passed.inputs, set(inputs)))
        self._slopes, self._stop = slopes, stop

    def enters(self, path: str, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a layer is given, and what goes into an activation."""
        return (self._noted(args[0], path, 1, 2), *args[1:]) if args else args

    def leaves(self, path: str, module: Any, args: tuple[Any, ...], made: Any) -> Any:
        """What a layer answers."""
        return self._replaced(path, made)

    def meets(
        self, path: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], call: Callable[..., Any]
    ) -> Any:
        """What a function is given and answers."""
        if args and runtime.torch().is_tensor(args[0]):
            args = (self._noted(args[0], path, 1, 2), *args[1:])
        return self._replaced(path, call(*args, **kwargs))

    def _replaced(self, path: str, made: Any) -> Any:
        first = first_of(made)
        noted = self._noted(first, path, 0)
        return made if noted is first else noted if first is made else type(made)((noted, *made[1:]))

    def _noted(self, value: Any, path: str, *books: int) -> Any:
        wanted = [self._books[book] for book in books if path in self._books[book][1]]
        if not wanted:
            return value
        if self._slopes and not value.requires_grad:
            value = value.detach().requires_grad_(True)
        for book, _ in wanted:
            book[path] = value
        if self._stop and all(len(book) == len(asked) for book, asked in self._books):
            raise Reached
        return value.clone()


def _weight(tensor: Any) -> Weight:
    """A weight by its values; other ones are written into it, whatever its format and device."""
    torch = runtime.torch()

    def assign(values: Array) -> None:
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)))

    return Weight(lambda: tensor.detach().float().cpu().numpy().copy(), assign)
