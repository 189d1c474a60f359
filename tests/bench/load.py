"""How pages grow with a model: `python -m tests.bench.load ATLAS` puts many copies of a layer, or units, into a real book.

Prints for each size the seconds and memory of making all pages; the sizes are those that a user may meet at most.
"""

import dataclasses
import resource
import sys
import time
from pathlib import Path

from convreport.site import pages
from tests import books


def grown(book, layers, units):
    """The book with so many further copies of its first drawn layer, each with so many units."""
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
            files = tuple(
                dataclasses.replace(sheet.files[0], units=tuple(range(start, min(start + 32, units))))
                for start in range(0, units, 32)
            )
            sheets.append(dataclasses.replace(sheet, layer=name, files=files))
    return dataclasses.replace(
        chapter, drawings=(*chapter.drawings, *drawings), sheets=(*chapter.sheets, *sheets), failures=()
    )


def main():
    book = books.of(Path(sys.argv[1]))
    print("| layers | units | pages | seconds | MB of pages | peak memory |\n|--:|--:|--:|--:|--:|--:|")
    for layers, units in ((1, 256), (1, 1024), (1, 4096), (13, 325), (100, 4), (500, 4), (1000, 4)):
        made = grown(book, layers, units)
        started = time.process_time()
        found = pages.compose([made])
        took = time.process_time() - started
        size = sum(len(page.markdown) for page in found) / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {layers:,} | {layers * units:,} | {len(found):,} | {took:.1f} | {size:.1f} | {peak:.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
