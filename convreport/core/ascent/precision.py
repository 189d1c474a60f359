"""float32, or a shorter format where that is faster here: which one `auto` comes to mean."""

import json
from collections.abc import Callable
from pathlib import Path

from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Precision

GAIN = 1.25  # how much faster a shorter format must be to be taken


class Decisions:
    """Which precision `auto` came to mean, kept in a file: a tile drawn later must not depend on the machine's mood."""

    def __init__(self, requested: Precision, file: Path | None, shorter: Callable[[], str]) -> None:
        self._requested, self._file, self._shorter = requested, file, shorter
        self._known: dict[str, str] = {}

    def decide(self, key: str, seconds: Callable[[str], float], *, exact: bool) -> str:
        """The precision to climb in; under `auto` the faster by `seconds(precision)`, asked once for each key.

        `exact`: it shall not depend on the machine, as where a published loop is followed step by step; float32 then.
        """
        if self._requested == "bfloat16":
            return self._shorter()
        if self._requested == "float32" or exact:
            return "float32"
        self._known |= self._kept()  # another build may have decided meanwhile
        if key not in self._known:
            short = self._shorter()
            self._known[key] = short if seconds(short) * GAIN < seconds("float32") else "float32"
            if self._file is not None:
                write_atomically(self._file, json.dumps(self._known, indent=1).encode())
        return self._known[key]

    def _kept(self) -> dict[str, str]:
        """What the file says; nothing where there is none, or it was damaged."""
        try:
            kept = dict(json.loads(self._file.read_bytes())) if self._file else {}
        except (OSError, ValueError, TypeError):
            return {}
        return {key: said for key, said in kept.items() if said in ("float32", "bfloat16")}
