"""Whether heatmaps depend on what the network learned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from convreport.book.values import Book
from convreport.core.base.kinds import Array
from convreport.core.drawing.figures import Drawing, Figure, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import heatmaps, saliency
from convreport.core.explain.heatmaps import heatmap
from convreport.core.explain.likeness import rank_correlation, structure
from convreport.core.network import layers
from convreport.core.pictures import pixels
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked, Section
from convreport.sections.gradcam import GradCam
from convreport.sections.shared.overlays import small_overlay
from convreport.sections.telling import Measured, OwnPage, Rule

STAGES = (0.0, 0.01, 0.25, 0.5, 0.75, 1.0)  # of the layers with weights, from the top; a hundredth is the topmost alone
SURVIVED = 0.5  # mean rank correlation with the original, everything shuffled, from which on a method has failed
SIDE = 160  # pixels of one map of a strip


@dataclass(frozen=True)
class Stage:
    """How like the trained network's a map is with that share of the layers shuffled: rank correlation, and SSIM."""

    share: float
    rank: float
    ssim: float


@dataclass(frozen=True)
class SanityFacts:
    """Of each method every stage, for the class `label` of a picture; `survived` is the rank correlation, everything
    shuffled, from which on a method has failed.
    """

    label: int
    name: str
    methods: Mapping[str, tuple[Stage, ...]]
    survived: float


@dataclass(frozen=True)
class Verdict:
    """A method in the mean over pictures, and whether its maps stayed what they were."""

    name: str
    stages: tuple[Stage, ...]
    survived: bool
    pictures: int


def _survivors(book: Book) -> Measured:
    rows = Sanity.verdicts(book)
    if not rows:
        return Measured(None, "no heatmap method was sanity-checked")
    failed = [row.name for row in rows if row.survived]
    same = f"{', '.join(failed)} draw{'s' if len(failed) == 1 else ''} the same maps for shuffled weights"
    said = same if failed else "every map depends on the weights"
    return Measured(len(failed), f"{said}, {rows[0].pictures} pictures")


@section
@dataclass(frozen=True)
class Sanity(Section[SanityFacts, None]):
    """Sanity checks (Adebayo et al. 2018): weights are shuffled from the top down, and the maps must not stay the same."""

    methods: tuple[str, ...] = field(
        default=("gradcam",), metadata={"help": "the heatmap methods to check", "word": "cam"}
    )
    layer: str = field(
        default="", metadata={"help": "the layer they use; by default that of gradcam", "word": "cam_layer"}
    )
    pictures: int = field(default=3, metadata={"help": "how many pictures to use", "least": 1})

    name: ClassVar[str] = "sanity"
    page: ClassVar[PageKind] = "model"
    order: ClassVar[float] = 110
    batch: ClassVar[int] = 64
    shaped_by: ClassVar[tuple[str, ...]] = (
        *heatmaps.SHAPED_BY, "convreport.core.explain.likeness", "convreport.sections.shared.overlays",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("look",)
    Facts: ClassVar[type[Any]] = SanityFacts
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "max_survivors", "Heatmap methods that draw the same maps with shuffled weights.", _survivors, flag="sanity"
        ),
    )

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The first pictures, where there are heatmaps at all."""
        if not GradCam(layer=self.layer).subjects(scope):
            return []
        for method in self.methods:
            saliency.find(method)
        return [Subject(sample=sample.slug) for sample in scope.samples[: self.pictures]]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The whole model, the picture, and the seed of the shuffling."""
        return {**GradCam(layer=self.layer).key(subject, scope), "seed": scope.seed}

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
        found: dict[str, tuple[Stage, ...]] = {}
        figures = []
        for name in self.methods:
            maps = [stage[name] for stage in stages]
            strip = np.concatenate([small_overlay(one, sample, picture, scope) for one in maps], 1)
            title, named = saliency.find(name).title, scope.card.label(index).name
            alt = f"{title} for {named} in {sample.name}: as trained, then with ever more layers shuffled from the top"
            figures.append(Figure(name, strip, alt, kind="photo"))
            found[name] = tuple(
                Stage(share, rank_correlation(maps[0], one), structure(maps[0], one))
                for share, one in zip(STAGES, maps, strict=True)
            )
        facts = SanityFacts(index, scope.card.label(index).name, found, SURVIVED)
        return Drawing(tuple(figures), facts)

    # -- telling

    @classmethod
    def verdicts(cls, book: Book) -> list[Verdict]:
        """Every method in the mean over the pictures."""
        drawn = [one.facts for one in cls.drawn(book)]
        rows = []
        for name in drawn[0].methods if drawn else ():
            stages = tuple(
                Stage(
                    stage.share,
                    sum(one.methods[name][at].rank for one in drawn) / len(drawn),
                    sum(one.methods[name][at].ssim for one in drawn) / len(drawn),
                )
                for at, stage in enumerate(drawn[0].methods[name])
            )
            rows.append(Verdict(name, stages, stages[-1].rank > drawn[0].survived, len(drawn)))
        return rows

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """The verdicts."""
        return {"rows": cls.verdicts(book)}

    @classmethod
    def pages(cls, book: Book) -> Iterable[OwnPage]:
        """Whether the heatmaps depend on what was learned; no page where that was not checked."""
        drawn = cls.drawn(book)
        if drawn:
            context = {"rows": cls.verdicts(book), "drawn": drawn, "survived": drawn[0].facts.survived}
            yield OwnPage("sanity.md", f"{book.name}: sanity checks", "Sanity checks", "sanity", context)
