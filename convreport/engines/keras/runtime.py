"""TensorFlow, imported late and quietly."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from convreport.core.base.errors import ModelError


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
    return tf


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
