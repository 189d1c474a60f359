"""The wiring of a PyTorch model: it is run once on pictures of noise, and every tensor is followed from maker to reader.

This is the model's own data flow, whatever Python code makes it: loops, conditions, modules called twice, activations in
place, functions between modules. Nothing need be traceable.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from convreport.engines.shared.tokens import FIRST_TOKENS
from convreport.engines.torch import runtime
from convreport.engines.torch.wiring import kinds, watch
from convreport.engines.torch.wiring.feed import Feed, flat

INPUT = "input"


@dataclass(frozen=True)
class Call:
    """One call of a module, or of a function that is a layer by itself.

    `thing` is the module, or what the function was given; `inputs` the paths of the calls it reads, `mixed` whether
    something unknown happens in between; `shape` without the batch axis and channels last, `last` whether the output really
    lies so; `own`: in code of somebody's own; `regrouped`: the first axis is no longer the pictures'; `trail` is the digest
    of what happens in between.
    """

    path: str
    kind: str
    thing: Any
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    module: bool
    last: bool = False
    mixed: bool = False
    own: bool = False
    regrouped: bool = False
    trail: str = ""
    name: str = ""  # of the function
    channels: bool = False  # a concatenation of channels
    moved: bool = False  # something unknown happens in between, by which a cell may see more


@dataclass(frozen=True)
class Wiring:
    """Every call of a model, and of each of its outputs: the path that makes it, its name, its shape channels last, itself."""

    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    trial: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class _Origin:
    """Where a tensor comes from: which calls, whether by cell-wise functions alone, whether its cells are still theirs (channels
    may have changed places), how it lies, and what happened to it.
    """

    paths: tuple[str, ...]
    plain: bool = True
    cells: bool = True
    last: bool = False
    trail: tuple[str, ...] = ()


def trace(feed: Feed, pictures: np.ndarray) -> Wiring:
    """The wiring, by one run on these pictures (n, height, width, channels); raises whatever the model raises."""
    tracer = _Tracer(feed, len(pictures), pictures.shape[1:])
    with watch.watching(feed.model, tracer.paths, tracer, functions=True):
        made = feed.run(runtime.torch().from_numpy(pictures))
    calls = (Call(INPUT, "InputLayer", None, (), pictures.shape[1:], module=False), *tracer.calls)
    names = tuple(name or "output" for name, _ in tracer.outputs)
    ends = tuple(one.paths[0] if len(one.paths) == 1 and one.plain else "" for _, one in tracer.outputs)
    trial = tuple(one.float().cpu().numpy() for one in made)
    return Wiring(calls, ends, names, tuple(one.shape[1:] for one in trial), trial)


def first_of(made: Any) -> Any:
    """What a module returns; the first of several things, which by custom is its map and not what goes with it."""
    return made[0] if isinstance(made, tuple | list) and made else made


class _Tracer:
    """Visitor of one run that writes down the calls."""

    def __init__(self, feed: Feed, count: int, size: tuple[int, int, int]) -> None:
        self._torch, self._count, self._model = runtime.torch(), count, feed.model
        self._size = size
        self.paths = watch.named(feed.model)
        self.calls: list[Call] = []
        self._made: dict[str, Call] = {}
        self._rows: dict[str, int] = {}  # how many tokens a call answers with, or those it answers with were
        self.outputs: list[tuple[str, _Origin]] = []
        self._origins: dict[int, tuple[int, _Origin]] = {}  # by the identity of a tensor, with its version
        self._kept: list[Any] = []  # tensors, so that no identity is given to another one

    def enters(self, path: str, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The model itself brings the picture."""
        if module is self._model:
            self._record(args[0], _Origin((INPUT,)))
        return args

    def leaves(self, path: str, module: Any, args: tuple[Any, ...], made: Any) -> Any:
        """A layer by itself, or a block of layers whose output is known by what made it."""
        if module is self._model:
            self.outputs = [(name, self._origin([one])) for name, one in flat(made)]
        first = first_of(made)
        if module is self._model or watch.is_container(module) or not self._torch.is_tensor(first):
            return made
        leaf = watch.is_leaf(module)
        source = self._origin(list(_tensors(args)) if leaf else [first])
        kind = kinds.kind_of(module) if leaf else type(module).__name__
        last = source.last
        if kind == "Permute":
            last = _permuted(source.last, tuple(getattr(module, "dims", ())))
        lies = self._lies(kind, first, source, last)
        own = not type(module).__module__.startswith("torch.nn")
        self._add(path, kind, module, source, first, module=True, own=own, lies=lies)
        if leaf or not source.plain:  # behind what is unknown the block itself is what others read
            self._record(first, _Origin((path,), last=bool(lies)), anew=True)
        return made

    def meets(
        self, path: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], call: Callable[..., Any]
    ) -> Any:
        """A function: a layer by itself, or something that happens on the way."""
        given = list(_tensors((args, kwargs)))
        before: Any = given[0].shape if given else ()
        made = call(*args, **kwargs)
        several = [args[0]] if name == "__setitem__" else list(_tensors(made))
        source = self._origin(given)
        if not several or not source.paths:
            return made
        thing = kinds.bound(name, args, kwargs)
        read = [one for one in given if id(one) in self._origins]
        kind = kinds.MERGES.get(name) if len(read) > 1 else None
        kind = kind or kinds.kind_of_function(name, thing, given[0], several[0])
        fewer = (
            len(before) == several[0].dim() == 4
            and before[1] != several[0].shape[1]
            and before[2:] == several[0].shape[2:]
        )
        kind = kind or (name.strip("_").capitalize() if fewer and not source.last else None)
        last = source.last and several[0].dim() >= 4
        trail = (*source.trail, _digest(name, args, kwargs, [one for one in given if id(one) not in self._origins]))
        if kind is None:
            plain = name in kinds.CELLWISE
            cells = plain or (not source.last and kinds.keeps_cells(name, args, given[0], several[0]))
            if name == "permute":
                dims = args[1] if isinstance(args[1], tuple | list) else args[1:]
                last, plain = _permuted(source.last, tuple(dims)), len(dims) == 4
                cells = cells or plain
            origin = _Origin(source.paths, source.plain and plain, source.cells and cells, last, trail)
        else:
            lies = self._lies(kind, several[0], source, last)
            joins = kind == "Concatenate" and lies is False and _dimension(args, kwargs) in (1, -3)
            source = replace(source, trail=trail)
            self._add(path, kind, thing, source, several[0], module=False, lies=lies, name=name, channels=joins)
            origin = _Origin((path,), last=bool(lies))
        for one in several:
            self._record(one, origin)
        return made

    def _add(
        self, path: str, kind: str, thing: Any, source: _Origin, made: Any, *, lies: bool | None, **more: Any
    ) -> None:
        shape = tuple(int(side) for side in made.shape[1:])
        shape = (*shape[1:], shape[0]) if made.dim() == 4 and not lies else shape
        regrouped = made.dim() == 0 or made.shape[0] != self._count or lies is None
        call = Call(
            path, kind, thing, source.paths, shape, mixed=not source.plain, moved=not source.cells, regrouped=regrouped,
            last=bool(lies), trail="/".join(source.trail), **more,
        )  # fmt: skip
        self.calls.append(call)
        self._made[path] = call
        if len(shape) == 2 and not regrouped:
            self._rows[path] = shape[0]
        elif regrouped:
            self._rows[path] = next((self._rows[one] for one in source.paths if one in self._rows), 0)

    def _lies(self, kind: str, made: Any, source: _Origin, last: bool) -> bool | None:
        """Do these maps lie channels last? None where four axes are something else: windows of a map, or the heads of an
        attention over tokens. Where something unknown happened to them, their sides must tell.
        """
        if made.dim() != 4 or "Conv" in kind or "Pool" in kind:
            return False
        read = [self._made[one] for one in source.paths if one in self._made]
        if source.plain or not read:
            return None if any(one.regrouped for one in read) else last
        for rows in dict.fromkeys(self._rows.get(one.path, 0) for one in read):
            if not rows:
                continue
            for lies in (last, not last):
                height, width = _sides(made, last=lies)
                if 0 <= rows - height * width <= FIRST_TOKENS:
                    return lies
            if rows in made.shape[1:]:
                return None
        tall, wide, _ = self._size
        for lies in (last, not last):
            height, width = _sides(made, last=lies)
            if height == width == 1 or 2 / 3 < height / width * wide / tall < 3 / 2:
                return lies
        return None

    def _origin(self, tensors: Sequence[Any]) -> _Origin:
        """Where what is made of these comes from."""
        known = [self._origins[id(one)][1] for one in tensors if id(one) in self._origins]
        paths = tuple(dict.fromkeys(path for one in known for path in one.paths))
        trail = tuple(dict.fromkeys(item for one in known for item in one.trail))
        plain, cells = all(one.plain for one in known), all(one.cells for one in known)
        return _Origin(paths, plain, cells, any(one.last for one in known), trail)

    def _record(self, tensor: Any, origin: _Origin, *, anew: bool = False) -> None:
        """Where a tensor comes from now; one that was handed on as it is stays its maker's, one changed in place does not."""
        known = self._origins.get(id(tensor))
        if known is None or known[0] != tensor._version or (anew and not known[1].plain):
            self._origins[id(tensor)] = (tensor._version, origin)
            self._kept.append(tensor)


def _sides(made: Any, *, last: bool) -> tuple[int, int]:
    height, width = made.shape[1:3] if last else made.shape[2:]
    return int(height), int(width)


def _tensors(values: Any) -> Iterator[Any]:
    if runtime.torch().is_tensor(values):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
    elif isinstance(values, list | tuple):
        for one in values:
            yield from _tensors(one)


def _permuted(last: bool, dims: tuple[int, ...]) -> bool:
    """Do maps lie channels last behind this permutation of their axes?"""
    known: dict[tuple[int, ...], bool] = {(0, 2, 3, 1): True, (0, 3, 1, 2): False}
    return known.get(dims, last)


def _dimension(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """Along which axis a concatenation joins."""
    said = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else 0))
    return int(said)


def _digest(name: str, args: Any, kwargs: Any, constants: Sequence[Any]) -> str:
    """Of a function with what it is given beside what the network made: plain values, and tensors by what they hold."""
    state = blake2b(name.encode(), digest_size=12)
    state.update(repr(_plain((args, dict(kwargs)))).encode())
    for one in constants:
        state.update(one.detach().float().cpu().contiguous().numpy().tobytes())
    return state.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, int | float | str | bool | None) else type(value).__name__
