"""What befalls a build: a write that fails, a store that is damaged, a signal, another build, a clock set back, an old atlas.

All play on a copy of one small atlas of the demo. Whatever happens, the next build must be complete and equal to it.
"""

import atexit
import errno
import json
import os
import random
import shutil
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.campaign.bench import Family, command

WORDS = (
    "--filters", "2", "--layers", "block1*", "--max-images", "1", "--max-examples", "12", "--skip", "faithfulness,sanity",
    "--preset", "draft", "--class-patterns", "face,wheel",
    "--quiet",
)  # fmt: skip
FAULTS = (errno.ENOSPC, errno.EACCES, errno.EIO)
STRIDE = 7919  # a prime: a few cases are spread over all writes


@cache
def _made():
    """A small atlas of the demo, built once for all families that a process plays."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atlas = folder / "atlas"
    code, said, problem = command("build", "demo", "--out", atlas, *WORDS)
    assert code == 0 and problem is None, said
    return atlas


def prepare(folder):
    """The atlas that every case is a copy of."""
    return _made()


def copy_of(atlas, folder):
    """A copy that a case may spoil."""
    return Path(shutil.copytree(atlas, folder / "atlas"))


def build(atlas):
    """Build it again in this process: (exit code, what was said, what is wrong with that)."""
    return command("build", "demo", "--out", atlas, *WORDS)


def unlike(atlas, other):
    """The first file of docs/ or site/ in which two atlases differ; dates and the command's own words are left out."""
    for part in ("docs", "site"):
        here, there = (
            {path.relative_to(one / part) for path in (one / part).rglob("*") if path.is_file()}
            for one in (atlas, other)
        )
        if here != there:
            return f"{part}: other files: {sorted(map(str, here ^ there))[:3]}"
    for path in sorted((atlas / "docs").rglob("*")):
        if path.is_file() and path.suffix in (".webp", ".json", ".jpg", ".png"):
            first, second = path.read_bytes(), (other / path.relative_to(atlas)).read_bytes()
            if path.name == "atlas.json":
                first, second = ({**json.loads(data), "made": 0} for data in (first, second))
            if first != second:
                return f"{path.relative_to(atlas)} differs"
    return None


def whole_again(atlas, base):
    """What is wrong after one more build, or nothing."""
    code, said, problem = build(atlas)
    if problem or code:
        return f"the next build: {problem or said[-200:]}"
    return unlike(atlas, base)


def lose_some(atlas, rng):
    """Drawings and published files that a build has to make again."""
    for path in [*(atlas / "cache/records").glob("*/*.json"), *(atlas / "docs").rglob("*.webp")]:
        if rng.random() < 0.15:
            path.unlink()
    if rng.random() < 0.5:
        (atlas / "docs/index.md").unlink()


def prepare_writes(folder):
    """The atlas, and how many writes a build of its copy makes that has lost some of its drawings."""
    base = _made()
    atlas = copy_of(base, folder)
    lose_some(atlas, random.Random(0))
    with failing_write(folder, None, 0) as made:
        code, said, problem = build(atlas)
    assert code == 0 and problem is None, said
    return base, len(made)


def write(state, rng, folder):
    """One write of a build fails: the disk is full, or says no, or breaks. As many cases as there are writes go through all."""
    base, writes = state
    atlas = copy_of(base, folder)
    lose_some(atlas, random.Random(0))
    place = (rng.number * STRIDE) % writes
    number = FAULTS[place % len(FAULTS)]
    with failing_write(folder, number, place) as made:
        code, said, problem = build(atlas)
    if problem:
        return f"{os.strerror(number)} at {made[place:][:1]}: {problem}"
    if code == 0 and "failed" not in said and (lacking := unlike(atlas, base)):  # it may have been tried again
        return f"{os.strerror(number)} was swallowed at {made[place:][:1]}: {lacking}"
    return whole_again(atlas, base)


@contextmanager
def failing_write(folder, number, place):
    """Where whatever changes a file or folder below `folder` is noted, and the one at `place` fails with that error, if any."""
    made, kinds = [], {name: getattr(Path, name) for name in ("write_bytes", "replace", "rename", "mkdir", "unlink")}

    def noted(name):
        def write_(self, *words, **more):
            if str(folder) in str(self):
                made.append(f"{name} {self.relative_to(folder)}")
                if number is not None and len(made) == place + 1:
                    raise OSError(number, os.strerror(number), str(self))
            return kinds[name](self, *words, **more)

        return write_

    for name in kinds:
        setattr(Path, name, noted(name))
    try:
        yield made
    finally:
        for name, real in kinds.items():
            setattr(Path, name, real)


def store(base, rng, folder):
    """Files of the cache and of docs/ are cut, turned, emptied, swapped or gone."""
    atlas = copy_of(base, folder)
    files = [path for part in ("cache", "docs/demo") for path in (atlas / part).rglob("*") if path.is_file()]
    for path in rng.sample(files, rng.choice((1, 3, 12))):
        data, way = path.read_bytes(), rng.randrange(5)
        if way == 0:
            path.unlink()
        elif way == 1:
            path.write_bytes(data[: len(data) // 2])
        elif way == 2 and data:
            place = rng.randrange(len(data))
            path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        elif way == 3:
            path.write_bytes(b"")
        else:
            path.write_bytes(rng.choice(files).read_bytes() if path.exists() else b"")
    code, said, problem = build(atlas)
    if problem:
        return problem
    if code not in (0, 2):
        return f"exit code {code}: {said[-160:]}"
    for _ in range(12):  # each names, and deletes, one damaged picture
        if build(atlas)[0] == 0:
            break
    return whole_again(atlas, base) if code else unlike(atlas, base)


def times(base, rng, folder):
    """The clock was set back, or forward, and files have the times of another day."""
    atlas = copy_of(base, folder)
    for path in atlas.rglob("*"):
        if path.is_file() and rng.random() < 0.7:
            when = time.time() + rng.choice((-1, 1)) * rng.randrange(10**8)
            os.utime(path, (when, when))
    return whole_again(atlas, base)


def older(base, rng, folder):
    """An atlas of an older format: left out with a word, or built again."""
    atlas = copy_of(base, folder)
    path = atlas / "docs/demo/atlas.json"
    data = json.loads(path.read_bytes())
    data["format"] = rng.choice((0, 1, data["format"] - 1, data["format"] + 1, -1))
    path.write_text(json.dumps(data))
    code, said, problem = command("check", atlas)
    if problem or code != 2 or "another version of convreport" not in said:
        return problem or f"exit code {code}: {said[-200:]}"
    code, said, problem = command("site", atlas, "--quiet")
    return problem or (f"exit code {code}" if code else whole_again(atlas, base))


FAMILIES = (
    Family("writes", prepare_writes, write, few=1, many=2),
    Family("store", prepare, store, few=1, many=3),
    Family("clock", prepare, times, few=1, many=1),
    Family("older", prepare, older, few=1, many=1),
)
