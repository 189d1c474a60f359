"""What a network's answers rest on beside its weights: an engine's code and packages, found without importing them."""

from collections.abc import Sequence
from functools import cache

from convreport.core.base.files import digest
from convreport.core.base.provenance import code_digest, version_of

PACKAGES = {"keras": ("keras", "tensorflow"), "torch": ("torch",)}
# The modules of engines that shape what is answered, by what is asked: those that engines share, and each one's own.
SHARED = {
    "card": ("understood", "describing", "evidence", "fields", "heads", "reach", "tokens"),
    "look": ("network", "forward"),
    "score": ("heads", "network"),
    "observe": ("observe",),
    "ascend": ("heights", "last", "heads"),
    "kernels": (),
}
MODULES: dict[str, dict[str, tuple[str, ...]]] = {
    "keras": {
        "card": (
            "load", "reading.catalog", "understanding.describe", "understanding.evidence", "understanding.fingerprint",
            "understanding.heads", "wiring.feed", "wiring.fields", "wiring.reach", "wiring.graph", "wiring.trace",
        ),
        "look": ("running.forward", "wiring.probe", "wiring.feed"),
        "score": ("understanding.heads", "running.forward"),
        "observe": ("running.forward", "wiring.probe", "wiring.feed"),
        "ascend": ("running.forward", "running.ops", "wiring.probe", "wiring.feed", "wiring.yielding"),
        "kernels": ("running.kernels",),
    },
    "torch": {
        "card": (
            "load", "reading.sources", "reading.states", "reading.exported", "reading.scripted", "reading.batches",
            "understanding.describe", "understanding.evidence", "wiring.feed", "wiring.fields", "wiring.kinds",
            "wiring.symbolic", "wiring.trace", "wiring.watch",
        ),
        "look": ("running.forward", "wiring.trace", "wiring.watch", "wiring.feed"),
        "score": ("understanding.describe", "running.forward"),
        "observe": ("running.forward", "wiring.watch", "wiring.feed"),
        "ascend": ("running.forward", "running.ops", "wiring.watch", "wiring.feed"),
        "kernels": ("running.kernels",),
    },
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
    shared = [f"shared.{name}" for part in asked for name in SHARED[part]]
    own = [f"{engine}.{name}" for part in asked for name in MODULES[engine][part]]
    return [code_digest(f"convreport.engines.{name}") for name in dict.fromkeys((*shared, *own))]
