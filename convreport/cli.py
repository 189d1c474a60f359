"""Words in, a Plan out; errors become sentences and exit codes."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from convreport import __version__
from convreport.core.errors import INTERRUPTED, ConvreportError

if TYPE_CHECKING:
    from convreport.core.protocols import Plan

app = typer.Typer(
    name="convreport",
    help="Turn a convolutional network into a model atlas: a static site of what its layers and filters seek.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
KINDS = (
    "demo, a name of keras.applications (vgg16), a .keras or .h5 file, or a function that makes one (module:function)."
)
Model = Annotated[str, typer.Argument(help=KINDS)]
Name = Annotated[Optional[str], typer.Option(help="The model's name in the atlas.")]
Weights = Annotated[Optional[str], typer.Option(help="imagenet, none (random) or a file, for a name or a function.")]
Arch = Annotated[Optional[str], typer.Option(help="The architecture of a file of weights: a name or module:function.")]
NoTop = Annotated[Optional[bool], typer.Option("--no-top", help="A name's network without its classifier.")]
Custom = Annotated[
    Optional[list[str]], typer.Option(help="A module that registers the model's own layers; repeatable.")
]
Unsafe = Annotated[Optional[bool], typer.Option("--unsafe", help="Run code that is inside the model file.")]
INPUT_HELP = "NAME=VALUE for an input beside the picture: a number, zeros, a .npy file; NAME=picture says which is it."
Input = Annotated[Optional[list[str]], typer.Option("--input", help=INPUT_HELP)]
Output = Annotated[Optional[str], typer.Option(help="Which output to explain, by name or number.")]
Preprocess = Annotated[
    Optional[str],
    typer.Option(help="What pictures become: auto, none, rescale, symmetric, caffe, torch, module:function."),
]
Labels = Annotated[Optional[Path], typer.Option(help="Names of the classes: one a line, `0 name`, or JSON.")]
Folder = Annotated[Path, typer.Argument(help="The atlas folder.")]


def main() -> None:
    """The command `convreport`."""
    app()


def _find_modules_here() -> None:
    """Modules beside the user are found, after all that is installed: for factories, custom layers, preprocessing."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    _find_modules_here()
    if version:
        print(f"convreport {__version__}")
        raise typer.Exit


@app.command()
def build(
    model: Annotated[
        Optional[str],
        typer.Argument(help="When left out, " + KINDS),
    ] = None,
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="The atlas folder. [default: atlas]")] = None,
    name: Name = None,
    images: Annotated[Optional[list[str]], typer.Option(help="Pictures: a file, folder or glob; repeatable.")] = None,
    max_images: Annotated[
        Optional[int], typer.Option(help="At most so many pictures, taken evenly. [default: 12]")
    ] = None,
    layers: Annotated[Optional[list[str]], typer.Option(help="Layers by glob or index; repeatable.")] = None,
    all_layers: Annotated[Optional[bool], typer.Option("--all-layers", help="Every layer with feature maps.")] = None,
    filters: Annotated[
        Optional[str], typer.Option(help="Units a layer: 64, all, random:12 or 3,17,40. [default: 64]")
    ] = None,
    sections: Annotated[Optional[str], typer.Option(help="Only these sections, by comma.")] = None,
    skip: Annotated[Optional[str], typer.Option(help="Not these sections, by comma.")] = None,
    weights: Weights = None,
    arch: Arch = None,
    no_top: NoTop = None,
    custom: Custom = None,
    unsafe: Unsafe = None,
    input_: Input = None,
    output: Output = None,
    labels: Labels = None,
    truth: Annotated[
        Optional[Path], typer.Option(help="What pictures show, a CSV of file,label. [default: the folders they are in]")
    ] = None,
    preprocess: Preprocess = None,
    fit: Annotated[
        Optional[str], typer.Option(help="How pictures meet the input: stretch, crop, pad. [default: stretch]")
    ] = None,
    classes: Annotated[
        Optional[str], typer.Option(help="Classes to explain: top3, or names or indices by comma.")
    ] = None,
    recipe: Annotated[
        Optional[str], typer.Option(help="How filter patterns are made: fourier, book, keras-example.")
    ] = None,
    cam_score: Annotated[
        Optional[str], typer.Option(help="What Grad-CAM differentiates: logit or probability.")
    ] = None,
    cam_layer: Annotated[
        Optional[str], typer.Option(help="Where Grad-CAM looks: a layer. [default: the last map that is no pooling]")
    ] = None,
    set_: Annotated[
        Optional[list[str]], typer.Option("--set", help="SECTION.OPTION=VALUE; `convreport sections` lists them.")
    ] = None,
    templates: Annotated[
        Optional[Path], typer.Option(help="A folder of templates laid over ours, file by file.")
    ] = None,
    seed: Annotated[Optional[int], typer.Option(help="The seed of all randomness. [default: 0]")] = None,
    fresh: Annotated[Optional[bool], typer.Option("--fresh", help="Draw everything again.")] = None,
    strict: Annotated[Optional[bool], typer.Option("--strict", help="Stop at the first failed drawing.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Events as JSON lines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only warnings, failures and the end.")] = False,
    config: Annotated[Optional[Path], typer.Option(help="A configuration file. [default: convreport.toml]")] = None,
) -> None:
    """Build an atlas of MODEL, or bring it up to date."""
    from convreport import console, pipeline
    from convreport import sections as registry
    from convreport.config import make_plan

    words = {
        "model": model, "out": out, "name": name, "images": _tuple(images), "max_images": max_images,
        "layers": _tuple(layers), "all_layers": all_layers, "filters": filters, "sections": _split(sections),
        "skip": _split(skip), "weights": weights, "preprocess": preprocess, "fit": fit, "classes": _split(classes),
        "recipe": recipe, "cam_score": cam_score, "set": _tuple(set_), "templates": templates, "seed": seed,
        "fresh": fresh, "strict": strict, "arch": arch, "no_top": no_top, "custom": _tuple(custom), "unsafe": unsafe,
        "input": _tuple(input_), "output": output, "labels": labels, "truth": truth, "cam_layer": cam_layer,
    }  # fmt: skip
    with _sentences(), console.listening(as_json=as_json, quiet=quiet) as emit:
        plan = make_plan({key: word for key, word in words.items() if word is not None}, config, registry)
        built = pipeline.build(plan, emit, command=_command())
        if built.failed:
            raise typer.Exit(1)


@app.command()
def layers(
    model: Model,
    weights: Weights = None,
    arch: Arch = None,
    no_top: NoTop = None,
    custom: Custom = None,
    unsafe: Unsafe = None,
    input_: Input = None,
) -> None:
    """List the layers of MODEL: path, kind, output, parameters, receptive field."""
    from convreport import console, pipeline

    words = {"model": model, "weights": weights, "arch": arch, "no_top": no_top, "custom": _tuple(custom),
             "unsafe": unsafe, "input": _tuple(input_)}  # fmt: skip
    with _sentences():
        console.show_layers(pipeline.understand(_plan(words)).card)


@app.command()
def doctor(
    model: Model,
    weights: Weights = None,
    arch: Arch = None,
    no_top: NoTop = None,
    custom: Custom = None,
    unsafe: Unsafe = None,
    input_: Input = None,
    output: Output = None,
    labels: Labels = None,
    preprocess: Preprocess = None,
) -> None:
    """Load MODEL and say what convreport understood: wiring, inputs, preprocessing and why, outputs, what will be drawn."""
    from convreport import console, pipeline

    words = {"model": model, "weights": weights, "arch": arch, "no_top": no_top, "custom": _tuple(custom),
             "unsafe": unsafe, "input": _tuple(input_), "output": output, "labels": labels,
             "preprocess": preprocess}  # fmt: skip
    with _sentences():
        plan = _plan(words)
        understood = pipeline.understand(plan)
        console.show_diagnosis(understood.card, pipeline.promises(plan, understood.card))


@app.command()
def models() -> None:
    """List the networks of keras.applications that convreport knows by name."""
    from convreport import console
    from convreport.core.preprocessing import MODES
    from convreport.model.catalog import APPLICATIONS, on_this_machine

    rows = [
        (one.name, one.params, one.size, MODES[one.preprocessing].words, one.download, on_this_machine(one))
        for one in APPLICATIONS.values()
    ]
    console.show_models(rows)


@app.command()
def sections() -> None:
    """List the sections of an atlas and their options."""
    from convreport import console
    from convreport.sections import options_of, registry

    for name, kind in registry().items():
        purpose = (kind.__doc__ or "").strip()
        options = [
            (f"{name}.{option}", f"{text} [default: {default}]") for option, (default, text) in options_of(kind).items()
        ]
        console.show_pairs(f"{name}: {purpose}", options)


@app.command()
def site(
    folder: Folder = Path("atlas"),
    templates: Annotated[Optional[Path], typer.Option(help="A folder of templates laid over ours.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only warnings and the end.")] = False,
) -> None:
    """Make pages and site from what is stored; needs no TensorFlow."""
    from convreport import console, pipeline
    from convreport.atlas import Atlas

    with _sentences(), console.listening(as_json=False, quiet=quiet) as emit:
        atlas = Atlas.open(folder, create=False)
        with atlas.locked():
            index = pipeline.make_site(atlas, templates, emit)
        console.say(f"open {index}")


@app.command()
def serve(
    folder: Folder = Path("atlas"),
    port: Annotated[int, typer.Option(help="0: any free one.")] = 8000,
) -> None:
    """Look at an atlas: serve its site on 127.0.0.1 until Ctrl-C."""
    from convreport import console
    from convreport.atlas import Atlas
    from convreport.serving import serve_forever

    with _sentences():
        serve_forever(Atlas.open(folder, create=False), port, console.say)


@contextmanager
def _sentences() -> Iterator[None]:
    """User errors as a sentence, a hint and an exit code; Ctrl-C as 130."""
    try:
        yield
    except ConvreportError as error:
        from convreport import console

        console.complain(error)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print(
            "\nInterrupted; everything drawn so far is kept, and the same command goes on from there.", file=sys.stderr
        )
        raise typer.Exit(INTERRUPTED) from None


def _plan(words: dict[str, Any]) -> "Plan":
    """A plan of what is said of a model and nothing else; a network by name is looked at untrained unless weights are asked."""
    from convreport import sections as registry
    from convreport.config import make_plan
    from convreport.model.catalog import find

    said = {key: word for key, word in words.items() if word is not None}
    if find(said["model"]) is not None:
        said.setdefault("weights", "none")
    return make_plan(said, None, registry)


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return tuple(values) if values else None


def _split(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _command() -> str:
    """The command as it can be published: files by their names, folders not at all."""
    words: list[str] = ["convreport"]
    for word in sys.argv[1:]:
        path = Path(word)
        # By the look of it, not by what is there: the same command must read the same before and after its folder exists.
        words.append(word if len(path.parts) < 2 else path.name if path.suffix else "DIR")
    return shlex.join(words)
