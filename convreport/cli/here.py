"""The folder a command is run in."""

import sys
from pathlib import Path

from convreport.core.base.errors import UsageError


def find_modules_here() -> None:
    """Modules beside the user are found, after all that is installed: for factories, custom layers, preprocessing.

    Raises UsageError where somebody has removed that folder meanwhile.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:
        raise UsageError("The folder you are in is gone.", "Change to an existing folder (cd).") from None
    if here not in sys.path:
        sys.path.append(here)
