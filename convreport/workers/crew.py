"""A crew: the workers of a Dask cluster, as hands of a build."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from convreport.core.base import events
from convreport.core.base.errors import ConvreportError, ImageError, ModelError
from convreport.core.base.events import Emit
from convreport.core.base.files import write_atomically
from convreport.core.survey import shards
from convreport.core.survey.shards import Asked, Part, Pass, Pictures
from convreport.core.survey.tally import Pairs
from convreport.engines.code import rests_on
from convreport.sections.base import Section
from convreport.workers import hand
from convreport.workers.foreman import Foreman, Killed, Task
from convreport.workers.hand import UnopenedError
from convreport.workers.jobs import Done, Job, failed
from convreport.workers.order import Order, made_of

PENDING = 4  # shards a worker that may be done before an earlier one: they wait in memory to be joined in order


class Crew:
    """Hands of a cluster: `order` is what its workers must know, `decisions` the file of the precisions decided on."""

    def __init__(self, client: Any, order: Order, decisions: Path, emit: Emit) -> None:
        self._client, self._order, self._decisions, self._emit = client, order, decisions, emit
        self._foreman = Foreman(client, self._hire)
        self._absent: set[int] = set()  # pictures that some worker did not find where the client has them
        self._took: Callable[[Done], None] = _nobody
        self._parts: dict[int, Any] = {}  # of a pass, by their first pictures, that wait for earlier ones
        self._next = 0  # the shard that is to be joined next
        self._pairs: Mapping[str, Pairs] | None = None
        self._unopened: UnopenedError | None = None

    @property
    def width(self) -> int:
        """Two jobs a worker keep it from waiting."""
        return 2 * max(len(self._foreman.workers), 1)

    def draw(self, jobs: Sequence[Job], took: Callable[[Done], None]) -> None:
        """All jobs; those that rest on the survey of the examples after that, which is conducted beside the others.

        Raises UnopenedError where a worker cannot open the model, LostError where nobody is left.
        """
        self._took = took
        for job in self._in_turn(jobs):
            if not job.surveys:
                self._foreman.add(self._task(job, ()))
        surveyed = [job for job in jobs if job.surveys]
        if surveyed:
            self._prepare({job.section.name: job.section for job in surveyed}.values())
        for job in surveyed:
            for part in job.divided(len(self._foreman.workers)):
                self._foreman.add(self._task(part, ()))
        self._work()

    def _in_turn(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that cannot be divided first; of patterns those of the deepest layers, whose batches take longest, so that at
        the end there are short ones to share.
        """
        depth = {layer.path: place for place, layer in enumerate(self._order.scope.card.layers)}

        def place(job: Job) -> tuple[bool, int]:
            return job.climbs, -depth.get(job.subjects[0].layer or "", len(depth)) if job.climbs else 0

        return sorted(jobs, key=place)

    # -- who is fit

    def _hire(self, address: str) -> bool:
        """Is a worker of our versions, and does it have all it needs now?"""
        engine = self._order.scope.card.engine
        try:
            there = self._on(address, hand.about, engine)
        except Exception as error:
            self._refuse(address, f"convreport cannot be imported there ({type(error).__name__}: {error})")
            return False
        differing = [(name, ours) for name, ours in made_of(engine).items() if there.get(name) != ours]
        if differing:
            said = ", ".join(f"{name} {there.get(name, 'none')}, not {ours}" for name, ours in differing)
            self._refuse(address, f"it has {said}")
            return False
        self._instruct(address)
        return True

    def _refuse(self, address: str, why: str) -> None:
        self._emit(events.Warned(f"The worker {address} is left out: {why}.", "Install the same versions there."))

    def _instruct(self, address: str) -> None:
        """Tell a worker what is to be drawn, and bring it the model's files where it does not have them."""
        scope = self._order.scope
        examples = None if scope.examples is None else scope.examples.abroad({})
        for path in self._on(address, hand.take, replace(self._order, scope=replace(scope, examples=examples))):
            self._on(address, hand.bring, self._order.name, path, Path(path).read_bytes())

    def _on(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.run(function, *arguments, workers=[address])[address]

    # -- drawing

    def _work(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Take what comes, until nothing is left or it is enough."""
        if enough():
            return
        for task, value in self._foreman.results():
            self._settle(task, value)
            if enough():
                return

    def _settle(self, task: Task, value: Any) -> None:
        """What came of a task, to whoever asked for it."""
        if isinstance(value, ConvreportError):
            self._unopened = value if isinstance(value, UnopenedError) else None
            raise value
        if isinstance(value, Exception):
            raise ModelError(f"A worker failed ({type(value).__name__}: {value}).", "--workers 1 draws in one process.")
        if isinstance(value, Killed):
            task.about.killed(value.times)
        elif value.absent:
            self._absent.update(value.absent)
            self._foreman.add(task.about.again(value.absent), first=True)
        else:
            if value.decided:
                self._remember(value.decided)
            task.about.done(value.value)

    def _task(self, job: Job, absent: Sequence[int]) -> Task:
        def arguments() -> tuple[Any, ...]:
            return self._order.name, job, self._decided(), self._brought(absent)

        about = _About(
            self._took,
            lambda times: self._took(Done(job, tuple(failed(job, _killed(times))), 0.0)),
            partial(self._task, job),
        )
        parts = lambda: [self._task(one, absent) for one in job.alone()]  # noqa: E731
        return Task(hand.draw, arguments, about, job.group, pilot=job.climbs, parts=parts)

    def _brought(self, absent: Sequence[int]) -> dict[int, bytes]:
        examples = self._order.scope.examples
        return examples.files(absent) if examples is not None and absent else {}

    def _decided(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            return dict(json.loads(self._decisions.read_bytes()))
        return {}

    def _remember(self, decided: Mapping[str, str]) -> None:
        """What a worker decided; what was decided before stands."""
        known = self._decided()
        if set(decided) - set(known):
            write_atomically(self._decisions, json.dumps({**decided, **known}, indent=1).encode())

    # -- the survey

    def _prepare(self, sections: Iterable[Section[Any, Any]]) -> None:
        """Have what these rest on made, and let all workers know it; what went wrong is kept with it for whoever asks."""
        scope = self._order.scope
        for section in sections:
            with suppress(ImageError, ModelError):
                section.prepare(scope, self, rests_on(scope.card.engine))
        if self._unopened is not None:  # that is no fault of the survey
            raise self._unopened
        for address in self._foreman.workers:
            self._instruct(address)

    def suspects(self, layers: Sequence[str]) -> Mapping[str, Pairs]:
        """As a Surveyor: one worker says."""

        def said(pairs: Mapping[str, Pairs]) -> None:
            self._pairs = pairs

        def again(absent: Sequence[int]) -> Task:
            about = _About(said, lambda times: said({layer: [] for layer in layers}), again)
            return Task(hand.suspects, lambda: (self._order.name, layers), about, "suspects")

        self._pairs = None
        self._foreman.add(again(()))
        self._work(lambda: self._pairs is not None)
        assert self._pairs is not None
        return self._pairs

    def parts(self, examples: Pictures, asked: Pass, starts: Sequence[int]) -> Iterator[Part]:
        """As a Surveyor: every worker tallies shards; they are handed on in order, and few wait for that."""
        units = {path: self._order.scope.card.layer(path).units for path in asked.layers}

        def lost(first: int, why: str) -> Part:
            part = Part.empty(units, asked)
            part.skipped, part.reason = min(shards.SHARD, examples.count - first), why
            return part

        def pictures(first: int) -> Iterable[int]:
            return range(first, min(first + shards.SHARD, examples.count))

        return self._in_shards(hand.shard, asked, starts, lost, pictures)

    def tallied(self, examples: Any, asked: Asked[Any, Any], starts: Sequence[int]) -> Iterator[Any]:
        """As a Surveyor, of another pass: likewise."""
        return self._in_shards(hand.tally, asked, starts, asked.lost, asked.pictures)

    def _in_shards(
        self,
        function: Callable[..., Any],
        asked: Any,
        starts: Sequence[int],
        lost: Callable[[int, str], Any],
        pictures: Callable[[int], Iterable[int]],
    ) -> Iterator[Any]:
        """What `function` makes of each shard on a worker, in order; of one that killed its workers what `lost` says.

        `pictures` are the numbers of those of a shard.
        """
        self._parts.clear()
        self._next = starts[0] if starts else 0
        for first in starts:
            self._foreman.add(self._shard(function, asked, first, lost, pictures))
        for first in starts:
            self._next = first
            self._work(lambda first=first: first in self._parts)  # type: ignore[misc]
            yield self._parts.pop(first)

    def _shard(
        self,
        function: Callable[..., Any],
        asked: Any,
        first: int,
        lost: Callable[[int, str], Any],
        pictures: Callable[[int], Iterable[int]],
    ) -> Task:
        def killed(times: int) -> None:
            self._parts[first] = lost(first, _killed(times))

        def soon() -> bool:
            return first - self._next <= PENDING * shards.SHARD * max(len(self._foreman.workers), 1)

        def again(absent: Sequence[int]) -> Task:
            def arguments() -> tuple[Any, ...]:
                lacking = {*absent, *(number for number in pictures(first) if self._absent)}
                return self._order.name, asked, first, self._brought(sorted(lacking))

            about = _About(partial(self._parts.__setitem__, first), killed, again)
            return Task(function, arguments, about, "survey", ready=soon)

        return again(())


class _About:
    """Who asked for a task: what to do when it is done, when it killed its workers, and the task again with pictures."""

    def __init__(
        self, done: Callable[[Any], None], killed: Callable[[int], None], again: Callable[[Sequence[int]], Task]
    ) -> None:
        self.done, self.killed, self.again = done, killed, again


def _nobody(done: Done) -> None:
    """Nobody asked."""


def _killed(times: int) -> str:
    return f"its worker died {times} times: it may lack memory, or the model's code ended the process"
