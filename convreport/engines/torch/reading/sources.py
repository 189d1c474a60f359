"""Where a PyTorch model comes from: a function, timm, torchvision, an exported program, or at hand."""

import importlib
import inspect
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError, UsageError, did_you_mean
from convreport.engines.factory import made, told
from convreport.engines.request import Request, is_factory
from convreport.engines.torch import runtime
from convreport.engines.torch.reading import exported, scripted, states

PACKAGES = ("timm", "torchvision")
WEIGHTS = (".pt", ".pth", ".safetensors", ".ckpt", ".bin")
EXPORTED = ".pt2"
SIDES = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512)  # pixels, tried in this order where nothing tells


@dataclass(frozen=True)
class Found:
    """A module, the files it came from, and what its publisher says of it.

    `shape` is (channels, height, width); `mean` and `deviation` are a number a channel, of pixels in 0..1; `classes` how many
    it knows, 0 where that is not said; `told` says where from.
    """

    module: Any
    files: tuple[Path, ...]
    origin: str
    repairs: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    classes: int = 0
    told: str = ""


def find(request: Request) -> Found:
    """The module that is asked for, with its weights; ModelError says why not."""
    torch = runtime.torch()
    if request.live is not None:
        return _found(request.live, request, "a model in memory")
    package, _, name = request.source.partition(":")
    if package in PACKAGES:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.seed)
            return _published(package, name, request)
    path = Path(request.source).expanduser()
    if path.suffix.lower() == EXPORTED:
        return _exported(path)
    if is_factory(request.source):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.seed)
            module = _made(request.source)
        return _filled(
            _found(module, request, f"the function {request.source}"), request.weights, unsafe=request.unsafe
        )
    return _of_weights(path, request)


def _made(source: str) -> Any:
    """What a function makes; ModelError if that is no module."""
    module = runtime.torch().nn.Module
    return made(source, "torch.nn.Module", lambda model: isinstance(model, module))


def _found(module: Any, request: Request, origin: str) -> Found:
    """A model in memory: a module, or a program that becomes one."""
    torch = runtime.torch()
    if isinstance(module, torch.export.ExportedProgram):
        opened, shape = exported.opened(module, "The program")
        return Found(opened, (), origin, shape=shape)
    module = _bare(module)
    if isinstance(module, torch.jit.ScriptModule):
        opened, shape = scripted.opened(module, type(module).__name__, _sizes(request, module))
        return Found(opened, (), origin, shape=shape)
    return _with_config(Found(module, (), origin))


def _sizes(request: Request, script: Any) -> tuple[tuple[int, int, int], ...]:
    """What pictures a script may take: (channels, height, width), as said, or to be tried."""
    if request.input_shape:
        return (request.input_shape,)
    channels = next((int(one.shape[1]) for one in script.parameters() if one.dim() == 4), 3)
    return tuple((channels, side, side) for side in SIDES)


def _bare(module: Any) -> Any:
    """The module itself, out of DataParallel and torch.compile."""
    nn = runtime.torch().nn
    while True:
        inner = getattr(module, "_orig_mod", None)
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            break
        module = inner
    return module


def _of_weights(path: Path, request: Request) -> Found:
    """A file of weights, and the architecture that --arch names; a pickled model where its author is trusted."""
    if not path.is_file():
        raise ModelError(f"There is no model file {request.source}.", "Check the path.")
    if request.arch is None:
        if request.unsafe:
            read = scripted.read if states.is_script(path) else states.pickled
            return replace(_found(read(path), request, f"the file {path.name}"), files=(path,))
        states.read(path)  # says what else it may be
        raise ModelError(
            f"{path.name} holds weights only, no architecture.",
            "Name a function that makes the model: --arch module:function.",
        )
    if not is_factory(request.arch):
        raise UsageError(
            f"--arch {request.arch} is not a function.", "Write it as module:function, timm:NAME, torchvision:NAME."
        )
    package, _, name = request.arch.partition(":")
    if package in PACKAGES:
        return _published(package, name, replace(request, weights=str(path)))
    found = _found(_made(request.arch), request, f"the function {request.arch}")
    return _filled(found, str(path), unsafe=request.unsafe)


def _filled(found: Found, said: str | None, *, unsafe: bool) -> Found:
    """A module with the weights of a file, where one is said."""
    if said in (None, "none"):
        return found
    file = Path(str(said)).expanduser()
    if not file.is_file():
        raise ModelError(f"There is no weights file {said}.", "Give a file with --weights, or leave it out.")
    repairs = states.fill(found.module, file, unsafe=unsafe)
    return replace(found, files=(file,), origin=f"{found.origin}, weights from {file.name}", repairs=repairs)


def _exported(path: Path) -> Found:
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.", "Check the path.")
    module, shape = exported.read(path)
    return Found(module, (path,), f"the exported program {path.name}", shape=shape)


def _with_config(found: Found) -> Found:
    """What a module says of itself: timm's `pretrained_cfg`, Lightning's `example_input_array`."""
    config = getattr(found.module, "pretrained_cfg", None)
    if isinstance(config, dict) and config.get("input_size"):
        return _by_config(found, config)
    example: Any = getattr(found.module, "example_input_array", None)
    if runtime.torch().is_tensor(example) and example.dim() == 4:
        return replace(found, shape=_three(example.shape[1:]))
    return found


def _by_config(found: Found, config: dict[str, Any]) -> Found:
    return replace(
        found,
        shape=_three(config["input_size"]),
        mean=tuple(map(float, config.get("mean") or ())),
        deviation=tuple(map(float, config.get("std") or ())),
        labels=tuple(config.get("label_names") or ()),
        classes=int(config.get("num_classes") or 0),
        told=f"what timm says {config.get('architecture') or 'the model'} was trained with",
    )


def _three(sides: Any) -> tuple[int, int, int]:
    channels, height, width = (int(side) for side in sides)
    return channels, height, width


def _published(package: str, name: str, request: Request) -> Found:
    """A model of timm or torchvision, with its own weights, those of a file, or none."""
    _import(package)
    own = request.weights is None or request.weights == "imagenet"
    make: dict[str, Callable[[str, bool], Found]] = {"timm": _timm, "torchvision": _torchvision}
    try:
        found = make[package](name, own)
    except ModelError:
        raise
    except Exception as error:
        names = _names(package)
        if names and ":" not in name and name.partition(".")[0] not in names:  # with a colon it is one of another hub
            raise ModelError(
                f"{package} has no model {name}.", did_you_mean(name, names, otherwise="Check its name.")
            ) from None
        hint = "Without a network: --weights FILE, or --weights none for random ones." if own else "Check its name."
        raise ModelError(f"{package} cannot make {name} ({told(error)}).", hint) from error
    if own:
        return found
    return _filled(found, request.weights, unsafe=request.unsafe)


def _import(package: str) -> None:
    """ModelError where it is not installed, or was built for another PyTorch."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if (error.name or package) == package:
            raise ModelError(f"{package} is not installed.", f"Install it: pip install {package}.") from None
        raise ModelError(f"{package} needs {error.name}, which is not installed.", f"pip install {package}.") from None
    except Exception as error:
        raise ModelError(
            f"{package} is installed and cannot be imported ({told(error)}).",
            f"Its release and build must be those of PyTorch: pip install --upgrade torch {package}.",
        ) from error


def _names(package: str) -> list[str]:
    """The models that a package knows; none where it does not tell."""
    module = importlib.import_module(f"{package}.models" if package == "torchvision" else package)
    return list(module.list_models()) if hasattr(module, "list_models") else []


@contextmanager
def _without_waiting() -> Iterator[None]:
    """Where there is no network, weights on this machine are found and others missed at once, instead of after a minute of
    retries.
    """
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError:
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _is_online()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _is_online() -> bool:
    """Has the hub an address here? What is behind a proxy needs none."""
    if urllib.request.getproxies():
        return True
    try:
        socket.getaddrinfo("huggingface.co", 443)
    except OSError:
        return False
    return True


def _timm(name: str, own: bool) -> Found:
    import timm

    with _without_waiting():
        module = timm.create_model(name, pretrained=own)
    return _with_config(Found(module, (), f"timm's {name}, {'its own weights' if own else 'random weights'}"))


def _torchvision(name: str, own: bool) -> Found:
    from torchvision import models

    known = models.get_model_weights(name)
    weights = known.DEFAULT
    # A network for segmentation would fetch weights for the part below even where it is to have none itself.
    takes = inspect.signature(models.get_model_builder(name)).parameters
    more = {} if own or "weights_backbone" not in takes else {"weights_backbone": None}
    module = models.get_model(name, weights=weights if own else None, **more)
    found = Found(module, (), f"torchvision's {name}, {f'weights {weights}' if own else 'random weights'}")
    look = weights.transforms()
    side = getattr(look, "crop_size", None) or getattr(look, "resize_size", None)
    if side is None or not hasattr(look, "mean"):
        raise ModelError(
            f"torchvision's {name} does not answer a picture with class scores.",
            "convreport shows networks that classify pictures or their pixels.",
        )
    side = int(side if isinstance(side, int) else side[0])
    return replace(
        found,
        shape=(3, side, side),
        mean=tuple(look.mean),
        deviation=tuple(look.std),
        labels=tuple(weights.meta.get("categories") or ()),
        told=f"what torchvision says {name} was trained with",
    )
