"""A model of an atlas as something to hand over: one HTML file, a zip, a summary with a contact sheet, or its pictures."""

from collections.abc import Callable
from pathlib import Path

from convreport.book.folder import Atlas
from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.base.files import write_atomically
from convreport.sections.shelf import chosen, telling
from convreport.share import bundle, comment, report

FORMATS = ("html", "zip", "md", "images")
ENDINGS = {"html": "-report.html", "md": "-summary.md", "images": "-images"}


def export(
    atlas: Atlas, form: str, to: Path | None, *, model: str = "", top: int = report.TOP, limit: int = report.LIMIT
) -> list[Path]:
    """Write one model (or, as a zip, the whole site) and say what was written; UsageError for what cannot be.

    `top` units a layer and `limit` bytes are for html. The atlas's site must be built and up to date.
    """
    if form not in FORMATS:
        raise UsageError(f"There is no format '{form}'.", did_you_mean(form, FORMATS))
    if form == "zip":
        if model:
            raise UsageError("A zip holds the whole site, not one model.", "Leave --model out, or take --format html.")
        place = to or Path(f"{atlas.out.resolve().name}.zip")
        return _written(place, lambda: bundle.site_zip(atlas, place))
    book = chosen(atlas, model)
    place = to or Path(book.slug + ENDINGS[form])
    with telling(book):
        if form == "html":
            return _written(place, lambda: write_atomically(place, report.one_file(atlas, book, top=top, limit=limit)))
        if form == "md":
            return _written(place, lambda: comment.summarize(atlas, book, place))
        if place.is_file() or (place.is_dir() and any(place.iterdir())):
            raise UsageError(f"{place} is there already.", "Name a new or empty folder with -o.")
        return _written(place, lambda: bundle.pictures(atlas, book, place))


def _written(to: Path, write: Callable[[], list[Path] | int | None]) -> list[Path]:
    """Do it; what was written, `to` itself where `write` does not say."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        made = write()
    except OSError as error:
        raise UsageError(
            f"{to} cannot be written ({error.strerror or error}).", "Name another place with -o."
        ) from None
    return made if isinstance(made, list) else [to]
