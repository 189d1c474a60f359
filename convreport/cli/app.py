"""Words in, a Plan out; errors become sentences and exit codes."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from convreport import __version__
from convreport.cli import changes, commands, options
from convreport.cli.extended import Commands, More, extended
from convreport.cli.here import find_modules_here
from convreport.cli.said import said
from convreport.cli.sentences import flush, sentences, speak_anyhow
from convreport.cli.words import listed

if TYPE_CHECKING:
    from convreport.builder.plan import Plan
    from convreport.sections import Word

app = typer.Typer(
    name="convreport",
    cls=Commands,
    help="Turn a convolutional network into a model atlas: a static site that shows what its layers and filters look for.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """The command `convreport`."""
    speak_anyhow()
    with sentences():
        try:
            app()
        finally:
            flush()


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    find_modules_here()
    if version:
        print(f"convreport {__version__}")
        raise typer.Exit


def _words_of_sections() -> list[More]:
    from convreport.sections import words

    return [More(one.name, _help(one)) for one in words().values()]


def _help(word: "Word") -> str:
    default = ",".join(word.default) if word.list else word.default
    return f"{word.help[:1].upper()}{word.help[1:]}{', separated by commas' if word.list else ''}. [default: {default or 'none'}]"


@app.command()
@extended(_words_of_sections)
def build(
    model: Annotated[
        Optional[list[str]], typer.Argument(help=f"One or several of: {options.KINDS} [default: demo]")
    ] = None,
    models: Annotated[
        Optional[Path], typer.Option(help="A file of further models, one per line, each with its own options.")
    ] = None,
    out: options.Out = None,
    name: options.Name = None,
    images: options.Images = None,
    max_images: options.MaxImages = None,
    examples: options.Examples = None,
    max_examples: options.MaxExamples = None,
    layers: options.Layers = None,
    all_layers: options.AllLayers = None,
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
    masks: options.Masks = None,
    preprocess: options.Preprocess = None,
    fit: options.Fit = None,
    budget: options.Budget = None,
    workers: options.Workers = None,
    dashboard: options.Dashboard = None,
    precision: options.Precision = None,
    memory: options.Memory = None,
    set_: options.Set = None,
    templates: options.Templates = None,
    site_url: options.SiteUrl = None,
    seed: options.Seed = None,
    fresh: options.Fresh = None,
    strict: options.Strict = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    config: options.Config = None,
    *,
    more: Mapping[str, Any],
) -> None:
    """Build an atlas of one or several models, or bring it up to date."""
    words = said(locals(), "more", "model", "models") | {key: value for key, value in more.items() if value is not None}
    from convreport import sections as registry
    from convreport.builder import pipeline
    from convreport.builder.config import make_plans
    from convreport.cli import console

    with sentences(), console.listening(as_json=as_json, quiet=quiet) as emit:
        each = [{"model": one} for one in model or ()] + (listed(models) if models else [])
        built = pipeline.build_all(make_plans(words, each, config, registry), emit, command=_command())
        if built.failed:
            raise typer.Exit(1)


@app.command()
def draw(
    model: options.Model,
    layer: Annotated[str, typer.Argument(help="A layer by path, glob or index; or `classes`.")],
    unit: Annotated[str, typer.Argument(help="The unit's index, from 0; for a class, its name or index.")],
    to: Annotated[Path, typer.Option("--out", "-o", help="The picture to write: .png, .jpg or .webp.")] = Path(
        "tile.png"
    ),
    recipe: options.RecipeName = None,
    preset: options.Preset = None,
    size: Annotated[int, typer.Option(help="The side of the tile in pixels. [default: by the recipe]")] = 0,
    diversity: Annotated[int, typer.Option(help="How many different pictures of the unit to draw, in a row.")] = 1,
    precision: options.Precision = None,
    memory: options.Memory = None,
    seed: options.Seed = None,
    images: Annotated[
        Optional[list[str]], typer.Option(help="Pictures whose spectrum the recipe maco uses; repeatable.")
    ] = None,
    weights: options.Weights = None,
    arch: options.Arch = None,
    no_top: options.NoTop = None,
    custom: options.Custom = None,
    unsafe: options.Unsafe = None,
    input_: options.Input = None,
    input_shape: options.InputShape = None,
    output: options.Output = None,
    labels: options.Labels = None,
    preprocess: options.Preprocess = None,
    config: options.Config = None,
) -> None:
    """Draw one picture: what one unit, or one class, of MODEL looks for."""
    words = said(locals(), "layer", "unit", "to", "size", "diversity")
    from convreport import sections as registry
    from convreport.builder import single
    from convreport.builder.config import make_plan
    from convreport.cli import console

    with sentences():
        plan = make_plan(words, config, registry)
        console.say(single.draw(plan, layer, unit, size, to, diversity))


@app.command()
def layers(
    model: options.Model,
    weights: options.Weights = None,
    arch: options.Arch = None,
    no_top: options.NoTop = None,
    custom: options.Custom = None,
    unsafe: options.Unsafe = None,
    input_: options.Input = None,
    input_shape: options.InputShape = None,
) -> None:
    """List the layers of MODEL: path, kind, output, parameters, receptive field."""
    words = said(locals())
    from convreport.builder.model import load
    from convreport.cli import console

    with sentences():
        console.show_layers(load(_plan(words)).card)


@app.command()
def doctor(
    model: options.Model,
    weights: options.Weights = None,
    arch: options.Arch = None,
    no_top: options.NoTop = None,
    custom: options.Custom = None,
    unsafe: options.Unsafe = None,
    input_: options.Input = None,
    input_shape: options.InputShape = None,
    output: options.Output = None,
    labels: options.Labels = None,
    preprocess: options.Preprocess = None,
    images: options.Images = None,
    max_images: options.MaxImages = None,
    examples: options.Examples = None,
    max_examples: options.MaxExamples = None,
    masks: options.Masks = None,
    layers: options.Layers = None,
    all_layers: options.AllLayers = None,
    filters: options.Filters = None,
    sections: options.Sections = None,
    skip: options.Skip = None,
    set_: options.Set = None,
    forecast: options.Forecast = False,
    within: options.Within = "2m",
) -> None:
    """Load MODEL and show what convreport understands: wiring, inputs, preprocessing and why, outputs, what it would draw."""
    words = said(locals(), "forecast", "within")
    from convreport.builder.model import load
    from convreport.builder.promises import promises
    from convreport.cli import console
    from convreport.core.base import amounts

    with sentences():
        plan = _plan(words)
        limit = amounts.seconds(within, "--within")
        loaded = load(plan)
        console.show_diagnosis(loaded.card, promises(plan, loaded.card))
        if forecast:
            from convreport.builder.forecast import forecast as foresee
            from convreport.core.seam import Means

            network = loaded.network(Means(plan.precision, None, plan.memory))
            console.show_costs(foresee(plan, loaded.card, network, limit))


@app.command()
def models() -> None:
    """List the networks of keras.applications that convreport knows by name."""
    from convreport.cli import console
    from convreport.engines.choose import named

    console.show_models(list(named()))


@app.command()
def sections() -> None:
    """List the sections of an atlas and their options."""
    from convreport.cli import console
    from convreport.sections import options_of, registry

    for name, kind in registry().items():
        purpose = (kind.__doc__ or "").strip()
        known = [
            (f"{name}.{option}", f"{text} [default: {default}]") for option, (default, text) in options_of(kind).items()
        ]
        console.show_pairs(f"{name}: {purpose}", known)


for command in (
    commands.site,
    commands.serve,
    commands.remove,
    commands.cache,
    commands.export,
    commands.publish,
    commands.init_ci,
    commands.verify,
    commands.check,
    commands.schema,
    changes.compare,
    changes.watch_report,
):
    app.command()(command)


def _plan(words: dict[str, Any]) -> "Plan":
    """A plan of what is said of a model and nothing else; a network by name is looked at untrained unless weights are asked."""
    from convreport import sections as registry
    from convreport.builder.config import make_plan
    from convreport.engines.choose import is_named

    if is_named(words["model"]):
        words.setdefault("weights", "none")
    return make_plan(words, None, registry)


def _command() -> str:
    """The command as it can be published: files by their names, folders not at all."""
    words: list[str] = ["convreport"]
    for word in sys.argv[1:]:
        path = Path(word)
        # By the look of it, not by what is there: the same command must read the same before and after its folder exists.
        words.append(word if len(path.parts) < 2 else path.name if path.suffix else "DIR")
    return shlex.join(words)
