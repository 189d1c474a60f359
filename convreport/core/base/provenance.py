"""What a result rests on beside its inputs: the code that made it, and the packages under it."""

import inspect
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from convreport.core.base.files import digest_file


@cache
def code_digest(module: str) -> str:
    """The digest of a module's source, found without importing it."""
    spec = find_spec(module)
    return digest_file(Path(spec.origin)) if spec is not None and spec.origin else module


def source_of(code: Any) -> str:
    """The text of a class or function at hand, or its name where there is none, as in a session."""
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):
        return str(getattr(code, "__qualname__", ""))


def version_of(package: str) -> str:
    """The version of an installed package, "unknown" where it is there under another name, or not at all."""
    try:
        return version(package)
    except PackageNotFoundError:  # tensorflow has builds under other names
        return "unknown"
