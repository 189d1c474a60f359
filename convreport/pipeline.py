"""The whole build on one page: a Plan in, an atlas on disk and events out."""

import dataclasses
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from convreport import __version__, pages, site
from convreport.atlas import FORMAT, Atlas, Drawn, Press, SectionDrawn, layer_slugs, write_text
from convreport.core import events, layers, samples, units
from convreport.core.codec import to_json
from convreport.core.errors import ConvreportError
from convreport.core.events import Emit
from convreport.core.store import Store, digest, digest_file
from convreport.core.types import ModelCard, Network, Plan, Scope, Section, Subject
from convreport.demo import scenes
from convreport.model.load import Request, identity, load, name_of
from convreport.model.memory import Memory

COVER = 40  # tiles of the picture that stands for the model on the home page
Opener = Callable[[], Network]


def build(plan: Plan, emit: Emit, *, command: str = "") -> events.Built:
    """Draw what is missing of the plan's model, publish it into the atlas, and build the site.

    Raises ConvreportError; what was drawn before is in the store and will not be drawn again.
    """
    started = time.monotonic()
    choice = units.parse(plan.filters)
    request = Request(plan.model, plan.name, plan.weights, plan.preprocess, plan.seed)
    name_of(request)  # a mistyped model costs nothing
    atlas = Atlas.open(plan.out, create=True)
    store = Store(atlas.cache)
    card, network = _find_model(request, Memory(atlas.cache / "models.json", _versions()), emit)
    atlas.claim(card.slug, card.name, identity(request))
    reading = _read_samples(plan, emit)
    chosen = layers.choose(card, plan.layers, everything=plan.all_layers)
    scope = Scope(card, reading.samples, choice, plan.seed, chosen, plan.fit)
    drawn = [_draw_section(section, scope, plan, store, network, emit) for section in plan.sections]
    with atlas.locked():
        _publish(atlas, store, scope, drawn, {"command": command, "settings": _settings(plan)})
        store.prune(atlas.referred())
        index = make_site(atlas, plan.templates, emit)
    counts = [sum(part) for part in zip(*(_count(section.drawn) for section in drawn), strict=True)] or [0, 0, 0]
    built = events.Built(str(index), *counts, seconds=time.monotonic() - started)
    emit(built)
    return built


def make_site(atlas: Atlas, templates: Path | None, emit: Emit) -> Path:
    """Pages and site from what atlas.json holds; needs no TensorFlow. Returns the site's first page."""
    models = atlas.models()
    written = pages.compose(models, templates)
    pages.write(written, atlas.docs, atlas.cache)
    if site.is_stale(atlas):
        emit(events.SiteStarted(len(written)))
        site.build(atlas, models)
    return atlas.site / "index.html"


def _find_model(request: Request, memory: Memory, emit: Emit) -> tuple[ModelCard, Opener]:
    """The card, from memory if this model was seen before; and a way to open the network when it is needed."""

    @cache
    def network() -> Network:
        from convreport.model.network import KerasNetwork

        emit(events.ModelLoading(name_of(request)))
        loaded = load(request)
        memory.remember(request, loaded)
        return KerasNetwork(loaded)

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
    return card, network


def _read_samples(plan: Plan, emit: Emit) -> samples.Reading:
    """The user's pictures; else the scenes for the demo, free photos for any other model."""
    if plan.images:
        reading = samples.read(plan.images, plan.max_images)
    elif plan.model == "demo":
        drawn = [scenes.scene(index, seed=scenes.SHOWN, size=4 * scenes.SIZE) for index in range(len(scenes.CLASSES))]
        named = samples.named_samples((scenes.CLASSES[one.label], one.pixels) for one in drawn[: plan.max_images])
        reading = samples.Reading(tuple(named), (), len(drawn))
    else:
        reading = samples.natural(plan.max_images)
    for name, reason in reading.skipped:
        emit(events.Warned(f"Skipped {name}: {reason}."))
    if plan.images and reading.found > len(reading.samples) + len(reading.skipped):
        emit(
            events.Warned(
                f"Took {len(reading.samples)} of {reading.found} pictures, evenly.", "--max-images N takes more."
            )
        )
    emit(events.SamplesRead(len(reading.samples), len(reading.skipped)))
    return reading


def _draw_section(
    section: Section, scope: Scope, plan: Plan, store: Store, network: Opener, emit: Emit
) -> SectionDrawn:
    """Look every subject up; draw what is missing, batch by batch."""
    started = time.monotonic()
    subjects = list(section.subjects(scope))
    keys = {subject: _key(section, subject, scope) for subject in subjects}
    found = {} if plan.fresh else {subject: store.get(key) for subject, key in keys.items()}
    done = {s: Drawn(s, keys[s], record, reused=True) for s, record in found.items() if record is not None}
    missing = [subject for subject in subjects if subject not in done]
    emit(events.SectionStarted(section.name, len(subjects), len(done)))
    for batch in _batches(section, missing):
        for drawn in _draw_batch(section, batch, keys, scope, plan, store, network, emit):
            done[drawn.subject] = drawn
        emit(events.Drew(section.name, len(batch), _words(batch[-1])))
    in_order = tuple(done[subject] for subject in subjects)
    new, reused, failed = _count(in_order)
    emit(events.SectionFinished(section.name, new, reused, failed, time.monotonic() - started))
    purpose = (type(section).__doc__ or "").strip()
    return SectionDrawn(section.name, section.page, to_json(section), purpose, in_order)


def _batches(section: Section, missing: Sequence[Subject]) -> Iterator[tuple[Subject, ...]]:
    """What may be drawn together, in pieces small enough to lose little when the build is ended."""
    for _, group in groupby(missing, key=section.group):
        together = tuple(group)
        for begin in range(0, len(together), section.batch):
            yield together[begin : begin + section.batch]


def _draw_batch(
    section: Section,
    batch: Sequence[Subject],
    keys: Mapping[Subject, str],
    scope: Scope,
    plan: Plan,
    store: Store,
    network: Opener,
    emit: Emit,
) -> list[Drawn]:
    """Draw and store; a failure becomes the reason shown in the drawing's place."""
    try:
        drawings = section.draw(batch, scope, network())
        return [
            Drawn(subject, keys[subject], store.put(keys[subject], drawing))
            for subject, drawing in zip(batch, drawings, strict=True)
        ]
    except Exception as error:
        reason = error.message if isinstance(error, ConvreportError) else f"{type(error).__name__}: {error}"
        if plan.strict:
            raise ConvreportError(
                f"{section.name}, {_words(batch[0])}: {reason}", "Without --strict the rest would be built."
            ) from error
        emit(events.Failed(section.name, _words(batch[0]), reason, traceback.format_exc()))
        return [Drawn(subject, keys[subject], None, failure=reason) for subject in batch]


def _key(section: Section, subject: Subject, scope: Scope) -> str:
    """Everything that shapes a drawing: what the section says, its options, the code that draws, and the framework."""
    modules = (type(section).__module__, *section.shaped_by)
    code = [_code_digest(module) for module in modules]
    return digest(section.name, to_json(section), code, _versions(), section.key(subject, scope))


@cache
def _code_digest(module: str) -> str:
    spec = find_spec(module)
    return digest_file(Path(spec.origin)) if spec is not None and spec.origin else module


@cache
def _versions() -> dict[str, str]:
    """Versions of the packages whose arithmetic is in the pictures, read without importing them."""
    known = {}
    for package in ("keras", "tensorflow"):
        try:
            known[package] = version(package)
        except PackageNotFoundError:  # tensorflow has builds under other names
            known[package] = "unknown"
    return known


def _publish(
    atlas: Atlas, store: Store, scope: Scope, drawn: Sequence[SectionDrawn], how: Mapping[str, Any]
) -> None:
    """Figures to docs/, and atlas.json with them: the contract from which pages, site and exports are made."""
    card = scope.card
    slugs = layer_slugs([layer.path for layer in card.layers])
    press = Press(atlas, card.slug, store)
    sections = [press.section(section, slugs) for section in drawn]
    data: dict[str, Any] = {
        "format": FORMAT,
        "model": to_json(card),
        "preprocessing": card.preprocessing.words,
        "slugs": slugs,
        "samples": [press.sample(sample) for sample in scope.samples],
        "sections": sections,
        "highlights": _highlights(press, drawn, slugs),
        "made": {**how, "convreport": __version__, **_versions(), "python": platform.python_version()},
    }
    press.finish()
    path = atlas.docs / card.slug / "atlas.json"
    data["made"]["date"] = pages.date_of(path, data) or datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_text(path, pages.dump(data))


def _highlights(press: Press, drawn: Sequence[SectionDrawn], slugs: Mapping[str, str]) -> dict[str, Any]:
    """The model in a few tiles: eight that answer well a layer, and a cover for the home page."""
    rows: dict[str, Any] = {}
    strong: dict[str, list[Any]] = {}
    for section in drawn:
        if section.name != "filters":
            continue
        for layer, group in groupby(section.drawn, key=lambda one: one.subject.layer or ""):
            records = [one.record for one in group if one.record is not None]
            records.sort(key=lambda record: -record.facts["score"])
            strong[layer] = [record.figures[0] for record in records[: -(-len(records) * 3 // 4)]]
            if row := press.mosaic(f"figures/filters/{slugs[layer]}-row.webp", _spread(strong[layer], 8), 8):
                rows[layer] = row
    per_layer = -(-COVER // max(len(strong), 1))
    cover = [figure for figures in strong.values() for figure in _spread(figures, per_layer)][-COVER:]
    return {"rows": rows, "cover": press.mosaic("figures/cover.webp", cover, 10, side=96)}


def _spread(ranked: Sequence[Any], count: int) -> list[Any]:
    """`count` of them from first to last: the very strongest units of a layer tend to look alike."""
    step = max(len(ranked) / count, 1)
    return [ranked[int(index * step)] for index in range(min(count, len(ranked)))]


def _settings(plan: Plan) -> dict[str, Any]:
    """The plan as published: paths shortened to names, so that no page tells of the machine it was made on."""
    shown = {
        field.name: getattr(plan, field.name)
        for field in dataclasses.fields(plan)
        if field.name not in ("out", "templates", "sections", "fresh", "strict")
    }
    shown["images"] = [Path(image).name for image in plan.images]
    shown["model"] = Path(plan.model).name
    if plan.weights is not None:
        shown["weights"] = Path(plan.weights).name
    return {key: to_json(value) for key, value in shown.items() if value not in (None, [], (), False)}


def _count(drawn: Sequence[Drawn]) -> tuple[int, int, int]:
    """How many are new, reused, failed."""
    failed = sum(one.record is None for one in drawn)
    reused = sum(one.reused for one in drawn)
    return len(drawn) - failed - reused, reused, failed


def _words(subject: Subject) -> str:
    unit = "" if subject.unit is None else f" unit {subject.unit}"
    return " on ".join(part for part in ((subject.layer or "") + unit, subject.sample or "") if part) or "the model"
