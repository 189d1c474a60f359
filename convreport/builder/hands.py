"""Who draws a build: this process, or as many workers as were asked for, or as pay."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from convreport.book.folder import Atlas
from convreport.builder.model import Found, request_of
from convreport.builder.plan import Plan
from convreport.core.ascent import room
from convreport.core.base import events
from convreport.core.base.errors import ModelError, UsageError
from convreport.core.base.events import Emit
from convreport.core.drawing.scope import Scope
from convreport.engines.choose import engine_of
from convreport.engines.code import PACKAGES
from convreport.engines.request import Request
from convreport.workers import cluster
from convreport.workers.alone import Alone
from convreport.workers.crew import Crew
from convreport.workers.jobs import Done, Hands, Job
from convreport.workers.order import File, Order

AUTO = "auto"
ROOM = 2.5e9  # bytes that a worker takes with TensorFlow and a network
HIRING = 14.0  # seconds until workers have TensorFlow and the network (measured on two cores)
MARGIN = 1.5  # how much more than that they must save
TRIED = 2  # jobs of patterns by which their pace is judged
READING = 0.01  # seconds an example takes, read and seen (measured: 90 photos a second)


class Pool:
    """The workers that `words` names, who come when they are needed first and stay for all models of a build.

    A context; at its end nobody is left, whatever happens.
    """

    def __init__(self, words: str, memory: int, emit: Emit, *, dashboard: bool = False) -> None:
        self._words, self._memory, self._emit, self._dashboard = words, memory, emit, dashboard
        self._stack = ExitStack()
        self._client: Any = None
        self._devices = 0
        self._each = memory  # bytes a worker may use for a batch

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def prepare(self, plan: Plan) -> None:
        """The plan's model is about to be opened, so that workers will be needed: have imported what they import."""
        if self._client is None and self._words.isdigit() and int(self._words) > 1:
            cluster.prepare(int(self._words), PACKAGES[engine_of(request_of(plan)).name])

    def hands(self, plan: Plan, atlas: Atlas, scope: Scope, found: Found) -> Hands:
        """Who draws what a plan covers."""
        alone = Alone(scope, found.network)
        if self._words == AUTO:
            count = scope.examples.count if scope.examples is not None else 0
            most = _as_many_as_fit(plan, self._memory)
            return Growing(alone, lambda: self._crew(plan, atlas, scope, found, most), most, count)
        if not self._words.isdigit():
            return Late(lambda: self._crew(plan, atlas, scope, found, 0))
        count = int(self._words)
        return alone if count == 1 else Late(lambda: self._crew(plan, atlas, scope, found, count), 2 * count)

    def _crew(self, plan: Plan, atlas: Atlas, scope: Scope, found: Found, count: int) -> Crew:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="convreport-")))
        request, files = _portable(request_of(plan), found.files(), folder)
        if count:
            cluster.prepare(count, PACKAGES[found.card.engine])
        client = self._hired(count)
        order = Order(uuid4().hex, request, scope, files, plan.precision, self._each, self._devices)
        return Crew(client, order, atlas.cache / "precision.json", self._emit)

    def _hired(self, count: int) -> Any:
        """A client of `count` processes of this machine, or of the cluster that is named."""
        if self._client is None and count:
            self._emit(events.Hired(count, "this machine"))
            self._devices = cluster.devices()
            self._each = (self._memory or int(room.free() * room.SHARE)) // count
            self._client = self._stack.enter_context(cluster.local(count, self._memory, dashboard=self._dashboard))
        elif self._client is None:
            self._client = self._stack.enter_context(cluster.remote(self._words))
            self._emit(events.Hired(len(self._client.nthreads()), self._words))
        return self._client


class Late:
    """Hands that are hired for their first job."""

    def __init__(self, hire: Callable[[], Hands], width: int = 1) -> None:
        self._hire, self.width = hire, width
        self._hands: Hands | None = None

    def draw(self, jobs: Sequence[Job], took: Callable[[Done], None]) -> None:
        """As those who are hired do."""
        if jobs:
            self._hands = self._hands or self._hire()
            self._hands.draw(jobs, took)
            self.width = self._hands.width


class Growing:
    """One process, that hires workers as soon as what it sees of its own pace says that they pay.

    What it sees: how long a job of patterns takes, how many cores that kept busy, and how many others keep busy. As many
    workers as there are cores leave none of the rest idle, so they can be faster by that ratio at most.
    """

    def __init__(self, alone: Alone, hire: Callable[[], Hands], most: int, examples: int) -> None:
        self._alone, self._hire, self._most, self._examples = alone, hire, most, examples
        self._hands: Hands | None = None
        self._seconds, self._busy, self._jobs = 0.0, 0.0, 0

    @property
    def width(self) -> int:
        """One job, or as many as those who were hired take."""
        return self._hands.width if self._hands is not None else 1

    def draw(self, jobs: Sequence[Job], took: Callable[[Done], None]) -> None:
        """Alone first, then by workers where that pays."""
        waiting = sorted(jobs, key=lambda job: job.surveys) if self._most > 1 else list(jobs)
        while waiting and self._hands is None:
            if self._pays(waiting):
                self._hands = self._hire()
                break
            job = waiting.pop(0)
            started, busy = time.monotonic(), time.process_time()
            self._alone.draw([job], took)
            if job.climbs:
                self._seconds += time.monotonic() - started
                self._busy += time.process_time() - busy
                self._jobs += 1
        if waiting and self._hands is not None:
            self._hands.draw(waiting, took)

    def _pays(self, waiting: Sequence[Job]) -> bool:
        """Would workers save more than it takes to have them?"""
        climbs = sum(job.climbs for job in waiting)
        if self._most < 2 or (climbs and self._jobs < TRIED):
            return False
        surveyed = any(job.surveys for job in waiting)
        left = climbs * self._seconds / max(self._jobs, 1) + (READING * self._examples if surveyed else 0.0)
        return left * (1 - 1 / self._gain()) > HIRING * MARGIN

    def _gain(self) -> float:
        if cluster.devices() > 1 or not self._seconds:
            return float(self._most)
        busy = max(self._busy / self._seconds, 1.0)
        left = cluster.cores() - max(cluster.load() - busy, 0.0)  # what others do on this machine they go on doing
        return min(float(self._most), max(left / busy, 1.0))


def _as_many_as_fit(plan: Plan, memory: int) -> int:
    """A worker a GPU where there are several, else one a core; as memory allows. A model at hand is not sent about unasked."""
    if plan.at_hand.model is not None or plan.at_hand.preprocess is not None:
        return 1
    gpus = cluster.devices()
    return gpus if gpus else max(min(cluster.cores(), int((memory or room.free()) / ROOM)), 1)


def _portable(request: Request, files: Sequence[Path], folder: Path) -> tuple[Request, tuple[File, ...]]:
    """The request as others can follow it, and the files it needs; a model at hand is saved, ModelError if it cannot be."""
    if hasattr(request.live, "save"):  # Keras has a format of its own; other models travel as Python does it
        file = folder / f"{request.name or 'model'}.keras"
        try:
            request.live.save(file)
        except Exception as error:
            raise ModelError(
                f"The model cannot be saved for the workers ({type(error).__name__}: {error}).",
                "workers=1 draws it in this process.",
            ) from error
        # It is the user's own, made in this process: what code is in it has run already.
        request, files = replace(request, live=None, source=str(file), unsafe=True), [file]
    arrays = [Path(str(value)) for _, value in request.inputs if str(value).lower().endswith(".npy")]
    return request, tuple(File.of(path) for path in (*files, *arrays) if path.is_file())


def check(workers: str) -> None:
    """UsageError for words that name no workers."""
    if workers == AUTO or (workers.isdigit() and int(workers) > 0) or "://" in workers or workers.endswith(".json"):
        return
    raise UsageError(
        f"--workers cannot be '{workers}'.",
        "Give auto, a number, the address of a Dask scheduler, or its scheduler file.",
    )
