"""Every heatmap method on demo scenes whose object is known: `python -m tests.bench.heatmaps [--scenes 500] [--layer L]`.

Pointing: the share of scenes whose hottest place lies within one cell of the object of the layer's map (Zhang et al.
2018). Energy: the share of the map's sum inside the object (Wang et al. 2020). Deletion and insertion: see
core/faithfulness.py. Scenes that the network gets wrong are left out.
"""

import argparse
import time

import numpy as np

from convreport.core.explain import faithfulness, saliency
from convreport.core.explain import heatmaps as explain
from convreport.core.pictures import pixels
from convreport.core.seam import Means, Targets
from convreport.demo import scenes
from convreport.engines.keras.load import load
from convreport.engines.keras.running.network import KerasNetwork
from convreport.engines.request import Request
from tests.models import sample

SEED = 77_000  # of scenes that were in no training


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--layer", default="block5_conv2")
    words = parser.parse_args()
    net = KerasNetwork(load(Request("demo")), Means("float32"))
    stride = net.card.layer(words.layer).receptive_field.stride[0]
    table = {name: [] for name in (*saliency.METHODS, "random", "centre")}
    seconds = dict.fromkeys(table, 0.0)
    for index in range(words.scenes):
        scene = scenes.scene(index, seed=SEED)
        one = sample(scene.pixels)
        look = net.look([one], [words.layer], fit="stretch", targets=Targets(classes=(scene.label,)))
        if look.probabilities[0].argmax() != scene.label:
            continue
        planes = net.read(one, "stretch")
        cells = look.activations[words.layer].shape[1:3]
        mask = np.asarray(scene.mask, bool)
        for name in table:
            started = time.monotonic()
            if name == "random":
                heat = faithfulness.random_maps(cells, 1, index)[0]
            elif name == "centre":
                heat = faithfulness.centred(cells)
            else:
                heat = explain.heatmap(name, net, one, "stretch", words.layer, look, scene.label)
            seconds[name] += time.monotonic() - started
            large = pixels.resize(heat, *mask.shape)
            curves = faithfulness.curves(net, planes, heat)[scene.label]
            pointing, energy = faithfulness.inside(large, mask, (stride, stride))
            table[name].append((pointing, energy, curves.deleted, curves.inserted))
    share = float(np.mean([np.asarray(scenes.scene(index, seed=SEED).mask).mean() for index in range(50)]))
    print(f"{len(table['random'])} scenes, layer {words.layer}; objects cover {share:.0%} of a scene")
    print("| method | pointing | energy inside | deletion | insertion | ms a map |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, rows in table.items():
        pointing, energy, deleted, inserted = np.mean(rows, 0)
        title = saliency.METHODS[name].title if name in saliency.METHODS else name
        pace = 1000 * seconds[name] / len(rows)
        print(f"| {title} | {pointing:.1%} | {energy:.2f} | {deleted:.3f} | {inserted:.3f} | {pace:.0f} |")


if __name__ == "__main__":
    main()
