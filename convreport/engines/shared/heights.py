"""What is climbed: the value of objectives for a batch of canvases, in one pass for all objectives of a form."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from convreport.core.ascent import diversity
from convreport.core.ascent.objectives import Objective, Term
from convreport.core.ascent.ops import Choice
from convreport.engines.shared import heads
from convreport.engines.shared.forward import Forward, Passed, Plain
from convreport.engines.shared.last import means_of_units

LEAST_COSINE = 0.1  # as Lucid has it: below, the dot product alone shows the way
TINY = 1e-12
Sources = list[tuple[str, bool]]  # (layer, before its activation?)


class LayerHeights:
    """Evaluates one form of objective on what the network is fed."""

    def __init__(self, forward: Forward, objective: Objective, *, preactivation: bool, border: int) -> None:
        self._forward, self._ops = forward, forward.ops
        self._border, self._preactivation = border, preactivation
        self._terms = objective.terms
        self._whole = any(term.kind == "logit" for term in self._terms)
        self._sources = {term.layer: self._read_from(term) for term in self._terms if term.layer}

    def choice(self, objectives: Sequence[Objective]) -> Choice:
        """The units and weights of objectives of this form, as tensors."""
        tensor = self._ops.tensor
        terms = zip(*(objective.terms for objective in objectives), strict=True)
        return tuple(
            (tensor(_selectors(some)), tensor(np.array([term.weight for term in some], np.float32))) for some in terms
        )

    def of(self, fed: Any, choice: Choice, *, yielded: bool = False) -> Any:
        """The height of each picture's own objective, float32 (n,); `yielded` lets gradients through closed ReLUs."""
        alone = self._alone()
        if alone is None:
            return self._total(choice, self._passed(fed, yielded=yielded))
        (term,), ((selector, weights),) = self._terms, choice
        passed = self._forward.run(fed, inputs=[term.layer], yielded=yielded)
        cells = partial(self._cells, term)
        return weights * means_of_units(self._ops, alone, passed.inputs[term.layer], selector, cells)

    def _total(self, choice: Choice, passed: Passed) -> Any:
        total: Any = 0.0
        for term, (selector, weights) in zip(self._terms, choice, strict=True):
            total = total + weights * self._value(term, selector, passed)
        return total

    def _value(self, term: Term, selector: Any, passed: Passed) -> Any:
        ops = self._ops
        if term.kind == "likeness":
            (maps,) = self._cropped(term, passed)
            wanted = ops.reshape(selector, [-1, 1, 1, int(selector.shape[1])])
            dots = ops.sum(maps * wanted, [3])
            sizes = ops.sqrt(ops.sum(maps * maps, [3]) + TINY) * ops.sqrt(ops.sum(wanted * wanted, [3]) + TINY)
            return ops.mean(dots * ops.maximum(dots / sizes, LEAST_COSINE), [1, 2])
        every = self._every(term, passed)
        return ops.sum(every * selector, [1]) if term.kind == "direction" else ops.pick(every, selector)

    def apart(self, fed: Any, choice: Choice, count: int, *, yielded: bool = False) -> tuple[Any, Any]:
        """The same, and how like the pictures of one unit, `count` one after the other, are to each other: (n,)."""
        layer, ops = self._terms[0].layer, self._ops
        passed = self._passed(fed, yielded=yielded, also=(layer,))
        maps = ops.number(self._forward.folded(layer, passed.outputs[layer]))
        return self._total(choice, passed), diversity.likeness(ops, maps, count)

    def every(self, fed: Any) -> Any:
        """The heights of all units of the first term's layer, or all classes, float32 (n, units)."""
        return self._every(self._terms[0], self._passed(fed, yielded=False))

    def _passed(self, fed: Any, *, yielded: bool, also: Sequence[str] = ()) -> Passed:
        sources = dict.fromkeys(source for some in self._sources.values() for source in some)
        before = [path for path, is_before in sources if is_before]
        end = self._forward.card.end
        if self._whole and self._forward.has_before(end):
            before = [*before, end]
        outputs = list(dict.fromkeys([*(path for path, is_before in sources if not is_before), *also]))
        return self._forward.run(fed, outputs, before=before, whole=self._whole, yielded=yielded)

    def _every(self, term: Term, passed: Passed) -> Any:
        """The heights of all units that this kind of term could be about, (n, units)."""
        ops, forward = self._ops, self._forward
        if term.kind == "logit":
            before = passed.before.get(forward.card.end)
            return heads.heights(ops, forward.card, passed.answers[forward.output], before)
        parts = [ops.mean(maps, [1, 2]) for maps in self._cropped(term, passed)]
        return parts[0] if len(parts) == 1 else ops.concat(parts, -1)

    def _cropped(self, term: Term, passed: Passed) -> Iterator[Any]:
        """The maps that a term is read from, (n, rows, columns, units), without the cells that do not count."""
        ops, forward = self._ops, self._forward
        for path, is_before in self._sources[term.layer]:
            maps = ops.number(forward.folded(path, (passed.before if is_before else passed.outputs)[path]))
            for axis in (1, 2):
                side = maps.shape[axis]
                first, past = self._cells(term, side) if side is not None else (0, None)
                maps = maps[:, first:past] if axis == 1 else maps[:, :, first:past]
            yield maps

    def _cells(self, term: Term, side: int) -> tuple[int, int]:
        """Which cells along a side of the map count: all without the border, or the one at the centre."""
        if term.kind == "neuron":
            return side // 2, side // 2 + 1
        border = self._border if self._border >= 0 else 2 if side >= 9 else 1 if side >= 5 else 0
        border = min(border, (side - 1) // 2)
        return border, side - border

    def _alone(self) -> Plain | None:
        """The convolution whose single units can be computed alone, where that is all there is to climb."""
        if len(self._terms) != 1 or self._terms[0].kind not in ("channel", "neuron"):
            return None
        path = self._terms[0].layer
        before = self._preactivation or not self._forward.has_before(path)
        return self._forward.plain(path) if before else None

    def _read_from(self, term: Term) -> Sources:
        """A likeness is that to what the layer answered to pictures, which was after its activation."""
        return [(term.layer, False)] if term.kind == "likeness" else self._sources_of(term.layer)

    def _sources_of(self, path: str) -> Sources:
        """What to read a layer's units from, in order.

        A concatenation is read before the activations of what it joins: one that is silent at the start has no gradient
        after them.
        """
        if not self._preactivation:
            return [(path, False)]
        if self._forward.has_before(path):
            return [(path, True)]
        joined = self._forward.joined(path)
        return [source for one in joined for source in self._sources_of(one)] or [(path, False)]


def _selectors(terms: Sequence[Term]) -> Any:
    if terms[0].kind in ("direction", "likeness"):
        return np.array([term.vector for term in terms], np.float32)
    return np.array([term.unit for term in terms], np.int32)
