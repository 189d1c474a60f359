"""A file of models, one a line, as keys of Plans."""

import shlex
from pathlib import Path
from typing import Any

from convreport.cli.extended import said_by
from convreport.cli.said import said
from convreport.core.base.errors import UsageError


def listed(file: Path) -> list[dict[str, Any]]:
    """What every line of a file says: a model, with options as on the command line; `#` begins a comment.

    UsageError names the file and the line that cannot be understood, or if there is none.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} cannot be read ({error}).", "--models takes a text file, one model per line."
        ) from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
            found += [_of_line(words)] if words else []
        except ValueError as error:
            raise UsageError(f"{file}, line {number}: {error}.", "Quote it as a shell would.") from None
        except UsageError as error:
            raise UsageError(f"{file}, line {number}: {error.message}", error.hint) from None
    if not found:
        raise UsageError(f"{file} names no models.", "--models takes a text file, one model per line.")
    return found


def _of_line(line: list[str]) -> dict[str, Any]:
    given = said_by("build", line)
    models: list[str] = given.pop("model") or []
    if len(models) != 1 or given.pop("models", None) is not None:
        raise UsageError(f"A line names one model first, not '{shlex.join(line)}'.", "Such as: vgg16 --weights none")
    return {"model": models[0], **said(given)}
