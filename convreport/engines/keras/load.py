"""'vgg16' | 'demo' | model.keras | model.h5 | package.module:factory | a live model -> the model, understood."""

import importlib
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError, UsageError, did_you_mean
from convreport.core.network.card import ModelCard
from convreport.engines.factory import made, told
from convreport.engines.keras import runtime
from convreport.engines.keras.reading import catalog, files, weights
from convreport.engines.keras.running.forward import KerasForward
from convreport.engines.keras.understanding.describe import describe
from convreport.engines.request import Request, is_factory
from convreport.engines.shared.understood import Understood

DEMO = "demo"


@dataclass(frozen=True)
class Loaded:
    """A Keras model in memory, what is understood of it, and the files it came from."""

    model: Any
    understood: Understood[Any, Any]
    files: tuple[Path, ...]

    @property
    def card(self) -> ModelCard:
        """What is known of it without TensorFlow."""
        return self.understood.card


def name_of(request: Request) -> str:
    """The model's name in the atlas: --name, else its own, the catalog's, the factory's or the file's stem.

    UsageError or ModelError for no such model.
    """
    if request.name:
        return request.name
    if request.live is not None:
        return str(request.live.name)
    application = catalog.find(request.source)
    if request.source == DEMO or application is not None:
        return application.name if application is not None else DEMO
    if request.is_factory:
        return request.source.partition(":")[2]
    return _existing(request.source).name.removesuffix(".weights.h5").rsplit(".", 1)[0]


def identity(request: Request) -> str:
    """What tells this source from another of the same name: the catalog's name, or the file's whole path."""
    if request.live is not None:
        return f"live:{request.live.name}"
    application = catalog.find(request.source)
    if request.source == DEMO or application is not None:
        return application.name if application is not None else DEMO
    return request.source if request.is_factory else str(_existing(request.source).resolve())


def load(request: Request) -> Loaded:
    """Import the framework, build or read the model, and describe it. ModelError says why not."""
    name = name_of(request)
    runtime.tensorflow()
    for module in request.custom:
        _import_custom(module)
    with runtime.names_from_zero():
        model, used, origin, repairs = _model(request)
    return Loaded(model, describe(model, name, request, origin, repairs, KerasForward), used)


def demo_file() -> Path:
    """Where the embedded model lies."""
    return Path(str(resources("convreport.demo") / "demo.keras"))


def _model(request: Request) -> tuple[Any, tuple[Path, ...], str, tuple[str, ...]]:
    """(model, files it came from, where from in words, repairs)."""
    if request.live is not None:
        runtime.tensorflow()
        return request.live, (), "a model in memory", ()
    if application := catalog.find(request.source):
        return *catalog.build(application, request.weights, request.seed, top=request.top), ()
    if not request.top:
        raise UsageError("--no-top goes with a name from keras.applications.", "Leave it out.")
    if request.is_factory:
        model, origin = _made(request.source), f"the function {request.source}"
        return _with_weights(model, request.weights, origin)
    file = demo_file() if request.source == DEMO else _existing(request.source)
    saved = files.look_into(file)
    if saved.config is None:
        return _from_weights(file, request)
    if request.weights is not None or request.arch is not None:
        said = "--weights" if request.weights is not None else "--arch"
        raise UsageError(
            f"{said} goes with a name from keras.applications or a factory, and {file.name} is a whole model.",
            f"Leave out {said}.",
        )
    model, repairs = files.read(saved, unsafe=request.unsafe, trusted=request.custom)
    origin = "the model embedded in convreport" if request.source == DEMO else f"the file {file.name}"
    return model, (file,), origin, repairs


def _from_weights(file: Path, request: Request) -> tuple[Any, tuple[Path, ...], str, tuple[str, ...]]:
    """Weights alone, and the architecture that --arch names."""
    if request.arch is None:
        raise ModelError(
            f"{file.name} holds weights only, no architecture.",
            "Name it: --arch with a name from keras.applications, or a function that makes the model (module:function).",
        )
    if application := catalog.find(request.arch):
        return *catalog.build(application, str(file), request.seed, top=request.top), ()
    if not is_factory(request.arch):
        known = [application.name.lower() for application in catalog.APPLICATIONS.values()]
        raise UsageError(f"There is no architecture '{request.arch}'.", did_you_mean(request.arch, known))
    return _with_weights(_made(request.arch), str(file), f"the function {request.arch}")


def _with_weights(model: Any, said: str | None, origin: str) -> tuple[Any, tuple[Path, ...], str, tuple[str, ...]]:
    if said in (None, "none"):
        return model, (), origin, ()
    file = Path(str(said)).expanduser()
    if not file.is_file():
        raise ModelError(f"There is no weights file {said}.", "Give a file with --weights, or leave it out.")
    weights.fill(model, file)
    return model, (file,), f"{origin}, weights from {file.name}", ()


def _made(source: str) -> Any:
    """What a factory makes; ModelError if that is no model."""
    runtime.tensorflow()
    import keras

    return made(source, "Keras model", lambda model: isinstance(model, keras.Model))


def _import_custom(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:
        raise ModelError(
            f"The module {module}, given with --custom, cannot be imported ({told(error)}).",
            "Name a module, such as mypackage.layers, that Python finds from here.",
        ) from error


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            raise ModelError(
                f"{source} is a SavedModel, which shows no layers to Keras 3.",
                "Where it was made, save the model itself: model.save('model.keras'); "
                "or rebuild it in a function and give its weights: module:function --weights FILE.",
            )
        raise ModelError(
            f"{source} is a folder, and convreport reads .keras and .h5 files.", "Name the model file inside it."
        )
    if path.is_file():
        return path
    if path.suffix and ":" not in source:
        near = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(f"There is no model file {source}.", did_you_mean(source, near, otherwise="Check the path."))
    known = [DEMO, *(application.name.lower() for application in catalog.APPLICATIONS.values())]
    raise ModelError(
        f"There is no model '{source}'.",
        did_you_mean(
            source, known, otherwise="Name a network from keras.applications, a .keras or .h5 file, or module:function."
        ),
    )
