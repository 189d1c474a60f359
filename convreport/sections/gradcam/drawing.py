"""Heatmaps of a picture's classes, and what the network says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from convreport.core.base.kinds import Array, Pixels
from convreport.core.drawing.figures import Drawing, Figure
from convreport.core.drawing.scope import Scope
from convreport.core.explain import saliency
from convreport.core.explain.heatmaps import heatmap
from convreport.core.network.card import ModelCard
from convreport.core.pictures import colour, pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Look, Network, Targets
from convreport.sections.gradcam.facts import Answer, CamFacts, Explained, Truth
from convreport.sections.shared.overlays import STRENGTH, heat_layer

REGION = 0.62  # how much of a region is its colour


@dataclass(frozen=True)
class Explanation:
    """How a picture is explained: by which methods, on which score, in which colours, for which classes."""

    methods: tuple[str, ...]
    score: str
    colormap: str
    targets: Targets

    def of(self, sample: Sample, layer: str, earlier: Sequence[str], scope: Scope, net: Network) -> Drawing:
        """For each class the heatmap, as cells, as a layer to lay over, and laid over the picture."""
        card = scope.card
        look = net.look([sample], [layer, *earlier], fit=scope.fit, targets=self.targets)
        picture = pixels.published(sample.pixels)
        figures: list[Figure] = []
        classes = []
        explained = look.targets[0].tolist()
        first, *others = self.methods
        for place, index in enumerate(dict.fromkeys(explained)):  # a class may be asked for and among the likeliest
            asked = partial(heatmap, net=net, sample=sample, fit=scope.fit, look=look, index=index, seed=scope.seed)
            cells = asked(first, layer=layer)
            one = _answer(look, index, card)
            classes.append(Explained(**vars(one), true=index == sample.truth, empty=bool(cells.max() <= 0)))
            figures += self._heatmaps(place, cells, sample, picture, one.name, scope)
            by_other = [(f"by {saliency.find(name).title}", asked(name, layer=layer)) for name in others]
            finer = [(f"at {path}", asked(first, layer=path)) for path in earlier]
            figures += [
                Figure(f"heat{place}-{number}", heat_layer(more, sample, picture, scope, self.colormap),
                       f"Heat layer of the evidence for {one.name}, {how}", kind="photo")
                for number, (how, more) in enumerate(by_other + finer)
            ]  # fmt: skip
        order = range(card.classes) if card.head == "regression" else np.argsort(-look.probabilities[0], kind="stable")
        top = tuple(_answer(look, int(index), card) for index in list(order)[:5])
        if look.regions is not None:
            figures.append(_regions(look.regions[0], sample, picture, scope))
        height, width = cells.shape
        truth, right = _verdict(look, sample, card)
        facts = CamFacts(
            layer=layer, method=saliency.find(first).title, source=saliency.find(first).source,
            others=(*(saliency.find(name).title for name in others), *earlier),
            score="probability" if self.score == "probability" and card.head != "regression" else card.score,
            classes=tuple(classes), top=top, cells=(height, width),
            colours={str(one.index): colour.hexadecimal(one.index) for one in top} if card.dense else {},
            colormap=self.colormap, strength=STRENGTH[self.colormap], measure=_measure(card), truth=truth, right=right,
        )  # fmt: skip
        return Drawing(tuple(figures), facts)

    def _heatmaps(
        self, place: int, cells: Array, sample: Sample, picture: Pixels, name: str, scope: Scope
    ) -> list[Figure]:
        layer = heat_layer(cells, sample, picture, scope, self.colormap)
        lay_over = pixels.add if self.colormap == "jet" else pixels.blend
        scale = "dark: no evidence, light: the most evidence in this picture"
        where = f"the evidence for {name} in {sample.name}"
        return [
            Figure(f"map{place}", colour.paint((saliency.shares(cells) * 255).astype(np.uint8), self.colormap),
                   f"Map of {where}", scale=scale, kind="map"),
            Figure(f"heat{place}", layer, f"Heat layer of {where}", kind="photo"),
            Figure(f"overlay{place}", lay_over(picture, layer, STRENGTH[self.colormap]),
                   f"{sample.name} with the evidence for {name} laid over it", scale=scale, kind="photo"),
        ]  # fmt: skip


def _regions(classes: Array, sample: Sample, picture: Pixels, scope: Scope) -> Figure:
    """What a network that answers with a map finds where, in a colour a class; of one sigmoid only the yes."""
    size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
    place = fit_of((picture.shape[0], picture.shape[1]), size, scope.fit).nearest(classes)
    shown = place > 0 if scope.card.head == "binary" else place >= 0
    colours = np.array([colour.of_class(index) for index in range(scope.card.classes)], np.uint8)
    layer = np.dstack([colours[np.maximum(place, 0)], shown.astype(np.uint8) * 255])
    alt = f"What the network finds in {sample.name}, in one color per class"
    return Figure("regions", pixels.blend(picture, layer, REGION), alt, kind="photo")


def _measure(card: ModelCard) -> str:
    """What the number beside a class is."""
    if card.head == "regression":
        return "value"
    return "share of the map" if card.dense else "probability"


def _answer(look: Look, index: int, card: ModelCard) -> Answer:
    """What the network says of one class."""
    label = card.label(index)
    return Answer(
        index=index,
        name=label.name,
        wnid=label.wnid,
        probability=float(look.probabilities[0, index]),
        logit=float(look.scores[0, index]),
    )


def _verdict(look: Look, sample: Sample, card: ModelCard) -> tuple[Truth | None, bool | None]:
    """Was it right? Of any-of-many classes it is where it gives the true one more than a half."""
    if sample.truth is None:
        return None, None
    label = card.label(sample.truth)
    probabilities = look.probabilities[0]
    right = probabilities[sample.truth] > 0.5 if card.head == "sigmoid" else probabilities.argmax() == sample.truth
    rank = int((probabilities > probabilities[sample.truth]).sum()) + 1
    return Truth(sample.truth, label.name, label.wnid, rank), bool(right)
