"""Several calls as one message to a worker, and what came of them as one message back."""

import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any


def together(calls: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]) -> bytes:
    """On a worker: (seconds, the value or the exception of each call), pickled.

    Dask would pickle every number of a list by itself, which takes minutes for a long one.
    """
    began, values = time.monotonic(), []
    for function, arguments in calls:
        try:
            values.append(function(*arguments))
        except Exception as error:
            values.append(_sendable(error))
    return pickle.dumps((time.monotonic() - began, values), pickle.HIGHEST_PROTOCOL)


def _sendable(error: Exception) -> Exception:
    """An error that can be pickled: itself, or what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
