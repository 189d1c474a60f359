"""Whether the heatmaps mark what counts."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import faithfulness, saliency
from convreport.core.explain import heatmaps as explain
from convreport.core.explain.heatmaps import heatmap
from convreport.core.network import layers
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.sections import section
from convreport.sections.base import Asked
from convreport.sections.gradcam import GradCam


@section
@dataclass(frozen=True)
class Faithfulness:
    """Insertion and deletion (Petsiuk et al. 2018): what the marked places do to the probability, against random maps."""

    classes: tuple[str, ...] = field(default=("top3",), metadata={"help": "topN, or names or indices of classes"})
    methods: tuple[str, ...] = field(default=("gradcam",), metadata={"help": "the heatmap methods that are measured"})
    layer: str = field(default="", metadata={"help": "the map they look at; by default that of gradcam"})
    steps: int = field(default=faithfulness.STEPS, metadata={"help": "points of a curve", "least": 2})

    name: ClassVar[str] = "faithfulness"
    page: ClassVar[PageKind] = "picture"
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = ("convreport.core.explain.faithfulness", *explain.SHAPED_BY)
    asks: ClassVar[tuple[Asked, ...]] = ("look",)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Each picture, where the network gives classes probabilities and has a map to look at."""
        card = scope.card
        if card.head in ("none", "regression") or card.dense or layers.cam_layer(card, self.layer) is None:
            return []
        for method in self.methods:
            saliency.find(method)
        self._explained.targets(scope.card)  # a wrong class is told before anything is drawn
        return [Subject(sample=sample.slug) for sample in scope.samples]

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to measure; nothing where gradcam says it already."""
        card = scope.card
        if card.head == "none" or layers.cam_layer(card, self.layer) is None or not scope.samples:
            return ""
        return "Whether heatmaps mark what counts is measured where classes have probabilities of the whole picture."

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, the picture, and the seed of the random maps."""
        return {**self._explained.key(subject, scope), "seed": scope.seed}

    def group(self, subject: Subject) -> Hashable:
        """One picture at a time."""
        return subject.sample

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """For each explained class and method the areas and curves, beside those of random maps and of a centred one."""
        layer = layers.cam_layer(scope.card, self.layer)
        assert layer is not None
        return [self._measure(scope.sample(one.sample or ""), layer.path, scope, net) for one in batch]

    @property
    def _explained(self) -> GradCam:
        return GradCam(classes=self.classes, layer=self.layer)

    def _measure(self, sample: Sample, layer: str, scope: Scope, net: Network) -> Drawing:
        look = net.look([sample], [layer], fit=scope.fit, targets=self._explained.targets(scope.card, sample.truth))
        planes = net.read(sample, scope.fit)
        cells = look.activations[layer].shape[1:3]

        def of(heat: Array) -> list[faithfulness.Curves]:
            return faithfulness.curves(net, planes, heat, raw=sample.raw, steps=self.steps)

        noise = [of(one) for one in faithfulness.random_maps(cells, faithfulness.RANDOM, scope.seed)]
        middle = of(faithfulness.centred(cells))
        explained = []
        for index in dict.fromkeys(look.targets[0].tolist()):
            whole, empty = (float(middle[index].deletion[at]) for at in (0, -1))
            fall = [whole - one[index].deleted for one in noise]
            rise = [one[index].inserted - empty for one in noise]
            found: dict[str, Any] = {
                "index": index, "name": scope.card.label(index).name, "whole": whole, "empty": empty,
                "random": {"deletion": _mean(one[index].deleted for one in noise),
                           "insertion": _mean(one[index].inserted for one in noise)},
                "centre": _said(middle[index]), "methods": {},
            }  # fmt: skip
            for name in self.methods if whole >= faithfulness.LEAST else ():
                heat = heatmap(name, net, sample, scope.fit, layer, look, index, seed=scope.seed)
                made = of(heat)[index]
                found["methods"][name] = {
                    **_said(made),
                    **(self._inside(heat, cells, sample, scope) if index == sample.truth else {}),
                    "drop": faithfulness.gain(whole - made.deleted, _mean(fall)),
                    "rise": faithfulness.gain(made.inserted - empty, _mean(rise)),
                }
            explained.append(found)
        how = {"steps": self.steps, "blur": faithfulness.BLUR, "random": faithfulness.RANDOM}
        return Drawing((), {"layer": layer, "classes": explained, **how})

    def _inside(self, heat: Array, cells: tuple[int, int], sample: Sample, scope: Scope) -> dict[str, Any]:
        """Does the map point into the object, and how much of it lies there? Only where the object's mask is known."""
        if sample.mask is None:
            return {}
        height, width = sample.mask.shape
        at_picture = fit_of((height, width), size_for(scope.card.input, (height, width)), scope.fit).back(heat)
        pointing, energy = faithfulness.inside(at_picture, sample.mask, (height // cells[0], width // cells[1]))
        return {"pointing": pointing, "energy": short(energy), "covers": short(sample.mask.mean())}


def _said(made: faithfulness.Curves) -> dict[str, Any]:
    return {
        "deletion": made.deleted, "insertion": made.inserted,
        "curves": {"deletion": _short(made.deletion), "insertion": _short(made.insertion)},
    }  # fmt: skip


def _short(curve: Array) -> list[float]:
    return [float(f"{value:.3g}") for value in curve]


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
