"""In which order tests are taken, and which of them stay with one worker."""

from xdist.scheduler import LoadScopeScheduling

# Files that take longest, which begin first: no worker is left alone with one at the end.
LONGEST = (
    "campaign", "build", "wiring", "workers", "foreman", "climbs", "faults", "cli", "inputs", "verify", "patterns", "site",
    "survey", "api",
)  # fmt: skip
# Files whose tests share nothing: whichever worker is free takes the next, and they are the last, to fill what time is left.
APART = ("test_catalog.py", "test_models.py")
# In the name of a test that takes many gigabytes: these go one after the other, and begin first.
LARGE = "[large-"


def place(item):
    """By what tests are sorted."""
    name = item.path.name
    if LARGE in item.nodeid:
        return -1
    if name in APART:
        return len(LONGEST) + 1
    stem = name.removeprefix("test_").removesuffix(".py")
    return LONGEST.index(stem) if stem in LONGEST else len(LONGEST)


class ByFile(LoadScopeScheduling):
    """A file's tests share what they have built and stay with one worker, except those of `APART`."""

    def _split_scope(self, nodeid):
        file = nodeid.split("::")[0]
        if not file.endswith(APART):
            return file
        return LARGE if LARGE in nodeid else nodeid
