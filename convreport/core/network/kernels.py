"""Kernels by what they weigh: how strongly a unit reads each channel below it, and which units weigh alike."""

from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array


@dataclass(frozen=True)
class Kernel:
    """The weights of a layer that mixes channels, float32 (positions, channels a unit reads, units).

    `first` (units,) is the first channel each unit reads: 0 where all read everything, else that of its group. A
    separable layer's two kernels are multiplied into the one that they stand for.
    """

    weights: Array
    first: Array

    def strengths(self, unit: int) -> tuple[int, Array]:
        """The first channel a unit reads, and the norm over positions of its weights for each channel from there on."""
        return int(self.first[unit]), np.sqrt((self.weights[:, :, unit].astype(np.float64) ** 2).sum(0))

    def consumers(self, channel: int) -> tuple[Array, Array]:
        """The units that read a channel, and the norm of their weights for it."""
        inside = np.flatnonzero((self.first <= channel) & (channel < self.first + self.weights.shape[1]))
        rows = self.weights[:, channel - self.first[inside], inside].astype(np.float64)
        return inside, np.sqrt((rows**2).sum(0))

    def per_channel(self, channels: int) -> "Kernel":
        """A dense kernel over a flattened map as one over its positions, channels last."""
        units = self.weights.shape[2]
        return Kernel(self.weights.reshape(-1, channels, units), self.first)


def alike(kernel: Kernel, least: float, most: int) -> list[tuple[int, int, float]]:
    """(unit, unit, cosine) of pairs that read the same channels with kernels of a cosine above `least`, the most alike
    first, at most `most`. Kernels of nothing but zeros are like no other.
    """
    rows = kernel.weights.reshape(-1, kernel.weights.shape[2]).T.astype(np.float32)
    norms = np.linalg.norm(rows, axis=1)
    rows /= np.where(norms > 0, norms, 1)[:, None]
    found: list[tuple[int, int, float]] = []
    for start in np.unique(kernel.first):
        inside = np.flatnonzero(kernel.first == start)
        cosines = np.triu(rows[inside] @ rows[inside].T, 1)
        one, other = np.nonzero(cosines > least)
        found += [
            (int(inside[a]), int(inside[b]), min(float(cosines[a, b]), 1.0)) for a, b in zip(one, other, strict=True)
        ]
    return sorted(found, key=lambda pair: -pair[2])[:most]
