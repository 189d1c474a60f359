"""Listening to a model while it runs: hooks on its modules, and where that is asked, every function between them.

Modules are told by their names with slashes, `layer1/0/conv1`, a second call of one as `layer1/0/relu@2`. A hook sees no
functions (`torch.relu(x)`, `x + y`): those that a module of somebody's own calls are told by where they stand and their name,
`layer1/0/add()`, the second one as `layer1/0/add()@2`. Everything is taken off again whatever happens.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from convreport.engines.torch import runtime

CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


class Visitor(Protocol):
    """What is told of a run. What a method returns goes on in the place of what it was shown."""

    def enters(self, path: str, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """A module is called."""
        ...

    def leaves(self, path: str, module: Any, args: tuple[Any, ...], made: Any) -> Any:
        """A module has answered."""
        ...

    def meets(
        self, path: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], call: Callable[..., Any]
    ) -> Any:
        """A function is to be called by a module of somebody's own."""
        ...


@dataclass
class _Frame:
    """A module that is running."""

    path: str
    leaf: bool
    counts: dict[str, int] = field(default_factory=dict)


def named(model: Any) -> dict[Any, str]:
    """Every module inside by its path, each once; the model itself is ""."""
    return {module: name.replace(".", "/") for name, module in model.named_modules()}


def is_leaf(module: Any) -> bool:
    """Is it one layer: one of PyTorch's own that is no container, or made of such a one without modules inside?

    What else somebody wrote is opened, as it may hide whole layers in functions.
    """
    kinds = [
        one
        for one in type(module).__mro__
        if one.__module__.startswith("torch.nn.modules") and one.__name__ != "Module"
    ]
    if not kinds or "Transformer" in type(module).__name__ or kinds[0].__name__ in CONTAINERS:
        return False
    return kinds[0] is type(module) or not any(True for _ in module.children())


def own_tensors(module: Any) -> list[Any]:
    """The parameters and buffers of a layer; of what is opened only those that no module inside has."""
    deep = is_leaf(module)
    return [*module.parameters(recurse=deep), *module.buffers(recurse=deep)]


def is_container(module: Any) -> bool:
    """Does it only call one module after the other?"""
    if type(module).__name__ in CONTAINERS:
        return True
    sequential = runtime.torch().nn.Sequential
    return isinstance(module, sequential) and type(module).forward is sequential.forward


def plain_name(function: Any) -> str:
    """A function's name: `add` for `torch.Tensor.add_`, `x += y`, `torch.ops.aten.add.Tensor` and so on."""
    name = str(getattr(function, "__name__", function)).split(".")[0]
    return name if name.startswith("__") else name.strip("_")


@contextmanager
def watching(
    model: Any,
    paths: Mapping[Any, str],
    visitor: Visitor,
    *,
    only: Iterable[Any] | None = None,
    functions: bool = False,
) -> Iterator[None]:
    """Tell `visitor` of every run of the model inside the block: of the modules `only`, or all; of `functions` if asked, which
    takes all modules.
    """
    stack: list[_Frame] = [_Frame("", leaf=True)]
    turns: dict[Any, int] = {}

    def enters(module: Any, args: tuple[Any, ...]) -> Any:
        turn = turns[module] = turns.get(module, 0) + 1
        path = paths[module] + (f"@{turn}" if turn > 1 else "")
        stack.append(_Frame(path, is_leaf(module) and module is not model))
        return visitor.enters(path, module, args)

    def leaves(module: Any, args: tuple[Any, ...], made: Any) -> Any:
        return visitor.leaves(stack.pop().path, module, args, made)

    watched = list(paths) if only is None else list(only)
    with ExitStack() as undo:
        for module in watched:
            undo.callback(module.register_forward_pre_hook(enters).remove)
            undo.callback(module.register_forward_hook(leaves).remove)
        if functions:
            undo.enter_context(_mode(stack, visitor))
        yield


def _mode(stack: list[_Frame], visitor: Visitor) -> Any:
    from torch.overrides import TorchFunctionMode

    class Functions(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            frame, name = stack[-1], plain_name(function)
            if frame.leaf or name == "__get__":
                return function(*args, **kwargs)
            turn = frame.counts[name] = frame.counts.get(name, 0) + 1
            path = f"{frame.path}/{name}()".lstrip("/") + (f"@{turn}" if turn > 1 else "")
            return visitor.meets(path, name, args, kwargs, function)

    return Functions()


def yielding() -> Any:
    """Inside this context ReLUs answer as ever, but have the gradient of the identity.

    A unit whose input is silent has no gradient to climb by; this gives it one, as Lucid does for the first steps.
    """
    from torch.overrides import TorchFunctionMode

    class Yielding(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if plain_name(function) not in ("relu", "relu6", "hardtanh"):
                return function(*args, **kwargs)
            x = args[0] if args else kwargs["input"]
            given = ((x.detach().clone(), *args[1:]), kwargs) if args else ((), kwargs | {"input": x.detach().clone()})
            return x + (function(*given[0], **given[1]) - x.detach())

    return Yielding()
