"""Train the demo model again from a seed: `python -m convreport.demo.train`.

The network is VGG in miniature: five blocks of two 3x3 convolutions, global pooling, a dense softmax. It is trained
with batch normalization, which is then folded into the convolutions (w' = w * gamma / sqrt(var + eps)), so that what
convreport shows is the plain chain of convolutions and ReLUs that the textbooks draw.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convreport.demo.scenes import CLASSES, HELD_OUT, SIZE, TRAINING, scene

BLOCKS = (16, 32, 48, 64, 96)
Scenes = tuple[NDArray[np.uint8], NDArray[np.int64]]


def main() -> None:
    """Train, fold, measure on held-out scenes, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("demo.keras"))
    parser.add_argument("--scenes", type=int, default=24_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    words = parser.parse_args()

    import keras

    started = time.monotonic()
    keras.utils.set_random_seed(words.seed)
    pixels, labels = draw_scenes(words.scenes, TRAINING)
    held_out, truth = draw_scenes(2_400, HELD_OUT)
    model = with_normalization(keras)
    batch = 64
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, words.epochs * len(pixels) // batch, warmup_target=2e-3, warmup_steps=200
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA is several times slower on a CPU
    )
    model.fit(pixels, labels, batch_size=batch, epochs=words.epochs, verbose=2)
    plain = fold(keras, model)
    before, after = model.predict(held_out, verbose=0), plain.predict(held_out, verbose=0)
    print(f"folding changed a probability by at most {np.abs(before - after).max():.1e}")
    right = after.argmax(1) == truth
    print(f"held-out accuracy: {right.mean():.4f} on {len(truth)} scenes ({time.monotonic() - started:.0f} s)")
    for index, name in enumerate(CLASSES):
        print(f"  {name:10} {right[truth == index].mean():.3f}")
    plain.save(words.out)
    print(f"saved {words.out.name}, {words.out.stat().st_size / 1e6:.2f} MB, {plain.count_params():,} parameters")


def draw_scenes(count: int, seed: int) -> Scenes:
    """`count` scenes of one seed, uint8 (count, SIZE, SIZE, 3), and their labels; drawn on all cores."""
    with ProcessPoolExecutor() as pool:
        drawn = list(pool.map(_scene, range(count), [seed] * count, chunksize=500))
    return np.stack([pixels for pixels, _ in drawn]), np.array([label for _, label in drawn])


def _scene(index: int, seed: int) -> tuple[NDArray[np.uint8], int]:
    drawn = scene(index, seed=seed)
    return drawn.pixels, drawn.label


def with_normalization(keras: Any) -> Any:
    """The network as it is trained: convolution, batch normalization, ReLU."""
    inputs = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    for block, units in enumerate(BLOCKS, 1):
        for conv in (1, 2):
            name = f"block{block}_conv{conv}"
            x = keras.layers.Conv2D(units, 3, padding="same", use_bias=False, name=name)(x)
            x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
        if block < len(BLOCKS):
            x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(x)
    x = keras.layers.Dense(len(CLASSES), activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="demo")


def fold(keras: Any, trained: Any) -> Any:
    """The same function without batch normalization: its scale and shift moved into kernels and biases."""
    inputs = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = inputs
    weights = {}
    for layer in trained.layers[1:]:
        if isinstance(layer, keras.layers.Conv2D):
            norm = trained.get_layer(f"{layer.name}_bn")
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights[layer.name] = [layer.get_weights()[0] * scale, beta - mean * scale]
            x = keras.layers.Conv2D(layer.filters, 3, padding="same", activation="relu", name=layer.name)(x)
        elif not isinstance(layer, keras.layers.BatchNormalization | keras.layers.ReLU):
            weights[layer.name] = layer.get_weights()
            x = layer.__class__.from_config(layer.get_config())(x)
    plain = keras.Model(inputs, x, name="demo")
    for name, values in weights.items():
        plain.get_layer(name).set_weights(values)
    return plain


if __name__ == "__main__":
    main()
