"""What a network's answers rest on beside its weights: an engine's code and packages, found without importing them."""

from collections.abc import Sequence
from functools import cache

from convreport.core.base.files import digest
from convreport.core.base.provenance import code_digest, version_of

PACKAGES = {"keras": ("keras", "tensorflow")}
# Of each engine the modules that shape what it answers, by what is asked of it.
MODULES: dict[str, dict[str, tuple[str, ...]]] = {
    "keras": {
        "card": (
            "load", "reading.catalog", "understanding.describe", "understanding.evidence", "understanding.fingerprint",
            "understanding.heads", "wiring.feed", "wiring.fields", "understanding.reach", "wiring.graph", "wiring.trace",
        ),
        "look": ("running.network", "wiring.probe", "wiring.feed"),
        "score": ("understanding.heads", "running.network"),
        "observe": ("running.observe", "wiring.probe", "wiring.feed"),
        "ascend": ("running.heights", "running.last", "running.ops", "wiring.probe", "wiring.feed", "wiring.yielding"),
        "kernels": ("running.kernels",),
    }
}  # fmt: skip


def rests_on(engine: str) -> str:
    """The digest of the code and packages that an engine's answers to many pictures rest on."""
    return digest(shape(engine, ["observe"]), versions(engine))


@cache
def versions(engine: str) -> dict[str, str]:
    """Versions of the packages whose arithmetic is in the pictures, read without importing them."""
    return {package: version_of(package) for package in PACKAGES[engine]}


def shape(engine: str, asked: Sequence[str]) -> list[str]:
    """The digests of an engine's code for what is asked of it: `look`, `observe`, `ascend`, `kernels`, `card`."""
    names = dict.fromkeys(name for part in asked for name in MODULES[engine][part])
    return [code_digest(f"convreport.engines.{engine}.{name}") for name in names]
