"""The books of an atlas, read with the types of the sections that are registered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

from convreport.book.folder import Atlas
from convreport.book.reader import FILE, OtherFormatError, read
from convreport.book.values import Book
from convreport.core.base.errors import ConvreportError, UsageError, did_you_mean
from convreport.sections import kinds


@dataclass(frozen=True)
class Shelf:
    """The models of an atlas by name, and why others are left out."""

    books: tuple[Book, ...]
    outdated: tuple[OtherFormatError, ...] = ()
    damaged: tuple[UsageError, ...] = ()

    @property
    def referred(self) -> set[str]:
        """The store keys that the models refer to."""
        return {drawing.key for book in self.books for chapter in book.sections for drawing in chapter.drawings}


def shelf(atlas: Atlas) -> Shelf:
    """All models of an atlas; what cannot be read is left out, with the reason."""
    books, outdated, damaged = [], [], []
    for path in sorted(atlas.docs.glob(f"*/{FILE}")):
        try:
            books.append(read(path, kinds))
        except OtherFormatError as error:
            outdated.append(error)
        except UsageError as error:
            damaged.append(error)
    return Shelf(tuple(sorted(books, key=lambda book: book.name)), tuple(outdated), tuple(damaged))


def chosen(atlas: Atlas, name: str = "") -> Book:
    """The model of that name or slug; without a name, the only one there is. UsageError for any other number of them."""
    found = shelf(atlas)
    names = [book.name for book in found.books]
    for book in found.books:
        if name in (book.name, book.slug) or (not name and len(names) == 1 and not found.damaged):
            return book
    if found.damaged:
        raise found.damaged[0]
    if found.outdated and not names:
        raise found.outdated[0]
    if not names:
        raise UsageError(f"{atlas.out} holds no model.", "Build one with `convreport build MODEL`.")
    if not name:
        raise UsageError(f"{atlas.out} holds {len(names)} models: {', '.join(names)}.", "Say which with --model.")
    raise UsageError(f"{atlas.out} holds no model named '{name}'.", did_you_mean(name, names))


def baseline(path: Path) -> Book:
    """An atlas.json, or the only model of an atlas, to compare with; UsageError if it is none."""
    return chosen(Atlas.open(path, create=False)) if path.is_dir() else read(path, kinds)


class ContradictionError(UsageError):
    """A book whose values have the right types and do not fit each other."""


@contextmanager
def telling(book: Book) -> Iterator[None]:
    """Around what is told of a book that was read: whatever stumbles over its values, ContradictionError says where."""
    try:
        yield
    except ConvreportError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError, RuntimeError) as error:
        place = extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error}; {Path(place.filename).name}, line {place.lineno}"
        raise ContradictionError(
            f"The {FILE} of {book.name} contradicts itself ({why}).",
            "Build its model again: what is in the cache is not drawn again.",
        ) from error
