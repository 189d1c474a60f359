"""Which units are not well."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from convreport.book.values import Book
from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.seam import Network
from convreport.core.survey import health
from convreport.core.survey.health import UnitHealth
from convreport.sections import section
from convreport.sections.activations import Activations
from convreport.sections.base import Asked, Section
from convreport.sections.shared.surveyed import SHAPED_BY, survey, survey_key, surveyed_layers
from convreport.sections.telling import Alert, Line, Measured, Outcome, Result, Rule, Shift, Spot, listed

# How bad a kind is for a layer all of whose units have it; an alert weighs that times the share of units.
WEIGHTS = {"silent": 4.0, "constant": 4.0, "saturated": 2.0, "always": 2.0, "duplicates": 1.0}
WORSE = 0.01  # more silent channels than in a baseline, as a share of all
_WORDS = {
    "silent": ("silent: at or below zero everywhere on {pictures}", ""),
    "constant": ("constant: the same value everywhere on {pictures}", ""),
    "saturated": ("saturated: at the activation's ceiling in at least half of all positions on {pictures}", ""),
    "always": ("always on: above zero everywhere on {pictures}", ", so the gate never closes"),
}


@dataclass(frozen=True)
class Silent:
    """How many of all channels of gated layers are silent on all of so many pictures, and which of each layer."""

    silent: int
    channels: int
    pictures: int
    of: Mapping[str, tuple[int, ...]]


def _silent(book: Book) -> Measured:
    found = Health.silent(book)
    if found is None or not found.pictures:
        return Measured(None, "no activations of rectified layers were drawn")
    on = f"{found.silent} of {found.channels} channels silent on all {found.pictures} pictures"
    spots = [Spot(f"{layer}: {listed(units)} silent", layer, units) for layer, units in found.of.items() if units]
    return Measured(found.silent / found.channels, on, tuple(spots))


@section
@dataclass(frozen=True)
class Health(Section[UnitHealth, None]):
    """Unit health: silent, constant, always-on, saturated and near-duplicate units among all units of a layer."""

    name: ClassVar[str] = "health"
    page: ClassVar[PageKind] = "layer"
    order: ClassVar[float] = 50
    batch: ClassVar[int] = 4096
    shaped_by: ClassVar[tuple[str, ...]] = (
        *SHAPED_BY, "convreport.core.survey.health", "convreport.core.network.kernels",
        "convreport.core.network.circuits",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("observe", "kernels")
    of_examples: ClassVar[bool] = True
    Facts: ClassVar[type[Any]] = UnitHealth
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("max_silent", "Share of channels that are silent on all pictures, such as 5%.", _silent, share=True),
    )
    unmeasured: ClassVar[str] = "no layer's health was measured"

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen layers that are stacks of maps."""
        return [Subject(layer=layer.path) for layer in surveyed_layers(scope)]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, all the examples, and how pictures are fed."""
        return survey_key(subject, scope)

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """The numbers of the units that are not well, of each layer."""
        surveyed = survey(scope, net)
        found = [scope.card.layer(one.layer or "") for one in batch]
        return [Drawing((), health.of_layer(scope.card, layer, surveyed.of(layer.path))) for layer in found]

    # -- telling

    @classmethod
    def silent(cls, book: Book) -> Silent | None:
        """By the survey of the examples where there was one, else by what was drawn of the pictures; None if neither."""
        gated = [one.facts for one in cls.drawn(book) if one.facts.gated]
        if gated:
            of = {one.layer or "": one.facts.silent for one in cls.drawn(book) if one.facts.gated}
            return Silent(sum(map(len, of.values())), sum(one.units for one in gated), gated[0].pictures, of)
        common: dict[str, set[int]] = {}
        channels: dict[str, int] = {}
        for one in Activations.drawn(book):
            if one.facts.rectified:
                now = set(one.facts.silent)
                common[one.layer or ""] = common.get(one.layer or "", now) & now
                channels[one.layer or ""] = one.facts.channels
        if not channels:
            return None
        of = {layer: tuple(sorted(found)) for layer, found in common.items()}
        return Silent(sum(map(len, of.values())), sum(channels.values()), len(book.samples), of)

    @classmethod
    def summary(cls, book: Book) -> Iterable[Line]:
        """How many channels never answer."""
        found = cls.silent(book)
        if found is not None:
            share = f"{found.silent} of {found.channels:,} channels" if found.silent else "no channel is"
            where = f"all {found.pictures:,} pictures" if found.pictures > 1 else "its picture"
            yield Line(f"{share} silent on {where}", "notable" if found.silent else "plain")

    @classmethod
    def alerts(cls, book: Book) -> Iterable[Alert]:
        """One for each kind of trouble in each layer."""
        for one in cls.drawn(book):
            yield from _of_layer(one.layer or "", one.facts)

    @classmethod
    def shifts(cls, now: Book, before: Book) -> Iterable[Shift]:
        """The share of silent channels."""
        earlier, later = (None if one is None else one.silent / one.channels for one in map(cls.silent, (before, now)))
        if (earlier, later) != (None, None):
            yield Shift("silent channels", earlier, later, "lower", share=True)

    @classmethod
    def compared(cls, now: Book, before: Book) -> Iterable[Result]:
        """Have more channels fallen silent?"""
        earlier, later = cls.silent(before), cls.silent(now)
        if earlier is not None and later is not None:
            then, share = earlier.silent / earlier.channels, later.silent / later.channels
            said = f"{then:.1%} of the channels were silent, now {share:.1%} are"
            outcome: Outcome = "failed" if share > then + WORSE else "passed"
            yield Result("baseline_silent", outcome, share, then + WORSE, said, f"{now.slug}/index.html", share=True)


def _of_layer(layer: str, facts: UnitHealth) -> Iterable[Alert]:
    pictures = f"all {facts.pictures:,} pictures" if facts.pictures > 1 else "the picture"
    for kind, (words, more) in _WORDS.items():
        units: tuple[int, ...] = getattr(facts, kind)
        if units:
            are = "is" if len(units) == 1 else "are"
            said = f"{len(units)} of the {facts.units} units of {layer} {are} {words.format(pictures=pictures)}{more}."
            yield Alert(kind, said, facts.pictures, WEIGHTS[kind] * len(units) / facts.units, layer, units)
    if facts.duplicates:
        units = tuple(sorted({unit for one in facts.duplicates for unit in one[:2]}))
        first, second, kernels, responses = facts.duplicates[0]
        likeness = (
            f"kernels with a cosine similarity of {kernels:.3f}, responses to {pictures} correlated at {responses:.3f}"
        )
        said = f"Units {first} and {second} of {layer} are near-duplicates: {likeness}."
        if len(facts.duplicates) > 1:
            count = len(facts.duplicates)
            said = (
                f"{count} pairs of units of {layer} are near-duplicates, most of all {first} and {second}: {likeness}."
            )
        weight = WEIGHTS["duplicates"] * len(units) / facts.units
        yield Alert("duplicates", said, facts.pictures, weight, layer, units, harmless=True)
