"""Where in the picture the evidence for a class lies."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.kinds import Array, Pixels
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import heatmaps as explain
from convreport.core.explain import saliency
from convreport.core.explain.heatmaps import heatmap
from convreport.core.network import labels, layers
from convreport.core.network.card import ModelCard
from convreport.core.pictures import colour, pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Look, Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked

REGION = 0.62  # how much of a region is its colour
STRENGTH = {"inferno": 0.75, "viridis": 0.75, "jet": 0.4}


@section
@dataclass(frozen=True)
class GradCam:
    """Grad-CAM (Selvaraju et al., ICCV 2017): the last map's channels, weighted by how much each raises a class score."""

    classes: tuple[str, ...] = field(default=("top3",), metadata={"help": "topN, or names or indices of classes"})
    methods: tuple[str, ...] = field(
        default=("gradcam",), metadata={"help": "how heatmaps are made; the first is shown, the others can be chosen"}
    )
    score: str = field(
        default="logit", metadata={"help": "what is differentiated", "choices": ("logit", "probability")}
    )
    layer: str = field(
        default="", metadata={"help": "the map it looks at: a layer's path, glob or index; by default the last one"}
    )
    earlier: int = field(
        default=2, metadata={"help": "how many maps of finer resolution a reader can choose beside it", "least": 0}
    )
    colormap: str = field(
        default="inferno", metadata={"help": "colours of the heatmap", "choices": ("inferno", "viridis", "jet")}
    )

    name: ClassVar[str] = "gradcam"
    page: ClassVar[PageKind] = "picture"
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = explain.SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("look",)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """Each picture, where the network has classes and a map to look at."""
        if scope.card.head == "none" or layers.cam_layer(scope.card, self.layer) is None:
            return []
        self.targets(scope.card)  # a wrong class or method is an error before anything is drawn
        for method in self.methods:
            saliency.find(method)
        return [Subject(sample=sample.slug) for sample in scope.samples]

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to draw."""
        if scope.card.head == "none":
            return "The network has no output that scores classes, so there are no predictions and no Grad-CAM."
        if layers.cam_layer(scope.card, self.layer) is None:
            return "The score rests on no map larger than a point, so Grad-CAM has nowhere to look."
        return "There are no pictures."

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, and the picture."""
        card = scope.card
        sample = scope.sample(subject.sample or "")
        return {
            "model": card.digest,
            "sample": sample.digest,
            "truth": sample.truth,
            "input": card.input,
            "output": (card.output, card.head, card.dense, card.score),
            "labels": card.labels,
            "preprocessing": card.preprocessing.key,
            "fit": scope.fit,
        }

    def group(self, subject: Subject) -> Hashable:
        """One pass a picture."""
        return subject.sample

    def targets(self, card: ModelCard, truth: int | None = None) -> Targets:
        """Which classes to explain, the true one among them; UsageError for an unknown name or an index out of range."""
        top, asked = 0, []
        for word in self.classes:
            plain = word.strip().casefold()
            if plain.startswith("top") and plain[3:].isdigit() and int(plain[3:]) > 0:
                top = min(int(plain[3:]), card.classes)
            else:
                asked.append(labels.index_of(card, word, "Say topN, a name, "))
        asked += [] if truth is None else [truth]
        return Targets(top, tuple(asked), "probability" if self.score == "probability" else "logit")

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """For each class the heatmap, as cells, as a layer to lay over, and laid over the picture."""
        layer = layers.cam_layer(scope.card, self.layer)
        assert layer is not None
        by_map = saliency.find((self.methods or ("gradcam",))[0]).needs == "map"
        earlier = [one.path for one in layers.earlier_maps(scope.card, layer, self.earlier if by_map else 0)]
        return [self._explain(scope.sample(one.sample or ""), layer.path, earlier, scope, net) for one in batch]

    def _explain(self, sample: Sample, layer: str, earlier: Sequence[str], scope: Scope, net: Network) -> Drawing:
        card = scope.card
        look = net.look([sample], [layer, *earlier], fit=scope.fit, targets=self.targets(card, sample.truth))
        picture = pixels.published(sample.pixels)
        figures: list[Figure] = []
        classes = []
        explained = look.targets[0].tolist()
        first, *others = self.methods or ("gradcam",)
        for place, index in enumerate(dict.fromkeys(explained)):  # a class may be asked for and among the likeliest
            asked = partial(heatmap, net=net, sample=sample, fit=scope.fit, look=look, index=index, seed=scope.seed)
            cells = asked(first, layer=layer)
            one = _answer(look, index, card)
            classes.append({**one, "true": index == sample.truth, "empty": bool(cells.max() <= 0)})
            figures += self._heatmaps(place, cells, sample, picture, str(one["name"]), scope)
            by_other = [(f"by {saliency.find(name).title}", asked(name, layer=layer)) for name in others]
            finer = [(f"at {path}", asked(first, layer=path)) for path in earlier]
            figures += [
                Figure(f"heat{place}-{number}", self._layer(more, sample, picture, scope),
                       f"Heat layer of the evidence for {one['name']}, {how}", kind="photo")
                for number, (how, more) in enumerate(by_other + finer)
            ]  # fmt: skip
        order = range(card.classes) if card.head == "regression" else np.argsort(-look.probabilities[0], kind="stable")
        top = [_answer(look, int(index), card) for index in list(order)[:5]]
        if look.regions is not None:
            figures.append(_regions(look.regions[0], sample, picture, scope))
        height, width = cells.shape
        score = "probability" if self.score == "probability" and card.head != "regression" else card.score
        facts = {
            "layer": layer, "method": saliency.find(first).title, "source": saliency.find(first).source,
            "others": [*(saliency.find(name).title for name in others), *earlier],
            "score": score, "classes": classes, "top": top, "cells": [height, width],
            "colours": {str(one["index"]): colour.hexadecimal(one["index"]) for one in top} if card.dense else {},
            "colormap": self.colormap, "strength": STRENGTH[self.colormap], "measure": _measure(card),
            **_verdict(look, sample, card),
        }  # fmt: skip
        return Drawing(tuple(figures), facts)

    def _heatmaps(
        self, place: int, cells: Array, sample: Sample, picture: Pixels, name: str, scope: Scope
    ) -> list[Figure]:
        layer = self._layer(cells, sample, picture, scope)
        lay_over = pixels.add if self.colormap == "jet" else pixels.blend
        scale = "dark: no evidence, light: the most evidence in this picture"
        where = f"where the evidence for {name} lies in {sample.name}"
        return [
            Figure(f"map{place}", colour.paint((saliency.shares(cells) * 255).astype(np.uint8), self.colormap),
                   f"Map of {where}", scale=scale, kind="map"),
            Figure(f"heat{place}", layer, f"Heat layer of {where}", kind="photo"),
            Figure(f"overlay{place}", lay_over(picture, layer, STRENGTH[self.colormap]),
                   f"The picture with {where}", scale=scale, kind="photo"),
        ]  # fmt: skip

    def _layer(self, cells: Array, sample: Sample, picture: Pixels, scope: Scope) -> Pixels:
        """The heatmap as RGBA: as opaque as it is hot, so that cold places show the picture; jet covers all, as in the book."""
        size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
        how = fit_of((picture.shape[0], picture.shape[1]), size, scope.fit)
        heat = np.clip(how.back(saliency.shares(cells)), 0, 1)
        painted = colour.paint((heat * 255 + 0.5).astype(np.uint8), self.colormap)
        alpha = np.full(heat.shape, 255) if self.colormap == "jet" else heat * 255
        return np.dstack([painted, alpha.astype(np.uint8)])


def _regions(classes: Array, sample: Sample, picture: Pixels, scope: Scope) -> Figure:
    """What a network that answers with a map finds where, in a colour a class; of one sigmoid only the yes."""
    size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
    place = fit_of((picture.shape[0], picture.shape[1]), size, scope.fit).nearest(classes)
    shown = place > 0 if scope.card.head == "binary" else place >= 0
    colours = np.array([colour.of_class(index) for index in range(scope.card.classes)], np.uint8)
    layer = np.dstack([colours[np.maximum(place, 0)], shown.astype(np.uint8) * 255])
    alt = f"What the network finds in {sample.name}, in a colour a class"
    return Figure("regions", pixels.blend(picture, layer, REGION), alt, kind="photo")


def _measure(card: ModelCard) -> str:
    """What the number beside a class is."""
    if card.head == "regression":
        return "value"
    return "share of the map" if card.dense else "probability"


def _answer(look: Look, index: int, card: ModelCard) -> dict[str, Any]:
    """What the network says of one class."""
    label = card.label(index)
    return {
        "index": index,
        "name": label.name,
        "wnid": label.wnid,
        "probability": float(look.probabilities[0, index]),
        "logit": float(look.scores[0, index]),
    }


def _verdict(look: Look, sample: Sample, card: ModelCard) -> dict[str, Any]:
    """Was it right? Of any-of-many classes it is where it gives the true one more than a half."""
    if sample.truth is None:
        return {"truth": None, "right": None}
    label = card.label(sample.truth)
    probabilities = look.probabilities[0]
    right = probabilities[sample.truth] > 0.5 if card.head == "sigmoid" else probabilities.argmax() == sample.truth
    rank = int((probabilities > probabilities[sample.truth]).sum()) + 1
    return {
        "truth": {"index": sample.truth, "name": label.name, "wnid": label.wnid, "rank": rank},
        "right": bool(right),
    }
