"""Several pictures of one unit that are unlike each other: the cosine of the Gram matrices of what they are to a layer.

After Olah, Mordvintsev and Schubert, Feature Visualization, Distill 2017, who took from style transfer that a Gram matrix,
which channels are active together, tells of textures whatever their places.
"""

import numpy as np

from convreport.core.ascent.ops import Ops, Tensor

MOST = 8  # pictures of a unit: they climb together
WEIGHT = 4.0  # of their likeness, 0..1, against the height, which is taken as 1


def likeness(ops: Ops, maps: Tensor, count: int) -> Tensor:
    """How like pictures are to the others of their unit, float32 (n,): `count` pictures of a unit follow each other in a
    layer's maps (n, h, w, channels).

    The mean over the others of the cosine of Gram matrices F^T F, F being (cells, channels). The first picture of each
    unit, which is the one that is drawn anyway, has 0; each moves away from the others, and not they from it.
    """
    n, height, width, channels = (int(side) for side in maps.shape)
    units, cells = n // count, height * width
    flat = ops.reshape(maps, [n, cells, channels])
    turned = ops.transpose(flat, [0, 2, 1])
    if channels <= cells:
        gram = turned @ flat
        rows = ops.reshape(gram, [units, count, channels * channels])
        products = rows @ ops.transpose(ops.fixed(rows), [0, 2, 1])
    else:  # the same number, <A^T A, B^T B> = |A B^T|^2, by smaller matrices
        gram = flat @ turned
        rows = ops.reshape(flat, [units, count * cells, channels])
        crossed = rows @ ops.transpose(ops.fixed(rows), [0, 2, 1])
        products = ops.sum(ops.reshape(crossed * crossed, [units, count, cells, count, cells]), [2, 4])
    sizes = ops.reshape(ops.sqrt(ops.sum(gram * gram, [1, 2]) + 1e-12), [units, count, 1])
    cosines = products / (sizes * ops.transpose(ops.fixed(sizes), [0, 2, 1]))
    others = (1 - np.eye(count, dtype=np.float32)) / max(count - 1, 1)
    others[0] = 0
    return ops.reshape(ops.sum(cosines * ops.tensor(others), [2]), [n])
