"""First-layer weights as pictures."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Mosaic
from convreport.core.base.errors import ModelError
from convreport.core.base.kinds import Pixels
from convreport.core.drawing.drawn import SectionDrawn
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.pictures import colour, pixels
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Press, Section
from convreport.sections.telling import Units

SIDE = 64  # pixels: kernels are enlarged in whole steps to at least about this
ROW = 16  # kernels on the model's page


@dataclass(frozen=True)
class KernelFacts:
    """The range of a unit's weights, the largest of them whatever its sign, and whether they weigh red, green and blue."""

    least: float
    most: float
    span: float
    in_colour: bool


@dataclass(frozen=True)
class KernelRow:
    """The kernels with the largest weights, where they are small colour pictures."""

    layer: str
    row: Mosaic


@section
@dataclass(frozen=True)
class Kernels(Section[KernelFacts, KernelRow]):
    """The weights of the first convolution: in color if they weigh red, green and blue, otherwise one map per channel."""

    name: ClassVar[str] = "kernels"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 20
    order_at: ClassVar[Mapping[str, float]] = {"gallery": 35}  # after the patterns
    batch: ClassVar[int] = 4096
    shaped_by: ClassVar[tuple[str, ...]] = ("convreport.core.pictures.pixels", "convreport.core.pictures.colour")
    asks: ClassVar[tuple[Asked, ...]] = ("kernels",)
    Facts: ClassVar[type[Any]] = KernelFacts
    Highlights: ClassVar[type[Any]] = KernelRow
    units: ClassVar[Units] = Units("Kernels", "span", word="largest weight", prefix="±", exact=True)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Every unit of the first convolution."""
        first = layers.first_convolution(scope.card)
        if first is None or first.kernel is None:
            return []
        separable = first.kind in ("SeparableConv2D", "DepthwiseConv2D")  # whose first kernels read a channel each
        units = first.kernel[2] * first.kernel[3] if separable else first.units
        return [Subject(layer=first.path, unit=unit) for unit in range(units)]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer's weights, and the order of the input's channels."""
        assert subject.layer is not None
        bgr = scope.card.preprocessing.bgr
        return {"layer": scope.card.layer(subject.layer).digest, "unit": subject.unit, "bgr": bgr}

    def group(self, subject: Subject) -> Hashable:
        """All at once."""
        return subject.layer

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        return "No layer has the kernel of a two-dimensional convolution."

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """One tile a unit; black and white are minus and plus the largest weight of that unit, mid-gray is zero."""
        assert batch[0].layer is not None
        weights = net.kernels(batch[0].layer)
        if scope.card.preprocessing.bgr and weights.shape[2] == 3:
            weights = weights[:, :, ::-1]
        if not np.isfinite(weights).all():
            raise ModelError(
                f"The kernel of {batch[0].layer} holds NaN or infinity.", "Train it again, or repair the file."
            )
        return [_kernel(weights[..., subject.unit or 0], subject.unit or 0) for subject in batch]

    def highlights(self, press: Press, scope: Scope, drawn: Mapping[str, SectionDrawn]) -> KernelRow | None:
        """The kernels with the largest weights in one row."""
        records = [one.record for one in drawn[self.name].drawn if one.record is not None]
        coloured = [record for record in records if self.facts_of(record).in_colour]
        coloured.sort(key=lambda record: -self.facts_of(record).span)
        row = press.mosaic("figures/kernels/row.webp", [record.figures[0] for record in coloured[:ROW]], ROW)
        return KernelRow(drawn[self.name].drawn[0].subject.layer or "", row) if row else None


def _kernel(weights: np.ndarray, unit: int) -> Drawing:
    """One kernel (height, width, channels)."""
    top = float(np.abs(weights).max())
    share = weights / top if top > 0 else weights
    levels = np.clip(share * 127.5 + 127.5, 0, 255).astype(np.uint8)
    in_colour = levels.shape[2] == 3
    picture = levels if in_colour else _side_by_side(colour.paint(levels.transpose(2, 0, 1), "diverging"))
    factor = max(1, -(-SIDE // max(picture.shape[:2])))
    picture = picture.repeat(factor, 0).repeat(factor, 1)
    facts = KernelFacts(float(weights.min()), float(weights.max()), top, in_colour)
    scale = f"mid-gray is 0, full intensity ±{top:.3g}" if in_colour else f"blue -{top:.3g}, white 0, red +{top:.3g}"
    alt = f"Kernel of unit {unit}, {weights.shape[0]} x {weights.shape[1]} weights"
    return Drawing((Figure("kernel", picture, alt, scale=scale, kind="map"),), facts)


def _side_by_side(tiles: Pixels) -> Pixels:
    """Per-channel maps in rows of at most eight."""
    return pixels.tile(tiles, min(8, len(tiles)))
