"""How many pictures climb together: as many as memory has room for, of a few fixed numbers."""

import os
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path

from convreport.core.ascent.stage import Stage
from convreport.core.network import layers
from convreport.core.network.card import LayerInfo, ModelCard

BATCHES = (8, 4, 2, 1)  # more gain nothing on a processor, and a picture must not depend on the machine without need
SHARE = 0.5  # of the memory that is free
KEPT = 4.0  # how often the numbers of all maps are held at once: forward, gradient, and the formats between (measured)


def batch_for(card: ModelCard, paths: Sequence[str], stage: Stage, memory: int) -> int:
    """The largest of the fixed batches whose maps fit into `memory` bytes; 0: a share of what is free."""
    room = memory or int(free() * SHARE)
    need = bytes_a_picture(card, paths, stage)
    return next((count for count in BATCHES if count * need <= room), BATCHES[-1])


def bytes_a_picture(card: ModelCard, paths: Sequence[str], stage: Stage) -> int:
    """About what one canvas costs: every map below the climbed layers, at the canvas's size."""
    numbers = stage.canvas**2 * card.input[2]
    numbers += sum(int(cells * (layer.shape[-1] or 1)) for layer, cells in _below(card, paths, stage))
    return int(numbers * 4 * KEPT)


def work_a_picture(card: ModelCard, paths: Sequence[str], stage: Stage) -> float:
    """About how many floating-point operations one canvas costs forward: those of the kernels below the climbed layers."""
    below = _below(card, paths, stage)
    return sum(2 * prod(layer.kernel) * cells for layer, cells in below if layer.kernel and layer.path not in paths)


def _below(card: ModelCard, paths: Sequence[str], stage: Stage) -> list[tuple[LayerInfo, float]]:
    """The layers up to the climbed ones whose outputs are maps, each with the number of its cells on this canvas."""
    below = {ancestor for path in paths for ancestor in layers.ancestors(card, path)}
    side = max(stage.fed or (stage.canvas,))
    found = []
    for layer in card.layers:
        if layer.path in below and layers.is_map(layer):
            field = layer.receptive_field
            known = field is not None and min(field.stride) > 0
            found.append((layer, side**2 / prod(field.stride) if field is not None and known else side**2 / 64))
    return found


def free() -> int:
    """Bytes of memory that nobody uses; 4 GB where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return 4 << 30
