"""float32, or a shorter format where that is faster here: traced graphs are rewritten, the model is not.

TensorFlow's switch is read by the thread that runs a traced function, at every run, and cached by a thread that has run
something before: it is set and its functions are run on one thread. Eager operations ignore it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from convreport.core.store import write_atomically
from convreport.core.types import Precision
from convreport.model import runtime

REWRITES = {"bfloat16": "auto_mixed_precision_onednn_bfloat16", "mixed": "auto_mixed_precision"}
GAIN = 1.25  # how much faster a shorter format must be to be taken


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """Traced functions that run inside the block compute in that precision; afterwards in float32 again."""
    rewrite = REWRITES.get(precision)
    if rewrite is None:
        yield
        return
    optimizer = runtime.tensorflow().config.optimizer
    optimizer.set_experimental_options({rewrite: True})
    try:
        yield
    finally:
        optimizer.set_experimental_options({rewrite: False})


def shorter() -> str:
    """The shorter format of this machine: float16 where TensorFlow sees a GPU, bfloat16 elsewhere."""
    return "mixed" if runtime.tensorflow().config.list_physical_devices("GPU") else "bfloat16"


class Decisions:
    """Which precision `auto` came to mean, kept in a file: a tile drawn later must not depend on the machine's mood."""

    def __init__(self, requested: Precision, file: Path | None) -> None:
        self._requested, self._file = requested, file
        self._known: dict[str, str] = {}

    def decide(self, key: str, seconds: Callable[[str], float], *, exact: bool) -> str:
        """The precision to climb in; under `auto` the faster by `seconds(precision)`, asked once for each key.

        `exact`: it shall not depend on the machine, as where a published loop is followed step by step; float32 then.
        """
        if self._requested == "bfloat16":
            return shorter()
        if self._requested == "float32" or exact:
            return "float32"
        self._known |= self._kept()  # another build may have decided meanwhile
        if key not in self._known:
            short = shorter()
            self._known[key] = short if seconds(short) * GAIN < seconds("float32") else "float32"
            if self._file is not None:
                write_atomically(self._file, json.dumps(self._known, indent=1).encode())
        return self._known[key]

    def _kept(self) -> dict[str, str]:
        """What the file says; nothing where there is none, or it was damaged."""
        try:
            return dict(json.loads(self._file.read_bytes())) if self._file else {}
        except (OSError, ValueError, TypeError):
            return {}
