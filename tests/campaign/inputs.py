"""What a user gives: pictures of all kinds, configuration tables and options with wrong values."""

import io
import pickle
import string
import tomllib
from dataclasses import replace

import numpy as np
from PIL import Image

from tests.campaign.bench import Family, command
from tests.campaign.models import WRONG

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "ICO")
MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16", "I", "F", "YCbCr", "HSV")


class Trap:
    """A pickle that would write a file when it is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def picture(state, rng, folder):
    """A picture or array of a random kind, broken in a random way, among the pictures of a build."""
    from convreport.core.base.errors import ImageError
    from convreport.core.pictures import samples

    marker = folder / "marker"
    name, data = _array(rng, marker) if rng.random() < 0.35 else _encoded(rng)
    data = bytearray(data)
    for _ in range(rng.choice((0, 0, 1, 5, 50))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        data = data[: rng.randrange(len(data) + 1)]
    (folder / f"{_word(rng)}{name}").write_bytes(data)
    try:
        read = samples.read([str(folder)], 4)
    except ImageError as error:
        return None if error.message and error.hint else "no sentence or no hint"
    except Exception as error:
        return f"a traceback: {type(error).__name__}: {error} of a {name}"
    if marker.exists():
        return "a pickle was run"
    shapes = {one.pixels.dtype for one in read.samples}
    return None if shapes == {np.dtype(np.uint8)} else f"pixels of {shapes}"


def _encoded(rng):
    side = rng.choice(((1, 1), (3, 5), (40, 30), (1, 2000), (1200, 1)))
    values = np.random.default_rng(rng.randrange(10**6)).integers(0, 256, (*side, 3), np.uint8)
    mode, format_ = rng.choice(MODES), rng.choice(FORMATS)
    buffer = io.BytesIO()
    try:
        Image.fromarray(values).convert(mode).save(buffer, format_)
    except (OSError, ValueError, KeyError):  # that format does not know that mode
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "PNG")
    return rng.choice((f".{format_.lower()}", ".png", ".jpg", ".tif", ".webp")), buffer.getvalue()


def _array(rng, marker):
    kinds = ["u1", "f4", "f8", "i2", "u2", "?", "c8", "U3"]
    shape = rng.choice([(3, 4), (3, 4, 3), (3, 4, 7), (2, 3, 4, 3), (0, 3), (), (1,)])
    values = np.zeros(shape, rng.choice(kinds))
    if values.dtype.kind == "f" and values.size:
        values.reshape(-1)[0] = rng.choice([np.nan, np.inf, 3e38, -1e30])
    buffer = io.BytesIO()
    if rng.random() < 0.2:
        np.save(buffer, np.array([Trap(marker)], object), allow_pickle=True)
        return ".npy", buffer.getvalue()
    if rng.random() < 0.1:
        return rng.choice([".npy", ".npz"]), pickle.dumps(Trap(marker))
    (np.savez if rng.random() < 0.4 else np.save)(buffer, values)
    return rng.choice([".npy", ".npz"]), buffer.getvalue()


def _word(rng):
    return "".join(rng.choice(string.ascii_letters + " #[]()'&;<>é漢") for _ in range(rng.randrange(1, 12)))


# -- settings


def prepare_settings(folder):
    """The scope of the demo, to ask sections of it what they would draw."""
    from convreport.core.drawing.scope import Scope
    from convreport.core.network import units
    from convreport.core.pictures import samples
    from convreport.engines.keras.load import load
    from convreport.engines.request import Request

    card = load(Request("demo")).card
    return Scope(card, samples.natural(1).samples, units.parse("2"), 0)


def settings(scope, rng, folder):
    """A configuration file and options with wrong values, as far as a plan and what it would draw."""
    from convreport.builder import pipeline
    from convreport.core.base.events import Built
    from convreport.core.network import layers, units

    def planned(plans, emit, *, command=""):
        for plan in plans:
            units.parse(plan.filters)
            layers.choose(scope.card, plan.layers, everything=plan.all_layers)
            for section in plan.sections:
                section.subjects(scope)
        return Built("", 0, 0, 0, 0.0)

    file = folder / "convreport.toml"
    file.write_text(_table(rng), "utf-8", errors="replace")
    words = []
    for _ in range(rng.choice((0, 0, 1))):
        option = rng.choice(OPTIONS)
        words += [option, rng.choice(VALUES)] if option not in FLAGS else [option]
    real, pipeline.build_all = pipeline.build_all, planned
    try:
        return command("build", "demo", "--config", file, *words, codes={0, 2, 3, 4})[2]
    finally:
        pipeline.build_all = real


OPTIONS = (
    "--filters", "--layers", "--sections", "--skip", "--set", "--budget", "--precision", "--memory", "--seed", "--fit",
    "--preset", "--recipe", "--max-images", "--classes", "--cam", "--preprocess", "--input", "--output", "--strict",
)  # fmt: skip
FLAGS = ("--strict",)
VALUES = (
    "", "x", "0", "-1", "1e999", "nan", "64", "all", "random:0", "random:9999999", "3,,4", "*", "**/[", "gradcam", "a=b=c",
    "filters.preset=draft", "filters.nothing=1", "gradcam.classes=top999", "10m", "4G", "draft", "é", "\x01", "9" * 40,
)  # fmt: skip
KEYS = (
    "model", "filters", "layers", "sections", "skip", "images", "max_images", "seed", "budget", "precision", "memory", "set",
    "gradcam", "check", "recipes", "labels", "truth", "input", "name", "made_up", "all_layers", "fresh",
)  # fmt: skip


def _table(rng):
    """A TOML text: mostly sound, with values of every type; sometimes none at all."""
    if rng.random() < 0.1:
        return rng.choice(["[", "a = ", "\ufeffa = 1", "a = 1\na = 2", "= 3", "[a]\n[a]", "x" * 100000])
    lines: list[str] = []
    for key in rng.sample(KEYS, rng.randrange(1, 3)):
        value = rng.choice(
            ["true", "-1", "0", "3", "1e999", "nan", '""', '"x"', '"all"', "[]", "[1]", '["a"]', "[[]]", "1979-05-27", "{}",
             "{ a = 1 }", '{ steps = "x" }', f"{'9' * 30}"]
        )  # fmt: skip
        lines.append(f"{key} = {value}")
    text = "\n".join(lines)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return "a = 1"
    return text


def baseline(state, rng, folder):
    """An atlas.json with wrong values, held against a rule."""
    import json

    from tests.campaign.models import places

    data = json.loads(state)
    for _ in range(rng.choice((1, 2))):
        known = list(places(data))
        *path, last = known[rng.randrange(len(known))]
        holder = data
        for key in path:
            holder = holder[key]
        if rng.random() < 0.3:
            del holder[last]
        else:
            holder[last] = rng.choice([one for one in WRONG if one == one])
    atlas = folder / "atlas"
    (atlas / "docs/demo").mkdir(parents=True)
    (atlas / ".gitignore").write_text(
        "# A convreport atlas: docs/ is its source, cache/ and site/ can be made again.\n"
    )
    (atlas / "docs/demo/atlas.json").write_text(json.dumps(data))
    return command("check", atlas, "--max-silent", "5%", "--max-alerts", "3", codes={0, 1, 2})[2]


def prepare_book(folder):
    """The text of a small atlas.json, as a build writes it."""
    import json

    from convreport.book import writer
    from convreport.builder.publishing import published_schema
    from convreport.sections import kinds
    from tests import books
    from tests.unit.test_check import evidence

    made = replace(evidence(), model=books.card(layers=("x",)), slugs={"x": "x"})
    writer.write(folder, made, kinds, published_schema())
    return json.dumps(json.loads((folder / "atlas.json").read_bytes()))


def nothing(folder):
    """Nothing is shared."""


FAMILIES = (
    Family("pictures", nothing, picture),
    Family("settings", prepare_settings, settings),
    Family("books", prepare_book, baseline),
)
