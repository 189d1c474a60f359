"""Sections own what is told of them: the rest of convreport knows none by name, and another package can bring one."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from convreport.core.base import assets
from convreport.sections import registry
from tests.tools import rooms

OUTSIDE = Path(__file__).parents[1] / "outside"
# Words that are also names of sections, where they mean something else.
OTHER_MEANINGS = {
    "builder.config": {"examples", "filters"},  # keys of convreport.toml
    "builder.recall": {"examples"},
    "builder.settings": {"examples"},
    "audit.verify": {"examples"},  # the pictures themselves
    "builder.single": {"classes"},  # what `draw` says instead of a layer
    "cli.console": {"classes"},  # a row of the doctor
    "site.pages": {"classes"},  # the folder of their pages
    "site.mkdocs": {"classes"},
    "core.explain.saliency": {"gradcam"},  # the method of that name
    "engines.code": {"kernels"},  # what can be asked of an engine
    "engines.keras.reading.safety": {"filters"},  # of a data set in HDF5
    "reviewing.pipeline": {"kernels"},
}


def strings(path):
    tree = ast.parse(path.read_text("utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_rest_of_convreport_knows_no_section_by_name():
    for name, path in rooms.modules().items():
        if not name.startswith("sections."):
            known = strings(path) & set(registry())
            assert known <= OTHER_MEANINGS.get(name, set()), f"{name} knows {known}"
    files = [path for path in assets.folder("templates").glob("*.*") if path.is_file()]
    for path in [*files, *(assets.folder("site_src") / "docs/assets").glob("convreport.*")]:
        quoted = set(re.findall(r"""["'](\w+)["']""", path.read_text("utf-8")))
        assert not quoted & set(registry()), f"{path.name} knows {quoted & set(registry())}"


def test_facts_are_reached_by_type_alone():
    """No subscript of facts outside the reader: mypy sees every other way."""
    for name, path in rooms.modules().items():
        assert not re.search(r"""\[["'](facts|drawings|highlights)["']\]""", path.read_text("utf-8")), name


@pytest.mark.parametrize("name", registry())
def test_every_section_declares_what_it_says(name):
    kind = registry()[name]
    assert kind.__doc__ and kind.Facts.__doc__ and kind.name == name
    assert (assets.folder("templates") / f"sections/{name}.md").is_file()


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    """A few sections of the demo, and one that another package brings, by the command."""
    folder = tmp_path_factory.mktemp("outside") / "atlas"
    done = outside(
        "build", "demo", "-o", folder, "--sections", "overview,kernels,sparsity", "--max-images", "1",
        "--set", "sparsity.below=0.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert "sparsity     2 drawn" in done.stdout
    return folder


def outside(*words):
    return subprocess.run(
        [sys.executable, "-m", "convreport", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(OUTSIDE)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_section_of_another_package_shows_on_its_page_and_in_the_summary(atlas):
    page = (atlas / "docs/demo/layers/block1_conv1.md").read_text()
    assert re.search(r"## Nearly zero\n\n- unit 0: [\d.]+ %\n- unit 1: [\d.]+ %", page)
    assert page.index("## Kernels") < page.index("## Nearly zero"), "in reading order"
    home = (atlas / "docs/demo/index.md").read_text()
    assert "<span>weights of 2 units counted</span>" in home and "counted &#38; found" in home
    assert '"share":' in (atlas / "docs/demo/data/layer-block1_conv1.js").read_text()
    assert "0&#46;1" in (atlas / "docs/reproduction.md").read_text().split("**sparsity**")[1].splitlines()[0]
    assert (atlas / "site/demo/layers/block1_conv1.html").read_text().count("Nearly zero")


def test_it_stands_in_the_report_the_comment_and_the_schema(atlas, tmp_path):
    report = (atlas / "docs/demo/report.html").read_text()
    assert (
        '<a href="#sparsity">Sparsity</a>' in report and '<h2 id="sparsity">Nearly zero</h2>\n<ul><li>unit 0' in report
    )
    assert outside("export", atlas, "--format", "md", "-o", tmp_path / "said.md").returncode == 0
    said = (tmp_path / "said.md").read_text()
    assert re.search(r"Nearly zero: unit 0 [\d.]+ %, unit 1 [\d.]+ %", said) and "Unit 0 was counted" in said
    assert "SparsityFacts" in json.loads((atlas / "docs/demo/atlas.schema.json").read_text())["$defs"]


def test_check_holds_it_to_its_own_rule(atlas):
    kept = outside("check", atlas, "--max-sparsity", "100%")
    assert kept.returncode == 0 and "passed  max_sparsity" in kept.stdout
    broken = outside("check", atlas, "--max-sparsity", "0")
    assert broken.returncode == 1 and "failed  max_sparsity" in broken.stdout and "mean of 2 units" in broken.stdout
    assert "--max-sparsity" in outside("check", "--help").stdout


def test_where_it_is_not_installed_its_atlas_still_opens(atlas, convreport):
    done = convreport("site", atlas)
    assert done.returncode == 0, done.stderr
    page = (atlas / "docs/demo/layers/block1_conv1.md").read_text()
    assert "## sparsity" in page and "How many of a unit&#39;s weights are nearly zero" in page
    assert "figures/sparsity/block1_conv1-sparse-0.webp" in page
