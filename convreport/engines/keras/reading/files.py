"""Whole models from .keras and .h5 files, new and old: looked into before Keras acts on them, mended where they are old."""

import json
import re
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.engines.keras import runtime
from convreport.engines.keras.reading import legacy, trees, unknown, weights
from convreport.engines.keras.reading.safety import refuse_code, refuse_giants

BACKSLASHES = "backslashes in the names of weights (written on Windows by Keras 2)"


@dataclass(frozen=True)
class Saved:
    """What a file holds: the configuration of a model, or None for weights alone; and how many numbers are stored."""

    file: Path
    zipped: bool
    config: dict[str, Any] | None
    numbers: int = 0


def look_into(file: Path) -> Saved:
    """What is in a file, without acting on it; ModelError for one that is no model, or damaged, or not whole in itself."""
    if zipfile.is_zipfile(file):
        with trees.archive(file) as archive:
            if (bad := archive.testzip()) is not None:
                raise ModelError(f"{file.name} is damaged ({bad} does not match its checksum).", "Copy it again.")
            config = json.loads(archive.read("config.json"))
        with trees.opened(file) as tree:
            return Saved(file, True, _as_model(config, file), trees.refuse_outside(tree, file))
    with file.open("rb") as start:
        if start.read(8) != b"\x89HDF\r\n\x1a\n":
            raise trees.damaged(file)
    with trees.opened(file) as tree:
        text = tree.attrs.get("model_config")
        config = None if text is None else json.loads(text.decode() if isinstance(text, bytes) else text)
        signs = {"layers", "_layer_checkpoint_dependencies", "vars", "model_weights", "layer_names", "layer_names0"}
        if config is None and not signs & {*tree, *tree.attrs}:
            raise ModelError(f"{file.name} is an HDF5 file, but Keras did not write it.", "Give a .keras or .h5 model.")
        numbers = trees.refuse_outside(tree, file)
    return Saved(file, False, None if config is None else _as_model(config, file), numbers)


def _as_model(config: Any, file: Path) -> dict[str, Any]:
    """A configuration that is one at all, with names that can be written down."""
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise trees.damaged(file)
    with trees.faults_told(file):  # bytes that are no text; or it is nested deeper than Python goes
        json.dumps(config, ensure_ascii=False).encode()
    return config


def read(saved: Saved, *, unsafe: bool, trusted: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    """The whole model, uncompiled, and the repairs it took; ModelError says why it cannot be loaded."""
    assert saved.config is not None
    runtime.tensorflow()
    import keras

    with trees.faults_told(saved.file):  # one may be nested deeper than Python goes
        if not unsafe:
            refuse_code(saved.config, saved.file.name, trusted)
        refuse_giants(saved.config, saved.numbers, saved.file.name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice for the model's author, who is not here
        try:
            return keras.models.load_model(saved.file, compile=False, safe_mode=not unsafe), ()
        except Exception as plain:
            try:
                mended = _mended(saved, unsafe=unsafe)
            except ModelError:
                raise
            except Exception as error:
                raise _why(error, saved.file) from error
            if mended is None:
                raise _why(plain, saved.file) from plain
            return mended


def _mended(saved: Saved, *, unsafe: bool) -> tuple[Any, tuple[str, ...]] | None:
    """The model after repair, every weight accounted for, and what was done; None where there is nothing to repair."""
    config = json.loads(json.dumps(saved.config))
    repairs = (*legacy.mend(config, archive=saved.zipped), *unknown.drop_idle(config, saved.file.name))
    if saved.zipped:
        made = _from_mended_archive(saved.file, config, repairs, unsafe=unsafe)
        if made is None:
            return None
        model, repairs = made
    elif not repairs:
        return None
    else:
        model = _from_config(config, unsafe=unsafe)
        weights.fill(model, saved.file)
    weights.account(model, saved.file)
    return model, repairs


def _from_config(config: dict[str, Any], *, unsafe: bool) -> Any:
    """A model from an .h5 file's configuration, without its weights."""
    from keras.src.legacy.saving import saving_options, saving_utils
    from keras.src.saving import serialization_lib

    with saving_options.keras_option_scope(use_legacy_config=True), serialization_lib.SafeModeScope(not unsafe):
        model = saving_utils.model_from_config(config, custom_objects={})
    if not model.built:
        model.build()
    return model


def _from_mended_archive(
    file: Path, config: dict[str, Any], repairs: tuple[str, ...], *, unsafe: bool
) -> tuple[Any, tuple[str, ...]] | None:
    """A .keras file written again with its repaired configuration, and loaded."""
    import h5py
    import keras

    with tempfile.TemporaryDirectory(dir=runtime.scratch()) as folder:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder, ["config.json", "metadata.json", "model.weights.h5"])
        inner = Path(folder) / "model.weights.h5"
        with h5py.File(inner, "r+") as tree:
            odd: list[str] = []
            tree.visit(lambda name: odd.append(name) if "\\" in name.rsplit("/", 1)[-1] else None)
            for name in sorted(odd, key=len, reverse=True):
                tree.move(name, name.replace("\\", "/"))
        repairs = (*repairs, BACKSLASHES) if odd else repairs
        if not repairs:
            return None
        mended = Path(folder) / "mended.keras"
        with zipfile.ZipFile(mended, "w") as archive:
            archive.writestr("config.json", json.dumps(config))
            archive.write(Path(folder) / "metadata.json", "metadata.json")
            archive.write(inner, "model.weights.h5")
        return keras.models.load_model(mended, compile=False, safe_mode=not unsafe), repairs


def _why(error: Exception, file: Path) -> ModelError:
    """Why Keras will not load it, in one sentence; a class of the user's own that is missing is named."""
    import keras

    text = str(error)
    missing = re.search(r"Could not locate (?:class|function) '([^']+)'", text)
    missing = missing or re.search(r"Unknown (?:layer|object|activation function|initializer)[: ]+'?([\w>.]+)'?", text)
    missing = missing or re.search(r"Could not deserialize class '([^']+)' because its parent module ([\w.]+)", text)
    if missing:
        return ModelError(
            f"{file.name} uses {missing[1].split('>')[-1]}, which Keras {keras.__version__} does not know.",
            "Import the module that registers it (keras.saving.register_keras_serializable): --custom MODULE.",
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return ModelError(
        f"Keras {keras.__version__} cannot load {file.name} ({lines[0][:300]}).",
        "If an older Keras wrote it, load it there and save it as .keras; give your own layers with --custom MODULE.",
    )
