"""What a section is."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.seam import Network

Asked = Literal["look", "score", "observe", "ascend", "kernels"]


class Section(Protocol):
    """One visualization: a frozen dataclass whose fields are its options, their help and part of its cache key."""

    name: ClassVar[str]
    page: ClassVar[PageKind]
    batch: ClassVar[int]  # at most so many subjects are drawn at a time
    shaped_by: ClassVar[tuple[str, ...]]  # modules of convreport beside its own that shape its pixels
    asks: ClassVar[tuple[Asked, ...]]  # what it asks of a network

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Declare what there is to draw."""
        ...

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """Everything in `scope` that shapes this drawing, as JSON."""
        ...

    def group(self, subject: Subject) -> Hashable:
        """What may be drawn together: by layer for ascent, by picture for Grad-CAM and activations."""
        ...

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw, in one sentence; asked only where `subjects` is empty."""
        ...

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """Do it: one drawing a subject, in order."""
        ...
