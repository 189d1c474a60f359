"""The commands that tell what changed: between two models, and while one was trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from convreport.cli import options
from convreport.cli.said import said
from convreport.cli.sentences import sentences
from convreport.core.base.errors import UsageError

if TYPE_CHECKING:
    from convreport.builder.plan import Plan


def compare(
    old: Annotated[str, typer.Argument(help="The old model: its name in the atlas, an atlas, or a file.")],
    new: Annotated[str, typer.Argument(help="The new model, likewise.")],
    out: Annotated[
        Optional[Path],
        typer.Option(help="The atlas to put the comparison into. [default: the new model's, or else atlas]"),
    ] = None,
    images: options.Images = None,
    max_images: options.MaxImages = None,
    examples: options.Examples = None,
    max_examples: options.MaxExamples = None,
    layers: options.Layers = None,
    filters: options.Filters = None,
    sections: options.Sections = None,
    skip: options.Skip = None,
    weights: options.Weights = None,
    arch: options.Arch = None,
    no_top: options.NoTop = None,
    custom: options.Custom = None,
    unsafe: options.Unsafe = None,
    input_: options.Input = None,
    input_shape: options.InputShape = None,
    output: options.Output = None,
    labels: options.Labels = None,
    truth: options.Truth = None,
    preprocess: options.Preprocess = None,
    fit: options.Fit = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compare again, ignoring what is stored.")] = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    config: options.Config = None,
) -> None:
    """Show what changed from OLD to NEW: two models in an atlas, two atlas folders, or files, which are built first."""
    words = said(locals(), "old", "new", "out", "fresh")
    from convreport.book.comparison.words import summary
    from convreport.cli import console
    from convreport.reviewing.pipeline import compare as made

    with sentences(), console.listening(as_json=as_json, quiet=quiet) as emit:
        home = out or _home(old, new)
        sides = [_wanted(word, home, words, config) for word in (old, new)]
        _must_be_files(sides, words)
        compared = made(sides[0], sides[1], home, emit, fresh=fresh)
        if not as_json:
            for line in summary(compared.comparison):
                console.say(line)


def watch_report(
    folder: Annotated[Path, typer.Argument(help="The folder in which convreport.Watch keeps its snapshots.")],
    to: Annotated[
        Optional[Path], typer.Option("--out", "-o", help="The page to write. [default: index.html in FOLDER]")
    ] = None,
) -> None:
    """Make a page from a watched training run: a slider over epochs, film strips, curves; needs no TensorFlow."""
    from convreport.cli import console
    from convreport.share.watched import write

    with sentences():
        place, count = write(folder, to)
        console.say(f"{count} snapshots; open {place}")


def _must_be_files(sides: Sequence[Any], words: Mapping[str, Any]) -> None:
    """Options of a build are for what is built here."""
    if words and all(isinstance(side, str) for side in sides):
        given = ", ".join(f"--{name.replace('_', '-')}" for name in words)
        raise UsageError(
            f"Both models are built already, so {given} would change nothing.", "Build them again with it first."
        )


def _home(old: str, new: str) -> Path:
    """The atlas that a word names, the new one's first; else the usual place."""
    from convreport.reviewing.sides import home_of

    return home_of(new) or home_of(old) or Path("atlas")


def _wanted(word: str, home: Path, words: Mapping[str, Any], config: Path | None) -> "str | Plan":
    """What is there already, by its name; else the plan by which it is built."""
    from convreport import sections as registry
    from convreport.builder.config import make_plan
    from convreport.reviewing.sides import is_there

    return word if is_there(word, home) else make_plan({**words, "model": word, "out": home}, config, registry)
