"""What runs on a worker: it opens a network once and keeps it, and turns jobs into bytes.

Its state is that of the process: the orders it was given, and the networks it has open.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ConvreportError, ModelError
from convreport.core.base.files import write_atomically
from convreport.core.drawing.scope import Scope
from convreport.core.network.card import ModelCard
from convreport.core.seam import Means, Network
from convreport.core.survey import shards
from convreport.core.survey.examples import PicturesAwayError
from convreport.core.survey.shards import Asked, Pass
from convreport.engines.choose import engine_of
from convreport.workers.jobs import Job, attempt
from convreport.workers.order import Order, made_of

KEPT = 2  # networks that stay open: one model is drawn while the next one begins


class UnopenedError(ModelError):
    """A worker cannot open the model."""


@dataclass
class _Bench:
    """An order on this worker: where the files are that were brought, and the network once it is open."""

    order: Order
    places: dict[str, str] = field(default_factory=dict)
    network: Network | None = None


@dataclass(frozen=True)
class Reply:
    """What came of a task: its value, or the pictures that must be brought first; and all precisions decided on so far."""

    value: Any
    absent: tuple[int, ...] = ()
    decided: Mapping[str, str] = field(default_factory=dict)


_benches: dict[str, _Bench] = {}
_homes: list[str] = []  # the folder of this worker, which Dask removes with it


def about(engine: str) -> dict[str, str]:
    """The versions on this worker."""
    return made_of(engine)


def take(order: Order, dask_worker: Any = None) -> list[str]:
    """Take an order, or what has changed of one; the paths of those of its files that are not the same on this machine.

    Dask says which worker it is asked on.
    """
    _homes[:] = [dask_worker.local_directory] if dask_worker is not None else []
    bench = _benches.setdefault(order.name, _Bench(order))
    bench.order = order
    return [file.path for file in order.files if file.path not in bench.places and not file.here()]


def bring(name: str, path: str, data: bytes) -> None:
    """A file of an order that was not on this machine."""
    places = _benches[name].places
    place = _folder() / name / str(len(places)) / Path(path).name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    places[path] = str(place)


def draw(name: str, job: Job, decided: Mapping[str, str], brought: Mapping[int, bytes]) -> Reply:
    """Draw a job; `decided` are the precisions that are settled, `brought` files of examples."""
    return _replied(name, decided, lambda bench: attempt(job, _scope(bench, brought), _opened(bench)))


def shard(name: str, asked: Pass, first: int, brought: Mapping[int, bytes]) -> Reply:
    """Tally the shard that begins with that picture."""

    def tally(bench: _Bench) -> Any:
        examples = _scope(bench, brought).examples
        assert examples is not None
        return shards.shard(_opened(bench), examples, asked, first)

    return _replied(name, {}, tally)


def tally(name: str, asked: Asked[Any, Any], first: int, brought: Mapping[int, bytes]) -> Reply:
    """The same of a shard of another pass."""
    return _replied(name, {}, lambda bench: asked.shard(_opened(bench), _scope(bench, brought).examples, first))


def suspects(name: str, layers: Sequence[str]) -> Reply:
    """Of each layer the pairs of units with nearly the same kernel."""
    return _replied(name, {}, lambda bench: shards.suspects(_opened(bench), layers))


def _replied(name: str, decided: Mapping[str, str], work: Callable[[_Bench], Any]) -> Reply:
    decisions = _folder() / name / "precision.json"
    if decided:
        write_atomically(decisions, json.dumps(dict(decided)).encode())
    try:
        value = work(_benches[name])
    except PicturesAwayError as error:
        return Reply(None, error.numbers)
    return Reply(value, (), json.loads(decisions.read_bytes()) if decisions.is_file() else {})


def _scope(bench: _Bench, brought: Mapping[int, bytes]) -> Scope:
    scope = bench.order.scope
    return scope if scope.examples is None else replace(scope, examples=scope.examples.abroad(brought))


def _opened(bench: _Bench) -> Network:
    """The order's network, loaded under the same rules as anywhere; UnopenedError where that fails, or where it is another
    model than the client's.
    """
    if bench.network is None:
        order = bench.order
        _choose_device(order.devices)
        request = order.at(bench.places)
        try:
            loaded = engine_of(request).load(request)
        except ConvreportError as error:
            raise UnopenedError(f"On the worker {_where()}: {error.message}", error.hint) from None
        if _essence(loaded.card) != _essence(order.scope.card):
            raise UnopenedError(
                f"{order.scope.card.name} is a different model on the worker {_where()}.",
                "Its weights or its code differ there; --workers 1 draws in this process alone.",
            )
        means = Means(order.precision, _folder() / order.name / "precision.json", order.memory)
        for other in [one for one in _benches.values() if one.network is not None][: -KEPT + 1]:
            other.network = None
        bench.network = loaded.network(means)
    return bench.network


def _essence(card: ModelCard) -> Any:
    """What makes two models the same in all that is drawn of them."""
    return [(layer.path, layer.digest) for layer in card.layers], card.preprocessing.key, card.input


def _choose_device(devices: int) -> None:
    """One GPU a worker, by its number, where several workers of one machine divide them; before TensorFlow looks for them."""
    from distributed import get_worker

    name = get_worker().name
    if devices and isinstance(name, int):
        known = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        every = [one for one in known.split(",") if one] or [str(number) for number in range(devices)]
        os.environ["CUDA_VISIBLE_DEVICES"] = every[name % len(every)]


def _where() -> str:
    from distributed import get_worker

    return str(get_worker().address)


@cache
def _folder() -> Path:
    """A folder of this process, inside the worker's own."""
    return Path(tempfile.mkdtemp(prefix="convreport-", dir=next(iter(_homes), None)))
