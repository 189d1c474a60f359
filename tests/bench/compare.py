"""Two checkpoints compared: what `convreport compare` takes, and the same command again.

`python -m tests.bench.compare FOLDER [--pictures 2000] [--rounds 1]`; KERAS_HOME may hold real weights of MobileNetV2, else
--weights none. The first call makes the pictures of `tests.bench.survey`, the two models (MobileNetV2, and a copy with one layer
disturbed) and their atlases in FOLDER, which takes minutes; later ones find them there. Then every round compares afresh, and
again, each in a process of its own: seconds by the clock, of processor time, and the peak memory of the whole process.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.bench.survey import make

DISTURBED = "block_12_project"  # a layer in the middle, whose kernel gets noise of a tenth of its own spread
NOISE = 0.1
AGAIN = """
import sys
from convreport.cli.app import app
sys.argv = ["convreport", *sys.argv[1:]]
try:
    app()
finally:
    print("frameworks:", sorted({"tensorflow", "keras", "torch"} & set(sys.modules)))
"""


def prepared(folder, pictures, weights, env):
    """Pictures, models and atlases, made where they are not there yet."""
    files, atlas = folder / "files", folder / "atlas"
    if not files.is_dir():
        files.mkdir(parents=True)
        make(files, pictures)
    if not (folder / "second.keras").is_file():
        import keras

        model = keras.applications.MobileNetV2(weights=None if weights == "none" else weights)
        model.save(folder / "first.keras")
        layer = model.get_layer(DISTURBED)
        kernel, *rest = layer.get_weights()
        noise = np.random.default_rng(0).normal(0, NOISE * kernel.std(), kernel.shape)
        layer.set_weights([(kernel + noise).astype(np.float32), *rest])
        model.save(folder / "second.keras")
    for name in ("first", "second"):
        if not (atlas / f"docs/{name}/atlas.json").is_file():
            subprocess.run(
                [sys.executable, "-m", "convreport", "build", str(folder / f"{name}.keras"), "--out", str(atlas),
                 "--examples", str(files), "--preprocess", "symmetric", "--filters", "16", "--preset", "draft", "--sections",
                 "filters,gradcam,examples,health,shortcuts", "--quiet"], check=True, env=env,
            )  # fmt: skip
    return atlas


def measured(words, env):
    """What a process said, its seconds by the clock and of processor time, and its peak memory in bytes."""
    started = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words[:8]} failed:\n{said[-2000:]}")
    return said, time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--rounds", type=int, default=1)
    words = parser.parse_args()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])}
    atlas = prepared(words.folder, words.pictures, words.weights, env)
    asked = ["compare", "first", "second", "--out", str(atlas), "--json"]
    for _ in range(words.rounds):
        for title, more in (("compared", ["--fresh"]), ("again", [])):
            said, clock, busy, memory = measured([sys.executable, "-c", AGAIN, *asked, *more], env)
            *lines, frameworks = said.splitlines()
            events = [json.loads(line) for line in lines]
            survey = [one for one in events if one["event"] == "SurveyFinished"]
            passed = ", ".join(
                f"{one['pictures']} pictures, {one['layers']} layers in {one['seconds']:.1f} s" for one in survey
            )
            print(
                f"{title}: {clock:.1f} s, {busy:.1f} s of processor time, peak {memory / 1e6:,.0f} MB; {frameworks};"
                f" {passed or 'no pass'}", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
