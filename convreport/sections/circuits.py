"""What each filter reads, and what reads it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book
from convreport.core.base.codec import to_json
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.network.circuits import Circuits as Wiring
from convreport.core.network.kernels import Kernel
from convreport.core.network.units import pick
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked, Section

Link = tuple[str, int, float]  # layer, unit, norm of the weights between
Named = tuple[str, int, float, str]  # the same, and the class that a unit of the last layer stands for, or nothing


@dataclass(frozen=True)
class Wires:
    """What a unit reads most strongly, and what reads it, the strongest first."""

    inputs: tuple[Named, ...]
    consumers: tuple[Named, ...]


@dataclass(frozen=True)
class CircuitFacts:
    """The wires of the shown units of a layer, by their numbers."""

    units: Mapping[str, Wires]


@section
@dataclass(frozen=True)
class Circuits(Section[CircuitFacts, None]):
    """The units a filter reads most strongly and those that read it, by the norm of the kernel between them."""

    links: int = field(default=4, metadata={"help": "how many inputs and consumers to list", "least": 1})

    name: ClassVar[str] = "circuits"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 60
    batch: ClassVar[int] = 16
    shaped_by: ClassVar[tuple[str, ...]] = (
        "convreport.core.network.circuits", "convreport.core.network.kernels", "convreport.core.network.layers",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("kernels",)
    Facts: ClassVar[type[Any]] = CircuitFacts

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen layers whose units some convolution makes."""
        wires = Wiring(scope.card)
        shown = layers.shown(scope.card, scope.chosen)
        return [Subject(layer=layer.path) for layer in shown if wires.made_by(layer.path, 0)]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, the layer, and what else is shown of it, as links lead there."""
        shown = layers.paths(layers.shown(scope.card, scope.chosen))
        return {
            "model": scope.card.digest,
            "path": subject.layer,
            "shown": shown,
            "units": scope.units,
            "seed": scope.seed,
        }

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """For each chosen unit its strongest inputs and consumers, the strongest first."""
        walk = _Walk(scope, net)
        drawings = []
        for subject in batch:
            layer = scope.card.layer(subject.layer or "")
            found = {}
            for unit in pick(scope.units, layer, scope.seed):
                ends = (walk.inputs(layer.path, unit), walk.consumers(layer.path, unit))
                inputs, consumers = (
                    tuple(
                        (path, place, short(norm), walk.word(path, place))
                        for path, place, norm in _strongest(links, self.links)
                    )
                    for links in ends
                )
                found[str(unit)] = Wires(inputs, consumers)
            drawings.append(Drawing((), CircuitFacts(found)))
        return drawings

    # -- telling

    @classmethod
    def layer_data(cls, book: Book, layer: str) -> Mapping[str, Any]:
        """The wires, and where the pages of the layers that they lead to lie."""
        wired = next((one.facts.units for one in cls.drawn(book) if one.layer == layer), None)
        if not wired:
            return {}
        named = {link[0] for unit in wired.values() for way in (unit.inputs, unit.consumers) for link in way}
        links = {path: book.slugs[path] for path in sorted(named & set(book.paged))}
        return {"wires": to_json(wired), "links": links}


class _Walk:
    """From unit to unit along the kernels; a unit is named as the shown layer that holds it, if there is one."""

    def __init__(self, scope: Scope, net: Network) -> None:
        self._card = scope.card
        self._wires = Wiring(scope.card)
        self._kernel = cache(net.kernel)
        self._shown: dict[tuple[str, int], tuple[str, int]] = {}
        for layer in layers.shown(scope.card, scope.chosen):
            for unit in range(layer.units):
                for made in self._wires.made_by(layer.path, unit):
                    self._shown.setdefault(made, (layer.path, unit))

    def inputs(self, path: str, unit: int) -> Iterator[Link]:
        """The units of the layers below that this one reads."""
        for source, of_source in self._wires.made_by(path, unit):
            below, kernel = self._below(source)
            if kernel is None:
                continue
            first, norms = kernel.strengths(of_source)
            for place, norm in enumerate(norms):
                named = self._named(below, first + place)
                if named is not None:
                    yield (*named, float(norm))

    def consumers(self, path: str, unit: int) -> Iterator[Link]:
        """The units of the layers above that read this one."""
        for source, of_source in self._wires.made_by(path, unit):
            for reader, channel in self._wires.readers(source, of_source):
                _, kernel = self._below(reader)
                if kernel is None:
                    continue
                readers, norms = kernel.consumers(channel)
                for one, norm in zip(readers, norms, strict=True):
                    yield (*self._shown.get((reader, int(one)), (reader, int(one))), float(norm))

    def word(self, path: str, unit: int) -> str:
        """The name of the class that a unit of the last layer stands for; nothing for any other unit."""
        known = path == self._card.end and self._card.head not in ("none", "regression", "binary")
        return self._card.label(unit).name if known and unit < len(self._card.labels) else ""

    def _below(self, mixing: str) -> tuple[str, Kernel | None]:
        read = self._wires.read_by(mixing)
        kernel = self._kernel(mixing)
        if read is None or kernel is None:
            return "", None
        below, channels = read
        if kernel.weights.shape[1] > channels and kernel.weights.shape[1] % channels:
            return below, None
        whole = kernel.weights.shape[1] > channels
        return below, kernel.per_channel(channels) if whole else kernel

    def _named(self, below: str, channel: int) -> tuple[str, int] | None:
        """The unit behind a channel of a layer; the layer's own where several were added; None for the picture's."""
        made = self._wires.made_by(below, channel)
        if not made:
            return None
        for one in made:
            if one in self._shown:
                return self._shown[one]
        return made[0] if len(made) == 1 else (below, channel)


def _strongest(links: Iterator[Link], count: int) -> list[Link]:
    """The `count` strongest, each unit once."""
    best: dict[tuple[str, int], float] = {}
    for path, unit, norm in links:
        best[path, unit] = float(np.hypot(best.get((path, unit), 0.0), norm))
    ranked = sorted(best.items(), key=lambda one: (-one[1], one[0]))
    return [(path, unit, norm) for (path, unit), norm in ranked[:count] if norm > 0]
