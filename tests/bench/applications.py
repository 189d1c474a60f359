"""A small atlas of every network of keras.applications, with random weights: built, and how long it took.

python -m tests.bench.applications [NAME ...]
"""

import sys
import tempfile
import time
from pathlib import Path

import convreport
from convreport.core.network import layers
from convreport.engines.keras.load import load
from convreport.engines.keras.reading.catalog import APPLICATIONS
from convreport.engines.request import Request


def first(card):
    """The paths of the first two telling layers."""
    return [layer.path for layer in layers.telling(card)[:2]]


def small_atlas(name, out, shown, **words):
    """Two filters of each of the layers `shown` of an application, one picture through all of it, and no class."""
    return convreport.build(
        name, weights="none", out=out, layers=shown, filters=2, max_images=1, class_patterns=["none"], **words
    )


def main():
    names = sys.argv[1:] or [one.name for one in APPLICATIONS.values()]
    print("| application | built | seconds |\n|---|---|--:|")
    for name in names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            atlas = small_atlas(name, Path(folder), first(load(Request(name, weights="none")).card))
        verdict = f"{atlas.drawn} drawings" if not atlas.failures else f"failed: {atlas.failures[0]}"
        print(f"| {name} | {verdict} | {time.monotonic() - began:.1f} |", flush=True)


if __name__ == "__main__":
    main()
