"""Every failure a user can cause, with a hint and an exit code. Anything else is a bug and keeps its traceback."""

import difflib
from collections.abc import Iterable
from typing import ClassVar


class ConvreportError(Exception):
    """What went wrong in one sentence, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ConvreportError):
    """A wrong option, configuration or output folder."""

    exit_code = 2


class ModelError(ConvreportError):
    """A model that cannot be found, downloaded, loaded or looked into."""

    exit_code = 3


class ImageError(ConvreportError):
    """Pictures that cannot be found or read."""

    exit_code = 4


class SiteError(ConvreportError):
    """MkDocs could not build the site."""

    exit_code = 5


class PublishError(ConvreportError):
    """The site could not be pushed."""

    exit_code = 6


INTERRUPTED = 130  # the shell's own code for Ctrl-C


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that names the nearest of `known`, else `otherwise`, else all of them."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=0.55)
    if near:
        return "Did you mean " + " or ".join(folded[name] for name in near) + "?"
    return otherwise or "Known: " + ", ".join(names) + "."
