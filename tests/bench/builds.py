"""Seconds, peak memory, size and files of whole builds: `python -m tests.bench.builds [FOLDER] [--real FOLDER] [--only WORD]`.

Each build runs alone, as a user runs it; the table is Markdown. Run it on an idle machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(*words, env=None):
    """(seconds, peak resident megabytes) of the command and its children."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "convreport", *map(str, words)],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"convreport {' '.join(map(str, words))} failed")
    return time.monotonic() - began, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def size_of(folder):
    files = [path for path in (folder / "site").rglob("*") if path.is_file()]
    return f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB", str(len(files))


def builds(folder, real):
    """(name, words, environment, atlas or None)."""
    yield "convreport --help", ["--help"], None, None
    demo = ["build", "demo", "-o", folder / "demo"]
    yield "build demo", demo, None, folder / "demo"
    yield "the same again, unchanged", demo, None, folder / "demo"
    if real:
        words = ["build", "mobilenetv2", "-o", folder / "mobile", "--images", real / "photos"]
        home = {"KERAS_HOME": str(real / "keras_home")}
        yield "build mobilenetv2, real weights, six photos", words, home, folder / "mobile"
        yield "the same again, unchanged", words, home, folder / "mobile"
    weights = folder / "vgg16.weights.h5"
    random = ["build", "vgg16", "--weights", "none", "-o", folder / "vgg"]
    yield "build vgg16 --weights none", random, None, folder / "vgg"
    yield "the same again, unchanged", random, None, folder / "vgg"
    code = "import keras, sys; keras.applications.VGG16(weights=None).save_weights(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(weights)], check=True, capture_output=True)
    file = ["build", "vgg16", "--weights", weights, "-o", folder / "file", "--filters", "1"]
    megabytes = weights.stat().st_size / 1e6
    yield f"build vgg16 --weights FILE ({megabytes:.0f} MB) --filters 1", file, None, folder / "file"
    yield "the same again, unchanged", file, None, folder / "file"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--real", type=Path, default=os.environ.get("CONVREPORT_REAL"))
    parser.add_argument("--only", default="")
    words = parser.parse_args()
    folder = words.folder or Path(tempfile.mkdtemp())
    print("| command | seconds | peak memory | site | files |\n|---|--:|--:|--:|--:|")
    for name, command, env, atlas in builds(folder, words.real and Path(words.real)):
        if words.only in name:
            seconds, memory = measure(*command, env=env)
            size, files = size_of(atlas) if atlas else ("", "")
            print(f"| `{name}` | {seconds:.1f} | {memory:,.0f} MB | {size} | {files} |", flush=True)


if __name__ == "__main__":
    main()
