"""How a case is run and judged."""

import random
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command import run

LIMIT = 60  # seconds a case may take
CODES = {0, 1, 2, 3, 4, 5, 6, 130}  # the documented ones


class Chance(random.Random):
    """What a case is drawn by; it knows the case's `number`, for families that go through something in order."""

    def __init__(self, seed, number):
        super().__init__(seed)
        self.number = number

    def __new__(cls, seed, number):
        return super().__new__(cls, seed)


class HangError(BaseException):
    """A case took longer than the limit."""


@dataclass(frozen=True)
class Family:
    """A kind of faults. `prepare` makes what all cases share in a folder; `case` plays one and says what went wrong.

    `few` are played by the default tests, `many` by the slow ones: fewer where each is a build of its own.
    """

    name: str
    prepare: Callable[[Path], Any]
    case: Callable[[Any, random.Random, Path], str | None]
    few: int = 12
    many: int = 1000


@dataclass
class Tally:
    """What came of a family's cases."""

    name: str
    cases: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    codes: Counter = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


_codes: Counter = Counter()


def play(family: Family, cases: int, seed: int, only: int | None = None) -> Tally:
    """Play so many cases of a family, each from the seed and its own number; `only` plays one again."""
    tally = Tally(family.name)
    _codes.clear()
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "shared"
        shared.mkdir()
        state = family.prepare(shared)
        for number in range(cases) if only is None else (only,):
            place = Path(folder) / f"case{number}"
            place.mkdir()
            started = time.monotonic()
            try:
                with limited():
                    problem = family.case(state, Chance(f"{seed} {number}", number), place)
            except HangError:
                problem = f"it hangs: more than {LIMIT} s"
            took = time.monotonic() - started
            tally.cases, tally.seconds, tally.slowest = tally.cases + 1, tally.seconds + took, max(tally.slowest, took)
            if problem:
                tally.findings.append(f"{family.name} --seed {seed} --only {number}: {problem}")
            _clean(place)
    tally.codes.update(_codes)
    return tally


@contextmanager
def limited():
    """Around a case: HangError after the limit."""

    def late(*words):
        raise HangError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def command(*words, codes=CODES):
    """Run a command of convreport in this process: (exit code, what it said, what is wrong with that)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        done = run(*words)
    _codes[done.exit_code] += 1
    said = done.stderr.strip()
    return done.exit_code, done.stdout + said, judged(done, said, caught, codes)


def judged(done, said, caught, codes):
    """What is wrong with how a command ended, or nothing."""
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        at = done.exc_info[2]
        while at.tb_next is not None:
            at = at.tb_next
        where = f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}"
        return f"a traceback: {type(done.exception).__name__}: {str(done.exception)[:160]} at {where}"
    if done.exit_code not in codes:
        return f"exit code {done.exit_code}: {said[-160:]}"
    for one in caught:
        if issubclass(one.category, RuntimeWarning):
            return f"a warning of numpy: {one.message} at {one.filename[-50:]}:{one.lineno}"
    if "Traceback" in said:
        return f"a traceback is shown: {said[-160:]}"
    if done.exit_code >= 2 and not (said.startswith(("error ", "Usage:")) or "error " in said):
        return f"no sentence: {said[:160]}"
    return None


def _clean(place: Path) -> None:
    import shutil

    shutil.rmtree(place, ignore_errors=True)
