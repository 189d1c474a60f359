"""Builds in processes of their own: killed at any moment, or not alone. The next build must be complete and equal."""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from tests.campaign import bench
from tests.campaign.bench import Family
from tests.campaign.builds import WORDS, copy_of, lose_some, prepare, whole_again

PAGES = ("index.html", "demo/index.html", "demo/layers/block1_conv1.html", "demo/report.html", "assets/convreport.js")


def process(*words):
    """A command in a process of its own, its output to be read by `told`."""
    program = [sys.executable, "-m", "convreport", *map(str, words)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def told(running, codes):
    """What is wrong with how it ended, or nothing."""
    said = running.communicate(timeout=bench.LIMIT - 5)[0]
    wrong = "Traceback" in said or running.returncode not in codes
    return f"{running.args[3]}: exit code {running.returncode}: {said[-400:]}" if wrong else None


def killed(base, rng, folder):
    """SIGKILL, SIGTERM or SIGINT at a random moment of a build that has much, or nothing but the site, to do."""
    atlas = copy_of(base, folder)
    if rng.random() < 0.8:
        lose_some(atlas, rng)
    else:
        (atlas / "docs/index.md").unlink()
    lost = len(list((atlas / "cache/records").glob("*/*.json")))
    running = process("build", "demo", "--out", atlas, *WORDS)
    time.sleep(rng.uniform(0.3, 14))
    number = rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    running.send_signal(number)
    if problem := told(running, {0, 130, -number} if number != signal.SIGINT else {0, 130}):
        return problem
    if len(list((atlas / "cache/records").glob("*/*.json"))) < lost:
        return "drawings were lost"
    if left := [path.name for path in atlas.rglob("*.html") if path.stat().st_size == 0]:
        return f"pages are empty: {left[:3]}"
    return whole_again(atlas, base)


def together(base, rng, folder):
    """Two builds, a build and a site, a check, an export, a pruning, a publish or a server at once."""
    atlas = copy_of(base, folder)
    lose_some(atlas, rng)
    remote = folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    build = ("build", "demo", "--out", atlas, *WORDS)
    other = rng.choice(
        [
            build,
            ("site", atlas),
            ("check", atlas, "--max-failed", "9"),
            ("export", atlas, "-o", folder / "r.html"),
            ("cache", atlas, "--prune"),
            ("publish", atlas, "--remote", remote, "--yes"),
            ("serve", atlas, "--port", "0"),
        ]
    )
    one = process(*build)
    if other[0] != "serve":
        time.sleep(rng.choice((0, 2, 5, 8)))
    another = process(*other)
    if other[0] == "serve":
        problem = _served(another, one, rng)
    else:
        refuses = other[0] in ("publish", "export", "check", "cache")  # what a build is about to replace
        problem = told(another, {0, 1, 2, 6} if refuses else {0})
    problem = told(one, {0}) or problem
    return problem or whole_again(atlas, base)


def _served(server, build, rng):
    """Pages asked for all the while a build puts a new site in the place of the old one: each is answered, and whole."""
    address = re.search(r"http://\S+/", server.stdout.readline())
    if address is None:
        server.kill()
        return f"the server does not start: {server.communicate()[0][-200:]}"
    asked = wrong = 0
    problem = None
    while build.poll() is None:
        try:
            with urllib.request.urlopen(address[0] + rng.choice(PAGES), timeout=10) as answer:
                asked, wrong = asked + 1, wrong + (not answer.read())
        except (urllib.error.URLError, OSError, ValueError) as error:
            problem = f"after {asked} answers: {error}"
        time.sleep(0.003)
    server.send_signal(signal.SIGINT)
    said = server.communicate(timeout=20)[0]
    if "Traceback" in said or server.returncode:
        return f"the server: exit code {server.returncode}: {said[-300:]}"
    return problem or (f"{wrong} of {asked} answers were empty" if wrong or not asked else None)


FAMILIES = (
    Family("signals", prepare, killed, few=1, many=1),
    Family("together", prepare, together, few=1, many=1),
)
