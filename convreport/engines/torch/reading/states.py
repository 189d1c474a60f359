"""Weights from a file of tensors into a module, and the proof that all of them arrived. Nothing in the file is ever run."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.engines.factory import told
from convreport.engines.torch import runtime
from convreport.engines.torch.reading import scripted

LISTED = 5  # names in a message, of each side
# What is put before every name, and by what.
PREFIXES = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}
INSIDE = ("state_dict", "model_state_dict", "model", "net", "weights")  # where a checkpoint keeps the weights
COUNTER = "num_batches_tracked"  # of no use at inference, and missing in old files
MISFIT = "Is it a file of this architecture? --weights takes a state dictionary."


def fill(module: Any, file: Path, *, unsafe: bool = False) -> tuple[str, ...]:
    """Load a state dictionary; what had to be taken off its names, in words. ModelError names the tensors that differ."""
    state, repairs = _stripped(read(file, unsafe=unsafe))
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state and not name.endswith(COUNTER)]
    left = [name for name in state if name not in wanted]
    unlike = [
        f"{name} is {_shape(state[name])}, in the model {_shape(wanted[name])}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    parts = [f"the model's {_list(missing)} not found in the file"] if missing else []
    parts += [f"{_list(left)} of the file not in the model"] if left else []
    parts += [
        "; ".join(unlike[:LISTED]) + (f" and {len(unlike) - LISTED} more" if len(unlike) > LISTED else "")
    ] * bool(unlike)
    if parts:
        raise ModelError(f"The weights in {file.name} do not fit {type(module).__name__}: {'; '.join(parts)}.", MISFIT)
    module.load_state_dict(state, strict=False)
    return repairs


def read(file: Path, *, unsafe: bool = False) -> dict[str, Any]:
    """The tensors in a file by name; ModelError for a pickled model, TorchScript, or what holds no tensors."""
    found = _safetensors(file) if file.suffix.lower() == ".safetensors" else _unpickled(file, unsafe=unsafe)
    torch = runtime.torch()
    for _ in range(2):
        if isinstance(found, torch.nn.Module):
            found = found.state_dict()
        if not isinstance(found, Mapping) or any(torch.is_tensor(one) for one in found.values()):
            break
        found = next((found[key] for key in INSIDE if key in found), found)
    tensors = {name: one for name, one in found.items() if torch.is_tensor(one)} if isinstance(found, Mapping) else {}
    if not tensors:
        raise ModelError(f"{file.name} holds no weights.", "Save it with torch.save(model.state_dict(), FILE).")
    return tensors


def pickled(file: Path) -> Any:
    """The whole model in a pickle, whose code is run: only where its author is trusted."""
    found = runtime.torch().load(file, map_location="cpu", weights_only=False)
    if not isinstance(found, runtime.torch().nn.Module):
        raise ModelError(f"{file.name} holds weights only, no architecture.", "Name it: --arch module:function.")
    return found


def script(what: str) -> ModelError:
    """TorchScript is a program, which nobody has looked into."""
    return ModelError(
        f"{what} is TorchScript: loading it would run its author's program.",
        "Export the model where it was made: torch.export.save(torch.export.export(model, (example,)), 'model.pt2'); or, if "
        "you trust its author, --unsafe.",
    )


def _safetensors(file: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError:
        raise ModelError("safetensors is not installed.", "Install it: pip install 'convreport[torch]'.") from None
    try:
        return load_file(file)
    except Exception as error:
        raise ModelError(f"{file.name} cannot be read ({told(error)}).", "Copy or save it again.") from None


def _unpickled(file: Path, *, unsafe: bool) -> Any:
    import pickle

    torch = runtime.torch()
    if is_script(file):
        if unsafe:
            return scripted.read(file).state_dict()
        raise script(file.name)
    try:
        return torch.load(file, map_location="cpu", weights_only=not unsafe)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower() and "unsupported" not in str(error).lower():
            raise ModelError(f"{file.name} is damaged, or not a PyTorch file.", "Copy or save it again.") from None
        raise ModelError(
            f"{file.name} is a pickle that holds more than tensors: loading it would run its author's code.",
            "Save torch.save(model.state_dict(), FILE) where it was made, and give the model as module:function; or, if you "
            "trust its author, --unsafe.",
        ) from None
    except Exception as error:
        if "PytorchStreamReader" in str(error):  # whose advice is to report a bug of PyTorch
            raise ModelError(f"{file.name} is damaged, or not a PyTorch file.", "Copy or save it again.") from None
        raise ModelError(f"{file.name} cannot be read ({told(error)}).", "Copy or save it again.") from None


def is_script(file: Path) -> bool:
    """TorchScript keeps its code beside its tensors."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    return any(name.endswith("constants.pkl") for name in names) and any("/code/" in name for name in names)


def _stripped(state: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The state without what wrappers put before every name, and that in words."""
    told: list[str] = []
    again = True
    while again:
        again = False
        for prefix, whose in PREFIXES.items():
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): one for name, one in state.items()}
                told.append(f"'{prefix}' of {whose} removed from the names of weights")
                again = True
    return state, tuple(told)


def _shape(tensor: Any) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
