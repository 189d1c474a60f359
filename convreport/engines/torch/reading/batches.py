"""Graphs that were recorded for one number of pictures, freed of it; and the proof that they answer as before."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from convreport.engines.torch import runtime

RESHAPING = ("view", "reshape", "_unsafe_view")
EXPANDING = ("expand", "expand_copy")
MOST_TRIES = 64
CLOSE = 1e-3  # of the largest answer


def free(module: Any, batch: int, shape: Sequence[int]) -> None:
    """Let the number of pictures be free in what is reshaped, in a graph recorded for `batch` pictures of that shape.

    Whether that is right is for `alike` to say: in a graph the number of pictures cannot be told from other numbers.
    """
    torch = runtime.torch()
    module._forward_pre_hooks.clear()  # an exported program's hook insists on the number of pictures
    (picture, *_) = (node for node in module.graph.nodes if node.op == "placeholder")
    with module.graph.inserting_after(picture):
        count = module.graph.call_function(torch.ops.aten.sym_size.int, (picture, 0))
    noise = _noise(module, 2 * batch, shape)
    before: dict[Any, tuple[int, ...]] = {}
    unsure: list[Any] = []  # what was reshaped in a way that can be read in two
    other: set[Any] = set()  # and is to be read in the second

    class Measured(torch.fx.Interpreter):  # type: ignore[misc, name-defined]
        def run_node(self, node: Any) -> Any:
            made = super().run_node(node)
            before[node] = tuple(made.shape) if torch.is_tensor(made) else ()
            return made

    class Freed(torch.fx.Interpreter):  # type: ignore[misc, name-defined]
        def run_node(self, node: Any) -> Any:
            name = str(getattr(node.target, "__name__", "")).split(".")[0]
            if node.op == "call_function" and name in RESHAPING:
                ways = _freed(before[node.args[0]], tuple(self.env[node.args[0]].shape), before[node])
                unsure.extend([node] * (len(ways) > 1 and node not in other))
                node.update_arg(1, ways[-1 if node in other else 0])
            elif node.op == "call_function" and name in EXPANDING and list(node.args[1])[:1] == [batch]:
                node.update_arg(1, [count, *list(node.args[1])[1:]])
            return super().run_node(node)

    with torch.no_grad():
        Measured(module).run(noise[:batch])
        for _ in range(MOST_TRIES):
            unsure.clear()
            try:
                Freed(module).run(noise)
                break
            except Exception:  # what does not fit shows that the last reshaping was misread
                if not unsure:
                    break  # it cannot be freed, as `alike` will see
                other.add(unsure[-1])
    module.graph.lint()
    module.recompile()


def _freed(before: tuple[int, ...], after: tuple[int, ...], made: tuple[int, ...]) -> list[list[int]]:
    """What a tensor of the shape `before` is reshaped to, `made`, with -1 where more pictures (`after`) make it longer.

    One axis is reached by all that lies outside of the pictures, one by all that lies inside: where these are not the same,
    the pictures may lead either of them.
    """
    longer = [axis for axis, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    if len(longer) != 1:
        return [list(made)]
    outer, inner = prod(before[: longer[0]]), prod(before[longer[0] + 1 :])
    axes = range(len(made))
    found = [axis for axis in axes if prod(made[:axis]) == outer][:1]
    found += [axis for axis in axes if prod(made[axis + 1 :]) == inner][-1:]
    return [[-1 if axis == longest else made[axis] for axis in axes] for longest in dict.fromkeys(found)] or [
        list(made)
    ]


def alike(freed: Any, recorded: Any, batch: int, shape: Sequence[int]) -> bool:
    """Does the freed graph answer to other numbers of pictures of that shape as the recorded one does to its own?"""
    torch = runtime.torch()
    pictures = _noise(recorded, 3 * batch, shape)
    with torch.no_grad():
        chunks = [_flat(recorded(pictures[first : first + batch])) for first in range(0, len(pictures), batch)]
        expected = [torch.cat(parts) for parts in zip(*chunks, strict=True)]
        try:
            found, first = _flat(freed(pictures)), _flat(freed(pictures[:1]))
        except Exception:
            return False
    if not len(found) == len(first) == len(expected) > 0:
        return False
    return all(
        _close(one, other) and _close(alone, other[:1])
        for one, alone, other in zip(found, first, expected, strict=True)
    )


def _noise(module: Any, count: int, shape: Sequence[int]) -> Any:
    """So many pictures, in the format and on the device of a module's weights."""
    pictures = runtime.torch().from_numpy(np.random.default_rng(0).uniform(0, 1, (count, *shape)).astype(np.float32))
    like = next((one for one in module.parameters() if one.is_floating_point()), pictures)
    return pictures.to(like.device, like.dtype)


def _flat(made: Any) -> list[Any]:
    values = made.values() if isinstance(made, dict) else made if isinstance(made, list | tuple) else [made]
    return [one for one in values if runtime.torch().is_tensor(one)]


def _close(one: Any, other: Any) -> bool:
    if one.shape != other.shape:
        return False
    least = CLOSE * float(other.float().abs().max())
    return bool((one.float() - other.float()).abs().max() <= least)
