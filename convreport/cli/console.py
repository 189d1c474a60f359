"""Events in, progress bars out: the only module that imports rich."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from convreport.builder.forecast import Cost
from convreport.core.base import events
from convreport.core.base.amounts import in_words
from convreport.core.base.errors import ConvreportError
from convreport.core.base.events import Emit, Event
from convreport.core.network import layers, notes
from convreport.core.network.card import Field, ModelCard
from convreport.engines.choose import Known


@contextmanager
def listening(*, as_json: bool, quiet: bool) -> Iterator[Emit]:
    """What to hand to a build as `emit`: JSON lines on stdout, live bars, or plain lines where nobody watches."""
    if as_json:
        yield _print_json
    elif quiet or not sys.stdout.isatty():
        yield Plain(Console(highlight=False, soft_wrap=True), quiet=quiet)
    else:
        with Live(Console(highlight=False)) as live:
            yield live


def complain(error: ConvreportError) -> None:
    """One sentence and a hint, on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error[/] {escape(error.message)}")
    if error.hint:
        console.print(f"      {escape(error.hint)}")


def show_layers(card: ModelCard) -> None:
    """The layers of a model as a table."""
    console = _wide()
    table = Table(
        title=f"{escape(card.name)}: {card.params:,} parameters", title_justify="left", box=None, pad_edge=False
    )
    for heading, justify in (("#", "right"), ("layer", "left"), ("kind", "left"), ("output", "left")):
        table.add_column(heading, justify=justify, no_wrap=heading == "layer")  # type: ignore[arg-type]
    for heading in ("parameters", "receptive field", "stride", "offset"):
        table.add_column(heading, justify="right")
    for index, layer in enumerate(card.layers):
        shape = " x ".join("any" if side is None else str(side) for side in layer.shape)
        shape += f" ({layer.grid[0]} x {layer.grid[1]} tokens)" if layer.grid else ""
        params = f"{layer.params:,}" if layer.params else ""
        table.add_row(str(index), escape(layer.path), layer.kind, shape, params, *_field(layer.receptive_field))
    console.print(table)


def _wide() -> Console:
    """Tables are not cut where nobody looks at a screen."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console


def show_models(rows: Sequence[Known]) -> None:
    """The networks known by name, as a table."""
    console = _wide()
    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("name", "left"),
        ("parameters", "right"),
        ("input", "right"),
        ("pictures become", "left"),
    ):
        table.add_column(heading, justify=justify, no_wrap=heading == "name")  # type: ignore[arg-type]
    table.add_column("download", justify="right")
    table.add_column("here")
    for one in rows:
        megabytes = f"{one.download / 1e6:,.0f} MB"
        side = f"{one.size} x {one.size}"
        table.add_row(one.name, f"{one.params:,}", side, escape(one.becomes), megabytes, "yes" if one.here else "")
    console.print(table)


def show_diagnosis(card: ModelCard, promises: Sequence[tuple[str, str]]) -> None:
    """What convreport understood of a model."""
    shape = " x ".join("any" if side is None else str(side) for side in card.input)
    named = [label.name for label in card.labels]
    shown = ", ".join(named[:8]) + (f", ... ({len(named)} in all)" if len(named) > 8 else "")
    facts = [
        ("model", f"{card.name}: {card.origin}"),
        ("wiring", f"{card.wiring}, {len(card.layers)} layers, {card.params:,} parameters"),
        ("picture", f"{shape}, {card.layout.replace('_', ' ')}" + (f", input {card.input_name}" if card.given else "")),
        ("becomes", f"{card.preprocessing.words} ({card.preprocessing.why})"),
        ("answers", notes.head(card) + (f", output {card.output}" if len(card.outputs) > 1 else "")),
        ("classes", shown or ("bare numbers; --labels FILE names them" if card.classes > 1 else "none")),
    ]
    looks = layers.cam_layer(card) if card.head != "none" else None
    if looks is not None:
        facts.append(
            ("Grad-CAM", f"looks at {looks.path}, {' x '.join(str(side or 'any') for side in looks.map)} cells")
        )
    show_pairs("What convreport understood", facts)
    if remarks := notes.of(card):
        show_pairs("To be known", [("", remark) for remark in remarks])
    show_pairs("What a build would draw of it, for one picture", list(promises))


def show_pairs(title: str, pairs: list[tuple[str, str]]) -> None:
    """Names and what they mean, in two columns."""
    console = _wide()
    console.print(f"[bold]{escape(title)}[/]")
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, meaning in pairs:
        table.add_row("  " + escape(name), escape(meaning))
    console.print(table)


def show_costs(costs: Sequence[Cost]) -> None:
    """What a build would cost, a row a section, and in all."""
    console = _wide()
    console.print("[bold]What a build would cost here[/]")
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("drawings", "time", "MB", "files"):
        table.add_column(heading, justify="right")
    whole = Cost(
        "in all", *(sum(getattr(one, key) for one in costs) for key in ("drawings", "seconds", "bytes", "files"))
    )
    for one in (*costs, whole):
        known = one.seconds > 0
        table.add_row(
            f"  {escape(one.name)}",
            f"{one.drawings:,}",
            in_words(one.seconds) if known else "?",
            f"{one.bytes / 1e6:.1f}" if known else "?",
            f"{one.files:,}",
        )
    console.print(table)
    for one in (one for one in costs if one.lack):
        console.print(f"[yellow]note[/] {escape(one.name)}: {escape(one.lack)}")


def show_finding(what: str, said: str, agrees: bool | None) -> None:
    """One line of a verification: agrees, differs, or is only told."""
    mark = {True: "[green]agrees[/] ", False: "[red]differs[/]", None: "[yellow]note[/]   "}[agrees]
    Console(highlight=False, soft_wrap=True).print(f"{mark} {escape(what)}: {escape(said)}")


def say(line: str) -> None:
    """One plain line."""
    Console(highlight=False, soft_wrap=True).print(escape(line))


class Plain:
    """Plain lines: for logs, pipes and --quiet, which keeps only warnings, failures and the end."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet

    def __call__(self, event: Event) -> None:
        """Say it in a line, or not at all."""
        line = _line(event)
        if line and not (
            self._quiet and not isinstance(event, events.Warned | events.Failed | events.ModelFailed | events.Built)
        ):
            self._console.print(line)


class Speed(ProgressColumn):
    """Drawings a second, or seconds a drawing where that is the larger number."""

    def render(self, task: Task) -> Text:
        """As a few characters; nothing before the first drawing."""
        if not task.speed:
            return Text("")
        return Text(f"{task.speed:.1f}/s" if task.speed >= 1 else f"{1 / task.speed:.1f} s each", style="dim")


class Live:
    """A bar per section with the time left; everything else as lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description:12}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            Speed(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[newest]}[/]"),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Live":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Move a bar, or say it in a line."""
        match event:
            case events.SectionStarted(section, total, reused) if total > reused:
                self._tasks[section] = self._progress.add_task(section, total=total - reused, newest="")
            case events.Drew(section, count, subject) if section in self._tasks:
                self._progress.update(self._tasks[section], advance=count, newest=escape(subject))
            case events.SectionFinished(section) if section in self._tasks:
                self._progress.remove_task(self._tasks.pop(section))
            case events.SurveyStarted(total, done) if total > done:
                self._tasks["survey"] = self._progress.add_task("survey", total=total, completed=done, newest="")
            case events.Surveyed(count) if "survey" in self._tasks:
                self._progress.update(self._tasks["survey"], advance=count)
            case events.SurveyFinished() if "survey" in self._tasks:
                self._progress.remove_task(self._tasks.pop("survey"))
        if line := _line(event):
            self._console.print(line)


def _line(event: Event) -> str | None:
    """An event in words, with rich's markup; None for what only moves a bar."""
    match event:
        case events.Warned(message, hint):
            return f"[yellow]note[/] {escape(message)}" + (f" {escape(hint)}" if hint else "")
        case events.ModelLoading(name):
            return f"[dim]loading {escape(name)} ...[/]"
        case events.ModelFound(name, origin, layers, params, preprocessing, _):
            known = f"{escape(origin)}; {layers} layers, {params:,} parameters; input: {escape(preprocessing)}"
            return f"[bold]{escape(name)}[/] {known}"
        case events.SamplesRead(count, _):
            return f"{count} picture{'s' if count != 1 else ''}"
        case events.Forecast(patterns, layers, preset, seconds):
            return f"  {patterns} patterns of {layers} layers, at least {preset}, about {in_words(seconds)}"
        case events.Failed(section, subject, reason, _):
            return f"[red]failed[/] {section}, {escape(subject)}: {escape(reason)}"
        case events.ModelFailed(model, reason, hint):
            return f"[red]failed[/] {escape(model)}: {escape(reason)}" + (f" {escape(hint)}" if hint else "")
        case events.Hired(count, where):
            number = f"{count} worker{'s' if count != 1 else ''}"
            return f"[dim]{number} of {escape(where)}[/]"
        case events.SectionFinished(section, drawn, reused, failed, seconds):
            parts = [f"{drawn} drawn"] + [f"{n} {word}" for n, word in ((reused, "reused"), (failed, "failed")) if n]
            return f"  {section:12} {', '.join(parts)} [dim]({seconds:.1f} s)[/]"
        case events.SurveyFinished(pictures, layers, seconds):
            return f"  {'survey':12} {pictures:,} examples, {layers} layer{'s' if layers != 1 else ''} [dim]({seconds:.1f} s)[/]"
        case events.SiteStarted(pages):
            return f"  {'site':12} {pages} files of source"
        case events.Built(site, drawn, reused, failed, seconds):
            counts = f"{drawn} drawn, {reused} reused" + (f", [red]{failed} failed[/]" if failed else "")
            return f"[bold green]done[/] in {seconds:.1f} s: {counts}\nopen {escape(site)}"
    return None


def _field(field: Field | None) -> tuple[str, str, str]:
    """Receptive field, stride and offset, in pixels of the input."""
    if field is None:
        return "unknown", "", ""
    stride = f"{field.stride[0]} x {field.stride[1]}" if min(field.stride) else ""
    if field.whole:
        return "whole picture", stride, ""
    return f"{field.size[0]} x {field.size[1]}", stride, f"{field.offset[0]}, {field.offset[1]}"


def _print_json(event: Event) -> None:
    data: dict[str, Any] = {"event": type(event).__name__, **dataclasses.asdict(event)}
    print(json.dumps(data), flush=True)
