"""atlas.json -> Markdown: one template a page, one fragment a section."""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from convreport.book.folder import paged_layers
from convreport.core.base import assets
from convreport.core.base.files import write_text
from convreport.core.explain import saliency
from convreport.site import alerts, summary, templating, viewer, wording
from convreport.site.page import Page
from convreport.site.templating import Environment, TemplateNotFound

Data = Mapping[str, Any]


def compose(models: Sequence[Data], templates: Path | None = None, reports: Mapping[str, int] = {}) -> list[Page]:
    """All pages of an atlas: home, how it was made, and per model its overview, layers, pictures and classes.

    `reports` tells which models' one-file reports lie beside their pages, by slug, and their bytes.
    """
    environment = templating.environment(templates)
    health = {data["model"]["slug"]: summary.health(data) for data in models}
    pages = [
        _page(environment, "home.md", "index.md", "Model atlas", models=models, health=health),
        _page(environment, "reproduction.md", "reproduction.md", "Reproduction", models=models),
    ]
    for data in models:
        model = _Model(environment, data, reports.get(data["model"]["slug"], 0), alone=len(models) == 1)
        pages += [
            model.overview(),
            *model.mistakes_page(),
            *model.sanity_page(),
            *model.layer_pages(),
            *model.picture_pages(),
            *model.class_pages(),
            *viewer.data_files(data),
        ]
    return pages


def write(pages: Sequence[Page], docs: Path, cache: Path) -> int:
    """Bring docs/ to these pages and our own assets; what we did not write is left alone. How many files changed."""
    memory = cache / "pages.json"
    try:
        before = set(json.loads(memory.read_bytes()))
    except (OSError, ValueError):
        before = set()
    changed = sum(write_text(docs / page.path, page.markdown) for page in pages)
    source = assets.folder("site_src") / "docs"
    own = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    for path in own:
        place = docs / path
        if not place.is_file() or place.read_bytes() != (source / path).read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, place)
            changed += 1
    now = {page.path for page in pages} | {path.as_posix() for path in own}
    for path in before - now:
        (docs / path).unlink(missing_ok=True)
    for folder in {(docs / path).parent for path in before - now}:
        _remove_empty(folder, docs)
    write_text(memory, json.dumps(sorted(now)))
    return changed


def _remove_empty(folder: Path, docs: Path) -> None:
    """Delete a folder that holds nothing any more, and those above it, below docs/."""
    while folder != docs and folder.is_dir() and not any(path.is_file() for path in folder.rglob("*")):
        shutil.rmtree(folder)
        folder = folder.parent


class _Model:
    """The pages of one model."""

    def __init__(self, environment: Environment, data: Data, report: int, *, alone: bool) -> None:
        self._environment = environment
        self._data = data
        self._slug = data["model"]["slug"]
        self._layers = {layer["path"]: layer for layer in data["model"]["layers"]}
        self._paged = paged_layers(data)
        self._classes = summary.classes(data)
        self._faithful: Mapping[Any, Any] = summary.faithful(data)
        self._alerts = alerts.alerts(data)
        self._report = report
        self._of = "" if alone else data["model"]["name"]  # layers of several models share their names

    def overview(self) -> Page:
        """The model at a glance."""
        sections = list(self._fragments("model", lambda drawing: True))
        rows = self._data["highlights"]["rows"]
        journey = [{**self._layers[path], "row": row, "slug": self._data["slugs"][path]} for path, row in rows.items()]
        return self._page(
            "model.md",
            "index.md",
            self._data["model"]["name"],
            sections=sections,
            journey=journey,
            up="",
            judged=summary.judged(self._data),
            health=summary.health(self._data),
            alerts=self._alerts,
            report=self._report,
            faithfulness=summary.faithfulness(self._data),
            overlays={
                one["sample"]: one["figures"]["overlay0"]
                for one in summary.drawings(self._data, "gradcam")
                if "overlay0" in one["figures"]
            },
        )

    def mistakes_page(self) -> Iterator[Page]:
        """The pictures it got wrong, the surest first; no page where there are none."""
        verdict = summary.judged(self._data)
        if verdict is None or not verdict["wrong"]:
            return
        samples = {sample["slug"]: sample for sample in self._data["samples"]}
        mistakes = []
        for drawing in verdict["wrong"]:
            facts, figures = drawing["facts"], drawing["figures"]
            said, truth = (
                {**one, "overlay": figures[f"overlay{place}"]} for place, one in summary.said_and_true(facts)
            )
            mistakes.append(
                {"sample": samples[drawing["sample"]], "said": said, "truth": truth, "rank": facts["truth"]["rank"]}
            )
        mistakes.sort(key=lambda one: -one["said"]["probability"])
        yield self._page(
            "mistakes.md", "mistakes.md", f"{self._data['model']['name']}: mistakes", mistakes=mistakes, judged=verdict
        )

    def sanity_page(self) -> Iterator[Page]:
        """Whether the heatmaps depend on what was learned; no page where that was not checked."""
        drawn = summary.drawings(self._data, "sanity")
        if drawn:
            yield self._page(
                "sanity.md",
                "sanity.md",
                f"{self._data['model']['name']}: sanity",
                rows=summary.sanity(self._data),
                drawn=drawn,
                survived=drawn[0]["facts"]["survived"],
                names={sample["slug"]: sample["name"] for sample in self._data["samples"]},
            )

    def layer_pages(self) -> Iterator[Page]:
        """One page a layer that has drawings."""
        for position, path in enumerate(self._paged):
            sections = list(self._fragments("layer", lambda drawing, path=path: drawing["layer"] == path, layer=path))
            neighbours = {
                "before": self._paged[position - 1] if position else None,
                "after": self._paged[position + 1] if position + 1 < len(self._paged) else None,
            }
            yield self._page(
                "layer.md",
                f"layers/{self._data['slugs'][path]}.md",
                path,
                layer=self._layers[path],
                sections=sections,
                answers=viewer.answers(self._data, path),
                up="../",
                **neighbours,
            )

    def picture_pages(self) -> Iterator[Page]:
        """One page a sample."""
        for sample in self._data["samples"]:
            slug = sample["slug"]
            sections = list(
                self._fragments("picture", lambda drawing, slug=slug: drawing["sample"] == slug, sample=slug)
            )
            yield self._page(
                "picture.md", f"pictures/{slug}.md", sample["name"], sample=sample, sections=sections, up="../"
            )

    def class_pages(self) -> Iterator[Page]:
        """One page a class that has a pattern, or a picture."""
        samples = {sample["slug"]: sample for sample in self._data["samples"]}
        for found in self._classes.values():
            yield self._page(
                "class.md", f"classes/{found['slug']}.md", wording.readable(found["name"]),
                found=found, samples=samples, up="../",
            )  # fmt: skip

    def _page(self, template: str, path: str, title: str, **context: Any) -> Page:
        return _page(
            self._environment,
            template,
            f"{self._slug}/{path}",
            title,
            data=self._data,
            model=self._data["model"],
            slugs=self._data["slugs"],
            paged=set(self._paged),
            classes=self._classes,
            of=self._of,
            methods=saliency.METHODS,
            strip=summary.strip(self._data["model"]["layers"]),
            **context,
        )

    def _fragments(self, page: str, belongs: Any, **context: Any) -> Iterator[dict[str, Any]]:
        """The Markdown of every section with something to say on this page."""
        for section in self._data["sections"]:
            if section["page"] != page:
                continue
            drawings = [drawing for drawing in section["drawings"] if belongs(drawing)]
            if not drawings:
                continue
            layer = context.get("layer")
            sheets = [sheet for sheet in section["sheets"] if sheet["layer"] == layer]
            scene = {
                "data": self._data,
                "model": self._data["model"],
                "slugs": self._data["slugs"],
                "paged": set(self._paged),
                "classes": self._classes,
                "section": section,
                "sheets": sheets,
                "done": [drawing for drawing in drawings if not drawing.get("failure")],
                "failures": _failures(drawings),
                "sample": next((one for one in self._data["samples"] if one["slug"] == context.get("sample")), None),
                "layer": self._layers.get(str(layer)),
                "layers": self._layers,
                "alerts": self._alerts,
                "methods": saliency.METHODS,
                "sanity": summary.sanity(self._data),
                "faithful": self._faithful.get(context.get("sample"), {}),
                "up": "" if page == "model" else "../",
            }
            try:
                template = self._environment.get_template(f"sections/{section['name']}.md")
            except TemplateNotFound:
                template = self._environment.get_template("sections/_any.md")
            yield {"name": section["name"], "markdown": Markup(template.render(scene)), "drawings": drawings}


def _failures(drawings: Iterable[Data]) -> list[tuple[str, int]]:
    """(reason, how many drawings), each reason once."""
    counts: dict[str, int] = {}
    for drawing in drawings:
        if reason := drawing.get("failure"):
            counts[reason] = counts.get(reason, 0) + 1
    return list(counts.items())


def _page(environment: Environment, template: str, path: str, title: str, **context: Any) -> Page:
    markdown = environment.get_template(template).render(title=title, **context)
    return Page(path, title, re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n")
