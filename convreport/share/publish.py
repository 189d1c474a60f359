"""GitHub Pages: the built site onto a branch of its own, as one commit without a history, so that nothing grows."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from convreport.book.folder import Atlas
from convreport.core.base.errors import PublishError
from convreport.sections.shelf import shelf

MOST_BYTES, MOST_OF_A_FILE = 1_000_000_000, 100_000_000  # what GitHub Pages and GitHub take
MARK = "Made-with: convreport"  # in the commit's message: a branch whose last commit lacks it is somebody else's


CARRIED = ("user.", "credential.", "http.", "url.", "core.sshcommand")  # of the settings of the repository around


@dataclass(frozen=True)
class Offer:
    """What would be pushed where; `address` is empty where the remote does not tell it, `replaces` where nothing is there."""

    files: int
    bytes: int
    url: str
    branch: str
    address: str
    replaces: str


def prepare(atlas: Atlas, remote: str, branch: str, *, stale: bool) -> Offer:
    """Look at the site and the remote; PublishError for anything that would make the push wrong.

    `stale` says that docs/ has changed since the site was built. `remote` is a name of the repository around the atlas, or
    a URL or path.
    """
    if stale:
        raise PublishError(
            f"The site of {atlas.out} is not built, or older than its pages.", "Build it again with `convreport site`."
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", branch) or ".." in branch:
        raise PublishError(f"'{branch}' is not a valid branch name.", "The usual one is gh-pages.")
    with atlas.locked():  # no build replaces the site meanwhile
        sizes = {path: path.stat().st_size for path in atlas.site.rglob("*") if path.is_file()}
    whole = sum(sizes.values())
    if whole > MOST_BYTES:
        raise PublishError(
            f"The site has {whole / 1e9:.2f} GB; GitHub Pages takes at most {MOST_BYTES / 1e9:g}.",
            "Build with fewer units (--filters), pictures (--max-images) or models (`convreport remove`).",
        )
    for path, size in sizes.items():
        if size > MOST_OF_A_FILE:
            raise PublishError(
                f"{path.relative_to(atlas.site)} has {size / 1e6:.0f} MB; GitHub takes files of at most"
                f" {MOST_OF_A_FILE / 1e6:g}.",
                "Leave it out of docs/, or make it smaller.",
            )
    url = _url(atlas, remote)
    found = _git(atlas.out, "ls-remote", url, f"refs/heads/{branch}", why=f"The remote {remote} does not answer")
    tip = found.split()[0] if found.strip() else ""
    if tip and MARK not in _message(atlas, url, branch):
        raise PublishError(
            f"The branch {branch} of {remote} was not written by convreport; publishing would replace it.",
            "Choose another with --branch, or delete that one first.",
        )
    return Offer(len(sizes), whole, url, branch, _address(atlas, url), tip)


def push(atlas: Atlas, offer: Offer) -> None:
    """Push the site as a single commit without parents. Nothing is written into the repository around the atlas.

    What is replaced must be what `prepare` saw. Only its trees are fetched, so that files that stayed are not sent again.
    """
    with _apart(atlas, offer.url) as git:
        if offer.replaces:
            git("fetch", "--quiet", "--depth=1", "--filter=blob:none", "--no-tags", "pages", offer.branch)
        site = ["--work-tree", str(atlas.site.resolve()), "-c", "core.autocrlf=false", "-c", "core.excludesFile="]
        with atlas.locked():  # all of one site, and nothing of the next
            (atlas.site / ".nojekyll").touch()
            git(*site, "add", "--all", "--force", ".")
        names = ", ".join(book.name for book in shelf(atlas).books)
        commit = git("commit-tree", git("write-tree").strip(), "-m", f"Atlas of {names}\n\n{MARK}\n").strip()
        git(
            "push", "--quiet", f"--force-with-lease=refs/heads/{offer.branch}:{offer.replaces}", "pages",
            f"{commit}:refs/heads/{offer.branch}", why="The push was rejected",
            hint="Look at what it says; if the branch has changed meanwhile, publish again.",
        )  # fmt: skip


@contextmanager
def _apart(atlas: Atlas, url: str) -> Iterator[Callable[..., str]]:
    """A git of its own, in an empty repository whose remote `pages` is `url`, with the name and the access of the one around."""
    settings = _git(atlas.out, "config", "--null", "--list", fails="")
    carried = dict(line.partition("\n")[::2] for line in settings.split("\0") if line.startswith(CARRIED))
    if "user.email" not in carried:  # the commit is no work of anybody's
        carried |= {"user.name": "convreport", "user.email": "convreport@localhost"}
    env = {"GIT_CONFIG_COUNT": str(len(carried))}
    for place, (key, value) in enumerate(carried.items()):
        env |= {f"GIT_CONFIG_KEY_{place}": key, f"GIT_CONFIG_VALUE_{place}": value}
    with TemporaryDirectory() as folder:
        _git(Path(folder), "init", "--quiet", "--bare", ".")
        _git(Path(folder), "remote", "add", "pages", url)
        yield partial(_git, Path(folder), env=env)


def _url(atlas: Atlas, remote: str) -> str:
    """Where a remote's name leads; a URL or path is taken as it is."""
    if re.match(r"[\w+.-]+://|[\w.-]+@[\w.-]+:", remote) or Path(remote).is_dir():
        return remote if "://" in remote or "@" in remote else str(Path(remote).resolve())
    inside = _git(atlas.out, "rev-parse", "--is-inside-work-tree", fails="").strip()
    if inside != "true":
        raise PublishError(
            f"{atlas.out} lies in no git repository, so it has no remote '{remote}'.",
            "Give the repository's address: --remote https://github.com/OWNER/NAME.git",
        )
    url = _git(atlas.out, "remote", "get-url", "--push", remote, fails="").strip()
    if not url:
        known = ", ".join(_git(atlas.out, "remote", fails="").split()) or "none"
        raise PublishError(
            f"The repository around {atlas.out} has no remote '{remote}' (it has: {known}).",
            f"Add it with `git remote add {remote} URL`, or name another with --remote.",
        )
    if "://" not in url and ":" not in url:  # a path is relative to the top of the repository
        url = str((Path(_git(atlas.out, "rev-parse", "--show-toplevel").strip()) / url).resolve())
    return url


def _message(atlas: Atlas, url: str, branch: str) -> str:
    """The message of the branch's last commit, fetched without its files."""
    with _apart(atlas, url) as git:
        git(
            "fetch", "--quiet", "--depth=1", "--filter=tree:0", "--no-tags", "pages", branch, why="It could not be read"
        )
        return git("log", "-1", "--format=%B", "FETCH_HEAD")


def _address(atlas: Atlas, url: str) -> str:
    """Where GitHub Pages will show it: docs/CNAME's, or the one that follows from the repository's name."""
    cname = atlas.site / "CNAME"
    if cname.is_file():
        return f"https://{cname.read_text('utf-8').strip()}/"
    found = re.search(r"github\.com[:/]([^/]+)/([^/]+?)(?:\.git)?/?$", url)
    if found is None:
        return ""
    owner, name = found[1].lower(), found[2]
    return f"https://{owner}.github.io/" + ("" if name.lower() == f"{owner}.github.io" else f"{name}/")


def _git(
    where: Path, *words: str, env: Mapping[str, str] | None = None, why: str = "git failed", hint: str = "",
    fails: str | None = None,
) -> str:  # fmt: skip
    """What git says; PublishError with its own words if it fails, or `fails` where that is an answer too."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=where, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(env or {})},
        )  # fmt: skip
    except FileNotFoundError:
        raise PublishError("git is not installed.", "Install it, or copy the folder site/ yourself.") from None
    if done.returncode == 0:
        return done.stdout
    if fails is not None:
        return fails
    said = [line for line in done.stderr.strip().splitlines() if line and not line.startswith("hint:")]
    raise PublishError(
        f"{why}: {' '.join(said[-3:]) or 'no reason given'}", hint or "Check the remote and your access."
    )
