"""The rooms and their arrows, the owners of heavy packages, and modules that stay small and say what they are for."""

import ast
import subprocess
import sys

import pytest

from tests.tools import duplication, rooms

MODULES = rooms.modules()
IMPORTS = rooms.everything()


def test_a_room_imports_only_what_the_table_allows():
    assert list(rooms.wrong(IMPORTS)) == []


def test_there_is_no_circle_of_imports():
    assert rooms.circle(IMPORTS) is None


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        ("core.base.numbers", "from convreport.core.pictures import pixels", "core.base may not import core.pictures"),
        ("site.page", "import convreport.builder.pipeline", "site may not import builder"),
        ("share.media", "def late():\n    from convreport.cli import console", "share may not import cli"),
        ("book.folder", "import keras", "keras, which only engines.keras, demo.train may"),
        ("engines.keras.load", "import tensorflow", "tensorflow when it is itself imported"),
        ("core.base.numbers", "import requests", "core needs numpy, Pillow and msgspec alone"),
    ],
)
def test_a_planted_import_is_refused(tmp_path, module, line, said):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    (fault,) = rooms.wrong(rooms.imports(module, planted, MODULES))
    assert fault.startswith(f"{module}:") and said in fault


def test_a_planted_circle_is_found():
    back = rooms.Import("core.base.errors", "convreport.core.pictures.samples", late=True, line=1)
    assert {"core.base.errors", "core.pictures.samples"} <= set(rooms.circle([*IMPORTS, back]))


def test_every_module_has_a_room_and_every_room_a_module():
    assert {rooms.room_of(name) for name in MODULES} == set(rooms.TABLE["rooms"])
    top = [path for path in rooms.ROOT.iterdir() if path.name != "__pycache__"]
    assert len(top) <= 14, sorted(path.name for path in top)


def test_help_and_version_load_nothing_heavy():
    code = (
        "import sys; from convreport.cli.app import app; from typer.testing import CliRunner;"
        "[CliRunner().invoke(app, words) for words in (['--help'], ['--version'])];"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow','keras','numpy','mkdocs','skimage'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "convreport")
def test_modules_stay_small_and_say_what_they_are_for(name):
    text = MODULES[name].read_text("utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{name} has no docstring"
    assert len(text.splitlines()) <= 300, f"{name} has grown too large"


def test_what_answers_rest_on_are_modules_that_exist():
    from convreport.engines.code import MODULES as OF_ENGINES
    from convreport.engines.code import SHARED

    named = {
        f"engines.{engine}.{one}" for engine, parts in OF_ENGINES.items() for some in parts.values() for one in some
    }
    named |= {f"engines.shared.{one}" for some in SHARED.values() for one in some}
    assert named <= set(MODULES)


def test_what_is_not_a_frameworks_exists_once():
    assert sum(count for *_, count in duplication.repeated()) < duplication.MOST
