"""'vgg16' | 'demo' | model.keras | model.h5 -> a Keras model with its ModelCard."""

import dataclasses
import zipfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from convreport.core import labels, samples
from convreport.core.errors import ModelError, UsageError, did_you_mean
from convreport.core.preprocessing import MODES, Preprocessing
from convreport.core.store import digest
from convreport.core.types import Head, Label, ModelCard
from convreport.demo.scenes import CLASSES as DEMO_CLASSES
from convreport.model import catalog, graph, runtime

INSIDE = ("Rescaling", "Normalization")


@dataclass(frozen=True)
class Request:
    """Which model, as the user said it; `weights` None means what is usual for the kind of source."""

    source: str
    name: str | None = None
    weights: str | None = None
    preprocess: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Loaded:
    """A Keras model in memory, what is known of it, and the files it came from."""

    model: Any
    card: ModelCard
    files: tuple[Path, ...]


def name_of(request: Request) -> str:
    """The model's name in the atlas: --name, else the catalog's, else the file's stem. UsageError for no such model."""
    if request.name:
        return request.name
    application = catalog.find(request.source)
    if request.source == "demo" or application is not None:
        return application.name if application is not None else "demo"
    return _existing(request.source).stem


def identity(request: Request) -> str:
    """What tells this source from another of the same name: the catalog's name, or the file's whole path."""
    application = catalog.find(request.source)
    if request.source == "demo" or application is not None:
        return application.name if application is not None else "demo"
    return str(_existing(request.source).resolve())


def load(request: Request) -> Loaded:
    """Import the framework, build or read the model, and describe it. ModelError says why not."""
    if request.preprocess not in ("auto", *MODES):
        raise UsageError(
            f"There is no preprocessing '{request.preprocess}'.", did_you_mean(request.preprocess, ["auto", *MODES])
        )
    name = name_of(request)
    application = None if request.source == "demo" else catalog.find(request.source)
    if application is not None:
        model, used, origin = catalog.build(application, request.weights, request.seed)
    else:
        if request.weights is not None:
            raise UsageError(
                f"--weights goes with a name of keras.applications, and {request.source} is a model of its own.",
                "Leave --weights away.",
            )
        file = demo_file() if request.source == "demo" else _existing(request.source)
        model, used = _read(file), (file,)
        origin = "the model embedded in convreport" if request.source == "demo" else f"the file {file.name}"
    return Loaded(model, describe(model, name, request, origin), used)


def demo_file() -> Path:
    """Where the embedded model lies."""
    return Path(str(files("convreport.demo") / "demo.keras"))


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        raise ModelError(
            f"{source} is a folder, and convreport reads .keras and .h5 files.",
            "A SavedModel shows no layers to Keras 3: save the model with model.save('model.keras').",
        )
    if path.is_file():
        return path
    if path.suffix:
        near = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(f"There is no model file {source}.", did_you_mean(source, near, otherwise="Check the path."))
    known = ["demo", *(application.name.lower() for application in catalog.APPLICATIONS.values())]
    raise ModelError(
        f"There is no model '{source}'.",
        did_you_mean(source, known, otherwise="Name a network of keras.applications, or a .keras or .h5 file."),
    )


def _read(file: Path) -> Any:
    """A whole model from a file, uncompiled. What the file says is checked before Keras acts on it."""
    config = _config(file)
    if '"Lambda"' in config:
        raise ModelError(
            f"{file.name} contains a Lambda layer: code that would run on loading.",
            "Replace the Lambda by a layer of Keras, or by one registered in your own module, and save again.",
        )
    runtime.tensorflow()
    import keras

    try:
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ModelError(
            f"Keras {keras.__version__} cannot load {file.name} ({lines[0].strip()[:300]}).",
            "If an older Keras wrote it, load it there and save it as .keras; custom layers must be registered.",
        ) from error


def _config(file: Path) -> str:
    """The model's configuration as text; ModelError for a file that is no model."""
    damaged = ModelError(f"{file.name} is not a Keras model, or is damaged.", "Give a .keras or .h5 file, unbroken.")
    if zipfile.is_zipfile(file):
        try:
            with zipfile.ZipFile(file) as archive:
                if (bad := archive.testzip()) is not None:
                    raise ModelError(f"{file.name} is damaged ({bad} does not match its checksum).", "Copy it again.")
                return archive.read("config.json").decode()
        except (KeyError, ValueError, zipfile.BadZipFile, OSError):
            raise damaged from None
    with file.open("rb") as start:
        if start.read(8) != b"\x89HDF\r\n\x1a\n":
            raise damaged
    import h5py

    try:
        with h5py.File(file, "r") as tree:
            config = tree.attrs.get("model_config")
    except OSError:
        raise damaged from None
    if config is None:
        raise ModelError(
            f"{file.name} holds weights only, no architecture.",
            "If it fits a network of keras.applications: `convreport build NAME --weights FILE`.",
        )
    return config.decode() if isinstance(config, bytes) else str(config)


def describe(model: Any, name: str, request: Request, origin: str) -> ModelCard:
    """All that is to be known of a Keras model; ModelError for one that convreport cannot show."""
    found = graph.layers(model)
    inputs = _input_shape(model)
    if not any(layer.kernel is not None and layer.spatial for layer in found):
        raise ModelError(
            f"{name} has no two-dimensional convolution, so there is nothing convreport could show.",
            "convreport draws networks that look at pictures with convolutions.",
        )
    head, classes = _head(model)
    return ModelCard(
        name=name,
        slug=samples.slug(name).lower(),
        source=request.source if Path(request.source).suffix == "" else Path(request.source).name,
        origin=origin,
        digest=digest([layer.digest for layer in found]),
        layers=found,
        input=inputs,
        preprocessing=_preprocessing(model, [layer.kind for layer in found], request),
        head=head,
        classes=classes,
        labels=_labels(request, classes),
        params=int(model.count_params()),
        trainable=sum(layer.trainable for layer in found),
    )


def _input_shape(model: Any) -> tuple[int | None, int | None, int]:
    shapes = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or []]
    if len(shapes) != 1:
        raise ModelError(
            f"{model.name} has {len(shapes) or 'no known'} inputs; convreport shows models with one picture input.",
            "Wrap it in a functional model that takes one picture.",
        )
    shape = shapes[0]
    if len(shape) != 4 or shape[3] not in (1, 3):
        shown = " x ".join("any" if side is None else str(side) for side in shape[1:])
        raise ModelError(
            f"{model.name} takes input of {shown}, not pictures of height x width x 1 or 3 channels.",
            "convreport shows gray and colour pictures, channels last.",
        )
    return shape[1], shape[2], shape[3]


def _head(model: Any) -> tuple[Head, int]:
    """What the output is, and how many classes it scores; no classifier is ("none", 0)."""
    if len(model.outputs) != 1:
        raise ModelError(
            f"{model.name} has {len(model.outputs)} outputs; convreport shows models with one.",
            "Save a model with the output you want to see.",
        )
    shape = model.outputs[0].shape
    found, ends = graph.calls(model)
    last = next(call for call in found if call.path == ends[0]).operation
    kind = type(last).__name__
    if len(shape) != 2 or shape[1] is None or not (kind in ("Dense", "Activation", "Softmax") or "Reshape" in kind):
        return "none", 0
    activation = "softmax" if kind == "Softmax" else getattr(getattr(last, "activation", None), "__name__", "linear")
    heads: dict[str, Head] = {"softmax": "softmax", "sigmoid": "sigmoid", "linear": "logits"}
    head = heads.get(activation, "none")
    return (head, int(shape[1])) if head != "none" and shape[1] > 1 else ("none", 0)


def _preprocessing(model: Any, kinds: list[str], request: Request) -> Preprocessing:
    if request.preprocess != "auto":
        return dataclasses.replace(MODES[request.preprocess], why="chosen with --preprocess")
    application = catalog.find(request.source)
    if application is not None:
        return dataclasses.replace(MODES[application.preprocessing], why=f"what {application.name} was trained with")
    inside = [kind for kind in kinds[:4] if kind in INSIDE]
    if inside:
        return dataclasses.replace(MODES["none"], why=f"the model begins with a {inside[0]} layer of its own")
    application = catalog.namesake(str(model.name))
    if application is not None:
        why = f"the model calls itself {model.name}, and {application.name} was trained with it"
        return dataclasses.replace(MODES[application.preprocessing], why=why)
    return dataclasses.replace(
        MODES["rescale"], why="assumed, as nothing in the file tells; overrule it with --preprocess"
    )


def _labels(request: Request, classes: int) -> tuple[Label, ...]:
    if request.source == "demo":
        return tuple(Label(name) for name in DEMO_CLASSES)
    return labels.imagenet() if classes == catalog.CLASSES else ()
