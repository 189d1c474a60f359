"""The whole build on one page: a Plan in, an atlas on disk and events out."""

import time
from collections.abc import Container, Sequence
from pathlib import Path

from convreport.book.comparison import folder
from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.builder import gallery, hands, model, pictures, publishing, recall, settings, stock
from convreport.builder.budget import draw_within
from convreport.builder.drawing import Studio, draw_sections
from convreport.builder.plan import Plan
from convreport.core.base import events
from convreport.core.base.errors import ConvreportError
from convreport.core.base.events import Emit
from convreport.core.base.numbers import unheard
from convreport.core.drawing.drawn import count
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Store
from convreport.core.network import layers, units
from convreport.core.network.card import ModelCard
from convreport.sections.shelf import ContradictionError, chosen, shelf, telling
from convreport.share import report
from convreport.site import docs, pages
from convreport.site import mkdocs as site
from convreport.site.page import Page
from convreport.workers.foreman import LostError


@unheard()
def build(plan: Plan, emit: Emit, *, command: str = "") -> events.Built:
    """Draw what is missing of the plan's model, publish it into the atlas, and build the site.

    Raises ConvreportError; what was drawn before is in the store and will not be drawn again.
    """
    return build_all([plan], emit, command=command)


def build_all(plans: Sequence[Plan], emit: Emit, *, command: str = "") -> events.Built:
    """The same for many models, one after the other, into the atlas of the first plan, and with its workers.

    Where there are several, one that fails costs only itself: it is told, and counts as a failed drawing.
    """
    started, first = time.monotonic(), plans[0]
    for plan in plans:
        units.parse(plan.filters)  # a mistake in it costs nothing yet
        if len(plans) == 1:
            model.name_of(plan)  # nor does a mistyped model
    atlas = Atlas.open(first.out, create=True)
    site.move(atlas, first.site_url)  # a mistake in it is told before anything is drawn
    counts, fresh = [], set()
    with atlas.building(), hands.Pool(first.workers, first.memory, emit, dashboard=first.dashboard) as pool:
        for plan in plans:
            try:
                slug, numbers = _draw(plan, atlas, pool, emit, command)
                counts.append(numbers)
                fresh.add(slug)
            except LostError:
                raise  # nobody would draw the next one either
            except ConvreportError as error:
                if len(plans) == 1 or plan.strict:
                    raise
                emit(events.ModelFailed(plan.name or plan.model, error.message, error.hint))
                counts.append((0, 0, 1))
    with atlas.locked():
        _prune(atlas, Store(atlas.cache))
        index = make_site(atlas, first.templates, emit, fresh)
    new, reused, failed = (sum(some) for some in zip(*counts, strict=True))
    built = events.Built(str(index), new, reused, failed, time.monotonic() - started)
    emit(built)
    return built


def _draw(plan: Plan, atlas: Atlas, pool: hands.Pool, emit: Emit, command: str) -> tuple[str, tuple[int, int, int]]:
    """Draw what is missing of one model, and publish it; its slug, and how many drawings are new, reused, failed."""
    store = Store(atlas.cache)
    found = model.find(plan, atlas, emit, unknown=lambda: pool.prepare(plan))
    scope = covered(plan, found.card, emit, atlas.cache)
    for section in plan.sections:
        section.subjects(scope)  # a wrong class or layer is told before anything is drawn
    studio = Studio(scope, plan, store, pool.hands(plan, atlas, scope, found), emit)
    drawn = draw_within(plan.budget, studio, found.network) if plan.budget else draw_sections(plan.sections, studio)
    with atlas.locked():
        publishing.publish(atlas, store, scope, plan.sections, drawn, command, settings.published(plan), emit)
        recall.remember(atlas, scope.card.slug, plan)
    return scope.card.slug, count([one for section in drawn for one in section.drawn])


def covered(plan: Plan, card: ModelCard, emit: Emit, scratch: Path) -> Scope:
    """What an atlas of this plan covers, after globs and limits, with its pictures read and its examples found.

    In `scratch` the examples' survey is kept while it lasts, and after.
    """
    card, shown = pictures.look_at(plan, card, emit)
    chosen_layers = layers.choose(card, plan.layers, everything=plan.all_layers)
    choice = units.parse(plan.filters)
    found = gallery.gallery(plan, shown, scratch, emit)
    return Scope(card, shown, choice, plan.seed, chosen_layers, plan.fit, plan.precision, plan.recipes, found)


def make_site(atlas: Atlas, templates: Path | None, emit: Emit, fresh: Container[str] = ()) -> Path:
    """Pages and site from what atlas.json holds; needs no framework. Returns the site's first page.

    A book that contradicts itself is left out, unless it is among the slugs in `fresh`, of this build: then the fault is ours.
    """
    found = shelf(atlas)
    for left in (*found.outdated, *found.damaged):
        emit(events.Warned(f"Left out: {left.message}", left.hint))
    books = found.books
    try:
        written = _written(atlas, books, templates, emit)
    except ConvreportError:
        raise
    except Exception:
        faults = {book.slug: fault for book in books if (fault := _contradiction(atlas, book, templates))}
        if not faults or any(slug in fresh for slug in faults):
            raise
        for fault in faults.values():
            emit(events.Warned(f"Left out: {fault.message}", fault.hint))
        books = tuple(book for book in books if book.slug not in faults)
        written = _written(atlas, books, templates, emit)
    docs.write(written, atlas.docs, atlas.cache)
    if site.is_stale(atlas):
        emit(events.SiteStarted(len(written)))
        site.build(atlas, books)
    return atlas.site / "index.html"


def _written(atlas: Atlas, books: Sequence[Book], templates: Path | None, emit: Emit) -> list[Page]:
    reports, told = report.lay(atlas, books, templates)
    for line in told:
        emit(events.Warned(line))
    return pages.compose(books, templates, reports, folder.all_of(atlas.docs))


def _contradiction(atlas: Atlas, book: Book, templates: Path | None) -> ContradictionError | None:
    try:
        with telling(book):
            report.lay(atlas, [book], templates)
            pages.compose([book], templates)
    except ContradictionError as error:
        return error
    return None


def remove(atlas: Atlas, name: str, emit: Emit) -> Path:
    """Take a model out of an atlas and build the site without it; what others share with it stays drawn."""
    slug = chosen(atlas, name).slug
    with atlas.locked():
        publishing.withdraw(atlas, slug)
        for one in folder.all_of(atlas.docs):
            if slug in (one.old.slug, one.new.slug):
                folder.remove(atlas.docs, one.slug)
        atlas.forget(slug)
        _prune(atlas, Store(atlas.cache))
        return make_site(atlas, None, emit)


def _prune(atlas: Atlas, store: Store) -> None:
    """Forget what no model refers to any more; nothing while a model cannot be asked."""
    found = shelf(atlas)
    if not found.damaged:
        store.prune(stock.referred(atlas, found))
