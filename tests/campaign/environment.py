"""Odd surroundings of a command: variables, folders, limits, and where its words go."""

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.campaign.bench import CODES, LIMIT, Family
from tests.campaign.builds import WORDS, copy_of, prepare

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # of Linux
NOWHERE = "/nonexistent/folder"
VARIABLES = {  # None takes it away
    "HOME": (None, "", NOWHERE, "/dev/null", "relative", "/proc"),
    "TMPDIR": (NOWHERE, "", "/dev/null", "relative", "/proc"),
    "XDG_CACHE_HOME": (NOWHERE, "/dev/null"),
    "LANG": (None, "C", "POSIX", "xx_XX.UTF-8", "tr_TR.UTF-8", "\udcff"),
    "LC_ALL": ("C", "POSIX", "xx", "de_DE.ISO-8859-1", ""),
    "PYTHONIOENCODING": ("ascii", "latin-1", "cp1252", "utf-16"),
    "PYTHONUTF8": ("0", "1"),
    "PYTHONOPTIMIZE": ("2",),
    "PYTHONWARNINGS": ("error", "nonsense", "default"),
    "PYTHONDEVMODE": ("1",),
    "PYTHONHASHSEED": ("0", "4711"),
    "TERM": (None, "", "dumb", "nonsense", "xterm-256color"),
    "NO_COLOR": ("", "1"),
    "FORCE_COLOR": ("", "1", "x"),
    "COLUMNS": ("", "0", "-1", "1", "x", "99999999"),
    "LINES": ("0", "x"),
    "PATH": (None, "", NOWHERE),
    "TZ": ("", "nonsense", "Pacific/Kiritimati", ":/etc/passwd"),
    "SOURCE_DATE_EPOCH": ("", "x", "-1", "0", "99999999999999999999"),
    "KERAS_BACKEND": ("", "torch", "jax", "nonsense"),
    "KERAS_HOME": (NOWHERE, "", "/dev/null"),
    "CUDA_VISIBLE_DEVICES": ("", "x", "7"),
    "OMP_NUM_THREADS": ("", "0", "x", "1000"),
    "TF_CPP_MIN_LOG_LEVEL": ("", "x", "0"),
    "TF_NUM_INTEROP_THREADS": ("x", "-1"),
    "TF_USE_LEGACY_KERAS": ("1", "x"),
    "http_proxy": ("nonsense", "http://127.0.0.1:9"),
    "GIT_DIR": (NOWHERE, ""),
    "DASK_CONFIG": (NOWHERE,),
}
COMMANDS = (
    ("--help",), ("build", "--help"), ("models",), ("sections",), ("schema",),
    ("site", "ATLAS"), ("check", "ATLAS", "--max-silent", "5%"), ("cache", "ATLAS", "--prune"),
    ("export", "ATLAS", "-o", "r.html"), ("export", "ATLAS", "--format", "zip", "-o", "r.zip"),
    ("publish", "ATLAS", "--remote", "REMOTE", "--yes"), ("init-ci", "ATLAS"), ("remove", "nobody", "ATLAS"),
    ("layers", "demo"), ("doctor", "demo"), ("build", "demo", "--out", "ATLAS", *WORDS),
)  # fmt: skip
SHADOWS = (
    "json",
    "random",
    "yaml",
    "markdown",
    "jinja2",
    "numpy",
    "keras",
    "typer",
    "mkdocs",
)  # modules a folder may hold


def around(base, rng, folder):
    """A command in surroundings of which one to three things are odd; then the same in sound ones must succeed."""
    atlas, marker = copy_of(base, folder), folder / "marker"
    (atlas / "docs/index.md").unlink()
    here, odd = folder / rng.choice(("here", "# [h](x)", "é漢 '\"&<b>")), []
    here.mkdir()
    remote = folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    names = {"ATLAS": str(atlas), "REMOTE": str(remote)}
    words = [names.get(word, word) for word in rng.choice(COMMANDS)]
    env, more, before = dict(os.environ), {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}, []
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.6:
            name = rng.choice(sorted(VARIABLES))
            value = rng.choice(VARIABLES[name])
            odd.append(f"{name}={value}")
            env.pop(name, None)
            if value is not None:
                env[name] = value
        else:
            way = rng.choice(sorted(WAYS))
            odd.append(way)
            WAYS[way](rng, here, atlas, marker, more, before)
    code, said = _ran(words, env, here, more, before)
    _tidied(folder)
    wrong = f"{' '.join(words[:1])} with {', '.join(odd)}: "
    if marker.exists():
        return wrong + "code of a folder ran"
    if "Traceback" in said or "Exception ignored" in said:
        return wrong + f"a traceback: {said.strip()[-200:]}"
    if code not in CODES:
        return wrong + f"exit code {code}: {said.strip()[-200:]}"
    if code >= 2 and "stderr is closed" not in odd and not any(one in said for one in ("error ", "Usage:")):
        return wrong + f"exit code {code} without a sentence: {said.strip()[-200:]}"
    code, said = _ran(["site", str(atlas), "--quiet"], dict(os.environ), folder, {"stdout": subprocess.PIPE}, [])
    return wrong + f"the next command: exit code {code}: {said[-200:]}" if code else None


def _ran(words, env, here, more, before):
    """As the installed script runs: the folder where it is run holds no modules of its own accord."""
    program = [sys.executable, "-P", "-c", "from convreport.cli.app import main; main()", *words]
    try:
        running = subprocess.Popen(
            program, env=env, cwd=here, stderr=subprocess.PIPE, text=True, errors="replace",
            preexec_fn=(lambda: [one() for one in before]) if before else None, **more,
        )  # fmt: skip
        said = running.communicate(timeout=LIMIT - 10)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()
        return "none", "it hangs"
    return running.returncode, "".join(part for part in said if part)


def _tidied(folder):
    """What took rights away gives them back."""
    folder.chmod(0o755)
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


# -- ways in which surroundings are odd: each may change the folders, the streams and what happens before the program


def _gone(rng, here, atlas, marker, more, before):
    before.append(lambda: here.rmdir())


def _shadowed(rng, here, atlas, marker, more, before):
    for place in (here, atlas, atlas / "docs"):
        for name in SHADOWS:
            (place / f"{name}.py").write_text(f"import pathlib\npathlib.Path({str(marker)!r}).write_text('ran')\n")


def _full(rng, here, atlas, marker, more, before):
    more["stdout"] = Path("/dev/full").open("w")  # noqa: SIM115


def _closed(rng, here, atlas, marker, more, before):
    before.append(lambda: os.close(1))


def _closed_in(rng, here, atlas, marker, more, before):
    before.append(lambda: os.close(0))


def _unheard(rng, here, atlas, marker, more, before):
    reading, writing = os.pipe()
    os.close(reading)
    more["stdout"] = os.fdopen(writing, "w")


def _few_files(rng, here, atlas, marker, more, before):
    most = rng.choice((16, 24, 40))
    before.append(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))


def _short_files(rng, here, atlas, marker, more, before):
    most = rng.choice((0, 1_000, 50_000))
    before.append(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))


def _umask(rng, here, atlas, marker, more, before):
    mask = rng.choice((0o777, 0o277, 0o077, 0))
    before.append(lambda: os.umask(mask))


def _unprivileged():
    """Root keeps to the rights of files, too: it loses the two capabilities that pass them over, also in what it runs."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def _read_only(rng, here, atlas, marker, more, before):
    """Nothing can be written where the command is run."""
    here.chmod(0o555)
    before.append(_unprivileged)


def _write_protected(rng, here, atlas, marker, more, before):
    """Nor in the atlas, or in a part of it."""
    place = rng.choice((atlas, atlas / "cache", atlas / "docs", atlas / "site"))
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before.append(_unprivileged)


def _unreadable(rng, here, atlas, marker, more, before):
    """Some files of the atlas cannot be read."""
    files = [path for path in (atlas / "docs/demo", atlas / "cache") for path in path.rglob("*") if path.is_file()]
    for path in rng.sample(files, rng.choice((1, 5, 50))):
        path.chmod(0)
    before.append(_unprivileged)


WAYS = {
    "the folder is gone": _gone,
    "folders hold modules": _shadowed,
    "stdout is full": _full,
    "stdout is closed": _closed,
    "stdin is closed": _closed_in,
    "nobody reads stdout": _unheard,
    "few files may be open": _few_files,
    "files must be short": _short_files,
    "an odd umask": _umask,
    "the folder is read-only": _read_only,
    "the atlas is read-only": _write_protected,
    "files cannot be read": _unreadable,
}

FAMILIES = (Family("environment", prepare, around, few=2, many=12),)
