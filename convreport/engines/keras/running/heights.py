"""What is climbed: the value of objectives for a batch of canvases, traced into one graph for all objectives of a form."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from convreport.core.ascent.objectives import Objective, Term
from convreport.core.ascent.ops import Choice
from convreport.engines.keras import runtime
from convreport.engines.keras.running.last import is_plain_convolution, means_of_units
from convreport.engines.keras.understanding import heads
from convreport.engines.keras.understanding.describe import Understood
from convreport.engines.keras.wiring.folding import folded
from convreport.engines.keras.wiring.graph import Call
from convreport.engines.keras.wiring.probe import Reached, Taps, has_preactivation, probing
from convreport.engines.keras.wiring.yielding import yielding


class KerasHeights:
    """Evaluates one form of objective on what the network is fed."""

    def __init__(self, understood: Understood, objective: Objective, *, preactivation: bool, border: int) -> None:
        self._understood, self._border, self._preactivation = understood, border, preactivation
        self._calls = {call.path: call for call in understood.wiring.calls}
        self._terms = objective.terms
        self._whole = any(term.kind == "logit" for term in self._terms)
        self._sources = {term.layer: self._sources_of(self._calls[term.layer]) for term in self._terms if term.layer}

    def choice(self, objectives: Sequence[Objective]) -> Choice:
        """The units and weights of objectives of this form, as tensors."""
        tf = runtime.tensorflow()
        terms = zip(*(objective.terms for objective in objectives), strict=True)
        return tuple((_selectors(some), tf.constant([term.weight for term in some], tf.float32)) for some in terms)

    def of(self, fed: Any, choice: Choice, *, yielded: bool = False) -> Any:
        """The height of each picture's own objective, float32 (n,); `yielded` lets gradients through closed ReLUs."""
        tf = runtime.tensorflow()
        alone = self._alone()
        taps, outputs = self._run(fed, alone=alone, yielded=yielded)
        total: Any = 0.0
        for term, (selector, weights) in zip(self._terms, choice, strict=True):
            if alone is not None:
                cells = partial(self._cells, term)
                value = means_of_units(alone.operation, taps.inputs[alone.path], selector, cells)
            else:
                every = self._every(term, taps, outputs)
                value = (
                    tf.reduce_sum(every * selector, 1)
                    if term.kind == "direction"
                    else tf.gather(every, selector, axis=1, batch_dims=1)
                )
            total = total + weights * value
        return total

    def every(self, fed: Any) -> Any:
        """The heights of all units of the first term's layer, or all classes, float32 (n, units)."""
        taps, outputs = self._run(fed, alone=None, yielded=False)
        return self._every(self._terms[0], taps, outputs)

    def _run(self, fed: Any, *, alone: Call | None, yielded: bool) -> tuple[Taps, list[Any]]:
        card, wiring = self._understood.card, self._understood.wiring
        pre, plain = ([], []) if alone else self._tapped()
        end = self._calls.get(card.end)
        if self._whole and end is not None and has_preactivation(end.operation):
            pre = [*pre, end]
        outputs: list[Any] = []
        with (
            yielding(wiring.operations if yielded else ()),
            probing(
                plain,
                pre=pre,
                inputs=[alone] if alone else [],
                stop=not self._whole,
                operations=wiring.operations,
            ) as taps,
            suppress(Reached),
        ):
            outputs = self._understood.feed.run(fed)
        return taps, outputs

    def _every(self, term: Term, taps: Taps, outputs: list[Any]) -> Any:
        """The heights of all units that this kind of term could be about, (n, units)."""
        tf = runtime.tensorflow()
        card = self._understood.card
        if term.kind == "logit":
            return heads.heights(card, outputs[self._understood.output], taps.pre.get(card.end))
        parts = []
        for call, pre in self._sources[term.layer]:
            maps = tf.cast(folded((taps.pre if pre else taps.outputs)[call.path], call, card), tf.float32)
            for axis in (1, 2):
                side = maps.shape[axis]
                first, past = self._cells(term, side) if side is not None else (0, None)
                maps = maps[:, first:past] if axis == 1 else maps[:, :, first:past]
            parts.append(tf.reduce_mean(maps, [1, 2]))
        return parts[0] if len(parts) == 1 else tf.concat(parts, -1)

    def _cells(self, term: Term, side: int) -> tuple[int, int]:
        """Which cells along a side of the map count: all without the border, or the one at the centre."""
        if term.kind == "neuron":
            return side // 2, side // 2 + 1
        border = self._border if self._border >= 0 else 2 if side >= 9 else 1 if side >= 5 else 0
        border = min(border, (side - 1) // 2)
        return border, side - border

    def _alone(self) -> Call | None:
        """The convolution whose single units can be computed alone, where that is all there is to climb."""
        if len(self._terms) != 1 or self._terms[0].kind not in ("channel", "neuron"):
            return None
        call = self._calls[self._terms[0].layer]
        before = self._preactivation or not has_preactivation(call.operation)
        return call if before and is_plain_convolution(call) else None

    def _tapped(self) -> tuple[list[Call], list[Call]]:
        """(the calls to be noted before their activation, those to be noted as they are)."""
        sources = {call.path: (call, pre) for some in self._sources.values() for call, pre in some}
        return [call for call, pre in sources.values() if pre], [call for call, pre in sources.values() if not pre]

    def _sources_of(self, call: Call) -> list[tuple[Call, bool]]:
        """What to read a layer's units from, in order: (call, before its activation?).

        A concatenation is read before the activations of what it joins: one that is silent at the start has no gradient
        after them.
        """
        if not self._preactivation:
            return [(call, False)]
        if has_preactivation(call.operation):
            return [(call, True)]
        joined = [self._calls[path] for path in call.inputs if path in self._calls]
        if type(call.operation).__name__ == "Concatenate" and _joins_channels(call) and len(joined) == len(call.inputs):
            return [source for one in joined for source in self._sources_of(one)]
        return [(call, False)]


def _joins_channels(call: Call) -> bool:
    """Does this concatenation join channels, of maps that lie channels last, in a way that is known?"""
    return call.operation.axis in (-1, 3) and not (call.mixed or call.channels_first or call.regrouped)


def _selectors(terms: Sequence[Term]) -> Any:
    tf = runtime.tensorflow()
    if terms[0].kind == "direction":
        return tf.constant(np.array([term.vector for term in terms], np.float32))
    return tf.constant([term.unit for term in terms], tf.int32)
