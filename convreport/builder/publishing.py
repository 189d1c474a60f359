"""What was drawn -> a model's place in docs/: pictures, sheets, and the book that tells of them."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from convreport import __version__
from convreport.book import writer
from convreport.book.folder import Atlas
from convreport.book.reader import FILE
from convreport.book.schema import schema
from convreport.book.values import FORMAT, Book, ExampleSet, Made
from convreport.builder.press import Press, layer_slugs
from convreport.core.base.events import Emit, Warned
from convreport.core.drawing.drawn import SectionDrawn
from convreport.core.drawing.scope import Scope
from convreport.core.drawing.store import Store
from convreport.core.network import notes
from convreport.engines.code import versions
from convreport.sections import kinds, registry
from convreport.sections.base import Section

PLACED = (FILE, writer.SCHEMA, "report.html")  # beside the pictures


def publish(
    atlas: Atlas,
    store: Store,
    scope: Scope,
    sections: Sequence[Section[Any, Any]],
    drawn: Sequence[SectionDrawn],
    command: str,
    settings: Mapping[str, Any],
    emit: Emit,
) -> Book:
    """Figures to docs/, and atlas.json with them: the contract from which pages, site and exports are made.

    Pictures that were changed since they were published are published again, which is told.
    """
    card = scope.card
    press = Press(atlas, card.slug, store, layer_slugs([layer.path for layer in card.layers]))
    by_name = {one.name: one for one in drawn}
    chapters = [
        replace(press.chapter(type(one), by_name[one.name]), highlights=one.highlights(press, scope, by_name))
        for one in sections
    ]
    of = scope.examples
    book = Book(
        format=FORMAT,
        model=card,
        preprocessing=card.preprocessing.words,
        answers=notes.head(card),
        notes=notes.of(card),
        slugs=press.slugs,
        samples=tuple(press.sample(sample) for sample in scope.samples),
        examples=None if of is None else ExampleSet(of.words, of.count, of.digest),
        sections=tuple(chapters),
        made=Made(command, settings, __version__, platform.python_version(), versions(card.engine)),
    )
    press.finish()
    if press.mended:
        emit(Warned(*_said_of(card.slug, press.mended)))
    return writer.write(atlas.docs / card.slug, book, kinds, published_schema())


def _said_of(slug: str, changed: Sequence[str]) -> tuple[str, str]:
    more = len(changed) - 1
    others = (
        f" and {more:,} more had been changed or damaged and are" if more else " had been changed or damaged and is"
    )
    return f"docs/{slug}/{changed[0]}{others} published again.", "Pictures of your own are left alone in docs/notes."


def published_schema() -> dict[str, Any]:
    """The JSON Schema of atlas.json, with the facts of all registered sections."""
    return schema({name: (kind.Facts, kind.Highlights) for name, kind in registry().items()})


def differing(
    atlas: Atlas, store: Store, book: Book, drawn: Sequence[tuple[type[Section[Any, Any]], SectionDrawn]]
) -> tuple[int, list[tuple[str, str]]]:
    """How many published files these stored drawings give, and (file, how it differs) of those that are another now."""
    press = Press(atlas, book.slug, store, book.slugs, everything=True)
    for kind, one in drawn:
        press.chapter(kind, one)
    return press.compared()


def withdraw(atlas: Atlas, slug: str) -> None:
    """Delete all that was published of a model; what its user laid there stays."""
    press = Press(atlas, slug, Store(atlas.cache), {})
    press.finish()
    for name in PLACED:
        (atlas.docs / slug / name).unlink(missing_ok=True)
    press.forget()
