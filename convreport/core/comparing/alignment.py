"""How alike two layers' representations are: unbiased linear CKA over minibatches, as a stream of constant memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convreport.core.base.kinds import Array

LEAST = 4  # pictures of a minibatch: the unbiased estimate divides by n - 3
ALONE = 1 << 18  # multiplications that BLAS does in one thread: on a busy machine its threads wait for each other


def gram(features: Array) -> Array:
    """The products of n pictures' features (n, ...) with each other, float64 (n, n), the mean picture taken away.

    HSIC does not depend on the mean, and small numbers keep more digits: features in single precision are multiplied in it,
    some at a time, and added up in double.
    """
    flat = features.reshape(len(features), -1)
    flat = flat - flat.mean(0)  # about the mean is enough
    count, size = flat.shape
    piece = max(ALONE // count**2, 1)
    whole = size - size % piece
    pieces = flat[:, :whole].reshape(count, -1, piece).transpose(1, 0, 2)
    found = (pieces @ pieces.transpose(0, 2, 1)).sum(0, dtype=np.float64)
    return np.asarray(found + flat[:, whole:].astype(np.float64) @ flat[:, whole:].T)


def hsic(one: Array, other: Array) -> float:
    """The unbiased estimate of HSIC of two Gram matrices (n, n), n > 3 (Song et al. 2012, equation 5)."""
    return float(_products(_hollow([one]), _hollow([other]))[0, 0])


def cka(one: Array, other: Array) -> float | None:
    """Unbiased linear CKA (Kornblith et al. 2019; Nguyen et al. 2021) of two Gram matrices of the same pictures, in about
    0..1; None where one of them tells no pictures apart.
    """
    drift = Alignment.between(1, 1)
    drift.add([one], [other])
    value = drift.matrix()[0, 0]
    return None if np.isnan(value) else float(value)


@dataclass
class Alignment:
    """Sums over minibatches of HSIC between layers `old` x `new`, and of each with itself (Nguyen et al. 2021, equation 4)."""

    across: Array
    old: Array
    new: Array
    pictures: int = 0

    @classmethod
    def between(cls, old: int, new: int) -> "Alignment":
        """Before the first minibatch, of so many layers."""
        return cls(np.zeros((old, new)), np.zeros(old), np.zeros(new))

    def add(self, old: Sequence[Array], new: Sequence[Array]) -> None:
        """One minibatch: the Gram matrices of every layer. Fewer than four pictures say nothing and are left out."""
        count = len(old[0]) if old else 0
        if count < LEAST:
            return
        first, second = _hollow(old), _hollow(new)
        self.across += _products(first, second)
        self.old += np.array([_products(one[None], one[None])[0, 0] for one in first])
        self.new += np.array([_products(one[None], one[None])[0, 0] for one in second])
        self.pictures += count

    def matrix(self) -> Array:
        """CKA of every old with every new layer, float64 (old, new); NaN where a layer tells no pictures apart."""
        spread = np.sqrt(np.maximum(self.old, 0))[:, None] * np.sqrt(np.maximum(self.new, 0))[None]
        return np.divide(self.across, spread, out=np.full_like(self.across, np.nan), where=spread > 0)


def _hollow(grams: Sequence[Array]) -> Array:
    """Gram matrices (layers, n, n) with nothing on their diagonals."""
    stack = np.array(grams, np.float64)
    stack[:, np.arange(stack.shape[1]), np.arange(stack.shape[1])] = 0
    return stack


def _products(first: Array, second: Array) -> Array:
    """The unbiased HSIC of every hollow matrix of `first` with every one of `second`."""
    count = first.shape[1]
    traces = first.reshape(len(first), -1) @ second.reshape(len(second), -1).T
    rows, others = first.sum(2), second.sum(2)
    whole = rows.sum(1)[:, None] * others.sum(1)[None] / ((count - 1) * (count - 2))
    return (traces + whole - 2 / (count - 2) * (rows @ others.T)) / (count * (count - 3))
