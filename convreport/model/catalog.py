"""keras.applications by name: constructor, preprocessing and input size, known without importing Keras."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convreport.core.errors import ModelError
from convreport.model import runtime

CLASSES = 1000


@dataclass(frozen=True)
class Application:
    """One architecture of keras.applications: its constructor's name, preprocessing mode and side of its square input."""

    name: str
    preprocessing: str
    size: int = 224


def _family(preprocessing: str, *names: str, size: int = 224) -> list[Application]:
    return [Application(name, preprocessing, size) for name in names]


APPLICATIONS = {
    re.sub("[^a-z0-9]", "", application.name.lower()): application
    for application in (
        *_family("caffe", "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152"),
        *_family("symmetric", "ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet", "MobileNetV2", "NASNetMobile"),
        *_family("symmetric", "InceptionV3", "InceptionResNetV2", "Xception", size=299),
        Application("NASNetLarge", "symmetric", 331),
        *_family("torch", "DenseNet121", "DenseNet169", "DenseNet201"),
        *_family("none", "MobileNetV3Small", "MobileNetV3Large"),
        *_family("none", *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge"))),
        *(
            Application(f"EfficientNetB{number}", "none", size)
            for number, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
        ),
        *(
            Application(f"EfficientNetV2{size}", "none", side)
            for size, side in (("B0", 224), ("B1", 240), ("B2", 260), ("B3", 300), ("S", 384), ("M", 480), ("L", 480))
        ),
    )
}


def find(name: str) -> Application | None:
    """The application of that name in any usual spelling (vgg16, VGG-16, mobilenet_v2, ResNet50 V2), or None."""
    return APPLICATIONS.get(re.sub("[^a-z0-9]", "", name.lower()))


def namesake(model_name: str) -> Application | None:
    """The application that a model's own name begins with ("mobilenetv2_1.00_224", "vgg16_to_block3"), or None."""
    plain = re.sub("[^a-z0-9]", "", model_name.lower())
    near = [key for key in APPLICATIONS if plain.startswith(key)]
    return APPLICATIONS[max(near, key=len)] if near else None


def build(application: Application, weights: str | None, seed: int) -> tuple[Any, tuple[Path, ...], str]:
    """The Keras model, the weight files it was made from, and where they came from in words.

    `weights` is "imagenet", "none" (random, from `seed`) or a file. Raises ModelError.
    """
    runtime.tensorflow()
    import keras

    construct = getattr(keras.applications, application.name)
    if weights == "none":
        keras.utils.set_random_seed(seed)
        return construct(weights=None), (), f"keras.applications.{application.name}, random weights, seed {seed}"
    if weights not in (None, "imagenet"):
        return _with_file(construct, application, Path(str(weights)).expanduser())
    with _noting_downloads() as files:
        try:
            model = construct(weights="imagenet")
        except Exception as error:
            if files.failed:
                raise ModelError(
                    f"The ImageNet weights of {application.name} could not be downloaded ({_first_line(error)}).",
                    f"Put {files.wanted} into {files.folder}, give --weights FILE, point KERAS_HOME at a folder that has "
                    "them, or look at the untrained network with --weights none.",
                ) from None
            raise
    return model, tuple(files.found), f"keras.applications.{application.name}, ImageNet weights"


def _with_file(construct: Any, application: Application, file: Path) -> tuple[Any, tuple[Path, ...], str]:
    if not file.is_file():
        raise ModelError(f"There is no weights file {file}.", "Give --weights imagenet, none, or a file.")
    reasons = []
    for top in (True, False):
        model = construct(weights=None, include_top=top)
        try:
            model.load_weights(file)
        except Exception as error:
            reasons.append(_first_line(error))
            continue
        shown = "" if top else " without top"
        return model, (file,), f"keras.applications.{application.name}{shown}, weights from {file.name}"
    raise ModelError(
        f"The weights in {file.name} do not fit {application.name} ({reasons[0]}).",
        "Is it a weights file of this architecture, saved by Keras?",
    )


class _Downloads:
    """Which weight files a constructor asked for, and whether getting one failed."""

    def __init__(self) -> None:
        self.found: list[Path] = []
        self.wanted = ""
        self.folder = ""
        self.failed = False


@contextmanager
def _noting_downloads() -> Iterator[_Downloads]:
    """Note what Keras fetches meanwhile, and let a dead connection fail in seconds rather than hang."""
    from keras.src.utils import file_utils

    noted = _Downloads()
    original, timeout = file_utils.get_file, socket.getdefaulttimeout()

    def get_file(fname: Any = None, *args: Any, **kwargs: Any) -> Any:
        noted.wanted = str(fname)
        noted.folder = "$KERAS_HOME/models (by default ~/.keras/models)"
        try:
            path = original(fname, *args, **kwargs)
        except BaseException:
            noted.failed = True
            raise
        noted.found.append(Path(path))
        return path

    file_utils.get_file = get_file
    socket.setdefaulttimeout(10)
    try:
        import sys

        with redirect_stdout(sys.stderr):  # Keras prints its download bar to stdout
            yield noted
    finally:
        file_utils.get_file = original
        socket.setdefaulttimeout(timeout)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
