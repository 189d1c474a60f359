"""Several models in one atlas, one that changed, two builds at once."""

import subprocess
import sys

import pytest

from convreport.book.values import FORMAT
from convreport.builder.pipeline import build
from tests.conftest import SMALL
from tests.unit.test_build import FEW, atlas_json, drawings, plan


@pytest.mark.slow
def test_a_second_model_joins_the_atlas_and_a_rebuilt_one_replaces_itself(atlas_copy, tmp_path):
    from tests import models

    models.small("other").save(tmp_path / "other.keras")
    build(plan(atlas_copy, "overview", "filters", model=str(tmp_path / "other.keras")), lambda event: None)
    home = (atlas_copy / "docs/index.md").read_text()
    assert "[demo](demo/index.md)" in home and "[other](other/index.md)" in home
    layer = (atlas_copy / "docs/demo/layers/block3_conv1.md").read_text()
    assert "# block3_conv1 <small>of demo</small>" in layer, "layers of several models are told apart, in search too"
    build(plan(atlas_copy, "overview", model=str(tmp_path / "other.keras")), lambda event: None)
    assert not list((atlas_copy / "docs/other/layers").glob("*.md"))
    assert drawings(atlas_copy)


def test_two_sources_of_one_name_are_an_error(atlas_copy, tmp_path):
    from tests import models
    from tests.command import run

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        models.small("net").save(tmp_path / folder / "net.keras")
    words = ("-o", atlas_copy, "--sections", "overview", "--quiet")
    assert run("build", tmp_path / "a/net.keras", *words).exit_code == 0
    done = run("build", tmp_path / "b/net.keras", *words)
    assert done.exit_code == 2
    assert "already has a model named net" in done.stderr and "--name" in done.stderr
    assert run("build", tmp_path / "b/net.keras", "--name", "net b", *words).exit_code == 0


def test_a_changed_file_is_another_model(tmp_path):
    from tests import models

    model = models.small("net")
    model.save(tmp_path / "net.keras")
    first = build(plan(tmp_path / "a", "filters", model=str(tmp_path / "net.keras")), lambda event: None)
    head = model.get_layer("head")
    head.set_weights([weight + 1 for weight in head.get_weights()])
    model.save(tmp_path / "net.keras")
    second = build(plan(tmp_path / "a", "filters", model=str(tmp_path / "net.keras")), lambda event: None)
    assert first.drawn == second.reused == 4, "a fine-tuned head redraws nothing below it"
    digests = atlas_json(tmp_path / "a", "net")["model"]["digest"]
    assert len(digests) == 32


@pytest.mark.slow
def test_a_model_of_another_format_is_left_out_and_told(atlas_copy, convreport):
    file = atlas_copy / "docs/demo/atlas.json"
    file.write_text(file.read_text().replace(f'"format": {FORMAT}', '"format": 1'))
    done = convreport("site", atlas_copy)
    assert done.returncode == 0, done.stderr
    assert "Left out: demo was written by another version of convreport" in done.stdout
    again = convreport("build", "demo", "--out", atlas_copy, *SMALL)
    assert again.returncode == 0 and "Left out" not in again.stdout
    assert atlas_json(atlas_copy)["format"] == FORMAT


@pytest.mark.slow
def test_two_builds_at_once_end_with_both_models_whole(tmp_path):
    from tests import models

    models.small("one").save(tmp_path / "one.keras")
    models.small("two").save(tmp_path / "two.keras")
    folder = tmp_path / "atlas"
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "convreport", "build", str(tmp_path / f"{name}.keras"), "-o", str(folder), "--quiet", *FEW,
             "--sections", "filters,gradcam"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    for process in both:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    assert drawings(folder, "one") and drawings(folder, "two")
    home = (folder / "site/index.html").read_text()
    assert "one/index.html" in home and "two/index.html" in home
