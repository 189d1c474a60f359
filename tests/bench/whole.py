"""How long every unit of VGG16 takes, by extrapolation: `python -m tests.bench.whole [--preset standard] [--check N]`.

The pace of each of its 13 convolutions is measured on a few steps of a full batch with random weights, and multiplied by
its units. `--check N` also draws N batches of three layers and says how far the forecast was off. Run it on an idle
machine; TensorFlow's own rewriting to bfloat16 is used where it is faster (`auto`).
"""

import argparse
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--check", type=int, default=0)
    words = parser.parse_args()
    from convreport.builder.model import request_of
    from convreport.builder.plan import Plan
    from convreport.core.ascent.objectives import channel
    from convreport.core.ascent.recipes import find
    from convreport.core.seam import Means
    from convreport.engines.keras.load import load
    from convreport.engines.keras.running.network import KerasNetwork

    net = KerasNetwork(load(request_of(Plan(model="vgg16", weights="none"))), Means(words.precision))
    recipe, total, drawn = find("fourier", words.preset), 0.0, 0
    print("| layer | units | tile | climbed in | s a unit | s | off by |\n|---|--:|--:|---|--:|--:|--:|")
    convolutions = [layer for layer in net.card.layers if layer.kind == "Conv2D"]
    for place, layer in enumerate(convolutions):
        pace = net.pace(channel(layer.path, 0), recipe)
        climb, units = net._climb(channel(layer.path, 0), recipe), layer.shape[-1]
        off = ""
        if words.check and place in (1, 6, 11):
            began, count = time.perf_counter(), words.check * climb.batch
            net.ascend([channel(layer.path, unit) for unit in range(count)], recipe, 0)
            off = f"{100 * ((time.perf_counter() - began) / count / pace - 1):+.0f} %"
        total, drawn = total + pace * units, drawn + units
        print(
            f"| {layer.path} | {units} | {climb.stage.tile[0]} | {climb.precision} | {pace:.3f} | {pace * units:.0f} | {off} |",
            flush=True,
        )
    print(f"\nAll {drawn:,} units at {words.preset}: {total / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
