"""One process against workers, in one run: `python -m tests.bench.workers [PART ...] [--workers 2] [--runs 1]`.

PART: `mobilenet` (five layers, KERAS_HOME may hold real weights), `demo` (everything, all told), `vgg16` (random weights, the
units of one layer), `survey` (--pictures JPEGs, and Keras's own loop over them), `scheduling` (64 simulated workers, whose
drawings are a sleep of 0.2 s). Every build is a process of its own into a folder of its own, in turns; seconds are those of the
whole command. Memory is the peak of the client and of the largest worker.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

MOBILENET = ["build", "mobilenetv2", "--sections", "filters", "--filters", "64", "--max-images", "1"]
MOBILENET += [word for layer in (3, 6, 10, 13, 16) for word in ("--layers", f"block_{layer}_expand")]
VGG16 = ["build", "vgg16", "--weights", "none", "--sections", "filters", "--layers", "block3_conv2", "--filters", "64"]
BUILDS = {"mobilenet": MOBILENET, "demo": ["build", "demo"], "vgg16": [*VGG16, "--max-images", "1"]}


def timed(words):
    """(seconds, peak bytes of the command, peak bytes of the largest of its processes)."""
    peaks = {}
    done = threading.Event()

    def watch(process):
        while not done.wait(0.2):
            for one in [process, *process.children(recursive=True)]:
                try:
                    peaks[one.pid] = max(peaks.get(one.pid, 0), one.memory_info().rss)
                except psutil.Error:
                    continue

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "convreport", *words, "--quiet", "-o", str(Path(folder) / "atlas")]
        began = time.monotonic()
        process = psutil.Popen(command, stdout=subprocess.DEVNULL)
        watching = threading.Thread(target=watch, args=(process,))
        watching.start()
        code = process.wait()
        seconds = time.monotonic() - began
        done.set()
        watching.join()
        if code:
            raise SystemExit(f"{' '.join(command)} ended with {code}")
    own = peaks.pop(process.pid, 0)
    return seconds, own, max(peaks.values(), default=0)


def compare(name, words, workers, runs):
    """One process, `workers`, and `auto`, in turns; medians."""
    found = {}
    for _ in range(runs):
        for said in ("1", str(workers), "auto"):
            found.setdefault(said, []).append(timed([*words, "--workers", said]))
    middle = {said: sorted(rows)[len(rows) // 2] for said, rows in found.items()}
    one = middle["1"][0]
    for said, (seconds, own, largest) in middle.items():
        print(
            f"| {name} | {said} | {seconds:.1f} | {one / seconds:.2f} | {own / 1e6:,.0f} | {largest / 1e6:,.0f} |",
            flush=True,
        )


def survey(pictures, workers, runs):
    """The pass over many pictures: one process, workers, and Keras's own loop."""
    from tests.bench import survey as single

    folder = Path(tempfile.mkdtemp())
    try:
        single.make(folder, pictures)
        words = ["build", "mobilenetv2", "--sections", "health", "--examples", str(folder), "--max-images", "1"]
        words += [word for layer in (1, 3, 6, 13, 16) for word in ("--layers", f"block_{layer}_expand_relu")]
        compare(f"survey of {pictures:,}", words, workers, runs)
        began = time.monotonic()
        weights = "imagenet" if os.environ.get("KERAS_HOME") else "none"
        command = [sys.executable, "-c", single.PLAIN, "MobileNetV2", weights, str(folder), "16"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(f"| Keras's own loop over them |  | {time.monotonic() - began:.1f} |  |  | {said.strip()} |", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scheduling(count, tasks, seconds):
    """How near to ideal: many workers that sleep, with Dask's scheduler and the foreman's decisions as they are."""
    import dask
    from distributed import Client, LocalCluster

    from convreport.workers import cluster
    from convreport.workers.foreman import Foreman, Task

    settings = dask.config.set(cluster.SETTINGS)
    with settings, LocalCluster(
        n_workers=count, processes=False, threads_per_worker=1, protocol="tcp", host=cluster.LOCAL, silence_logs=50,
        dashboard_address=f"{cluster.LOCAL}:0", worker_dashboard_address=f"{cluster.LOCAL}:0",
    ) as made, Client(made, set_as_default=False) as client:  # fmt: skip
        foreman = Foreman(client, lambda address: True)
        for number in range(tasks):
            foreman.add(Task(time.sleep, lambda: (seconds,), number, group=number // 100))
        began = time.monotonic()
        done = sum(1 for _ in foreman.results())
        took = time.monotonic() - began
    ideal = tasks * seconds / count
    print(
        f"| {done:,} sleeps of {seconds} s on {count} workers | | {took:.1f} | {ideal / took:.2f} of ideal | | |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["scheduling", "demo", "mobilenet", "vgg16", "survey"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=10_000)
    words = parser.parse_args()
    print(
        "| what | workers | s | times as fast | client MB | largest worker MB |\n|---|---|--:|--:|--:|--:|", flush=True
    )
    for part in words.parts:
        if part == "scheduling":
            scheduling(64, 10_000, 0.2)
        elif part == "survey":
            survey(words.pictures, words.workers, words.runs)
        else:
            compare(part, BUILDS[part], words.workers, words.runs)


if __name__ == "__main__":
    main()
