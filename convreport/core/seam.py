"""The seam to a framework: what convreport asks of a network, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from convreport.core.ascent.objectives import Objective
from convreport.core.ascent.outcome import Ascent
from convreport.core.ascent.recipes import Recipe
from convreport.core.base.kinds import Array, Pixels, Precision
from convreport.core.network.card import ModelCard
from convreport.core.network.kernels import Kernel
from convreport.core.pictures.sample import Sample


@dataclass(frozen=True)
class Means:
    """What a network may use: the precision of an ascent, the file that remembers what `auto` came to mean, and bytes of
    memory (0: a share of what is free).
    """

    precision: Precision = "auto"
    decisions: Path | None = None
    memory: int = 0


@dataclass(frozen=True)
class Look:
    """A batch of n samples seen through the network.

    `activations`: path -> (n, h, w, c) or (n, c), tokens folded to their grid, channels last; `gradients`: path ->
    (n, k, h, w, c), of the k asked scores with respect to that layer's output. `scores` (n, classes): what
    `ModelCard.score` says, over a dense map its mean over the class's region; `probabilities` likewise: in 0..1, the
    share of the map a class takes where the output is dense, the scores themselves for a regression. `targets` (n, k):
    class indices. `regions` (n, h, w): of a dense output, the class at each of its cells, -1 for none.
    """

    activations: Mapping[str, Array]
    gradients: Mapping[str, Array]
    scores: Array
    probabilities: Array
    targets: NDArray[np.int64]
    regions: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Responses:
    """What the units of one layer answer to n pictures: `maps` (n, h, w, units), and of each map (n, units) the highest
    and lowest value, the mean, the mean of what is above zero (`drive`), and the shares of positions that are above zero
    (`positive`) and at the ceiling of the layer's activation (`full`; 0 where it has none).
    """

    maps: Array
    most: Array
    least: Array
    mean: Array
    drive: Array
    positive: Array
    full: Array


Answering = Callable[[Array, bool], Mapping[str, Responses]]  # of pictures as `read` gives them, fed as they are?


@dataclass(frozen=True)
class Targets:
    """Whose gradients to take: the `top` classes of each sample, or the given ones (`classes` of all samples, `each` as many
    of every single one), on the logit or the probability.
    """

    top: int = 0
    classes: tuple[int, ...] = ()
    score: Literal["logit", "probability"] = "logit"
    each: tuple[tuple[int, ...], ...] = ()


class Network(Protocol):
    """The narrow waist to the framework, opened on the first store miss."""

    card: ModelCard
    rests_on: str  # the digest of the code and packages that its answers rest on
    beside: bool  # may what is `settled` be asked at the same time as another network, in another thread?

    def kernels(self, layer: str) -> Array:
        """The kernel of a convolution, (height, width, input channels, units)."""
        ...

    def kernel(self, layer: str) -> Kernel | None:
        """The weights by which a convolution or dense layer mixes channels; None for a layer of another kind."""
        ...

    def observe(
        self, planes: Array, layers: Sequence[str], *, raw: bool = False, settled: bool = False
    ) -> Mapping[str, Responses]:
        """What the units of `layers` answer to pictures as `read` gives them, some dozens at a time; `settled` where very many
        will follow and the weights stay as they are.
        """
        ...

    def settled(self, layers: Sequence[str], plain: Sequence[str] = ()) -> Answering:
        """The same as a function, prepared with the weights as they are now, quicker: of the layers `plain` it tells the
        maps alone, of the others no shares of positions (`positive`, `full`); what is not told is empty.
        """
        ...

    def look(self, samples: Sequence[Sample], layers: Sequence[str], *, fit: str, targets: Targets | None) -> Look:
        """Activations of `layers`; with `targets`, also gradients with respect to them and the scores."""
        ...

    def read(self, sample: Sample, fit: str) -> Array:
        """What the network reads of a picture, (height, width, channels) in 0..255, before its preprocessing."""
        ...

    def answer(self, planes: Array, *, raw: bool = False) -> tuple[Array, Array]:
        """Scores and probabilities (n, classes) for pictures as `read` gives them; `raw` ones are fed as they are."""
        ...

    def slope(self, planes: Array, index: int, *, raw: bool = False) -> Array:
        """The derivative of a class's score with respect to such pictures, of their shape."""
        ...

    def scrambled(self, share: float, seed: int) -> AbstractContextManager[None]:
        """For the length of the block that share of the layers, from the top down, have their weights shuffled."""
        ...

    def ascend(self, objectives: Sequence[Objective], recipe: Recipe, seed: int) -> Ascent:
        """Pictures that drive each objective; all objectives of one form."""
        ...

    def peaks(self, pictures: Pixels, layer: str, units: Sequence[int]) -> Array | None:
        """The highest value on picture i of unit i of a layer's output; None where they are not of the size it needs."""
        ...

    def pace(self, objective: Objective, recipe: Recipe) -> float:
        """About how many seconds one picture of such an objective takes among many, measured on a few steps."""
        ...
