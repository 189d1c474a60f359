"""Every recipe's pictures side by side: `python -m tests.bench.sheets FOLDER [--real FOLDER] [--units 8] [--slow]`.

Writes one contact sheet a layer, a row a recipe, and an index.md that shows them all, to be looked at. `--slow` adds the
recipes that climb for minutes (`multiscale`, `jitter`).
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

LAYERS = (
    ("models/vgg16_imagenet_to_block3_conv2.keras", ("block1_conv2", "block2_conv2", "block3_conv2")),
    ("models/squeezenet_v1.1_imagenet_notop.keras", ("fire3_concat", "fire5_concat", "fire9_concat")),
    ("mobilenetv2", ("block_2_add", "block_5_add", "block_12_add", "")),
    ("demo", ("block2_conv1", "block4_conv1", "block5_conv2", "")),
)
ROWS = (
    ("fourier", "draft"),
    ("fourier", "standard"),
    ("fourier", "high"),
    ("maco", ""),
    ("book", ""),
    ("keras-example", ""),
)
SLOW = (("multiscale", ""), ("jitter", ""))
SIDE, MARGIN = 128, 3


def row_of(net, objectives, recipe):
    from PIL import Image

    made = net.ascend(objectives, recipe, 0)
    tiles = [np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for one in made.pictures]
    return np.concatenate([np.pad(one, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))) for one in tiles], 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--real", type=Path, default=os.environ.get("CONVREPORT_REAL"))
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--slow", action="store_true")
    words = parser.parse_args()
    if words.real:
        os.environ.setdefault("KERAS_HOME", str(Path(words.real) / "keras_home"))
    from PIL import Image

    from convreport.builder.model import request_of
    from convreport.builder.plan import Plan
    from convreport.core.ascent.objectives import channel, logit
    from convreport.core.ascent.recipes import find
    from convreport.core.base.errors import ModelError
    from convreport.core.pictures import samples
    from convreport.engines.keras.load import load
    from convreport.engines.keras.running.network import KerasNetwork
    from convreport.sections.shared import tiles

    photos = samples.natural(tiles.AT_HAND).samples
    words.folder.mkdir(parents=True, exist_ok=True)
    page = ["# Recipes side by side", ""]
    for model, layers in LAYERS:
        if model != "demo" and not words.real:
            continue
        name = str(Path(words.real) / model) if model.endswith(".keras") else model
        net = KerasNetwork(load(request_of(Plan(model=name))))
        for layer in layers:
            count = net.card.layer(layer).shape[-1] if layer else net.card.classes
            units = [int(unit) for unit in np.linspace(0, count - 1, words.units)]
            objectives = [channel(layer, unit) if layer else logit(unit) for unit in units]
            rows, told = [], []
            for recipe, preset in (*ROWS, *(SLOW if words.slow else ())):
                began = time.perf_counter()
                try:
                    numbers = tiles.measured(find(recipe, preset or "standard"), net.card, photos, "stretch")
                    rows.append(row_of(net, objectives, numbers))
                except ModelError as error:  # a size that this layer does not take
                    told.append(f"{recipe}: {error.message}")
                    continue
                told.append(
                    f"{recipe} {preset}".strip() + f" ({(time.perf_counter() - began) / len(units):.2f} s a picture)"
                )
            shown = layer or "classes"
            file = f"{net.card.slug}-{shown}.png"
            Image.fromarray(np.concatenate(rows)).save(words.folder / file)
            page += [f"## {net.card.name}, {shown}", "", "From above: " + "; ".join(told) + ".", "", f"![]({file})", ""]
            (words.folder / "index.md").write_text("\n".join(page), "utf-8")
            print(net.card.name, shown, "; ".join(told), flush=True)


if __name__ == "__main__":
    main()
