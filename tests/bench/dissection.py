"""What units of the demo detect, as convreport finds it in two streaming passes, against the plain formula.

`python -m tests.bench.dissection [--pictures 384]`. Plainly all answers are kept: thresholds are exact, every map is brought to
the size of the masks in float64, and masks are counted pixel by pixel. As another way the masks are brought down to the cells
of the maps, which takes no upsampling. Seconds are those of a second dissection in one process: nothing is traced in it.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from convreport.builder.gallery import gallery
from convreport.builder.plan import Plan
from convreport.core.network import layers
from convreport.core.seam import Means
from convreport.core.survey.dissection import DETECTOR, TOP
from convreport.engines.choose import engine_of
from convreport.engines.request import Request


def weights(grid, cells):
    """(grid, cells): bilinear, through the middles of cells."""
    at = np.clip((np.arange(grid) + 0.5) * cells / grid - 0.5, 0, cells - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(cells)[None, :]), 0)


def iou(active, area, both):
    """(units, concepts); column 0 is no concept."""
    return (both / (active[:, None] + area[None, :] - both))[:, 1:]


def plainly(maps, planes, concepts):
    """By the formula, at the size of the masks."""
    units, side = maps.shape[3], planes.shape[2]
    values = np.sort(maps.reshape(-1, units), 0)
    limits = values[-int(np.ceil(TOP * len(values)))].astype(np.float64)
    bring = weights(side, maps.shape[1])
    active, area, both = np.zeros(units), np.zeros(concepts + 1), np.zeros((units, concepts + 1))
    for picture, labels in zip(maps.astype(np.float64), planes, strict=True):
        large = np.einsum("ya,abu,xb->uyx", bring, picture, bring, optimize=True).reshape(units, -1) >= limits[:, None]
        active += large.sum(1)
        for plane in labels.reshape(len(labels), -1):
            area += np.bincount(plane, minlength=concepts + 1)
            unit, place = np.nonzero(large)
            table = np.bincount(unit * (concepts + 1) + plane[place], minlength=units * (concepts + 1))
            both += table.reshape(units, -1)
    return iou(active, area, both)


def by_cells(maps, planes, concepts):
    """With the masks brought down to the cells, of each of which a share belongs to a concept."""
    units, cells, side = maps.shape[3], maps.shape[1], planes.shape[2]
    values = np.sort(maps.reshape(-1, units), 0)
    lit = maps >= values[-int(np.ceil(TOP * len(values)))]
    cell = np.add.outer(np.arange(side) * cells // side * cells, np.arange(side) * cells // side).ravel()
    area, both = np.zeros(concepts + 1), np.zeros((units, concepts + 1))
    for answers, labels in zip(lit.reshape(len(lit), -1, units), planes, strict=True):
        for plane in labels.reshape(len(labels), -1).astype(np.int64):
            table = np.bincount(cell * (concepts + 1) + plane, minlength=cells**2 * (concepts + 1))
            area += np.bincount(plane, minlength=concepts + 1)
            both += answers.T.astype(np.float64) @ table.reshape(cells**2, -1)
    return iou(lit.sum((0, 1, 2)) * (side / cells) ** 2, area, both)


def compared(name, layer, found, plain):
    """A row of the table."""
    best, exact = found.max(1), plain.max(1)
    same = (found.argmax(1) == plain.argmax(1))[exact > DETECTOR]
    shares = f"{(exact > DETECTOR).mean():.1%} | {(best > DETECTOR).mean():.1%}"
    print(f"| {layer} | {name} | {np.abs(best - exact).max():.4f} | {same.mean():.1%} | {shares} |", flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--pictures", type=int, default=384)
    count = words.parse_args().pictures
    request = Request(source="demo")
    net = engine_of(request).load(request).network(Means())
    shown = layers.paths(layers.shown(net.card, None))
    asked = gallery(Plan(max_examples=count), (), Path(), print)
    asked.dissect(net, shown, "stretch", count)
    again = replace(asked, _dissections={})
    began, cpu = time.monotonic(), time.process_time()
    found = again.dissect(net, shown, "stretch", count)
    print(f"{count} pictures: {time.monotonic() - began:.1f} s, {time.process_time() - cpu:.1f} s of processor")
    labelled = list(asked.labelled(range(count)))
    planes = np.stack([np.stack(one.planes) for one in labelled])
    print(
        "\n| layer | way | largest error of a unit's IoU | detectors with the same concept | detectors, plainly | this way |"
    )
    print("|---|---|--:|--:|--:|--:|")
    for layer in shown:
        pictures = np.stack([one.sample.pixels for one in labelled]).astype(np.float32)
        maps = np.concatenate([net.observe(pictures[n : n + 64], [layer])[layer].maps for n in range(0, count, 64)])
        plain = plainly(maps, planes, len(asked.concepts))
        compared("convreport", layer, found.of(layer).overlap.iou, plain)
        compared("by cells", layer, by_cells(maps, planes, len(asked.concepts)), plain)


if __name__ == "__main__":
    main()
