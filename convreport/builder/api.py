"""convreport from Python, for a notebook or the end of a training script."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what follows is imported when it is needed: importing convreport costs nothing
    from convreport.book.values import Book
    from convreport.builder.plan import AtHand, Plan
    from convreport.core.base.events import Event
    from convreport.core.base.kinds import Pixels
    from convreport.core.pictures.sample import Picture


@dataclass(frozen=True)
class Atlas:
    """A built atlas: where it lies, and what is in it.

    `folder` is the atlas, `site` its first page, `page` this model's; `book` is everything that was found of it. `drawn` and
    `reused` count drawings; `failures` are (section, what, reason) of those that could not be made.
    """

    folder: Path
    site: Path
    page: Path
    book: "Book"
    drawn: int
    reused: int
    failures: tuple[tuple[str, str, str], ...]

    def _repr_html_(self) -> str:
        from convreport.book.folder import Atlas as Folder
        from convreport.share import notebook

        counts = f"{self.drawn} drawn, {self.reused} reused"
        return notebook.of_book(Folder(self.folder), self.book, self.page, counts)


@dataclass(frozen=True)
class Tiles:
    """Patterns of units or classes: `pictures` uint8 (height, width, 3), what each is in `names`, and its verdict.

    It shows itself in a notebook.
    """

    pictures: "tuple[Pixels, ...]"
    names: tuple[str, ...]
    verdicts: tuple[str, ...]

    def _repr_html_(self) -> str:
        from convreport.share import notebook

        told = [f"{name}: {said}" for name, said in zip(self.names, self.verdicts, strict=True)]
        return notebook.of_tiles(self.pictures, told)


def build(
    model: Any = "demo",
    *,
    images: Any = (),
    out: str | Path = "atlas",
    labels: Any = None,
    preprocess: Any = "auto",
    inputs: Mapping[str, Any] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    on_event: "Callable[[Event], None] | None" = None,
    **words: Any,
) -> Atlas:
    """Build an atlas of a model, or bring it up to date, as `convreport build` does.

    `model` is a name, a path, module:function, or a Keras or PyTorch model, which is not changed. `images` are files, folders or
    globs, or pictures at hand: arrays (height, width, channels) or Pillow images, in a list or by name in a mapping.
    `labels` is a file or a list of names, `preprocess` a word or a function on arrays (n, height, width, channels) of
    pixels in 0..255, `inputs` the values of inputs beside the picture. `options` are sections' options by section.
    `words` are the options of the command, with underscores (`filters=16`, `layers=["conv*"]`, `seed=1`, `strict=True`, and
    for PyTorch `input_shape=(3, 224, 224)`).
    `on_event` is called with every event of the build.

    Raises ConvreportError (UsageError, ModelError, ImageError, SiteError), each with a message and a hint.
    """
    from convreport.book.folder import Atlas as Folder
    from convreport.builder import pipeline
    from convreport.builder.model import name_of
    from convreport.core.base import events
    from convreport.core.pictures import samples
    from convreport.sections.shelf import chosen

    failures: list[tuple[str, str, str]] = []

    def emit(event: "Event") -> None:
        if isinstance(event, events.Failed):
            failures.append((event.section, event.subject, event.reason))
        if on_event is not None:
            on_event(event)

    plan = planned(
        model,
        images=images,
        labels=labels,
        preprocess=preprocess,
        inputs=inputs,
        options=options,
        out=Path(out),
        **words,
    )
    built = pipeline.build(plan, emit, command="convreport.build(...)")
    folder = Folder.open(Path(out), create=False)
    book = chosen(folder, samples.slug(name_of(plan)).lower())
    page = folder.site / book.slug / "index.html"
    return Atlas(Path(out), Path(built.site), page, book, built.drawn, built.reused, tuple(failures))


def draw(
    model: Any, layer: str, units: "int | str | Sequence[int | str]", *, size: int = 0, diversity: int = 1, **words: Any
) -> Tiles:
    """Draw the patterns of a layer's units, or of classes (by name or index) if `layer` is `classes`, without an atlas.

    `model` and `words` are as in `build`; `size` is the side of a tile in pixels (0: chosen by the recipe). `diversity`
    draws that many different pictures of each unit.
    Raises ConvreportError for an unknown layer or unit, or a model that cannot be opened.
    """
    from convreport.builder import single

    asked = [units] if isinstance(units, int | str) else list(units)
    return Tiles(*single.tiles_of(planned(model, **words), layer, [str(unit) for unit in asked], size, diversity))


def planned(
    model: Any, *, images: Any = (), labels: Any = None, preprocess: Any = "auto",
    inputs: Mapping[str, Any] | None = None, options: Mapping[str, Mapping[str, Any]] | None = None, **words: Any,
) -> "Plan":  # fmt: skip
    """The plan of a build that is asked for from Python."""
    from convreport import sections as registry
    from convreport.builder.config import plan_of

    # Unasked no process is started: a script without `if __name__ == "__main__"` would run again in each of them.
    said = {"workers": "1", **{key: value for key, value in words.items() if value is not None}}
    if options:
        said["options"] = {name: dict(table) for name, table in options.items()}
    at_hand = _at_hand(model, images, labels, preprocess, inputs)
    return plan_of(said | _named(model, images, labels, preprocess), registry, at_hand)


def read(folder: str | Path) -> "tuple[Book, ...]":
    """What an atlas says of its models, by name: a Book each, with the facts of every drawing as values of its section's type.

    Needs no framework. Raises UsageError for a folder that is no atlas, or where an atlas.json is damaged or of another
    version of convreport.
    """
    from convreport.book.folder import Atlas as Folder
    from convreport.sections.shelf import shelf

    found = shelf(Folder.open(Path(folder), create=False))
    for error in (*found.damaged, *found.outdated):
        raise error
    return found.books


def _named(model: Any, images: Any, labels: Any, preprocess: Any) -> dict[str, Any]:
    """What is said by name or path, as the command would say it."""
    said: dict[str, Any] = {"model": str(model) if isinstance(model, str | Path) else _name(model)}
    if isinstance(images, str | Path):
        said["images"] = [str(images)]
    elif isinstance(images, Sequence) and images and all(isinstance(one, str | Path) for one in images):
        said["images"] = [str(one) for one in images]
    if isinstance(labels, str | Path):
        said["labels"] = str(labels)
    said["preprocess"] = preprocess if isinstance(preprocess, str) else getattr(preprocess, "__name__", "a function")
    return said


def _name(model: Any) -> str:
    """A model's own name; that of its class where it has none."""
    name = getattr(model, "name", None)
    return name if isinstance(name, str) and name else type(model).__name__


def _at_hand(model: Any, images: Any, labels: Any, preprocess: Any, inputs: Mapping[str, Any] | None) -> "AtHand":
    """What is handed over as it is."""
    from convreport.builder.plan import AtHand

    by_name = isinstance(images, str | Path) or all(isinstance(one, str | Path) for one in images)
    named = isinstance(images, Mapping)
    return AtHand(
        model=None if isinstance(model, str | Path) else model,
        preprocess=None if isinstance(preprocess, str) else preprocess,
        inputs=tuple((inputs or {}).items()),
        labels=() if labels is None or isinstance(labels, str | Path) else tuple(str(name) for name in labels),
        pictures=tuple(_pictures(images)) if named or not by_name else (),
    )


def _pictures(images: Any) -> "list[Picture]":
    """Arrays and Pillow images as pictures; ImageError for anything else."""
    import numpy as np

    from convreport.core.base.errors import ImageError
    from convreport.core.pictures import arrays
    from convreport.core.pictures.samples import LONGEST

    named = (
        images.items() if isinstance(images, Mapping) else [(f"picture {n}", one) for n, one in enumerate(images, 1)]
    )
    found = []
    for name, one in named:
        try:
            found.append(arrays.picture(str(name), np.asarray(one), LONGEST))
        except ImageError as error:
            raise ImageError(
                f"{name}: {error.message}.", "Give arrays (height, width, channels) or Pillow images."
            ) from None
    return found
