"""Where workers come from: processes of this machine, or a cluster that is there, by its address or scheduler file."""

import logging
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from convreport.core.base.errors import UsageError

CONNECTING = 10.0  # seconds
CLOSING = 3.0  # seconds that processes get to end by themselves
LOCAL = "127.0.0.1"
# Of one process of a machine: what computes in threads takes as many as it is given.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# Workers of one machine are forked from a process that has imported what they need and has done nothing yet: they come at
# once, and share its memory. Elsewhere than on Linux, frameworks do not bear that.
FORKED = sys.platform == "linux"
FORKING = {"distributed.worker.multiprocessing-method": "forkserver"}
# TensorFlow's memory is not Dask's to move: a worker that is paused would wait for ever. The system's limit ends it.
SETTINGS = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-saturation": "inf",
    "distributed.admin.large-graph-warning-threshold": "10GB",
}


def prepare(count: int, packages: Sequence[str]) -> None:
    """Begin to import `packages` in a process from which that many workers will be forked, once for all of them; returns at
    once. Where processes are not made like that, nothing.
    """
    if not FORKED:
        return
    from multiprocessing import forkserver

    import dask
    from distributed.utils import get_mp_context

    with dask.config.set(FORKING):
        context = get_mp_context()
        context.set_forkserver_preload(["distributed", "convreport.workers.hand", *packages])
        before = dict(os.environ)
        os.environ.update(_environment(count))  # read where they are imported
        try:
            forkserver.ensure_running()
        finally:
            for name in _environment(count).keys() - before.keys():
                del os.environ[name]
            os.environ.update(before)


@contextmanager
def local(count: int, memory: int, *, dashboard: bool) -> Iterator[Any]:
    """A client of that many processes of this machine, which end with it; `memory` bytes for all (0: no limit)."""
    import dask
    from distributed import Client, LocalCluster

    before = {"distributed.nanny.pre-spawn-environ": _environment(count)}
    settings = dask.config.set({**SETTINGS, **before, **(FORKING if FORKED else {})})  # read while the cluster is made
    with tempfile.TemporaryDirectory(prefix="convreport-", ignore_cleanup_errors=True) as folder, _quietly(), settings:
        cluster = LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, host=LOCAL, local_directory=folder,
            memory_limit=memory // count or None, dashboard_address=f"{LOCAL}:{8787 if dashboard else 0}",
            worker_dashboard_address=f"{LOCAL}:0", silence_logs=logging.CRITICAL,
        )  # fmt: skip
        try:
            with Client(cluster, set_as_default=False) as client:
                yield client
        finally:
            _end(cluster)


@contextmanager
def remote(address: str) -> Iterator[Any]:
    """A client of a cluster that is there: tcp://host:port, tls://..., or its scheduler file; UsageError if it does not answer.

    TLS and all else is as Dask's own configuration has it.
    """
    import dask
    from distributed import Client

    file = address if address.endswith(".json") else None
    if file is not None and not Path(file).is_file():
        raise UsageError(f"There is no scheduler file {file}.", "`dask scheduler --scheduler-file FILE` writes it.")
    with _quietly(), dask.config.set({"distributed.admin.large-graph-warning-threshold": "10GB"}):
        try:
            client = Client(None if file else address, scheduler_file=file, timeout=CONNECTING, set_as_default=False)
        except (OSError, ValueError, TimeoutError, RuntimeError, KeyError) as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise UsageError(
                f"No Dask scheduler answers at {address} ({said[0][:200]}).",
                "Start one with `dask scheduler`, or leave out --workers.",
            ) from None
        with client:
            yield client


def _environment(count: int) -> dict[str, str]:
    return dict.fromkeys(THREADS, str(max(cores() // count, 1))) | {"TF_CPP_MIN_LOG_LEVEL": "3"}


def _end(cluster: Any) -> None:
    """Close it; what does not end by itself in a few seconds, as in the middle of a call of TensorFlow, is ended."""
    processes = [nanny.pid for nanny in cluster.workers.values() if nanny.pid is not None]
    with suppress(TimeoutError, OSError):
        cluster.close(timeout=CLOSING)
        return
    for process in processes:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float:
    """How many processes wanted a core in the last minute, on average; 0 where the system does not say."""
    with suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return 0.0


def devices() -> int:
    """How many NVIDIA GPUs this process may use, found without a framework; 0 where the system does not say."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


@contextmanager
def _quietly() -> Iterator[None]:
    """What Dask logs on the way is said by us, or nobody's concern."""
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        log.setLevel(level)
