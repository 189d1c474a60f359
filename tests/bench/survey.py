"""The pass over many examples against a plain batched forward pass over the same files.

`python -m tests.bench.survey [--pictures 10000] [--model MobileNetV2] [--batch 16]`; KERAS_HOME may hold real weights, else
--weights none. The files are random parts of the sample photos, 500 x 375 JPEGs. The reference is Keras's own
`image_dataset_from_directory`, its preprocessing, and the model called on every batch. Each runs in a process of its own, in
turns; seconds are those of the passes alone, imports and loading left out; memory is the peak of the whole process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from convreport.core.pictures import samples


def make(folder, count):
    """So many JPEGs in four folders, each a random part of a photo, mirrored or not."""
    photos = [Image.fromarray(one.pixels) for one in samples.natural(4).samples]
    for number in range(count):
        rng = np.random.default_rng(number)
        which = number % len(photos)
        photo = photos[which]
        share = rng.uniform(0.4, 1)
        wide, high = int(photo.width * share), int(photo.height * share)
        left, top = int(rng.integers(0, photo.width - wide + 1)), int(rng.integers(0, photo.height - high + 1))
        part = photo.crop((left, top, left + wide, top + high)).resize((500, 375))
        place = folder / f"photo{which}"
        place.mkdir(exist_ok=True)
        (part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.uniform() < 0.5 else part).save(
            place / f"{number:05}.jpg", quality=88
        )


PLAIN = """
import importlib, json, os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, tensorflow as tf
name, weights, folder, batch = sys.argv[1:5]
model = getattr(keras.applications, name)(weights=None if weights == "none" else weights)
data = keras.utils.image_dataset_from_directory(
    folder, labels=None, image_size=model.input_shape[1:3], batch_size=int(batch), shuffle=False, verbose=False)
module = importlib.import_module("keras.applications." + {"MobileNetV2": "mobilenet_v2", "VGG16": "vgg16"}[name])
data = data.map(module.preprocess_input, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
model.predict_on_batch(next(iter(data)))
started, count = time.monotonic(), 0
call = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
for some in data:
    count += len(call(some))
print(json.dumps({"pictures": count, "seconds": time.monotonic() - started}))
"""


def measured(words, env):
    """A process's last words, and its peak memory in bytes."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words[:6]} failed:\n{said[-2000:]}")
    return said, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--model", default="MobileNetV2")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    words = parser.parse_args()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "files"
        folder.mkdir()
        started = time.monotonic()
        make(folder, words.pictures)
        print(f"{words.pictures} files made in {time.monotonic() - started:.0f} s", flush=True)
        for turn in range(words.rounds):
            said, memory = measured(
                [sys.executable, "-c", PLAIN, words.model, words.weights, str(folder), str(words.batch)], env
            )
            plain = json.loads(said.splitlines()[-1])
            said, ours = measured(
                [sys.executable, "-m", "convreport", "build", words.model, "--weights", words.weights, "--examples",
                 str(folder), "--sections", "examples,health", "--out", f"{place}/atlas{turn}", "--json"], env,
            )  # fmt: skip
            events = [json.loads(line) for line in said.splitlines()]
            survey = next(one for one in events if one["event"] == "SurveyFinished")
            crops = next(one for one in events if one["event"] == "SectionFinished" and one["section"] == "examples")
            print(
                f"plain: {plain['pictures']} pictures, {plain['seconds']:.1f} s,"
                f" {plain['pictures'] / plain['seconds']:.1f} a second, peak {memory / 1e6:,.0f} MB\n"
                f"convreport: {survey['pictures']} pictures, {survey['layers']} layers, {survey['seconds']:.1f} s,"
                f" {survey['pictures'] / survey['seconds']:.1f} a second, peak {ours / 1e6:,.0f} MB;"
                f" {crops['seconds']:.1f} s for {crops['drawn']} units' crops\n"
                f"ratio {survey['seconds'] / plain['seconds']:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
