"""Whether HDF5's library gets through a file, tried out in a process of its own.

On a damaged file the library, which is C, can run for ever or fall: no exception is raised then, no signal is heard, and with it
goes whatever process it runs in. So another one, which lives as long as this one, reads first what is small and intricate there.
"""

import atexit
import json
import os
import subprocess
import sys
from contextlib import suppress
from math import ceil
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

START = 60.0  # seconds for the other process to be there
LIMIT, PACE = 30.0, 20e6  # seconds it may take over a file, and a second more for each so many bytes
WORK = 5.0  # seconds of processor time, which are fewer, as other work beside it does not count
READY, DONE = "ready", "done"  # what it says

_lock = Lock()
_passed: set[tuple[str, int, int]] = set()
_trial: "_Trial | None" = None
_in_vain = False  # no process could be started, which is not tried for every file


def passes(file: Path, most: int) -> bool:
    """Does the library get through the HDF5 tree in a .keras or HDF5 file, rightly or with an exception?

    Of data sets it is to read `most` bytes. False where it fell or did not come to an end. True, too, where no process can be
    started, as then nobody can know.
    """
    about = file.stat()
    known = (str(file.absolute()), about.st_mtime_ns, about.st_size)
    with _lock:
        if known in _passed:
            return True
        trial = _running()
        if trial is not None and not trial.tries(known[0], most, about.st_size / PACE):
            return False
        _passed.add(known)
        return True


def _running() -> "_Trial | None":
    """The process that tries files out, begun anew where the last one fell or belongs to another process."""
    global _trial, _in_vain
    if _trial is not None and _trial.lives():
        return _trial
    _trial = None
    if not _in_vain:
        with suppress(OSError):
            begun = _Trial()
            if begun.hears(READY, START):
                _trial = begun
        _in_vain = _trial is None
    return _trial


class _Trial:
    """Another process, and what it says. It ends when this one does, however that ends: its standard input is closed then."""

    def __init__(self) -> None:
        # -P: neither the folder of this file nor that of the user may stand for a module that is imported there
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._owner = os.getpid()
        self._said: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._listen, daemon=True).start()
        atexit.register(self.end)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line.strip())
        self._said.put("")  # it has ended

    def lives(self) -> bool:
        return self._owner == os.getpid() and self._process.poll() is None

    def tries(self, file: str, most: int, more: float) -> bool:
        """Does it come to the end of a file, with so many seconds more than the smallest gets?"""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps([file, most, WORK + more]) + "\n")
            self._process.stdin.flush()
            return self.hears(DONE, LIMIT + more)
        return False

    def hears(self, word: str, seconds: float) -> bool:
        """Does it say that in that time? If not, or if the user does not wait for it, it is of no more use."""
        try:
            heard = self._said.get(timeout=seconds) == word
        except Empty:
            heard = False
        except BaseException:
            self.end()
            raise
        if not heard:
            self.end()
        return heard

    def end(self) -> None:
        if self._owner != os.getpid():  # a fork of the process that began it
            return
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        atexit.unregister(self.end)


# -- in the other process


def main() -> None:
    """Try out files as they are told on standard input, one [path, bytes, seconds of processor time] a line, in JSON."""
    import h5py  # noqa: F401 - before it says that it is ready

    print(READY, flush=True)
    for line in sys.stdin:
        file, most, seconds = json.loads(line)
        _no_longer_than(seconds)
        with suppress(Exception):  # who reads the file will meet it as well, and tells it
            _read(file, most)
        print(DONE, flush=True)


def _no_longer_than(seconds: float) -> None:
    """Have the system end this process after so much more processor time, also where its parent was killed meanwhile."""
    with suppress(ImportError, ValueError, OSError):  # not on Windows, where the parent's limit alone holds
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (ceil(used.ru_utime + used.ru_stime + seconds), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(file: str, most: int) -> None:
    import zipfile
    from io import BytesIO

    import h5py

    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            tree = h5py.File(BytesIO(archive.read("model.weights.h5")), "r")
    else:
        tree = h5py.File(file, "r")
    with tree:
        _read_tree(tree, most)


def _read_tree(tree: Any, most: int) -> None:
    """All links and attributes of a tree, and `most` bytes of its intricate data; nothing in another file is opened."""
    import h5py

    waiting, seen = [tree], set()
    while waiting:
        one = waiting.pop()
        info = h5py.h5o.get_info(one.id)
        if info.addr in seen:
            continue
        seen.add(info.addr)
        for name in one.attrs:
            with suppress(Exception):
                one.attrs[name]
        if isinstance(one, h5py.Group):
            for name in one:
                with suppress(Exception):
                    if isinstance(one.get(name, getlink=True), h5py.HardLink):
                        waiting.append(one[name])
        elif isinstance(one, h5py.Dataset) and one.nbytes <= most:
            most -= one.nbytes
            with suppress(Exception):
                _read_data(one)


def _read_data(data: Any) -> None:
    """What is no plain run of numbers, which nothing can go wrong with: chunks in a tree, text on a heap."""
    import h5py

    layout = data.id.get_create_plist().get_layout()
    if layout == h5py.h5d.CHUNKED:
        for chunk in data.iter_chunks():
            data[chunk]
    elif layout == h5py.h5d.COMPACT or (
        layout == h5py.h5d.CONTIGUOUS and data.dtype.hasobject and data.external is None
    ):
        data[()]


if __name__ == "__main__":
    main()
