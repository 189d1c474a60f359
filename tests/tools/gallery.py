"""The gallery of the documentation, drawn again: `python -m tests.tools.gallery FOLDER [--only NAME] [--preset draft]`.

Networks that anybody may use, into one atlas, on the sample photos that come with scikit-image. See docs/gallery.md.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A network by its name for `convreport build`, and the layers that are worth looking at."""

    model: str
    layers: tuple[str, ...]


NETWORKS = (
    Shown("mobilenetv2", ("block_3_expand", "block_6_expand", "block_12_expand", "block_15_expand")),
    Shown("vgg16", ("block2_conv2", "block3_conv1", "block4_conv2", "block5_conv2")),
    Shown("demo", ()),
)


def command(shown, folder, preset, filters):
    """The words that draw one network into the gallery."""
    words = [sys.executable, "-m", "convreport", "build", shown.model, "--out", folder]
    words += ["--preset", preset, "--filters", str(filters)]
    return words + [word for layer in shown.layers for word in ("--layers", layer)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--only", choices=[one.model for one in NETWORKS])
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--filters", type=int, default=16)
    asked = parser.parse_args()
    missing = []
    for shown in NETWORKS:
        if asked.only in (None, shown.model):
            done = subprocess.run(command(shown, asked.folder, asked.preset, asked.filters), check=False)
            missing += [shown.model] if done.returncode else []
    if missing:
        print(f"Left out or not whole: {', '.join(missing)}. What convreport said about it stands above.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
