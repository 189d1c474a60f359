"""Which model, as the user said it."""

import ast
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from convreport.core.base.files import digest, digest_file


@dataclass(frozen=True)
class Request:
    """A model and how it is to be understood; `weights` None means what is usual for the kind of source.

    `arch` is the architecture for a file that holds weights only; `custom` are modules that register the model's own
    layers; `inputs` are (name, value) of the inputs beside the picture; `input_shape` the picture's (channels,
    height, width), where a model does not say it; `live` is a model at hand, `function` a preprocessing at hand.
    """

    source: str
    name: str | None = None
    weights: str | None = None
    preprocess: str = "auto"
    seed: int = 0
    arch: str | None = None
    top: bool = True
    custom: tuple[str, ...] = ()
    unsafe: bool = False
    inputs: tuple[tuple[str, Any], ...] = ()
    output: str | None = None
    labels: tuple[str, ...] = ()
    input_shape: tuple[int, int, int] | None = None
    live: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    function: Callable[[Any], Any] | None = field(default=None, repr=False, compare=False, metadata={"json": False})

    @property
    def shown(self) -> str:
        """The source as it can be published: files by their names, folders not at all."""
        return Path(self.source).name if Path(self.source).suffix and ":" not in self.source else self.source

    @property
    def is_factory(self) -> bool:
        """Is the source a function that makes the model?"""
        return is_factory(self.source)

    @property
    def memorable(self) -> bool:
        """Does its card depend on nothing but what it says, files, and modules?"""
        made_by_code = self.live is not None or self.function is not None or self.is_factory
        return not made_by_code and not is_factory(self.arch or "")

    @property
    def fingerprint(self) -> str:
        """All it says, and the content of the modules and arrays it names."""
        given = []
        for _, value in self.inputs:
            file = Path(str(value)).expanduser()
            given.append(digest_file(file) if str(value).lower().endswith(".npy") and file.is_file() else "")
        plain = dataclasses.replace(self, inputs=tuple((name, str(value)) for name, value in self.inputs))
        named = (*self.custom, *((self.preprocess,) if ":" in self.preprocess else ()))
        return digest(plain, given, code_of(named))


def is_factory(source: str) -> bool:
    """Is it of the form package.module:function? (And not a path on a drive.)"""
    module, colon, function = source.partition(":")
    return bool(colon) and all(part.isidentifier() for part in module.split(".")) and function.isidentifier()


def code_of(names: Sequence[str]) -> str:
    """The digest of the source of the modules that `module` or `module:function` name; those not found count by name."""
    parts = []
    for name in names:
        module = name.partition(":")[0]
        try:
            spec = find_spec(module) if module and all(part.isidentifier() for part in module.split(".")) else None
        except (ImportError, ValueError):
            spec = None
        origin = spec.origin if spec is not None else None
        parts.append(digest_file(Path(origin)) if origin and Path(origin).is_file() else name)
    return digest(parts)


def imported_by(module: str) -> set[str]:
    """The packages that a module's file imports, anywhere in it; read, not imported. Nothing where there is no such file."""
    try:
        spec = find_spec(module)
        tree = (
            ast.parse(Path(spec.origin).read_text("utf-8")) if spec is not None and spec.origin else ast.Module([], [])
        )
    except (ImportError, ValueError, OSError, SyntaxError):
        return set()
    found = set()
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
        found |= {name.split(".")[0] for name in names}
    return found
