"""The commands on an atlas that is there; of them only verify needs TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from convreport.cli import options
from convreport.cli.extended import More, extended
from convreport.cli.sentences import sentences
from convreport.core.base.errors import UsageError, did_you_mean

Templates = Annotated[Optional[Path], typer.Option(help="A folder of templates that override convreport's.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only warnings and the end.")]


def site(
    folder: options.Folder = Path("atlas"),
    templates: Templates = None,
    site_url: options.SiteUrl = None,
    quiet: Quiet = False,
) -> None:
    """Rebuild the pages and the site from what is stored; needs no TensorFlow."""
    from convreport.book.folder import Atlas
    from convreport.builder import pipeline
    from convreport.cli import console
    from convreport.site import mkdocs

    with sentences(), console.listening(as_json=False, quiet=quiet) as emit:
        atlas = Atlas.open(folder, create=False)
        with atlas.locked():
            mkdocs.move(atlas, site_url or "")
            index = pipeline.make_site(atlas, templates, emit)
        console.say(f"open {index}")


def serve(
    folder: options.Folder = Path("atlas"),
    port: Annotated[int, typer.Option(help="0 means any free port; if the port is taken, a free one is used.")] = 8000,
    show: Annotated[bool, typer.Option("--open", help="Open the site in the browser.")] = False,
    host: Annotated[str, typer.Option(help="Another host name to answer to, such as a proxy's.")] = "",
) -> None:
    """Serve an atlas on 127.0.0.1 until Ctrl-C."""
    from convreport.book.folder import Atlas
    from convreport.cli import console
    from convreport.share.serve import serve_forever

    with sentences():
        serve_forever(Atlas.open(folder, create=False), port, console.say, show=show, host=host)


def cache(
    folder: options.Folder = Path("atlas"),
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what no model needs and compress the rest; nothing is redrawn.")
    ] = False,
) -> None:
    """Show what the cache of an atlas holds and how large it is, by kind."""
    from convreport.book.folder import Atlas
    from convreport.builder import stock
    from convreport.cli import console

    with sentences():
        atlas = Atlas.open(folder, create=False)
        before = sum(kind.bytes for kind in stock.kinds(atlas))
        if prune:
            stock.prune(atlas)
        found = stock.kinds(atlas)
        after = sum(kind.bytes for kind in found)
        shown = [(kind.name, f"{kind.bytes / 1e6:8.2f} MB  {kind.purpose}") for kind in found]
        console.show_pairs(f"{atlas.cache}: {after / 1e6:.1f} MB", shown)
        if prune:
            console.say(f"{(before - after) / 1e6:.1f} MB less than before")


def remove(
    name: Annotated[str, typer.Argument(help="The model's name in the atlas.")],
    folder: options.Folder = Path("atlas"),
    quiet: Quiet = False,
) -> None:
    """Remove a model from an atlas and build the site without it."""
    from convreport.book.folder import Atlas
    from convreport.builder import pipeline
    from convreport.cli import console

    with sentences(), console.listening(as_json=False, quiet=quiet) as emit:
        index = pipeline.remove(Atlas.open(folder, create=False), name, emit)
        console.say(f"removed {name}; open {index}")


def export(
    folder: options.Folder = Path("atlas"),
    form: Annotated[
        str, typer.Option("--format", help="html (one file), zip (the site), md (for a comment) or images.")
    ] = "html",
    to: Annotated[
        Optional[Path], typer.Option("--out", "-o", help="The file to write; for images, a new folder.")
    ] = None,
    model: Annotated[str, typer.Option(help="Which model, if the atlas holds several.")] = "",
    top: Annotated[int, typer.Option(min=1, help="For html: the most units per layer.")] = 32,
    max_mb: Annotated[float, typer.Option(help="For html: the largest size of the file.")] = 25,
) -> None:
    """Export an atlas as one self-contained HTML file, a zip of the site, a summary for a comment, or plain pictures."""
    from convreport.book.folder import Atlas
    from convreport.builder import pipeline
    from convreport.cli import console
    from convreport.share.export import export as write

    with sentences():
        if not 0 < max_mb < 1e6:
            raise UsageError(
                f"--max-mb cannot be {max_mb:g}.", "Give the largest size of the file in megabytes, such as 25."
            )
        atlas = Atlas.open(folder, create=False)
        if form == "zip":
            with console.listening(as_json=False, quiet=True) as emit, atlas.locked():
                pipeline.make_site(atlas, None, emit)  # what is handed over is up to date
        for path in write(atlas, form, to, model=model, top=top, limit=round(max_mb * 1e6)):
            size = sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file())
            console.say(f"wrote {path} ({size / 1e6:.1f} MB)")


def publish(
    folder: options.Folder = Path("atlas"),
    remote: Annotated[str, typer.Option(help="A git remote's name, or its address.")] = "origin",
    branch: Annotated[str, typer.Option(help="The branch that GitHub Pages serves.")] = "gh-pages",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be pushed, without pushing it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Push the built site to GitHub Pages, as one commit that replaces the last one."""
    from convreport.book.folder import Atlas
    from convreport.cli import console
    from convreport.share import publish as pages
    from convreport.site import mkdocs as built

    with sentences():
        atlas = Atlas.open(folder, create=False)
        with atlas.locked():
            stale = built.is_stale(atlas)
        offer = pages.prepare(atlas, remote, branch, stale=stale)
        console.say(f"{offer.files} files, {offer.bytes / 1e6:.1f} MB, to {offer.branch} of {offer.url}")
        console.say(f"address: {offer.address or 'depends on that server'}")
        if dry_run:
            return
        if not yes and not typer.confirm("Replace what is there?" if offer.replaces else "Push it?"):
            raise UsageError("Nothing was pushed.", "Use --yes to push without being asked.")
        pages.push(atlas, offer)
        console.say("published")


def init_ci(
    folder: options.Folder = Path("atlas"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing workflow.")] = False,
) -> None:
    """Write a GitHub Actions workflow that deploys the committed atlas and attaches its reports to pull requests."""
    from convreport.book.folder import Atlas
    from convreport.cli import console
    from convreport.share import workflow

    with sentences():
        path, to_commit = workflow.write(Atlas.open(folder, create=False), force=force)
        console.say(f"wrote {path}")
        console.say(f"commit it with the atlas: git add {' '.join(to_commit)}")
        console.say("and once, in the repository's settings: Pages, Source: GitHub Actions")


def schema(
    of: Annotated[str, typer.Argument(help="Which schema: atlas or comparison.")] = "atlas",
    to: Annotated[Optional[Path], typer.Option("--out", "-o", help="The file to write. [default: print it]")] = None,
) -> None:
    """Print the JSON Schema of atlas.json, or of comparison.json."""
    import json

    from convreport.book.comparison import folder
    from convreport.builder.publishing import published_schema
    from convreport.core.base.files import write_atomically

    known = {"atlas": published_schema, "comparison": folder.schema}
    with sentences():
        if of not in known:
            raise UsageError(f"There is no schema of '{of}'.", did_you_mean(of, list(known)))
        text = json.dumps(known[of](), indent=1) + "\n"
        if to is None:
            print(text, end="")
            return
        try:
            write_atomically(to, text.encode())
        except OSError as error:
            raise UsageError(f"{to} cannot be written ({error.strerror}).", "Name another place with -o.") from None


def verify(
    folder: options.Folder = Path("atlas"),
    model: Annotated[str, typer.Option(help="Which model, if the atlas holds several.")] = "",
    sample: Annotated[int, typer.Option(min=0, help="How many random drawings to redraw.")] = 20,
    seed: Annotated[Optional[int], typer.Option(help="Selects them. [default: different ones every time]")] = None,
) -> None:
    """Load the model again, redraw a sample of the atlas, and compare; exit code 1 if anything does not agree."""
    import random

    from convreport import sections as registry
    from convreport.audit.verify import verify as compare
    from convreport.book.folder import Atlas
    from convreport.builder import recall
    from convreport.cli import console
    from convreport.sections.shelf import chosen

    with sentences(), console.listening(as_json=False, quiet=True) as emit:
        atlas = Atlas.open(folder, create=False)
        book = chosen(atlas, model)
        plan = recall.recall(atlas, book.slug, registry.configure)
        drawn = random.SystemRandom().randrange(1 << 31) if seed is None else seed
        verdicts = []
        for finding in compare(atlas, book, plan, sample, drawn, emit):
            console.show_finding(finding.what, finding.said, finding.agrees)
            verdicts.append(finding.agrees)
        wrong = verdicts.count(False)
        console.say(f"{wrong} of {len(verdicts)} do not agree" if wrong else f"all agree (drawings of --seed {drawn})")
        if wrong:
            raise typer.Exit(1)


def _rules() -> list[More]:
    from convreport.audit.changed import RULES, ChangeRule
    from convreport.audit.check import rules
    from convreport.sections.telling import Rule

    known: list[Rule | ChangeRule] = [*rules().values(), *RULES.values()]
    flags = [More(rule.flag, f"{rule.help.removesuffix('.')}: none may.", flag=True) for rule in known if rule.flag]
    return [More(rule.name, rule.help) for rule in known] + flags


@extended(_rules)
def check(
    folder: options.Folder = Path("atlas"),
    model: Annotated[str, typer.Option(help="Which model, if the atlas holds several.")] = "",
    baseline: Annotated[
        Optional[Path],
        typer.Option(help="An older model's atlas.json or atlas; fails if anything got worse since."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, json or junit.")] = "text",
    config: options.Config = None,
    *,
    more: Mapping[str, Any],
) -> None:
    """Hold a model's evidence to thresholds, including those under [check] in convreport.toml; exit code 1 if a rule fails."""
    from convreport.audit import changed
    from convreport.audit import check as judging
    from convreport.book.folder import Atlas
    from convreport.builder.config import table
    from convreport.cli import console
    from convreport.sections import shelf

    with sentences():
        if form not in judging.FORMATS:
            raise UsageError(f"There is no format '{form}'.", did_you_mean(form, judging.FORMATS))
        atlas = Atlas.open(folder, create=False)
        book = shelf.chosen(atlas, model)
        asked = judging.thresholds(table("check", config), "[check]") | judging.thresholds(more, "check")
        before = shelf.baseline(baseline) if baseline is not None else None
        with shelf.telling(book):
            results = judging.check(book, asked, before) + changed.check(atlas, book, asked, before)
        console.say(judging.FORMATS[form](results, book.slug))
        if any(one.outcome != "passed" for one in results):
            raise typer.Exit(1)
