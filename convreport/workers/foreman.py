"""Tasks for the workers of a Dask cluster: who does which, and what happens to those whose worker dies.

Dask carries tasks and results. Placing is done here, for two reasons: what a worker has traced for one task of a group it
need not trace for the next, and a task that kills its worker must neither be given out for ever nor cost the innocent ones
that waited behind it.
"""

import pickle
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from convreport.core.base.errors import ConvreportError
from convreport.workers.bundles import together

AHEAD = 2  # bundles a worker has: one at work, one that waits, so that it never waits for us
BUNDLE = 2.0  # seconds of work that are worth a message: shorter tasks are sent several at a time
LEAST = 0.5  # seconds of work in a message at the end, where fewer would be fairer: messages take time, too
MOST = 32  # tasks of a bundle
DEATHS = 3  # workers that a task may kill
LOOK_EVERY = 1.0  # seconds between two looks at who is there
PATIENCE = 60.0  # seconds without any worker
FAREWELL = 5.0  # seconds after which a scheduler that does not answer is gone


class LostError(ConvreportError):
    """Nobody is left who could draw."""


def always() -> bool:
    """For a task that need not wait."""
    return True


@dataclass(eq=False)
class Task:
    """`function(*arguments())` on a worker; `about` is for whoever asked.

    Tasks of one `group` go to one worker as long as others have something else to do. Of a group with `pilot` the first is
    done before others begin. `ready` is asked before it is given out. `parts` are the tasks it can be divided into, of which
    one may be what kills workers.
    """

    function: Callable[..., Any]
    arguments: Callable[[], tuple[Any, ...]]
    about: Any
    group: Hashable = None
    pilot: bool = False
    ready: Callable[[], bool] = always
    parts: Callable[[], "Sequence[Task]"] = tuple
    deaths: int = 0


@dataclass(frozen=True)
class Killed:
    """What comes of a task that killed its workers."""

    times: int


@dataclass
class _Group:
    waiting: deque[Task] = field(default_factory=deque)
    begun: bool = False  # by anybody
    piloted: bool = False  # has one task come back?


@dataclass
class _Worker:
    out: list[Any] = field(default_factory=list)  # futures
    group: Hashable = None
    suspect: bool = False  # is it alone with a task that may kill it?


class Foreman:
    """Gives tasks to the workers of a client. `hire` is asked whether a worker that came is fit for them."""

    def __init__(self, client: Any, hire: Callable[[str], bool]) -> None:
        self._client = client
        self._hire = hire
        self._groups: dict[Hashable, _Group] = {}
        self._suspects: deque[Task] = deque()
        self._workers: dict[str, _Worker] = {}
        self._refused: set[str] = set()
        self._tasks: dict[Any, tuple[list[Task], str]] = {}  # bundles by future
        self._pace = BUNDLE  # seconds a task, of late; one a message until that is known
        self._back: SimpleQueue[Any] = SimpleQueue()
        self._finished: deque[tuple[Task, Any]] = deque()
        self._looked = self._peopled = self._heard = time.monotonic() - LOOK_EVERY
        self._deaths, self._successes = 0, 0

    @property
    def workers(self) -> list[str]:
        """The addresses of those that are fit."""
        return list(self._workers)

    def add(self, task: Task, *, first: bool = False) -> None:
        """One more task, at the end of its group, or before all others of it."""
        waiting = self._groups.setdefault(task.group, _Group()).waiting
        if first:
            waiting.appendleft(task)
        else:
            waiting.append(task)

    def results(self) -> Iterator[tuple[Task, Any]]:
        """(task, what came of it: a value, an exception, or Killed) as they come, until nothing is left; tasks may be added
        meanwhile. LostError where the scheduler is gone, or nobody is there for a minute.
        """
        while self._tasks or self._suspects or self._finished or any(one.waiting for one in self._groups.values()):
            self._look()
            self._give_out()
            self._gather()
            while self._finished:
                yield self._finished.popleft()

    # -- who is there

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY and self._workers:
            return
        self._looked = now
        there = self._addresses()
        for gone in set(self._workers) - there:
            self._bury(gone)
        for new in there - set(self._workers) - self._refused:
            if self._hire(new):
                self._workers[new] = _Worker()
            else:
                self._refused.add(new)
        self._refused &= there
        if self._workers:
            self._peopled = time.monotonic()
        elif time.monotonic() - self._peopled > (0 if self._refused else PATIENCE):
            raise LostError(
                "No worker is left to continue." if self._refused else f"No worker came in {PATIENCE:.0f} seconds.",
                "What was drawn is kept, and the same command continues from there.",
            )

    def _addresses(self) -> set[str]:
        """The addresses of all workers; LostError where the scheduler does not answer."""
        try:
            if self._client.status == "running":
                found = set(self._client.sync(self._client.scheduler.ncores, callback_timeout=FAREWELL))
                self._heard = time.monotonic()
                return found
        except (OSError, TimeoutError, AttributeError):
            pass
        if time.monotonic() - self._heard > FAREWELL or self._client.status in ("closed", "closing"):
            raise LostError(
                "The Dask scheduler is gone.",
                "What was drawn is kept; start it again, and the same command continues from there.",
            )
        return set(self._workers)

    def _bury(self, address: str) -> None:
        """A worker is gone: its tasks go to others, but each may have been its death."""
        worker = self._workers.pop(address)
        lost = [task for future in worker.out for task in self._tasks.pop(future)[0]]
        for future in worker.out:
            future.cancel()
        self._deaths += bool(lost)
        if self._deaths > DEATHS and not self._successes:
            raise LostError(
                f"{self._deaths} workers died before anything was drawn.",
                "They may lack memory: try fewer (--workers 1 is this process alone), or look into their logs.",
            )
        for task in lost:
            task.deaths += 1
            parts = task.parts()
            if task.deaths >= DEATHS:
                self._finished.append((task, Killed(task.deaths)))
            elif task.deaths == DEATHS - 1 and len(parts) > 1:
                for part in parts:
                    part.deaths = task.deaths
                self._suspects.extend(parts)
            else:
                self._suspects.append(task)

    # -- what they do

    def _give_out(self) -> None:
        for address, worker in self._workers.items():
            if not worker.out and self._suspects:
                worker.suspect = True
                self._send([self._suspects.popleft()], address)
        # Nobody gets a second one while another has none, before it is known how long they take, or of the last long ones.
        for ahead in range(AHEAD if self._successes else 1):
            if ahead and self._pace > LEAST and self._left() <= len(self._workers):
                break
            for address, worker in self._workers.items():
                if len(worker.out) == ahead and not worker.suspect and (bundle := self._next(worker)):
                    self._send(bundle, address)

    def _next(self, worker: _Worker) -> list[Task]:
        """Of the worker's own group; else of one that nobody has begun; else of the one with most left."""
        own = self._groups.get(worker.group)
        if own is None or not self._may(own):
            free = [(name, one) for name, one in self._groups.items() if self._may(one)]
            if not free:
                return []
            fresh = [pair for pair in free if not pair[1].begun]
            worker.group, own = fresh[0] if fresh else max(free, key=lambda pair: len(pair[1].waiting))
            own.begun = True
        # Short ones go several at a time, but not so many that others have nothing to do at the end.
        fair = self._left() // (2 * AHEAD * len(self._workers))
        bundle = [own.waiting.popleft()]
        while len(bundle) < min(BUNDLE / self._pace, MOST, max(fair, LEAST / self._pace)) and self._may(own):
            bundle.append(own.waiting.popleft())
        return bundle

    def _left(self) -> int:
        """How many tasks nobody has yet."""
        return sum(len(one.waiting) for one in self._groups.values())

    def _may(self, group: _Group) -> bool:
        if not group.waiting or not group.waiting[0].ready():
            return False
        return not (group.waiting[0].pilot and group.begun and not group.piloted)

    def _send(self, bundle: list[Task], address: str) -> None:
        calls = [(task.function, task.arguments()) for task in bundle]
        future = self._client.submit(together, calls, workers=[address], pure=False)
        self._tasks[future] = bundle, address
        self._workers[address].out.append(future)
        future.add_done_callback(self._back.put)

    # -- what comes back

    def _gather(self) -> None:
        """What has come back, waiting for it a moment."""
        arrived = []
        try:
            arrived.append(self._back.get(timeout=LOOK_EVERY if self._tasks else LOOK_EVERY / 10))
            while True:
                arrived.append(self._back.get_nowait())
        except Empty:
            pass
        known = [future for future in arrived if future in self._tasks]
        if not known:
            return
        for future, value in zip(known, self._values(known), strict=True):
            bundle, address = self._tasks.pop(future)
            worker = self._workers[address]
            worker.out.remove(future)
            worker.suspect = worker.suspect and bool(worker.out)
            group = self._groups.setdefault(bundle[0].group, _Group())
            if isinstance(value, _Lost):
                group.waiting.extendleft(reversed(bundle))
                continue
            group.piloted = True
            self._successes += 1
            if isinstance(value, Exception):  # what was sent could not be read there at all
                self._finished += [(task, value) for task in bundle]
                continue
            seconds, values = pickle.loads(value)
            self._pace += (max(seconds / len(bundle), 1e-3) - self._pace) / 4
            self._finished += zip(bundle, values, strict=True)

    def _values(self, futures: Sequence[Any]) -> list[Any]:
        """What they brought: what `together` gives, an exception, or _Lost where that died with its worker."""
        if all(future.status == "finished" for future in futures):
            with suppress(Exception):  # one of them cannot be had, or not at once: which one?
                gather = self._client._gather  # the public one would wait for ever for a result that died
                return list(self._client.sync(gather, list(futures), callback_timeout=FAREWELL))
        there = self._addresses()
        return [_value(future) if self._tasks[future][1] in there else _Lost() for future in futures]


class _Lost:
    """The result of a task that died with its worker."""


def _value(future: Any) -> Any:
    from distributed.scheduler import KilledWorker

    if future.status == "error":
        error = future.exception()
        return _Lost() if isinstance(error, KilledWorker) else error
    try:
        return future.result(timeout=PATIENCE)
    except Exception:
        return _Lost()
