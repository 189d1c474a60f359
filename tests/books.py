"""Books made by hand, of facts that can be checked with a pencil; and those of atlases on disk."""

import dataclasses

import convreport
from convreport.book.values import FORMAT, Book, Chapter, Drawing, ExampleSet, Failure, Made, ShownFigure, ShownSample
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.network.preprocessing import MODES
from convreport.sections import registry
from convreport.sections.activations import ActivationFacts
from convreport.sections.classes import ClassFacts
from convreport.sections.faithfulness import Areas, FaithFacts, OfClass, OfMethod, Traced, Traces
from convreport.sections.filters import PatternFacts
from convreport.sections.gradcam.facts import Answer, CamFacts, Explained, Truth


def of(folder, slug="demo"):
    """The book of one model of an atlas on disk."""
    return next(book for book in convreport.read(folder) if book.slug == slug)


def card(head="softmax", name="m", layers=()):
    infos = tuple(LayerInfo(path, "Conv2D", (8, 8, 4), 0, 0, "relu", (), None, None, "d") for path in layers)
    return ModelCard(name, name, name, "a test", "digest", infos, (8, 8, 3), MODES["none"], head, 4, (), 0, 0)


def book(head="softmax", samples=("a", "b"), **chapters):
    """A book of these chapters: a list of drawings, and of failures, by section."""
    shown = tuple(ShownSample(name, name, f"d{name}", f"{name}.webp", (8, 8)) for name in samples)
    made = Made("convreport", {}, "0", "3", {}, "now")
    examples = ExampleSet("two pictures", 2, "d")
    return Book(
        FORMAT, card(head), "", "", (), {}, shown, examples,
        tuple(chapter(name, some) for name, some in chapters.items()), made,
    )  # fmt: skip


def chapter(name, some):
    drawings = tuple(one for one in some if isinstance(one, Drawing))
    failures = tuple(one for one in some if isinstance(one, Failure))
    return Chapter(name, registry()[name].page, {}, "", "", drawings, failures)


def without(book, *names):
    """The same without these chapters."""
    return dataclasses.replace(book, sections=tuple(one for one in book.sections if one.name not in names))


def changed(book, section, place, **facts):
    """The same with other facts of one drawing."""
    sections = []
    for one in book.sections:
        drawings = list(one.drawings)
        if one.name == section:
            new = dataclasses.replace(drawings[place].facts, **facts)
            drawings[place] = dataclasses.replace(drawings[place], facts=new)
        sections.append(dataclasses.replace(one, drawings=tuple(drawings)))
    return dataclasses.replace(book, sections=tuple(sections))


def drawing(facts, layer=None, unit=None, sample=None, label=None, figures=None):
    return Drawing(layer, unit, sample, label, "k", facts, figures or {})


def failure(layer=None, unit=None, sample=None, reason="no"):
    return Failure(layer, unit, sample, None, reason)


def activations(layer, sample, silent, channels, *, rectified=True):
    zeros = (0.0,) * channels
    facts = ActivationFacts(channels, (4, 4), (4, 4), channels, 1, tuple(silent), rectified, zeros, zeros, zeros)
    return drawing(facts, layer, sample=sample)


def pattern(layer, unit, *, responds=True):
    return drawing(PatternFacts(score=1.0, start=0.0, responds=responds, verdict="", precision=""), layer, unit)


def class_pattern(index):
    facts = ClassFacts(score=1.0, start=0.0, responds=True, verdict="", precision="", index=index, name=f"c{index}")
    return drawing(facts, label=index)


def answer(index, share):
    return Answer(index=index, name=f"c{index}", wnid="", probability=share, logit=0.0)


def cam(sample, top, truth=None, *, right=None):
    explained = tuple(Explained(**vars(one), true=False, empty=False) for one in top[:1])
    facts = CamFacts(
        layer="x", method="Grad-CAM", source="", others=(), score="logit", classes=explained, top=tuple(top), cells=(4, 4),
        colours={}, colormap="inferno", strength=0.5, measure="probability", right=right,
        truth=None if truth is None else Truth(truth, f"c{truth}", "", 1),
    )  # fmt: skip
    return drawing(facts, sample=sample, figures={"overlay0": ShownFigure("", file=f"{sample}.webp")})


def faithful(sample, drop=None, rise=None):
    traces = Traces((1.0, 0.0), (0.0, 1.0))
    method = OfMethod(0.1, 0.9, traces, drop=drop, rise=rise)
    one = OfClass(1, "c1", 1.0, 0.0, Areas(0.1, 0.9), Traced(0.1, 0.9, traces), {"gradcam": method})
    return drawing(FaithFacts("x", (one,), 10, 0.08, 2), sample=sample)
