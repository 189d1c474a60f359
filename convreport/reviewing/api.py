"""Comparisons from Python, for a notebook or the end of a training script."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what follows is imported when it is needed: importing convreport costs nothing
    from convreport.book.comparison.values import Comparison
    from convreport.builder.plan import Plan
    from convreport.core.base.events import Event


@dataclass(frozen=True)
class Change:
    """What changed between two models: `comparison` is all that was found, `page` its first page in the atlas `folder`.

    `reused` says that nothing had changed since it was last compared. It shows itself in a notebook.
    """

    folder: Path
    page: Path
    comparison: "Comparison"
    reused: bool

    def __str__(self) -> str:
        from convreport.book.comparison.words import summary

        return "\n".join(summary(self.comparison))

    def _repr_html_(self) -> str:
        from convreport.book.folder import Atlas
        from convreport.share import notebook

        return notebook.of_comparison(Atlas(self.folder), self.comparison, self.page)


def compare(
    old: Any, new: Any, *, out: str | Path | None = None, fresh: bool = False,
    on_event: "Callable[[Event], None] | None" = None, **words: Any,
) -> Change:  # fmt: skip
    """Find out what changed from `old` to `new`, as `convreport compare` does.

    Each is a model's name in the atlas, an atlas (a folder, or what `convreport.build` returned), a file, or a Keras model;
    a model that is not in an atlas yet is built into one first, with `words` as `convreport.build` takes them (`images`,
    `examples`, `labels`, `filters`, ...). `out` is the atlas to put the comparison into, by default that of `new`.

    Raises ConvreportError (UsageError, ModelError, ImageError, SiteError), each with a message and a hint.
    """
    from convreport.reviewing.pipeline import compare as made

    home = Path(out) if out is not None else _home(new) or _home(old) or Path("atlas")
    sides = [_wanted(one, home, words) for one in (old, new)]
    compared = made(sides[0], sides[1], home, on_event or (lambda event: None), fresh=fresh)
    return Change(home, compared.page, compared.comparison, compared.reused)


def _home(one: Any) -> Path | None:
    from convreport.builder.api import Atlas
    from convreport.reviewing.sides import home_of

    if isinstance(one, Atlas):
        return one.folder
    return home_of(str(one)) if isinstance(one, str | Path) else None


def _wanted(one: Any, home: Path, words: dict[str, Any]) -> "str | Plan":
    from convreport.builder.api import Atlas, planned
    from convreport.reviewing.sides import is_there

    if isinstance(one, Atlas):
        return str(one.folder / one.book.slug)
    if isinstance(one, str | Path) and is_there(str(one), home):
        return str(one)
    return replace(planned(one, **words), out=home)
