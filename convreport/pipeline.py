"""The whole build on one page: a Plan in, an atlas on disk and events out."""

import dataclasses
import time
from functools import cache
from pathlib import Path
from typing import Any

from convreport import examples, pages, pictures, press, recall, site
from convreport.atlas import Atlas
from convreport.budget import draw_within
from convreport.core import events, layers, notes, samples, units
from convreport.core.card import ModelCard
from convreport.core.codec import to_json
from convreport.core.drawn import count
from convreport.core.events import Emit
from convreport.core.protocols import Network, Plan
from convreport.core.store import Store
from convreport.core.types import Means, Scope
from convreport.drawing import Opener, Studio, code_digest, draw_section, versions
from convreport.export import chosen, report
from convreport.model.load import Loaded, identity, load, name_of
from convreport.model.memory import Memory
from convreport.model.request import Request


def build(plan: Plan, emit: Emit, *, command: str = "") -> events.Built:
    """Draw what is missing of the plan's model, publish it into the atlas, and build the site.

    Raises ConvreportError; what was drawn before is in the store and will not be drawn again.
    """
    started = time.monotonic()
    units.parse(plan.filters)  # a mistake in it costs nothing yet
    request = Request.of(plan)
    name_of(request)  # a mistyped model costs nothing
    atlas = Atlas.open(plan.out, create=True)
    store = Store(atlas.cache)
    means = Means(plan.precision, atlas.cache / "precision.json", plan.memory)
    card, network = _find_model(request, Memory(atlas.cache / "models.json", _describers()), means, emit)
    atlas.claim(card.slug, card.name, identity(request))
    scope = covered(plan, card, emit, atlas.cache)
    for section in plan.sections:
        section.subjects(scope)  # a wrong class or layer is told before anything is drawn
    studio = Studio(scope, plan, store, network, emit)
    drawn = draw_within(plan.budget, studio) if plan.budget else [draw_section(one, studio) for one in plan.sections]
    with atlas.locked():
        press.publish(atlas, store, scope, drawn, {"command": command, "settings": _settings(plan), **versions()})
        store.prune(atlas.referred())
        recall.remember(atlas, scope.card.slug, plan)
        index = make_site(atlas, plan.templates, emit)
    new, reused, failed = count([one for section in drawn for one in section.drawn])
    built = events.Built(str(index), new, reused, failed, time.monotonic() - started)
    emit(built)
    return built


def opened(plan: Plan, atlas: Atlas, emit: Emit) -> tuple[ModelCard, Opener]:
    """The plan's model loaded anew, whatever is remembered of it: its card, and a way to its network."""
    loaded = load(Request.of(plan))

    @cache
    def network() -> Network:
        from convreport.model.network import KerasNetwork

        return KerasNetwork(loaded, Means(plan.precision, atlas.cache / "precision.json", plan.memory))

    return loaded.card, network


def covered(plan: Plan, card: ModelCard, emit: Emit, scratch: Path) -> Scope:
    """What an atlas of this plan covers, after globs and limits, with its pictures read and its examples found.

    In `scratch` the examples' survey is kept while it lasts, and after.
    """
    card, shown = pictures.look_at(plan, card, emit)
    chosen_layers = layers.choose(card, plan.layers, everything=plan.all_layers)
    choice = units.parse(plan.filters)
    found = examples.gallery(plan, shown, scratch, emit)
    return Scope(card, shown, choice, plan.seed, chosen_layers, plan.fit, plan.precision, plan.recipes, found)


def understand(plan: Plan) -> Loaded:
    """Load the plan's model and describe it, and nothing more."""
    return load(Request.of(plan))


def published(plan: Plan) -> tuple[dict[str, Any], Path]:
    """What atlas.json says of the plan's model after its build, and its first page in the site."""
    atlas = Atlas.open(plan.out, create=False)
    slug = samples.slug(name_of(Request.of(plan))).lower()
    facts = next(data for data in atlas.models() if data["model"]["slug"] == slug)
    return facts, atlas.site / slug / "index.html"


def promises(plan: Plan, card: ModelCard) -> list[tuple[str, str]]:
    """(section, what it would draw of this model for one picture, or why it would not)."""
    one = samples.natural(1).samples
    chosen = layers.choose(card, plan.layers)
    some = examples.gallery(plan, one, plan.out, lambda event: None)
    scope = Scope(card, one, units.parse(plan.filters), plan.seed, chosen, plan.fit, plan.precision, plan.recipes, some)
    found = []
    for section in plan.sections:
        subjects = section.subjects(scope)
        shown = list(dict.fromkeys(subject.layer for subject in subjects if subject.layer))
        where = f" on {', '.join(shown)}" if shown else ""
        number = f"{len(subjects)} drawing{'s' if len(subjects) != 1 else ''}"
        found.append((section.name, f"{number}{where}" if subjects else section.silence(scope)))
    return found


def make_site(atlas: Atlas, templates: Path | None, emit: Emit) -> Path:
    """Pages and site from what atlas.json holds; needs no TensorFlow. Returns the site's first page."""
    models = atlas.models()
    for name in atlas.outdated():
        emit(events.Warned(f"{name} was written by another version of convreport and is left out.", "Build it again."))
    reports, told = report.lay(atlas, models, templates)
    for line in told:
        emit(events.Warned(line))
    written = pages.compose(models, templates, reports)
    pages.write(written, atlas.docs, atlas.cache)
    if site.is_stale(atlas):
        emit(events.SiteStarted(len(written)))
        site.build(atlas, models)
    return atlas.site / "index.html"


def remove(atlas: Atlas, name: str, emit: Emit) -> Path:
    """Take a model out of an atlas and build the site without it; what others share with it stays drawn."""
    slug = str(chosen(atlas, name)["model"]["slug"])
    with atlas.locked():
        press.withdraw(atlas, slug)
        atlas.forget(slug)
        Store(atlas.cache).prune(atlas.referred())
        return make_site(atlas, None, emit)


def _find_model(request: Request, memory: Memory, means: Means, emit: Emit) -> tuple[ModelCard, Opener]:
    """The card, from memory if this model was seen before; and a way to open the network when it is needed."""

    @cache
    def network() -> Network:
        from convreport.model.network import KerasNetwork

        emit(events.ModelLoading(name_of(request)))
        loaded = load(request)
        memory.remember(request, loaded)
        return KerasNetwork(loaded, means)

    remembered = memory.recall(request)
    card = remembered or network().card
    emit(
        events.ModelFound(
            card.name,
            card.origin,
            len(card.layers),
            card.params,
            f"{card.preprocessing.words} ({card.preprocessing.why})",
            remembered is not None,
        )
    )
    for note in notes.of(card):
        emit(events.Warned(note))
    return card, network


def _describers() -> dict[str, str]:
    """What a remembered card rests on beside the model's files: the framework, and the code that describes models."""
    return versions() | {
        name: code_digest(f"convreport.model.{name}")
        for name in (
            "load",
            "catalog",
            "describe",
            "evidence",
            "feed",
            "fields",
            "fingerprint",
            "graph",
            "heads",
            "trace",
            "reach",
        )
    }


def _settings(plan: Plan) -> dict[str, Any]:
    """The plan as published: files by their names, folders not at all, so that no page tells of the machine."""
    shown = {
        field.name: getattr(plan, field.name)
        for field in dataclasses.fields(plan)
        if field.name not in ("out", "templates", "sections", "fresh", "strict", "at_hand")
    }
    shown["images"] = ["DIR" if Path(image).is_dir() else Path(image).name for image in plan.images]
    shown["examples"] = ["DIR" if Path(one).is_dir() else Path(one).name for one in plan.examples]
    shown["model"] = Request.of(plan).shown
    shown["input"] = [f"{name}={Path(value).name}" for name, _, value in (one.partition("=") for one in plan.input)]
    for name in ("weights", "labels", "truth"):
        if shown[name] is not None:
            shown[name] = Path(shown[name]).name
    unsaid = {name for name in ("memory", "budget", "max_examples") if not shown[name]}
    return {
        key: to_json(value)
        for key, value in shown.items()
        if value not in (None, [], ()) and value is not False and key not in unsaid
    }
