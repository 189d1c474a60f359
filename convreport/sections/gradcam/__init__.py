"""Where in the picture the evidence for a class lies."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from convreport.book import values
from convreport.book.values import Book, ShownFigure
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.explain import heatmaps, saliency
from convreport.core.network import labels, layers
from convreport.core.network.card import ModelCard
from convreport.core.seam import Network, Targets
from convreport.sections import section
from convreport.sections.base import Asked, Desk, Section
from convreport.sections.gradcam import verdicts
from convreport.sections.gradcam.drawing import Explanation
from convreport.sections.gradcam.facts import CamFacts
from convreport.sections.telling import Cell, Measured, OwnPage, Result, Rule, SaidClass, Spot, Strip


def _judged(book: Book) -> verdicts.Judged | None:
    return verdicts.judged(GradCam.drawn(book))


def _by_class(book: Book) -> dict[int, list[verdicts.OfClass]]:
    return verdicts.by_class(GradCam.drawn(book))


def _accuracy(book: Book) -> Measured:
    judged = book.once(_judged)
    if judged is None:
        return Measured(None, "no picture's true class is known")
    spots = [
        Spot(f"{book.by_slug[one.sample or ''].name}: taken for {one.facts.top[0].name}", sample=one.sample)
        for one in judged.wrong
    ]
    return Measured(judged.right / judged.all, f"{judged.right} of {judged.all} pictures right", tuple(spots))


@section
@dataclass(frozen=True)
class GradCam(Section[CamFacts, None]):
    """Grad-CAM (Selvaraju et al., ICCV 2017): the last map's channels, weighted by how much each raises a class score."""

    classes: tuple[str, ...] = field(
        default=("top3",), metadata={"help": "classes to explain: topN, names or indices", "word": "classes"}
    )
    methods: tuple[str, ...] = field(
        default=("gradcam",),
        metadata={
            "help": "heatmap methods: gradcam, gradcam++, hirescam, layercam, xgradcam, scorecam, gradient, smoothgrad,"
            " integrated; the first is shown, the others can be chosen",
            "word": "cam",
        },
    )
    score: str = field(
        default="logit",
        metadata={"help": "the score to differentiate", "choices": ("logit", "probability"), "word": "cam_score"},
    )
    layer: str = field(
        default="",
        metadata={
            "help": "the layer for heatmaps: a path, glob or index; by default the last map that is not a pooling layer",
            "word": "cam_layer",
        },
    )
    earlier: int = field(default=2, metadata={"help": "how many finer layers readers can switch to", "least": 0})
    colormap: str = field(
        default="inferno", metadata={"help": "colors of the heatmap", "choices": ("inferno", "viridis", "jet")}
    )

    name: ClassVar[str] = "gradcam"
    page: ClassVar[PageKind] = "picture"
    order: ClassVar[float] = 80
    batch: ClassVar[int] = 1
    shaped_by: ClassVar[tuple[str, ...]] = (
        *heatmaps.SHAPED_BY, "convreport.sections.gradcam.drawing", "convreport.sections.shared.overlays",
    )  # fmt: skip
    Facts: ClassVar[type[Any]] = CamFacts
    asks: ClassVar[tuple[Asked, ...]] = ("look",)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "min_accuracy", "Share of pictures with a known class that are classified correctly.", _accuracy, share=True
        ),
    )

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
                asked.append(labels.index_of(card, word, "Give topN, a name, "))
        asked += [] if truth is None else [truth]
        return Targets(top, tuple(asked), "probability" if self.score == "probability" else "logit")

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """For each class the heatmap, as cells, as a layer to lay over, and laid over the picture."""
        layer = layers.cam_layer(scope.card, self.layer)
        assert layer is not None
        methods = self.methods or ("gradcam",)
        by_map = saliency.find(methods[0]).needs == "map"
        earlier = [one.path for one in layers.earlier_maps(scope.card, layer, self.earlier if by_map else 0)]
        drawings = []
        for one in batch:
            sample = scope.sample(one.sample or "")
            how = Explanation(methods, self.score, self.colormap, self.targets(scope.card, sample.truth))
            drawings.append(how.of(sample, layer.path, earlier, scope, net))
        return drawings

    # -- telling

    @classmethod
    def context(cls, book: Book, place: str, **subject: Any) -> Mapping[str, Any]:
        """How many pictures were right; of a class its pictures; of one picture in the report its maps."""
        own = next(iter(cls.drawn_of(book, subject["sample"].slug)), None) if "sample" in subject else None
        if place == "class":
            return {"pictures": book.once(_by_class).get(subject["found"].index, [])}
        if place == "report_picture":
            return {"drawing": own, "maps": _maps(own, subject["desk"]) if own is not None else []}
        return {"judged": book.once(_judged), "drawing": own, "predictions": cls.drawn(book)}

    @classmethod
    def pages(cls, book: Book) -> Iterable[OwnPage]:
        """The pictures it got wrong, the surest first; no page where there are none."""
        judged = book.once(_judged)
        if judged is not None and judged.wrong:
            context = {"judged": judged, "mistakes": verdicts.mistakes(judged.wrong, book)}
            yield OwnPage("mistakes.md", f"{book.name}: mistakes", "Mistakes", "mistakes", context)

    @classmethod
    def verdict(cls, book: Book) -> Iterable[str]:
        """How many pictures it got right, where their true class is known."""
        judged = book.once(_judged)
        if judged is not None:
            pictures = "picture" if judged.all == 1 else "pictures"
            yield f"classifies {judged.right} of {judged.all} {pictures} of known class correctly"

    @classmethod
    def cells(cls, book: Book) -> Iterable[Cell]:
        """How many pictures it got right, where their true class is known."""
        judged = book.once(_judged)
        if judged is not None:
            yield Cell("Accuracy", judged.right / judged.all, f"{judged.right / judged.all:.0%} of {judged.all}")

    @classmethod
    def compared(cls, now: Book, before: Book) -> Iterable[Result]:
        """Has it got pictures wrong that it had right?"""
        yield verdicts.lost(now, cls.drawn(now), before, cls.drawn(before))

    @classmethod
    def said_classes(cls, book: Book) -> Iterable[SaidClass]:
        """Those that were predicted first for a picture, or are the truth of one."""
        if book.model.head not in ("none", "regression"):
            for index, one in verdicts.named(cls.drawn(book)).items():
                yield SaidClass(index, one.name, one.wnid)

    @classmethod
    def face(cls, book: Book, sample: str) -> ShownFigure | None:
        """The picture with the evidence for what it was taken for."""
        own = next(iter(cls.drawn_of(book, sample)), None)
        return own.figures.get("overlay0") if own is not None else None

    @classmethod
    def contact(cls, book: Book) -> Iterable[Strip]:
        """An overlay a picture."""
        files = dict.fromkeys(one.figures["overlay0"].file for one in cls.drawn(book) if "overlay0" in one.figures)
        if files:
            yield Strip("Grad-CAM", tuple(files))

    @classmethod
    def left_out(cls, book: Book) -> Iterable[str]:
        """What a reader could choose."""
        if any(one.facts.others for one in cls.drawn(book)):
            yield "heatmaps by other methods and from earlier layers"


def _maps(drawing: values.Drawing[CamFacts], desk: Desk) -> list[dict[str, Any]]:
    """Of each explained class the overlay and the heat layer, inside the page."""
    found = []
    for place, one in enumerate(drawing.facts.classes):
        overlay, heat = (drawing.figures[f"{name}{place}"] for name in ("overlay", "heat"))
        shown = {"overlay": desk.inline(overlay.file, "photo"), "heat": desk.inline(heat.file, "layer")}
        found.append({"class": one, "alt": overlay.alt, **shown})
    return found
