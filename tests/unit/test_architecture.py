"""The direction of imports, the owners of heavy packages, and the README's tree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import convreport

ROOT = Path(convreport.__file__).parent
RIM = {"api", "cli", "commands", "console", "serving", "sentences", "__main__", "__init__"}
STORY = {
    "pipeline",
    "pictures",
    "drawing",
    "press",
    "highlights",
    "recall",
    "verify",
    "examples",
    "survey",
}  # the build and its long chapters
MIDDLE = {
    "config", "model", "sections", "pages", "viewer", "summary", "wording", "templating", "site", "atlas", "demo",
    "export", "publish", "workflow", "contract", "check", "alerts",
}  # fmt: skip
OWNERS = {
    "tensorflow": {"model", "demo.train"},
    "keras": {"model", "demo.train"},
    "rich": {"console"},
    "typer": {"cli", "commands", "options"},
    "jinja2": {"templating"},
    "mkdocs": {"site"},
    "h5py": {"model"},
}
# The middle may use its own package, core, and these: the folder of an atlas and the demo's scenes are plain data.
ALLOWED = {
    "pages": {"alerts", "atlas", "summary", "templating", "viewer", "wording"},
    "alerts": {"summary", "wording"}, "viewer": {"atlas", "summary"}, "summary": set(),
    "export": {"alerts", "atlas", "summary", "templating", "viewer"}, "templating": {"wording"}, "wording": set(),
    "site": {"atlas"}, "publish": {"atlas"}, "contract": {"atlas"}, "check": {"alerts", "summary"}, "workflow": {"atlas"},
    "atlas": set(),
    "config": set(), "sections": set(), "model": {"demo"}, "demo": set(),
}  # fmt: skip


def imports_of(path):
    """(module imported, is it at module level)."""
    tree = ast.parse(path.read_text("utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "convreport":
                names = [f"convreport.{alias.name}" for alias in node.names]
            yield from ((name, id(node) in top) for name in names)


MODULES = sorted(ROOT.rglob("*.py"))


def place(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_package_imports_only_to_its_right(path):
    name = place(path)
    package = name.split(".")[0]
    for imported, at_top in imports_of(path):
        root, *rest = imported.split(".")
        if root == "convreport" and rest:
            target = rest[0]
            if package == "core":
                assert target == "core", f"{name} imports {imported}"
            elif package in MIDDLE:
                allowed = {package, "core", *ALLOWED[package]}
                assert target in allowed or target == "__version__", f"{name} imports {imported}"
            elif package in STORY:
                assert target not in RIM or target == "__version__", f"{name} imports {imported}"
        if root in OWNERS:
            assert any(name == owner or name.startswith(owner + ".") for owner in OWNERS[root]), f"{name}: {imported}"
            if root in ("tensorflow", "keras"):
                assert not at_top, f"{name} imports {imported} when it is itself imported"


def test_core_needs_only_numpy_and_pillow():
    standard = set(sys.stdlib_module_names) | {"numpy", "PIL", "convreport"}
    for path in MODULES:
        if place(path).startswith("core."):
            extra = {"tifffile"} if path.name == "arrays.py" else set()  # for TIFFs of many channels, when one is met
            assert {imported.split(".")[0] for imported, _ in imports_of(path)} <= standard | extra, path


def test_help_and_version_load_nothing_heavy():
    code = (
        "import sys; from convreport.cli import app; from typer.testing import CliRunner;"
        "[CliRunner().invoke(app, words) for words in (['--help'], ['build', '--help'], ['--version'])];"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow','keras','numpy','mkdocs','skimage'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_modules_stay_small_and_say_what_they_are_for(path):
    text = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= 300, f"{path} has grown too large"


def test_the_tree_in_the_readme_is_the_tree():
    readme = ROOT.parent / "README.md"
    if not readme.is_file():
        pytest.skip("installed without the README beside it")
    listed = set(re.findall(r"^\s+([a-z_]+\.py|[a-z_]+/)  ", readme.read_text("utf-8"), re.M))
    for path in MODULES:
        assert path.name in listed, f"{place(path)} is not in the README's tree"
