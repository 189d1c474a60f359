"""Graphs that were recorded for one number of pictures, freed of it; and the proof that they answer as before."""

from typing import Any

import numpy as np

from convreport.engines.torch import runtime

RESHAPING = ("view", "reshape", "_unsafe_view")
SIZED = (*RESHAPING, "expand", "expand_copy")
CLOSE = 1e-3  # of the largest answer


def free(module: Any, batch: int) -> None:
    """Let the first axis of what is reshaped be as long as it comes out, in a graph recorded for `batch` pictures.

    Whether that is right is for `alike` to say: in a graph the number of pictures cannot be told from other numbers.
    """
    torch = runtime.torch()
    module._forward_pre_hooks.clear()  # an exported program's hook insists on the number of pictures
    (picture, *_) = (node for node in module.graph.nodes if node.op == "placeholder")
    with module.graph.inserting_after(picture):
        count = module.graph.call_function(torch.ops.aten.sym_size.int, (picture, 0))
    of_pictures = {picture}
    for node in module.graph.nodes:
        if not of_pictures.intersection(node.all_input_nodes):
            continue  # made of weights alone
        of_pictures.add(node)
        name = str(getattr(node.target, "__name__", "")).split(".")[0]
        if node.op != "call_function" or name not in SIZED or not isinstance(node.args[1], list | tuple):
            continue
        sizes = list(node.args[1])
        if name in RESHAPING and sizes and -1 not in sizes:
            sizes[0] = -1
        elif sizes and sizes[0] == batch:
            sizes[0] = count
        node.update_arg(1, sizes)
    module.graph.lint()
    module.recompile()


def alike(freed: Any, recorded: Any, batch: int, shape: tuple[int, ...]) -> bool:
    """Does the freed graph answer to other numbers of pictures of that shape as the recorded one does to its own?"""
    torch = runtime.torch()
    pictures = torch.from_numpy(np.random.default_rng(0).uniform(0, 1, (3 * batch, *shape)).astype(np.float32))
    like = next((one for one in recorded.parameters() if one.is_floating_point()), pictures)
    pictures = pictures.to(like.device, like.dtype)
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


def _flat(made: Any) -> list[Any]:
    values = made.values() if isinstance(made, dict) else made if isinstance(made, list | tuple) else [made]
    return [one for one in values if runtime.torch().is_tensor(one)]


def _close(one: Any, other: Any) -> bool:
    if one.shape != other.shape:
        return False
    least = CLOSE * float(other.float().abs().max())
    return bool((one.float() - other.float()).abs().max() <= least)
