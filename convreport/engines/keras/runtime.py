"""TensorFlow, imported late and quietly."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError

SCRATCH = "convreport-"  # then the number of the process


@cache
def tensorflow() -> Any:
    """The module `tensorflow`; its first import takes seconds, and what it prints on the way is shown only if it fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet_stderr():
        import keras  # the backend must be settled before anybody uses it
        import tensorflow as tf

        if keras.backend.backend() != "tensorflow":
            raise ModelError(
                f"Keras is set to the backend '{keras.backend.backend()}'; convreport needs TensorFlow.",
                "Set KERAS_BACKEND=tensorflow.",
            )
        for device in tf.config.list_physical_devices("GPU"):  # devices are probed, and complained about, on first use
            tf.config.experimental.set_memory_growth(device, True)  # leave room for whoever else uses the card
    tf.get_logger().setLevel("ERROR")
    _keep_generated_code_here()
    return tf


@cache
def scratch() -> Path:
    """A folder of this process for what is needed for a moment, private, and gone with it.

    Those of processes that were killed are cleared.
    """
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{SCRATCH}*"):
        owner = left.name.removeprefix(SCRATCH).partition("-")[0]
        if owner.isdigit() and not _runs(int(owner)):
            shutil.rmtree(left, ignore_errors=True)  # another user's stays
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _runs(process: int) -> bool:
    """Is there a process of that number? Where that cannot be known, yes."""
    if os.name != "posix":  # a signal of 0 would end it there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _keep_generated_code_here() -> None:
    """TensorFlow writes the code it generates to temporary files, which stay when it is killed: into a folder of ours."""
    from tensorflow.python.autograph.pyct import loader

    class Here:
        """The module `tempfile`, as TensorFlow's loader sees it."""

        @staticmethod
        def NamedTemporaryFile(*words: Any, **more: Any) -> Any:  # noqa: N802
            return tempfile.NamedTemporaryFile(*words, **{**more, "dir": scratch()})

    loader.tempfile = Here


@contextmanager
def names_from_zero() -> Iterator[None]:
    """Layers made meanwhile are numbered as in a fresh process, so that `add_2` is the same layer in every build."""
    from keras.src.backend.common import global_state

    before = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Catch what native code writes to file descriptor 2; print it if the block raises."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            caught.seek(0)
            os.write(2, caught.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
