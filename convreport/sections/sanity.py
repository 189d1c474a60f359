"""Whether heatmaps depend on what the network learned."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.core.base.kinds import Array, Pixels
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import heatmaps as explain
from convreport.core.explain import saliency
from convreport.core.explain.heatmaps import heatmap
from convreport.core.network import layers
from convreport.core.pictures import colour, pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked
from convreport.sections.gradcam import STRENGTH, GradCam

STAGES = (0.0, 0.01, 0.25, 0.5, 0.75, 1.0)  # of the layers with weights, from the top; a hundredth is the topmost alone
SURVIVED = 0.5  # mean rank correlation with the original, everything shuffled, from which on a method has failed
SIDE = 160  # pixels of one map of a strip


@section
@dataclass(frozen=True)
class Sanity:
    """Sanity checks (Adebayo et al. 2018): weights are shuffled from the top down, and the maps must not stay the same."""

    methods: tuple[str, ...] = field(default=("gradcam",), metadata={"help": "the heatmap methods that are checked"})
    layer: str = field(default="", metadata={"help": "the map they look at; by default that of gradcam"})
    pictures: int = field(default=3, metadata={"help": "on how many pictures", "least": 1})

    name: ClassVar[str] = "sanity"
    page: ClassVar[PageKind] = "model"
    batch: ClassVar[int] = 64
    shaped_by: ClassVar[tuple[str, ...]] = explain.SHAPED_BY
    asks: ClassVar[tuple[Asked, ...]] = ("look",)

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The first pictures, where there are heatmaps at all."""
        if not GradCam(layer=self.layer).subjects(scope):
            return []
        for method in self.methods:
            saliency.find(method)
        return [Subject(sample=sample.slug) for sample in scope.samples[: self.pictures]]

    def silence(self, scope: Scope) -> str:
        """Nothing: gradcam says why there are no heatmaps."""
        return ""

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, the picture, and the seed of the shuffling."""
        return {**GradCam(layer=self.layer).key(subject, scope), "seed": scope.seed}

    def group(self, subject: Subject) -> Hashable:
        """All at once: the weights are shuffled once a stage."""
        return None

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """For each picture the maps of its first class at each stage, with how like the original's they are."""
        layer = layers.cam_layer(scope.card, self.layer)
        assert layer is not None
        samples = [scope.sample(subject.sample or "") for subject in batch]
        first = [int(net.look([one], [], fit=scope.fit, targets=Targets(top=1)).targets[0, 0]) for one in samples]
        stages = []
        for share in STAGES:
            with net.scrambled(share, scope.seed):
                stages.append(
                    [self._maps(one, index, layer.path, scope, net) for one, index in zip(samples, first, strict=True)]
                )
        return [
            self._drawing(one, index, [stage[place] for stage in stages], scope)
            for place, (one, index) in enumerate(zip(samples, first, strict=True))
        ]

    def _maps(self, sample: Sample, index: int, layer: str, scope: Scope, net: Network) -> dict[str, Array]:
        look = net.look([sample], [layer], fit=scope.fit, targets=Targets(classes=(index,)))
        return {
            name: heatmap(name, net, sample, scope.fit, layer, look, index, seed=scope.seed) for name in self.methods
        }

    def _drawing(self, sample: Sample, index: int, stages: Sequence[Mapping[str, Array]], scope: Scope) -> Drawing:
        picture = pixels.fit_within(pixels.published(sample.pixels), SIDE)
        found: dict[str, Any] = {}
        figures = []
        for name in self.methods:
            maps = [stage[name] for stage in stages]
            strip = np.concatenate([_overlay(one, sample, picture, scope) for one in maps], 1)
            title, named = saliency.find(name).title, scope.card.label(index).name
            alt = f"{title} for {named} in {sample.name}: as trained, then with ever more layers shuffled from the top"
            figures.append(Figure(name, strip, alt, kind="photo"))
            found[name] = [
                {"share": share, "rank": rank_correlation(maps[0], one), "ssim": structure(maps[0], one)}
                for share, one in zip(STAGES, maps, strict=True)
            ]
        facts = {"class": index, "name": scope.card.label(index).name, "methods": found, "survived": SURVIVED}
        return Drawing(tuple(figures), facts)


def rank_correlation(one: Array, other: Array) -> float:
    """Spearman's rank correlation of two maps, ties at their mean rank; 0 where one of them is flat."""
    first, second = (_ranks(heat.ravel()) for heat in (one, other))
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]


def structure(one: Array, other: Array) -> float:
    """Structural similarity (Wang et al. 2004) of two maps, each in 0..1."""
    from skimage.metrics import structural_similarity

    even = [pixels.resize(saliency.shares(heat), 56, 56) for heat in (one, other)]
    return float(structural_similarity(*even, data_range=1.0))


def _overlay(heat: Array, sample: Sample, picture: Pixels, scope: Scope) -> Pixels:
    """The heatmap over its picture, a small one."""
    size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
    how = fit_of((picture.shape[0], picture.shape[1]), size, scope.fit)
    share = np.clip(how.back(saliency.shares(heat)), 0, 1)
    levels = (share * 255 + 0.5).astype(np.uint8)
    return pixels.blend(picture, np.dstack([colour.paint(levels, "inferno"), levels]), STRENGTH["inferno"])
