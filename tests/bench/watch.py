"""A training watched: what `convreport.Watch` takes of an epoch.

`python -m tests.bench.watch [--model demo] [--seconds 60] [--epochs 2]`; a network of keras.applications is trained with random
weights. Batches of noise are trained on for so many seconds an epoch, and every call of the callback is timed from outside.
"""

import argparse
import tempfile
import time

import numpy as np

import convreport


def network(name):
    """A compiled model, and how large its pictures are."""
    import keras

    from convreport.engines.keras.load import demo_file

    model = keras.models.load_model(demo_file()) if name == "demo" else getattr(keras.applications, name)(weights=None)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, model.input_shape[1:]


def timed(kind):
    """The callback, which notes the seconds of every call of it."""

    class Timed(kind):
        def __init__(self, *words, **more):
            super().__init__(*words, **more)
            self.took = []

        def noted(self, act, *words):
            started = time.monotonic()
            act(*words)
            self.took.append(time.monotonic() - started)

        def on_epoch_begin(self, epoch, logs=None):
            self.noted(super().on_epoch_begin, epoch, logs)

        def on_epoch_end(self, epoch, logs=None):
            self.noted(super().on_epoch_end, epoch, logs)

        def on_train_end(self, logs=None):
            self.noted(super().on_train_end, logs)

    return Timed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=48)
    words = parser.parse_args()
    model, size = network(words.model)
    rng = np.random.default_rng(0)
    batch = rng.uniform(0, 255, (16, *size)).astype(np.float32), rng.integers(0, model.output_shape[-1], 16)
    for _ in range(2):  # the first step prepares
        model.train_on_batch(*batch)
    started = time.monotonic()
    for _ in range(4):
        model.train_on_batch(*batch)
    steps = max(round(words.seconds / ((time.monotonic() - started) / 4)), 1)

    def batches():
        while True:
            yield batch

    shown = rng.integers(0, 255, (words.pictures, *size)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        watch = timed(convreport.Watch)(folder, images=shown)
        started = time.monotonic()
        model.fit(batches(), steps_per_epoch=steps, epochs=words.epochs, callbacks=[watch], verbose=0)
        whole = time.monotonic() - started
        after = watch.took[1 : 2 * words.epochs : 2]
        epoch = (whole - sum(watch.took)) / words.epochs
        print(
            f"{words.model}: epochs of {epoch:.1f} s; before the first {watch.took[0]:.2f} s, after each"
            f" {', '.join(f'{one:.2f}' for one in after)} s, at the end {watch.took[-1]:.2f} s;"
            f" {sum(after) / len(after) / epoch:.1%} of an epoch, {sum(watch.took[1:]) / (epoch * words.epochs):.1%} with the end"
        )


if __name__ == "__main__":
    main()
