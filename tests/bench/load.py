"""How pages and sites grow with a model: `python -m tests.bench.load ATLAS [CASE]...` puts many layers, units, pictures or
classes into a real book, and makes all of its site.

Prints for each case the seconds of processor time of the report, of pages and of MkDocs, the peak of memory, and the bytes and
files of the site. Cases come in threes, each twice the last, so that what does not grow in proportion shows.
"""

import argparse
import dataclasses
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

from convreport.book import writer
from convreport.book.folder import Atlas
from convreport.book.values import SheetFile
from convreport.builder.publishing import published_schema
from convreport.core.pictures import pixels
from convreport.sections import kinds
from convreport.sections.gradcam.facts import Truth
from convreport.share import report
from convreport.site import docs, mkdocs, pages
from tests import books

# What is added: layers, units of each, pictures, classes.
CASES = {
    "units": ((1, 1024, 0, 0), (1, 2048, 0, 0), (1, 4096, 0, 0)),
    "layers": ((250, 4, 0, 0), (500, 4, 0, 0), (1000, 4, 0, 0)),
    "pictures": ((0, 0, 250, 0), (0, 0, 500, 0), (0, 0, 1000, 0)),
    "classes": ((0, 0, 0, 250), (0, 0, 0, 500), (0, 0, 0, 1000)),
    "all": ((13, 325, 1000, 0),),
}
TILE, PER_SHEET = 128, 32


def grown(book, layers, units):
    """The book with so many further copies of its first drawn layer, each with so many units on sheets of their own."""
    first = next(one.layer for chapter in book.sections for one in chapter.drawings if one.unit is not None)
    names = [f"copy{place}" for place in range(layers)]
    info = dataclasses.replace(book.layers[first], shape=(*book.layers[first].shape[:-1], units), inputs=())
    card = dataclasses.replace(
        book.model, layers=(*book.model.layers, *(dataclasses.replace(info, path=name) for name in names))
    )
    chapters = tuple(_chapter(chapter, first, names, units) for chapter in book.sections)
    slugs = {**book.slugs, **{name: name for name in names}}
    return dataclasses.replace(book, model=card, slugs=slugs, sections=chapters)


def _chapter(chapter, first, names, units):
    of_units = [one for one in chapter.drawings if one.layer == first and one.unit is not None]
    drawings = [
        dataclasses.replace(of_units[unit % len(of_units)], layer=name, unit=unit)
        for name in names
        for unit in range(units if of_units else 0)
    ]
    sheets = []
    for name in names:
        for sheet in (one for one in chapter.sheets if one.layer == first):
            files = []
            for start in range(0, units, PER_SHEET):
                shown = tuple(range(start, min(start + PER_SHEET, units)))
                file = f"figures/{chapter.name}/{name}-{sheet.figure}-{start // PER_SHEET}.webp"
                rows, columns = -(-len(shown) // 8), min(8, len(shown))
                files.append(SheetFile(file, (rows * TILE, columns * TILE), shown))
            sheets.append(
                dataclasses.replace(sheet, layer=name, tile=(TILE, TILE), columns=8, files=tuple(files), contact="")
            )
    return dataclasses.replace(
        chapter, drawings=(*chapter.drawings, *drawings), sheets=(*chapter.sheets, *sheets), failures=()
    )


def pictured(book, pictures, classes=0):
    """The book with so many further copies of its first picture, or with one of each of so many classes."""
    first = book.samples[0]
    names = [f"picture{place}" for place in range(pictures or classes)]
    chapters = []
    for chapter in book.sections:
        own = [one for one in chapter.drawings if one.sample == first.slug]
        copies = [
            dataclasses.replace(one, sample=name, facts=_of_class(one.facts, place, classes))
            for place, name in enumerate(names)
            for one in own
        ]
        chapters.append(dataclasses.replace(chapter, drawings=(*chapter.drawings, *copies)))
    samples = tuple(dataclasses.replace(first, name=name, slug=name) for name in names)
    return dataclasses.replace(book, samples=(*book.samples, *samples), sections=tuple(chapters))


def _of_class(facts, place, classes):
    """What is said of a picture, which is of a class of its own, and taken for it."""
    if not classes or not hasattr(facts, "truth"):
        return facts
    own = {"index": 100 + place, "name": f"class {place}"}
    first = dataclasses.replace(facts.classes[0], **own)
    top = (dataclasses.replace(facts.top[0], **own), *facts.top[1:])
    truth = Truth(100 + place, f"class {place}", "", 1)
    return dataclasses.replace(facts, classes=(first, *facts.classes[1:]), top=top, truth=truth, right=True)


def of_size(source, out, layers=0, units=0, pictures=0, classes=0):
    """An atlas in the folder `out`: the one in `source`, grown; its site is not made yet."""
    shutil.copytree(Path(source) / "docs", out / "docs")
    shutil.copyfile(Path(source) / ".gitignore", out / ".gitignore")
    atlas = Atlas.open(out, create=False)
    book = books.of(source)
    book = grown(book, layers, units) if layers else book
    book = pictured(book, pictures, classes) if pictures or classes else book
    folder = atlas.docs / book.slug
    for chapter in book.sections:
        for one in (file for sheet_ in chapter.sheets for file in sheet_.files):
            if not (place := folder / one.file).exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(_sheet(one.size))
    writer.write(folder, book, kinds, published_schema())
    return atlas


@cache
def _sheet(size):
    """A sheet that weighs what a sheet of patterns does, about 8 kB a tile."""
    noise = np.random.default_rng(0).normal(size=(size[0] // 2, size[1] // 2, 3))
    whole = np.clip(128 + 45 * noise, 0, 255).astype(np.uint8).repeat(2, 0).repeat(2, 1)
    return pixels.encode(whole, "pattern")


def deep(count, out):
    """Read, diagnose and build a residual network of so many layers, trained on nothing."""
    import keras

    layers = keras.layers
    x = inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, padding="same")(x)
    for _ in range((count - 4) // 3):
        x = layers.Add()([x, layers.Conv2D(4, 3, padding="same")(layers.ReLU()(x))])
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    out.mkdir(parents=True, exist_ok=True)
    keras.Model(inputs, x, name="deep").save(out / "deep.keras")
    file, small = (
        str(out / "deep.keras"),
        ("--filters", "2", "--max-images", "1", "--preset", "draft", "--skip", "sanity,faithfulness"),
    )
    print("| command | seconds | peak, MB |\n|---|--:|--:|")
    for words in (("layers", file), ("doctor", file), ("build", file, "--out", str(out / "atlas"), *small, "--quiet")):
        started = time.monotonic()
        running = subprocess.Popen([sys.executable, "-m", "convreport", *words], stdout=subprocess.DEVNULL)
        _, state, used = os.wait4(running.pid, 0)
        took = time.monotonic() - started
        print(
            f"| `{words[0]}`, exit code {os.waitstatus_to_exitcode(state)} | {took:.1f} | {used.ru_maxrss / 1024:.0f} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load")
    parser.add_argument("atlas", type=Path)
    parser.add_argument(
        "case", nargs="*", choices=[[], *CASES], metavar="case", help=f"of {', '.join(CASES)}; all where none is named"
    )
    parser.add_argument("--only", type=int, help="of each case the one at this place alone")
    parser.add_argument("--keep", type=Path, help="leave the last atlas in this folder")
    parser.add_argument("--deep", type=int, help="instead build, from nothing, an atlas of a network of so many layers")
    said = parser.parse_args()
    if said.deep:
        deep(said.deep, said.atlas)
        return
    print("| added | pages | report, s | pages, s | MkDocs, s | ms a page | peak, MB | of MkDocs | site, MB | files |")
    print("|---|" + "--:|" * 9)
    for case in said.case or CASES:
        for sizes in CASES[case] if said.only is None else (CASES[case][said.only],):
            with tempfile.TemporaryDirectory() as folder:
                out = said.keep or Path(folder) / "atlas"
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir(parents=True)
                print(_measured(case, sizes, of_size(said.atlas, out, *sizes)), flush=True)


def _busy():
    """Seconds of processor time, of this process and its children: what else runs on the machine does not count."""
    return sum(os.times()[:4])


def _measured(case, sizes, atlas):
    found = [books.of(atlas.out)]
    clock = [_busy()]
    reports, _ = report.lay(atlas, found, None)
    clock.append(_busy())
    made = pages.compose(found, None, reports)
    docs.write(made, atlas.docs, atlas.cache)
    clock.append(_busy())
    mkdocs.build(atlas, found)
    clock.append(_busy())
    count = sum(page.path.endswith(".md") for page in made)
    files = [path.stat().st_size for path in atlas.site.rglob("*") if path.is_file()]
    told = ", ".join(
        f"{size:,} {name}"
        for size, name in zip(sizes, ("layers", "units each", "pictures", "classes"), strict=True)
        if size
    )
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    took = [later - sooner for sooner, later in itertools.pairwise(clock)]
    cells = [told, f"{count:,}", *(f"{one:.1f}" for one in took), f"{1000 * sum(took[1:]) / count:.0f}"]
    cells += [f"{peaks[0]:.0f}", f"{peaks[1]:.0f}", f"{sum(files) / 1e6:.1f}", f"{len(files):,}"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
