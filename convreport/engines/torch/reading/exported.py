"""Exported programs (`torch.export`), whose operations on weights become modules again, under their old names."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.engines.factory import told
from convreport.engines.torch import runtime
from convreport.engines.torch.reading import batches

REEXPORT = (
    "Export it where it was made: torch.export.save(torch.export.export(model, (example,), dynamic_shapes=({0: 'n'},)), "
    "'model.pt2'), the example a batch of two or more."
)


def read(path: Path) -> tuple[Any, tuple[int, int, int] | None]:
    """The program as a module whose layers can be listened to, and its input's (channels, height, width)."""
    try:
        program = runtime.torch().export.load(path)
    except Exception as error:
        raise ModelError(f"{path.name} is not a readable exported program ({told(error)}).", REEXPORT) from error
    return opened(program, path.name)


def opened(program: Any, name: str) -> tuple[Any, tuple[int, int, int] | None]:
    """The same of a program in memory, which is called `name`."""
    user = set(program.graph_signature.user_inputs)
    inputs = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in user]
    shape = tuple(inputs[0].meta["val"].shape) if inputs and "val" in inputs[0].meta else ()
    module = program.module(check_guards=False)
    if len(shape) == 4 and isinstance(shape[0], int):
        batches.free(module, shape[0], shape[1:])
        recorded = program.module(check_guards=False)
        if len(inputs) > 1 or not batches.alike(module, recorded, shape[0], shape[1:]):
            raise ModelError(f"{name} was exported for batches of {shape[0]} only.", REEXPORT)
    rebuild(module)
    return module, (int(shape[1]), int(shape[2]), int(shape[3])) if len(shape) == 4 else None


def rebuild(module: Any) -> None:
    """Convolutions, dense layers and normalizations of the graph as modules of PyTorch's, each where it was."""
    torch = runtime.torch()
    made: dict[str, Callable[[Any, Any], Any]] = {
        "conv2d": _convolution, "conv_transpose2d": _transposed, "_convolution": _either, "linear": _linear,
        "batch_norm": _batch_norm, "relu": _relu, "relu_": _relu, "hardtanh": _hardtanh, "hardtanh_": _hardtanh,
        "max_pool2d": _max_pool, "adaptive_avg_pool2d": _adaptive,
    }  # fmt: skip
    taken: set[str] = set()
    for node in list(module.graph.nodes):
        name = str(getattr(node.target, "__name__", "")).split(".")[0]
        if node.op != "call_function" or name not in made or not isinstance(node.target, torch._ops.OpOverload):
            continue
        weights_are_computed = any(one.op != "get_attr" for one in node.all_input_nodes if one is not node.args[0])
        layer = None if weights_are_computed else made[name](module, node)
        if layer is None:
            continue
        place = _place(node) or node.name
        place = path = place if _free(module, place) or place in taken else f"{place}.{node.name}"
        turn = 1
        while path in taken or not _free(module, path):
            turn += 1
            path = f"{place}@{turn}"  # as a module called twice is told of
        taken.add(path)
        layer.train(False)
        _put(module, path, layer)
        with module.graph.inserting_before(node):
            new = module.graph.call_module(path, (node.args[0],))
        new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        module.graph.erase_node(node)
    for node in reversed(list(module.graph.nodes)):  # counters, and weights that modules have now
        if node.op == "get_attr" and not node.users:
            module.graph.erase_node(node)
    module.recompile()


def _place(node: Any) -> str:
    """The name of the module that this operation was in; where nobody noted that, of the one whose weights it reads."""
    stack = node.meta.get("nn_module_stack") or {}
    names = [str(value[0]) for value in stack.values() if value[0]]
    read = [str(one.target) for one in node.all_input_nodes[1:2] if one.op == "get_attr" and "." in str(one.target)]
    return names[-1] if names else read[0].rpartition(".")[0] if read else ""


def _free(module: Any, path: str) -> bool:
    """Is there no layer of that name, but at most its weights?"""
    for part in path.split("."):
        module = getattr(module, part, None)
        if module is None:
            return True
    return type(module) is runtime.torch().nn.Module and not any(True for _ in module.children())


def _put(module: Any, path: str, layer: Any) -> None:
    *folders, last = path.split(".")
    for part in folders:
        if getattr(module, part, None) is None:
            module.add_module(part, runtime.torch().nn.Module())
        module = getattr(module, part)
    if hasattr(module, last):
        delattr(module, last)
    module.add_module(last, layer)


def _tensor(module: Any, node: Any) -> Any:
    """A weight that the graph reads; None where it reads none."""
    if node is None:
        return None
    for part in str(node.target).split("."):
        module = getattr(module, part)
    return module


def _arguments(node: Any, *defaults: Any) -> list[Any]:
    """What an operation is given beside its input, by position, the schema's defaults where it is silent."""
    names = [one.name for one in node.target._schema.arguments][1 : len(defaults) + 1]
    given = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
    return [given.get(name, default) for name, default in zip(names, defaults, strict=True)]


def _learned(tensor: Any) -> Any:
    torch = runtime.torch()
    return tensor if tensor is None or isinstance(tensor, torch.nn.Parameter) else torch.nn.Parameter(tensor)


def _convolution(module: Any, node: Any) -> Any:
    weight, bias, stride, padding, dilation, groups = _arguments(node, None, None, [1, 1], [0, 0], [1, 1], 1)
    weight, bias = _tensor(module, weight), _tensor(module, bias)
    padding = padding if isinstance(padding, str) else _pair(padding)
    layer = runtime.torch().nn.Conv2d(
        weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]), _pair(stride), padding, _pair(dilation),
        groups, bias=bias is not None, device="meta",
    )  # fmt: skip
    layer.weight, layer.bias = _learned(weight), _learned(bias)
    return layer


def _transposed(module: Any, node: Any) -> Any:
    weight, bias, stride, padding, extra, groups, dilation = _arguments(
        node, None, None, [1, 1], [0, 0], [0, 0], 1, [1, 1]
    )
    weight, bias = _tensor(module, weight), _tensor(module, bias)
    layer = runtime.torch().nn.ConvTranspose2d(
        weight.shape[0], weight.shape[1] * groups, tuple(weight.shape[2:]), _pair(stride), _pair(padding), _pair(extra),
        groups, bias is not None, _pair(dilation), device="meta",
    )  # fmt: skip
    layer.weight, layer.bias = _learned(weight), _learned(bias)
    return layer


def _either(module: Any, node: Any) -> Any:
    """A convolution or its transpose, as TorchScript calls both."""
    weight, bias, stride, padding, dilation, transposed, extra, groups = node.args[1:9]
    if len(stride) != 2:
        return None
    said = (weight, bias, stride, padding, extra, groups, dilation) if transposed else (
        weight, bias, stride, padding, dilation, groups)  # fmt: skip
    aten = runtime.torch().ops.aten
    target = aten.conv_transpose2d.input if transposed else aten.conv2d.default
    same = SimpleNamespace(target=target, args=(node.args[0], *said), kwargs={})
    return (_transposed if transposed else _convolution)(module, same)


def _linear(module: Any, node: Any) -> Any:
    weight, bias = (_tensor(module, one) for one in _arguments(node, None, None))
    layer = runtime.torch().nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight, layer.bias = _learned(weight), _learned(bias)
    return layer


def _batch_norm(module: Any, node: Any) -> Any:
    weight, bias, mean, variance, _, _, eps = _arguments(node, None, None, None, None, False, 0.1, 1e-5)
    mean = _tensor(module, mean)
    layer = runtime.torch().nn.BatchNorm2d(mean.shape[0], eps, affine=weight is not None, device="meta")
    if weight is not None:
        layer.weight, layer.bias = _learned(_tensor(module, weight)), _learned(_tensor(module, bias))
    layer.running_mean, layer.running_var = mean, _tensor(module, variance)
    layer.num_batches_tracked = None
    return layer


def _relu(module: Any, node: Any) -> Any:
    return runtime.torch().nn.ReLU()


def _hardtanh(module: Any, node: Any) -> Any:
    low, high = _arguments(node, -1, 1)
    return runtime.torch().nn.ReLU6() if (low, high) == (0, 6) else None


def _max_pool(module: Any, node: Any) -> Any:
    kernel, stride, padding, dilation, ceil = _arguments(node, 2, [], 0, 1, False)
    return runtime.torch().nn.MaxPool2d(
        _pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation), ceil_mode=ceil
    )


def _adaptive(module: Any, node: Any) -> Any:
    return runtime.torch().nn.AdaptiveAvgPool2d(_pair(_arguments(node, 1)[0]))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))
