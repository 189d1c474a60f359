"""A file of models, one a line, with options as on the command line; `#` begins a comment."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convreport.core.base.errors import UsageError


def listed(file: Path, words_of: Callable[[list[str]], dict[str, Any]]) -> list[dict[str, Any]]:
    """What every line says; UsageError names the file and the line that cannot be understood, or if there is none."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read ({error}).", "--models takes a text file, one model a line.") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
            found += [words_of(words)] if words else []
        except ValueError as error:
            raise UsageError(f"{file}, line {number}: {error}.", "Quote it as a shell would.") from None
        except UsageError as error:
            raise UsageError(f"{file}, line {number}: {error.message}", error.hint) from None
    if not found:
        raise UsageError(f"{file} names no models.", "--models takes a text file, one model a line.")
    return found
