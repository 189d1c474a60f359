"""TorchScript, where its author is trusted: run once while its operations are written down, which then become modules again."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.engines.factory import told
from convreport.engines.torch import runtime
from convreport.engines.torch.reading import batches, exported

BATCH = 2  # pictures for which the operations are written down


def read(path: Path) -> Any:
    """The script in a file, which is a program: only where its author is trusted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # that TorchScript is old need not be told of an old file
            return runtime.torch().jit.load(path, map_location="cpu")
    except Exception as error:
        raise ModelError(f"{path.name} cannot be read ({told(error)}).", "Copy or save it again.") from None


def opened(script: Any, name: str, sizes: tuple[tuple[int, int, int], ...]) -> tuple[Any, tuple[int, int, int]]:
    """A script as a module whose layers can be listened to, and of the possible (channels, height, width) the first that it
    takes. `name` is what the script is called.
    """
    with _at_rest(script):
        return _first(script, name, sizes)


def _first(script: Any, name: str, sizes: tuple[tuple[int, int, int], ...]) -> tuple[Any, tuple[int, int, int]]:
    first: Exception | None = None
    for shape in sizes:
        try:
            module = _written(script, shape)
        except Exception as error:
            first = first or error
            continue
        if batches.alike(module, script, BATCH, shape):
            return module, shape
        raise ModelError(f"What {name} computes depends on the number of pictures.", exported.REEXPORT)
    assert first is not None
    raise ModelError(
        f"{name} cannot be run on a picture of {' x '.join(map(str, sizes[0]))} ({told(first)}).",
        "Give its input: --input-shape CHANNELS,HEIGHT,WIDTH.",
    )


def _written(script: Any, shape: tuple[int, int, int]) -> Any:
    """The operations of one run on noise, weights under their names, free of the number of pictures, as modules."""
    torch = runtime.torch()
    from torch.fx.experimental.proxy_tensor import make_fx

    weights = [*script.named_buffers(), *script.named_parameters()]
    like = next((one for _, one in weights if one.is_floating_point()), torch.zeros(1))
    learned = {name for name, _ in script.named_parameters()}
    names = {one.data_ptr(): name for name, one in weights}
    with torch.no_grad():
        pictures = torch.rand(BATCH, *shape).to(like.device, like.dtype)
        graph = make_fx(lambda given: script(given), pre_dispatch=True)(pictures)
    kept: dict[str, str] = {}
    for node in graph.graph.nodes:
        if node.op != "get_attr":
            continue
        said = str(node.target)
        tensor: Any = None if said in kept else getattr(graph, said)
        if torch.is_tensor(tensor) and tensor.data_ptr() in names:
            name = names[tensor.data_ptr()]
            delattr(graph, said)
            kept[said] = _kept(graph, name, tensor, learned=name in learned)
        node.target = kept.get(said, said)
    batches.free(graph, BATCH, shape)
    exported.rebuild(graph)
    return graph


@contextmanager
def _at_rest(script: Any) -> Iterator[None]:
    """Inference; afterwards as it was found."""
    training = [one for one in script.modules() if one.training]
    script.eval()
    try:
        yield
    finally:
        for one in training:
            one.training = True


def _kept(module: Any, path: str, tensor: Any, *, learned: bool) -> str:
    """The tensor under its name in the script, in plain modules."""
    *folders, last = path.split(".")
    for part in folders:
        if getattr(module, part, None) is None:
            module.add_module(part, runtime.torch().nn.Module())
        module = getattr(module, part)
    if learned:
        module.register_parameter(last, runtime.torch().nn.Parameter(tensor.detach(), tensor.requires_grad))
    else:
        module.register_buffer(last, tensor)
    return path
