"""Books -> Markdown: one template a page, and the blocks of every section's own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from convreport.book.comparison import words
from convreport.book.comparison.values import Comparison
from convreport.book.values import Book, Chapter, Drawing, Failure
from convreport.core.explain import saliency
from convreport.sections import registry, together
from convreport.sections.telling import Cell
from convreport.site import compared, templating, viewer, wording
from convreport.site.page import Page
from convreport.site.strip import around, strip
from convreport.site.templating import Environment

Changes = Sequence[tuple[Comparison, Sequence[str]]]  # with what is said of each
MANY_SHEETS = 48  # of a layer: above, its first sheet is fetched before the others and the viewer's data
# The places of a section's own page, by what its drawings are about.
OWN_PLACES = {"model": ("head", "gallery", "evidence"), "layer": ("layer",), "picture": ("picture",)}


def compose(
    books: Sequence[Book],
    templates: Path | None = None,
    reports: Mapping[str, int] = {},
    comparisons: Sequence[Comparison] = (),
) -> list[Page]:
    """All pages of an atlas: home, how it was made, comparisons, and per model its overview, layers, pictures, classes and
    sections' own.

    `reports` tells which models' one-file reports lie beside their pages, by slug, and their bytes.
    """
    environment = templating.environment(templates)
    covers = {book.slug: together.cover(book) for book in books}
    summaries = {book.slug: together.summary(book) for book in books}
    changes = [(one, words.summary(one)) for one in comparisons]
    home: dict[str, Any] = {"books": books, "covers": covers, "summaries": summaries, "changes": changes}
    home["table"] = _table(books) if len(books) > 1 else None
    home["verdicts"] = {book.slug: together.verdict(book) for book in books}
    named = ", ".join(book.name for book in books) or "networks"
    home["description"] = f"What the layers, units and decisions of {named} look like."
    home["image"] = _announced(books[0]) if books else ""
    pages = [
        _page(environment, "home.md", "index.md", "Model atlas", **home),
        _page(environment, "reproduction.md", "reproduction.md", "Reproduction", books=books),
    ]
    pages += compared.pages(environment, comparisons, books)
    for book in books:
        model = _Model(environment, book, reports.get(book.slug, 0), changes, alone=len(books) == 1)
        pages += [
            model.overview(),
            *model.own_pages(),
            *model.layer_pages(),
            *model.picture_pages(),
            *model.class_pages(),
            *viewer.data_files(book),
        ]
    return pages


class _Model:
    """The pages of one model."""

    def __init__(self, environment: Environment, book: Book, report: int, changes: Changes, *, alone: bool) -> None:
        self._environment = environment
        self._book = book
        self._report = report
        self._changes = [one for one in changes if book.slug in (one[0].old.slug, one[0].new.slug)]
        self._common: dict[str, Any] = {
            "book": book,
            "model": book.model,
            "slugs": book.slugs,
            "paged": set(book.paged),
            "classes": together.classes(book),
            "alerts": together.alerts(book),
            "methods": saliency.METHODS,
            "strip": strip(book.model.layers),
            "of": "" if alone else book.name,  # layers of several models share their names
            "up": "../",
            "image": _announced(book),
        }

    def overview(self) -> Page:
        """The model at a glance."""
        faces = {sample.slug: together.face(self._book, sample.slug) for sample in self._book.samples}
        more = {
            "report": self._report,
            "summary": together.summary(self._book),
            "cover": together.cover(self._book),
            "verdict": together.verdict(self._book),
            "description": together.verdict(self._book),
            "units": viewer.UNITS,
            "faces": faces,
            "up": "",
            "changes": self._changes,
        }
        return self._page("model.md", "index.md", self._book.name, **more)

    def own_pages(self) -> Iterator[Page]:
        """The pages that sections bring."""
        for kind in registry().values():
            for page in kind.pages(self._book):
                told = {"up": "", "title": page.title, **page.context}
                markdown = templating.block(self._environment, kind.name, [page.block], self._common | told)
                yield self._page("own.md", page.path, page.title, up="", content=markdown)

    def layer_pages(self) -> Iterator[Page]:
        """One page a layer that has drawings."""
        paged = self._book.paged
        for position, path in enumerate(paged):
            neighbours = {
                "before": paged[position - 1] if position else None,
                "after": paged[position + 1] if position + 1 < len(paged) else None,
            }
            layer = self._book.layers[path]
            near = {
                **neighbours,
                "description": f"What the {layer.units} units of {path} in {self._book.name} respond to.",
                "strip": around(self._common["strip"], path),
                "awaited": _awaited(self._book, path),
            }
            yield self._page("layer.md", f"layers/{self._book.slugs[path]}.md", path, layer=layer, **near)

    def picture_pages(self) -> Iterator[Page]:
        """One page a sample."""
        for sample in self._book.samples:
            face = together.face(self._book, sample.slug)
            more = {
                "image": f"{self._book.slug}/{face.file if face is not None else sample.file}",
                "description": f"What {self._book.name} sees in the picture {sample.name}.",
            }
            yield self._page("picture.md", f"pictures/{sample.slug}.md", sample.name, sample=sample, **more)

    def class_pages(self) -> Iterator[Page]:
        """One page a class that anything is said of."""
        for found in self._common["classes"].values():
            name = wording.readable(found.name)
            said = f"What {self._book.name} takes for {name}, and why."
            yield self._page("class.md", f"classes/{found.slug}.md", name, found=found, description=said)

    def _page(self, template: str, path: str, title: str, **context: Any) -> Page:
        common = self._common | context
        slots = Slots(self._environment, self._book, common)
        return _page(self._environment, template, f"{self._book.slug}/{path}", title, **common, slots=slots)


class Slots:
    """The blocks of all sections for the places of one page, or of one report."""

    def __init__(self, environment: Environment, book: Book, common: Mapping[str, Any]) -> None:
        self._environment, self._book, self._common = environment, book, common

    def __call__(self, place: str, **subject: Any) -> list[Markup]:
        """What every section says at a place, in reading order; those that say nothing are left out."""
        found = []
        known = registry()
        ordered = sorted(known, key=lambda name: known[name].order_at.get(place, known[name].order))
        for name in dict.fromkeys((*ordered, *self._book.chapters)):
            said = self.of(name, place, **subject)
            if said.strip():
                found.append(said)
        return found

    def of(self, name: str, place: str, **subject: Any) -> Markup:
        """What one section says at a place; on its own pages nothing where nothing was to be drawn."""
        kind, chapter = registry().get(name), self._book.chapters.get(name)
        if chapter is None:
            return Markup("")
        own = place in OWN_PLACES.get(chapter.page, ())
        plain = ["any"] if own and place not in ("head", "evidence") else []
        if not templating.has_block(self._environment, name, [place, *plain]):
            return Markup("")
        about = {key: self._common[key] for key in ("layer", "sample", "found") if key in self._common} | subject
        drawings, failures = _about(chapter, about)
        if own and not (drawings or failures):
            return Markup("")
        path = about["layer"].path if "layer" in about else None
        scene = {
            **self._common,
            **about,
            "chapter": chapter,
            "done": drawings,
            "failures": _reasons(failures),
            "sheets": [sheet for sheet in chapter.sheets if sheet.layer == path],
            "slots": self,
            **(kind.context(self._book, place, **about) if kind is not None else {}),
        }
        return templating.block(self._environment, name, [place, *plain], scene)


@dataclass(frozen=True)
class Table:
    """Many models side by side: the columns that sections measure, a Cell (or nothing) of each by slug, alerts by slug."""

    columns: tuple[str, ...]
    cells: Mapping[str, Mapping[str, Cell]]
    alerts: Mapping[str, int]


def _announced(book: Book) -> str:
    """The picture by which a link is announced, below docs/; nothing where the book has none."""
    social = together.social(book) or together.cover(book)
    file = social.file if social is not None else book.samples[0].file if book.samples else ""
    return f"{book.slug}/{file}" if file else ""


def _table(books: Sequence[Book]) -> Table:
    cells = {book.slug: together.cells(book) for book in books}
    columns = dict.fromkeys(column for row in cells.values() for column in row)
    alerts = {book.slug: len([one for one in together.alerts(book) if not one.mild]) for book in books}
    return Table(tuple(columns), cells, alerts)


def _awaited(book: Book, path: str) -> str:
    """Of a layer of very many units the file of their first tiles, which a reader waits for; nothing of another."""
    for kind in registry().values():
        if kind.units is not None and kind.units.main and (chapter := kind.chapter(book)) is not None:
            for sheet in chapter.sheets:
                if sheet.layer == path and len(sheet.files) > MANY_SHEETS:
                    return sheet.files[0].file
    return ""


def _about(chapter: Chapter[Any, Any], about: Mapping[str, Any]) -> tuple[Sequence[Drawing[Any]], Sequence[Failure]]:
    """The drawings and failures that are about the layer or the picture of a page, or all of them."""
    if "layer" in about:
        return chapter.of_layer.get(about["layer"].path, ((), ()))
    if "sample" in about:
        return chapter.of_sample.get(about["sample"].slug, ((), ()))
    return chapter.drawings, chapter.failures


def _reasons(failures: Iterable[Failure]) -> list[tuple[str, int]]:
    """(reason, how many drawings), each reason once."""
    counts: dict[str, int] = {}
    for one in failures:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return list(counts.items())


def _page(environment: Environment, template: str, path: str, title: str, **context: Any) -> Page:
    return Page(path, title, templating.tidy(templating.rendered(environment, template, {"title": title, **context})))
