"""The two sides of a comparison: models of atlases, or models that are built into one first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from convreport import sections as registry
from convreport.book.comparison.values import Side as Told
from convreport.book.folder import Atlas
from convreport.book.reader import FILE
from convreport.book.values import Book
from convreport.builder import model, pipeline, recall
from convreport.builder.drawing import Studio
from convreport.builder.gallery import Gallery
from convreport.builder.model import Opener
from convreport.builder.plan import AtHand, Plan
from convreport.core.base import events
from convreport.core.base.errors import ImageError, UsageError
from convreport.core.base.events import Emit
from convreport.core.base.files import digest_file
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Store
from convreport.core.network import classes, layers
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.pictures import samples
from convreport.core.pictures.fitting import planes_for, size_for
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Network
from convreport.sections.shelf import chosen, shelf
from convreport.workers.alone import Alone

Wanted = str | Plan  # a name or an atlas; or what is to be built
AGES = ("old", "new")
OF_MODEL = (
    "model", "name", "weights", "preprocess", "arch", "no_top", "custom", "unsafe", "input", "input_shape", "output", "labels",
)  # fmt: skip


@dataclass(frozen=True)
class Built:
    """A model as it stands in an atlas, and the plan it was built by."""

    atlas: Atlas
    book: Book
    plan: Plan

    @property
    def told(self) -> Told:
        """What a comparison says of it."""
        card = self.book.model
        return Told(card.name, card.slug, card.digest, digest_file(self.atlas.docs / card.slug / FILE), card.origin)


@dataclass(frozen=True)
class Side:
    """One side, ready to be asked: what its atlas has, what the comparison covers, and the way to its network."""

    built: Built
    scope: Scope
    network: Callable[[], Network]
    studio: Studio

    @property
    def card(self) -> ModelCard:
        """What is known of its model."""
        return self.scope.card


def both(old: Wanted, new: Wanted, home: Path, emit: Emit) -> tuple[Built, Built]:
    """Find or build both sides; what is to be built goes into the atlas `home`, an old one by the plan of the new one.

    Raises UsageError for one that is nowhere, ConvreportError where one cannot be built.
    """
    found = [_located(one, home) if isinstance(one, str) else None for one in (old, new)]
    plans = [one if isinstance(one, Plan) else Plan(model=one, out=home) for one in (old, new)]
    names = [one.book.slug if one else model.name_of(plan) for one, plan in zip(found, plans, strict=True)]
    if samples.slug(names[0]).lower() == samples.slug(names[1]).lower():
        plans = [plan if one else _renamed(plan, word) for one, plan, word in zip(found, plans, AGES, strict=True)]
    sides: list[Built] = []
    for place, other in ((1, found[0]), (0, found[1])):  # the new one first: it says with which pictures
        known = found[place]
        plan = plans[place] if other is None else _like(other.plan, plans[place], home)
        sides.append(known or _build(plan, emit))
    second, first = sides
    if first.atlas.out.resolve() == second.atlas.out.resolve() and first.book.slug == second.book.slug:
        emit(events.Warned(f"{first.book.name} is compared with itself."))
    return first, second


def is_there(word: str, home: Path) -> bool:
    """Does a word name an atlas, or a model of one?"""
    return _located(word, home, must=False) is not None


def home_of(word: str) -> Path | None:
    """The atlas folder that a word names, or whose model it does; None for none."""
    path = Path(word).expanduser()
    return next((one for one in (path, path.parent) if not path.is_file() and _is_atlas(one)), None)


def _located(word: str, home: Path, *, must: bool = True) -> Built | None:
    """The model that a word names: an atlas folder, FOLDER/MODEL, or a name in the atlas `home`; None for none."""
    path = Path(word).expanduser()
    places = [(path, ""), (path.parent, path.name)] if path.parts else []
    for folder, name in [*places, (home, word)]:
        if not _is_atlas(folder) or path.is_file():
            continue
        atlas = Atlas.open(folder, create=False)
        known = {key for book in shelf(atlas).books for key in (book.name, book.slug)}
        if name and name not in known:
            continue
        book = chosen(atlas, name)
        if not must:
            return Built(atlas, book, Plan(out=folder))
        return Built(atlas, book, recall.recall(atlas, book.slug, registry.configure))
    return None


def _is_atlas(folder: Path) -> bool:
    try:
        Atlas.open(folder, create=False)
    except UsageError:
        return False
    return True


def _renamed(plan: Plan, word: str) -> Plan:
    """Two checkpoints of one name need two."""
    return plan if plan.name is not None else replace(plan, name=f"{model.name_of(plan)}-{word}")


def _like(known: Plan, wanted: Plan, home: Path) -> Plan:
    """The plan by which the other side was built, of this model: the same pictures, seed and recipe."""
    kept = {name: getattr(known, name) for name in ("labels", "preprocess", "input", "input_shape", "output", "custom")}
    return replace(known, **kept, model=wanted.model, name=wanted.name, weights=None, arch=None, no_top=False,
                   unsafe=wanted.unsafe, at_hand=wanted.at_hand, out=home)  # fmt: skip


def _build(plan: Plan, emit: Emit) -> Built:
    pipeline.build(plan, emit, command="convreport compare")
    atlas = Atlas.open(plan.out, create=False)
    return Built(atlas, chosen(atlas, samples.slug(model.name_of(plan)).lower()), plan)


def ready(old: Built, new: Built, emit: Emit) -> tuple[Side, Side, list[str]]:
    """Both sides on the pictures of the new one's atlas, and what had to be left out.

    ImageError where no picture fits both.
    """
    plan = replace(new.plan, fresh=False, strict=False, budget=0.0)
    found = model.find(plan, new.atlas, emit)
    scope = pipeline.covered(plan, found.card, emit, new.atlas.cache)
    earlier = replace(plan, **{name: getattr(old.plan, name) for name in OF_MODEL}, out=old.atlas.out)
    earlier = replace(earlier, at_hand=AtHand(old.plan.at_hand.model, old.plan.at_hand.preprocess, old.plan.at_hand.inputs,
                                              old.plan.at_hand.labels))  # fmt: skip
    found_before = model.find(earlier, old.atlas, emit)
    before = found_before.card
    if not before.labels and scope.card.labels and before.classes == scope.card.classes:
        before = replace(before, labels=scope.card.labels)  # named by the folders of the same pictures
    shown, told = _fitting(scope, before)
    assert isinstance(scope.examples, Gallery)
    of_old = replace(
        scope, card=before, samples=shown, chosen=_layers(plan, before),
        examples=Gallery(scope.examples.source, emit, old.atlas.cache),
    )  # fmt: skip
    return (
        _side(old, of_old, earlier, found_before.network, emit),
        _side(new, scope, plan, found.network, emit),
        told,
    )


def _side(built: Built, scope: Scope, plan: Plan, network: Opener, emit: Emit) -> Side:
    studio = Studio(scope, plan, Store(built.atlas.cache), Alone(scope, network), emit)
    return Side(built, scope, network, studio)


def _fitting(scope: Scope, card: ModelCard) -> tuple[tuple[Sample, ...], list[str]]:
    """The pictures that the old model can read too, each with its class there; and what is to be said of the others."""
    fitting, reasons = [], []
    for sample in scope.samples:
        try:
            planes_for(
                sample, size_for(card.input, (sample.pixels.shape[0], sample.pixels.shape[1])), scope.fit, card.input[2]
            )
            fitting.append(sample)
        except ImageError as error:
            reasons.append(error)
    if reasons and not fitting:
        raise ImageError(
            f"{card.name} can read none of the pictures of {scope.card.name}: {reasons[0].message}.",
            "Compare networks that read the same pictures.",
        )
    told = [f"{len(reasons)} pictures, which {card.name} cannot read: {reasons[0].message}"] if reasons else []
    return classes.settle(fitting, card, strict=False), told


def _layers(plan: Plan, card: ModelCard) -> tuple[LayerInfo, ...] | None:
    """The layers that the new one's globs name in the old model; its own telling ones where they name none."""
    try:
        return layers.choose(card, plan.layers, everything=plan.all_layers)
    except UsageError:
        return None
