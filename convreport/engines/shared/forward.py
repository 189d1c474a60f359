"""What the shared parts of an engine ask of a framework: one pass of the model that notes what they want to see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from convreport.core.ascent.ops import Ops, Tensor
from convreport.core.base.kinds import Array
from convreport.core.network.card import ModelCard
from convreport.core.network.kernels import Kernel


@dataclass
class Passed:
    """What passed the noted layers, by path, as the framework has it: `outputs`, `before` their activation, `inputs`
    (channels last); and the model's `answers`, channels last, where it was run to its end.
    """

    outputs: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Plain:
    """A convolution without groups, whose single units can be computed alone.

    `kernel` (height, width, channels, units) and `bias` (units,) or None are float32 tensors; strides and dilation are a
    pair. `padding` says for an axis and a side of the input how many zeros stand before it, and how many cells come out.
    """

    kernel: Tensor
    bias: Tensor | None
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Weight:
    """A tensor of weights: the way to its values, a copy, and to other ones."""

    read: Callable[[], Array]
    assign: Callable[[Array], None]


class Forward(Protocol):
    """A model that is run and never changed. `output` is the place of the explained one among its answers."""

    card: ModelCard
    output: int
    beside: (
        bool  # may what is made by `surveying` for settled weights run at the same time as another, in another thread?
    )

    @property
    def ops(self) -> Ops:
        """The framework's arithmetic, on the model's device."""
        ...

    def run(
        self,
        fed: Tensor,
        outputs: Sequence[str] = (),
        *,
        before: Sequence[str] = (),
        inputs: Sequence[str] = (),
        whole: bool = False,
        yielded: bool = False,
    ) -> Passed:
        """One pass over what the network is fed, (n, height, width, channels), which ends, unless `whole`, as soon as all that
        is asked for has passed. `yielded` lets gradients through closed ReLUs.
        """
        ...

    def derived(
        self, fed: Tensor, layers: Sequence[str], score: Callable[[Passed], Sequence[Tensor]]
    ) -> tuple[Passed, Mapping[str, list[Tensor | None]]]:
        """A whole pass with the gradients of numbers that `score` makes of it, with respect to the outputs of layers."""
        ...

    def surveying(self, function: Callable[[Tensor], Any], *, settled: bool = False) -> Callable[[Tensor], Any]:
        """A function of batches of pictures of any number and size, without gradients, quicker where that can be had.

        `settled`: it may rest on the weights as they are now.
        """
        ...

    def folded(self, path: str, value: Tensor) -> Tensor:
        """What passed a layer as (n, height, width, channels), tokens folded to the grid they were cut from."""
        ...

    def has_before(self, path: str) -> bool:
        """Does the layer apply an activation whose input can be noted? False for a path that is no layer's."""
        ...

    def joined(self, path: str) -> Sequence[str]:
        """The layers whose channels this one joins, in order; none where it does not, or nobody knows."""
        ...

    def plain(self, path: str) -> Plain | None:
        """The layer as a convolution whose units can be computed alone; None where it is none."""
        ...

    def kernels(self, path: str) -> Array:
        """The kernel of a convolution, float32 (height, width, input channels, units), as trained."""
        ...

    def kernel(self, path: str) -> Kernel | None:
        """The weights by which a convolution or dense layer mixes channels; None for a layer of another kind."""
        ...

    def weights(self) -> Iterator[Sequence[Weight]]:
        """The weights of each layer that has some, in the order the layers run."""
        ...

    def takes_any_size(self, path: str) -> bool:
        """Is everything from the input up to this layer known not to mind the picture's size?"""
        ...
