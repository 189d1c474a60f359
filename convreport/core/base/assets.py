"""Where templates/ and site_src/ lie: inside the installed package, or beside it in a checkout."""

from importlib.resources import files
from pathlib import Path


def folder(name: str) -> Path:
    """The folder of our own data files; `name` is "templates" or "site_src"."""
    package = Path(str(files("convreport")))
    for place in (package / name, package.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"convreport is installed without its {name} folder")
