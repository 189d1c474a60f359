"""What a layer makes of many places in many pictures, laid out in two dimensions: the ground of an activation atlas.

Carter, Armstrong, Schubert, Johnson and Olah, Activation Atlas, Distill 2019.
"""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from convreport.core.base.errors import ImageError, ModelError, UsageError
from convreport.core.base.kinds import Array
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.core.survey import ahead
from convreport.core.survey.examples import Examples
from convreport.core.survey.shards import BLOCK, together

PLACES = 16  # of one picture at most: those of one picture are much alike
FEWEST = 50  # places, below which there is no landscape
# UMAP's n_neighbors and min_dist: on 800 places of the demo, cells are as pure as by 15 and 0.05, and twice as many.
NEIGHBORS, NEARNESS = 30, 0.5
OUTER = 1.0  # percent of the places on each side that are drawn in to the edge


@dataclass(frozen=True)
class Places:
    """Some places in pictures: what the layer answers there, float32 (n, channels), the pictures' numbers (n,), and which
    cell of the map that is, (n, 4): row, column, rows, columns.
    """

    vectors: Array
    numbers: Array
    cells: Array
    pictures: int


@dataclass(frozen=True)
class Cell:
    """A cell of the grid: where it is, and its places, the one nearest to their mean by its cosine first."""

    row: int
    column: int
    members: Array
    mean: Array


def must_be_installed() -> None:
    """UsageError with the command that installs it, where umap-learn is not."""
    if find_spec("umap") is None:
        raise UsageError(
            "An activation atlas is laid out by umap-learn, which is not installed.", "pip install 'convreport[atlas]'"
        )


def gather(net: Network, examples: Examples, layer: str, fit: str, points: int, seed: int) -> Places:
    """About `points` random places of a layer's map: one a picture if there are as many pictures, else several.

    Without the outermost cells of maps of five and more, which see padding. ModelError where the layer answers with no
    number, or nothing at all.
    """
    numbers = range(0, examples.count, max(-(-examples.count // points), 1))
    each = min(max(-(-points // max(len(numbers), 1)), 1), PLACES)

    def read(sample: Sample) -> tuple[Array, bool]:
        return net.read(sample, fit), sample.raw

    vectors: list[Array] = []
    whose: list[int] = []
    cells: list[tuple[int, ...]] = []
    for block in ahead.blocks(examples.samples, read, numbers, BLOCK):
        known = [(number, *one) for number, one in block if not isinstance(one, ImageError)]
        for some in ahead.batches(known, lambda one: (one[1].shape, one[2]), lambda one: together(one[1])):
            maps = net.observe(np.stack([one[1] for one in some]), [layer], raw=some[0][2])[layer].maps
            for (number, _, _), picture in zip(some, maps, strict=True):
                for row, column in _spots(picture.shape[:2], each, np.random.default_rng([seed % 2**32, number])):
                    vectors.append(np.array(picture[row, column], np.float32))
                    whose.append(number)
                    cells.append((row, column, *picture.shape[:2]))
    found = np.array(vectors, np.float32) if vectors else np.zeros((0, 1), np.float32)
    if not np.isfinite(found).all():
        raise ModelError(f"The layer {layer} responds with NaN or infinity to an example.")
    answering = np.flatnonzero(np.linalg.norm(found, axis=1) > 0)
    if len(answering) < FEWEST:
        raise ModelError(
            f"The layer {layer} answers at {len(answering)} places of {len(set(whose))} pictures, too few for an atlas.",
            "Give more pictures with --examples.",
        )
    order = answering[np.argsort(np.array(whose)[answering], kind="stable")]  # whatever the sizes they came in
    return Places(found[order], np.array(whose)[order], np.array(cells)[order], len(set(whose)))


def _spots(shape: tuple[int, ...], count: int, draw: np.random.Generator) -> list[tuple[int, int]]:
    rows, columns = (range(1, side - 1) if side >= 5 else range(side) for side in shape)
    picked = draw.choice(len(rows) * len(columns), min(count, len(rows) * len(columns)), replace=False)
    return [(rows[int(one) // len(columns)], columns[int(one) % len(columns)]) for one in np.sort(picked)]


def laid_out(vectors: Array, seed: int) -> Array:
    """Places in the unit square, (n, 2) of x and y, so that those whose vectors point the same way lie together (UMAP by
    the cosine; McInnes, Healy and Melville 2018). The same seed gives the same places.
    """
    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed makes it use one core
        made = UMAP(
            n_neighbors=min(NEIGHBORS, len(vectors) - 1), min_dist=NEARNESS, metric="cosine", random_state=seed % 2**32
        ).fit_transform(vectors)
    low, high = np.percentile(made, [OUTER, 100 - OUTER], axis=0)
    return np.asarray(np.clip((made - low) / np.maximum(high - low, 1e-9), 0, 1))


def cells(places: Array, vectors: Array, grid: int, fewest: int) -> list[Cell]:
    """The cells of a grid over the unit square that hold at least so many places, row by row."""
    at = np.minimum((places * grid).astype(int), grid - 1)
    found = []
    for row in range(grid):
        for column in range(grid):
            members = np.flatnonzero((at[:, 1] == row) & (at[:, 0] == column))
            if len(members) >= max(fewest, 1):
                mean = vectors[members].mean(0)
                found.append(Cell(row, column, members[_nearest(vectors[members], mean)], mean))
    return found


def _nearest(vectors: Array, mean: Array) -> Array:
    cosines = vectors @ mean / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    return np.asarray(np.argsort(-cosines, kind="stable"))


def distinct(cell: Cell, numbers: Array, count: int) -> list[int]:
    """Of a cell's places the `count` nearest to its mean, one a picture as far as there are as many pictures."""
    first: dict[int, int] = {}
    for member in cell.members:
        first.setdefault(int(numbers[int(member)]), int(member))
    return list(first.values())[:count]
