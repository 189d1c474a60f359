"""keras.applications by name: constructor, preprocessing and input size, known without importing Keras."""

import os
import random
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.engines.keras import runtime
from convreport.engines.keras.reading.weights import fill

CLASSES = 1000


@dataclass(frozen=True)
class Application:
    """One architecture of keras.applications: its constructor's name, preprocessing, side of its square input in pixels,
    parameters with top, and the file name of its ImageNet weights in Keras's cache.
    """

    name: str
    preprocessing: str
    size: int
    params: int
    file: str

    @property
    def download(self) -> int:
        """The size of its weights file in bytes, nearly: four a parameter."""
        return 4 * self.params


# name, preprocessing, input, parameters, weights file: constructed once and noted; a test holds the rows to Keras.
_TABLE = """
VGG16 caffe 224 138357544 vgg16_weights_tf_dim_ordering_tf_kernels.h5
VGG19 caffe 224 143667240 vgg19_weights_tf_dim_ordering_tf_kernels.h5
ResNet50 caffe 224 25636712 resnet50_weights_tf_dim_ordering_tf_kernels.h5
ResNet101 caffe 224 44707176 resnet101_weights_tf_dim_ordering_tf_kernels.h5
ResNet152 caffe 224 60419944 resnet152_weights_tf_dim_ordering_tf_kernels.h5
ResNet50V2 symmetric 224 25613800 resnet50v2_weights_tf_dim_ordering_tf_kernels.h5
ResNet101V2 symmetric 224 44675560 resnet101v2_weights_tf_dim_ordering_tf_kernels.h5
ResNet152V2 symmetric 224 60380648 resnet152v2_weights_tf_dim_ordering_tf_kernels.h5
MobileNet symmetric 224 4253864 mobilenet_1_0_224_tf.h5
MobileNetV2 symmetric 224 3538984 mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5
NASNetMobile symmetric 224 5326716 nasnet_mobile.h5
InceptionV3 symmetric 299 23851784 inception_v3_weights_tf_dim_ordering_tf_kernels.h5
InceptionResNetV2 symmetric 299 55873736 inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5
Xception symmetric 299 22910480 xception_weights_tf_dim_ordering_tf_kernels.h5
NASNetLarge symmetric 331 88949818 nasnet_large.h5
DenseNet121 torch 224 8062504 densenet121_weights_tf_dim_ordering_tf_kernels.h5
DenseNet169 torch 224 14307880 densenet169_weights_tf_dim_ordering_tf_kernels.h5
DenseNet201 torch 224 20242984 densenet201_weights_tf_dim_ordering_tf_kernels.h5
MobileNetV3Small none 224 2554968 weights_mobilenet_v3_small_224_1.0_float.h5
MobileNetV3Large none 224 5507432 weights_mobilenet_v3_large_224_1.0_float.h5
ConvNeXtTiny none 224 28589128 convnext_tiny.h5
ConvNeXtSmall none 224 50223688 convnext_small.h5
ConvNeXtBase none 224 88591464 convnext_base.h5
ConvNeXtLarge none 224 197767336 convnext_large.h5
ConvNeXtXLarge none 224 350196968 convnext_xlarge.h5
EfficientNetB0 none 224 5330571 efficientnetb0.h5
EfficientNetB1 none 240 7856239 efficientnetb1.h5
EfficientNetB2 none 260 9177569 efficientnetb2.h5
EfficientNetB3 none 300 12320535 efficientnetb3.h5
EfficientNetB4 none 380 19466823 efficientnetb4.h5
EfficientNetB5 none 456 30562527 efficientnetb5.h5
EfficientNetB6 none 528 43265143 efficientnetb6.h5
EfficientNetB7 none 600 66658687 efficientnetb7.h5
EfficientNetV2B0 none 224 7200312 efficientnetv2-b0.h5
EfficientNetV2B1 none 240 8212124 efficientnetv2-b1.h5
EfficientNetV2B2 none 260 10178374 efficientnetv2-b2.h5
EfficientNetV2B3 none 300 14467622 efficientnetv2-b3.h5
EfficientNetV2S none 384 21612360 efficientnetv2-s.h5
EfficientNetV2M none 480 54431388 efficientnetv2-m.h5
EfficientNetV2L none 480 119027848 efficientnetv2-l.h5
"""


def plain(name: str) -> str:
    """A name without what spellings differ in."""
    return re.sub("[^a-z0-9]", "", name.lower())


APPLICATIONS = {
    plain(name): Application(name, preprocessing, int(size), int(params), file)
    for name, preprocessing, size, params, file in (line.split() for line in _TABLE.strip().splitlines())
}


def find(name: str) -> Application | None:
    """The application of that name in any usual spelling (vgg16, VGG-16, mobilenet_v2, ResNet50 V2), or None."""
    return APPLICATIONS.get(plain(name))


def namesake(model_name: str) -> Application | None:
    """The application that a model's own name begins with ("mobilenetv2_1.00_224", "vgg16_to_block3"), or None."""
    wanted = plain(model_name)
    near = [key for key in APPLICATIONS if wanted.startswith(key)]
    return APPLICATIONS[max(near, key=len)] if near else None


def build(
    application: Application, weights: str | None, seed: int, *, top: bool = True
) -> tuple[Any, tuple[Path, ...], str]:
    """The Keras model, the weight files it was made from, and where they came from in words.

    `weights` is "imagenet" (the same as None), "none" (random, from `seed`) or a file; `top` False leaves the classifier
    away. Raises ModelError.
    """
    runtime.tensorflow()
    import keras

    construct = getattr(keras.applications, application.name)
    named = f"keras.applications.{application.name}" + ("" if top else " without top")
    if weights == "none":
        with _seeds_of_its_own(seed):
            return construct(weights=None, include_top=top), (), f"{named}, random weights, seed {seed}"
    if weights not in (None, "imagenet"):
        return _with_file(construct, application, Path(str(weights)).expanduser(), top=top)
    with _noting_downloads() as files:
        try:
            model = construct(weights="imagenet", include_top=top)
        except Exception as error:
            if files.failed:
                raise ModelError(
                    f"The ImageNet weights of {application.name} could not be downloaded ({_first_line(error)}).",
                    f"Put {files.wanted} into {files.folder}, give --weights FILE, point KERAS_HOME at a folder that has "
                    "them, or look at the untrained network with --weights none.",
                ) from None
            raise
    return model, tuple(files.found), f"{named}, ImageNet weights"


def _with_file(construct: Any, application: Application, file: Path, *, top: bool) -> tuple[Any, tuple[Path, ...], str]:
    """With the weights of a file, which may have a top or not: as asked, else as they fit."""
    if not file.is_file():
        raise ModelError(f"There is no weights file {file}.", "Give --weights imagenet, none, or a file.")
    reason: ModelError | None = None
    for included in (True, False) if top else (False, True):
        with runtime.names_from_zero():
            model = construct(weights=None, include_top=included)
        try:
            fill(model, file)
        except ModelError as error:
            reason = reason or error
            continue
        if included and not top:
            model = _without_top(model, construct)
        shown = "" if included and top else " without top"
        return model, (file,), f"keras.applications.{application.name}{shown}, weights from {file.name}"
    assert reason is not None
    raise reason


def _without_top(whole: Any, construct: Any) -> Any:
    """The network without its classifier, whose weights are the last, with the weights of the whole one."""
    with runtime.names_from_zero():
        bare = construct(weights=None, include_top=False)
    bare.set_weights(whole.get_weights()[: len(bare.weights)])
    return bare


def on_this_machine(application: Application) -> bool:
    """Are its ImageNet weights, with top, in Keras's own cache?"""
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return (home / "models" / application.file).is_file()


class _Downloads:
    """Which weight files a constructor asked for, and whether getting one failed."""

    def __init__(self) -> None:
        self.found: list[Path] = []
        self.wanted = ""
        self.folder = ""
        self.failed = False


@contextmanager
def _seeds_of_its_own(seed: int) -> Iterator[None]:
    """Initializers take their seeds from Python's generator that all threads share, from which those of a Dask worker draw, too:
    two processes would make two models.
    """
    from keras.src.random import seed_generator

    shared, seed_generator.python_random = seed_generator.python_random, random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = shared


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
