"""The options of the commands, each said once: what typer is told of them."""

from pathlib import Path
from typing import Annotated, Optional

import typer

KINDS = (
    "demo, a name from keras.applications (vgg16), timm:NAME, torchvision:NAME, a .keras, .h5 or .pt2 file, or a function that"
    " makes a model (module:function)."
)
INPUT_HELP = (
    "NAME=VALUE for an input other than the picture: a number, zeros, a .npy file; NAME=picture names the picture."
)

Model = Annotated[str, typer.Argument(help=KINDS)]
Folder = Annotated[Path, typer.Argument(help="The atlas folder.")]

# What model it is, and how it is fed
Name = Annotated[Optional[str], typer.Option(help="The model's name in the atlas.")]
Weights = Annotated[
    Optional[str], typer.Option(help="imagenet, none (random) or a file, for a model given by name or function.")
]
Arch = Annotated[Optional[str], typer.Option(help="The architecture for a file of weights: a name or module:function.")]
NoTop = Annotated[
    Optional[bool], typer.Option("--no-top", help="A network from keras.applications without its classifier.")
]
Custom = Annotated[
    Optional[list[str]], typer.Option(help="A module that registers the model's custom layers; repeatable.")
]
Unsafe = Annotated[Optional[bool], typer.Option("--unsafe", help="Allow code in the model file to run.")]
Input = Annotated[Optional[list[str]], typer.Option("--input", help=INPUT_HELP)]
InputShape = Annotated[
    Optional[str],
    typer.Option(help="CHANNELS,HEIGHT,WIDTH of a PyTorch model's input. [default: as declared, or found by trial]"),
]
Output = Annotated[Optional[str], typer.Option(help="Which output to explain, by name or number.")]
Preprocess = Annotated[
    Optional[str],
    typer.Option(help="How pictures are preprocessed: auto, none, rescale, symmetric, caffe, torch, module:function."),
]
Labels = Annotated[Optional[Path], typer.Option(help="Names of the classes: one per line, `0 name`, or JSON.")]

# What is drawn
Out = Annotated[Optional[Path], typer.Option("--out", "-o", help="The atlas folder. [default: atlas]")]
Images = Annotated[Optional[list[str]], typer.Option(help="Pictures: a file, folder or glob; repeatable.")]
MaxImages = Annotated[Optional[int], typer.Option(help="The most pictures to use, sampled evenly. [default: 12]")]
Examples = Annotated[
    Optional[list[str]],
    typer.Option(
        help="Pictures to find what each unit responds to, any number; repeatable. [default: the pictures of the atlas; scenes"
        " for the demo]"
    ),
]
MaxExamples = Annotated[Optional[int], typer.Option(help="The most examples to use, sampled evenly. [default: all]")]
Layers = Annotated[Optional[list[str]], typer.Option(help="Layers by glob or index; repeatable.")]
AllLayers = Annotated[Optional[bool], typer.Option("--all-layers", help="Every layer with feature maps.")]
Filters = Annotated[Optional[str], typer.Option(help="Units per layer: 64, all, random:12 or 3,17,40. [default: 64]")]
Sections = Annotated[Optional[list[str]], typer.Option(help="Only these sections, separated by commas; repeatable.")]
Skip = Annotated[Optional[list[str]], typer.Option(help="Leave out these sections, separated by commas; repeatable.")]
Truth = Annotated[
    Optional[Path], typer.Option(help="The true classes of pictures, a CSV of file,label. [default: their folders]")
]
Masks = Annotated[
    Optional[Path],
    typer.Option(help="What is where in the examples: a folder with a label image for each, or a COCO file (.json)."),
]
Fit = Annotated[
    Optional[str], typer.Option(help="How pictures are fitted to the input: stretch, crop, pad. [default: stretch]")
]
Set = Annotated[
    Optional[list[str]], typer.Option("--set", help="SECTION.OPTION=VALUE; `convreport sections` lists them.")
]
Templates = Annotated[
    Optional[Path], typer.Option(help="A folder of templates that override convreport's, file by file.")
]
SiteUrl = Annotated[
    Optional[str],
    typer.Option(help="The address of the published site, for link previews; remembered; none: forget it."),
]

Forecast = Annotated[
    bool, typer.Option("--forecast", help="Draw a little of each section and estimate what all of it would cost.")
]
Within = Annotated[str, typer.Option(help="Time for --forecast, such as 30s or 10m; more makes it more accurate.")]

# How patterns are drawn
RecipeName = Annotated[
    Optional[str],
    typer.Option(
        help="How patterns are made: fourier, maco, book, keras-example, multiscale, jitter, or your own. [default: fourier]"
    ),
]
Preset = Annotated[Optional[str], typer.Option(help="For fourier: draft, standard, high. [default: standard]")]
Precision = Annotated[
    Optional[str], typer.Option(help="Number format for optimizing patterns: auto, float32, bfloat16. [default: auto]")
]
Memory = Annotated[
    Optional[str], typer.Option(help="Memory for a batch of patterns, such as 4G. [default: half of the free memory]")
]
Budget = Annotated[
    Optional[str],
    typer.Option(help="Time for patterns, such as 10m: drafts of all first, then finer ones while it lasts."),
]
Workers = Annotated[
    Optional[str],
    typer.Option(
        help="Who draws: auto (processes on this machine if they pay off), a number of processes, or the address or scheduler"
        " file of a Dask cluster. [default: auto]"
    ),
]
Dashboard = Annotated[Optional[bool], typer.Option("--dashboard", help="Dask's dashboard, on 127.0.0.1:8787.")]
Seed = Annotated[Optional[int], typer.Option(help="The seed of all randomness. [default: 0]")]

# How the command behaves
Fresh = Annotated[Optional[bool], typer.Option("--fresh", help="Draw everything again.")]
Strict = Annotated[Optional[bool], typer.Option("--strict", help="Stop at the first failed drawing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Events as JSON lines.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only warnings, failures and the end.")]
Config = Annotated[Optional[Path], typer.Option(help="A configuration file. [default: convreport.toml]")]
