"""The configuration file: strict, complete, every mistake at once."""

from pathlib import Path

import pytest

from convreport import sections
from convreport.builder.config import make_plan
from convreport.core.base.errors import UsageError


def test_without_a_file_everything_has_a_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = make_plan({}, None, sections)
    assert plan.model == "demo" and plan.out == Path("atlas")
    assert [section.name for section in plan.sections] == [
        "overview",
        "kernels",
        "atlas",
        "filters",
        "diversity",
        "examples",
        "dissection",
        "health",
        "circuits",
        "neighbors",
        "classes",
        "gradcam",
        "faithfulness",
        "activations",
        "sanity",
        "shortcuts",
    ]


def test_every_option_of_the_command_is_a_key_of_the_file(tmp_path):
    file = tmp_path / "convreport.toml"
    file.write_text(
        """
        model = "vgg16"
        name = "vee"
        out = "there"
        images = ["photos", "a.png"]
        max-images = 3
        layers = ["block1*", 4]
        all-layers = false
        filters = [3, 17]
        sections = ["filters", "gradcam"]
        skip = ["kernels"]
        weights = "none"
        classes = ["top2", 7]
        recipe = "book"
        cam-score = "probability"
        preprocess = "torch"
        fit = "crop"
        seed = 5
        fresh = true
        strict = true
        [options.gradcam]
        colormap = "jet"
        """
    )
    (tmp_path / "tpl").mkdir()
    file.write_text('templates = "tpl"\n' + file.read_text())
    plan = make_plan({}, file, sections)
    assert plan.model == "vgg16" and plan.name == "vee" and plan.seed == 5 and plan.weights == "none"
    assert plan.out == tmp_path / "there"
    assert plan.images == (str(tmp_path / "photos"), str(tmp_path / "a.png"))
    assert plan.layers == ("block1*", "4") and plan.filters == "3,17," and plan.max_images == 3
    assert plan.preprocess == "torch" and plan.fit == "crop" and plan.fresh and plan.strict
    filters, gradcam = plan.sections
    assert filters.recipe == "book"
    assert gradcam.classes == ("top2", "7") and gradcam.score == "probability" and gradcam.colormap == "jet"


def test_the_command_line_knows_every_key_and_the_other_way_round():
    from typer.main import get_command

    from convreport.builder.config import _KINDS
    from convreport.cli.app import app

    options = {name.lstrip("-").replace("-", "_") for p in get_command(app).commands["build"].params for name in p.opts}
    only_command = {"o", "set", "json", "quiet", "config", "models"}
    assert options - only_command == set(_KINDS) - {"options", "recipes"}


def test_words_win_over_the_file_and_pyproject_serves_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text('[project]\nname = "x"\n[tool.convreport]\nmodel = "resnet50"\nseed = 3\n')
    plan = make_plan({"seed": 9, "set": ("gradcam.colormap=jet",)}, None, sections)
    assert plan.model == "resnet50" and plan.seed == 9
    assert next(one for one in plan.sections if one.name == "gradcam").colormap == "jet"
    Path("convreport.toml").write_text('model = "vgg19"\n')
    assert make_plan({}, None, sections).model == "vgg19"


def test_all_mistakes_are_told_at_once(tmp_path):
    file = tmp_path / "convreport.toml"
    file.write_text(
        'modle = "vgg16"\nseed = "seven"\nsections = ["filtres"]\nfilters = "some"\n[options.gradcam]\ncolour = 1\n'
    )
    with pytest.raises(UsageError) as caught:
        make_plan({"fit": "squash"}, file, sections)
    said = caught.value.message
    for part in (
        "unknown key 'modle'",
        "Did you mean model",
        "seed cannot be 'seven'",
        "no section 'filtres'",
        "'some'",
        "squash",
    ):
        assert part in said
    assert said.startswith("5 things are wrong") or said.startswith("6 things are wrong")


def test_a_file_that_is_no_toml(tmp_path):
    (tmp_path / "c.toml").write_text("model = = 3")
    with pytest.raises(UsageError, match="not valid TOML"):
        make_plan({}, tmp_path / "c.toml", sections)


def test_every_section_has_a_template_and_every_option_a_help():
    from convreport.core.base.assets import folder

    for name, kind in sections.registry().items():
        assert (folder("templates") / "sections" / f"{name}.md").is_file(), name
        assert kind.__doc__
        for option, (_, text) in sections.options_of(kind).items():
            assert text, f"{name}.{option} has no help"


def test_sections_refuse_what_their_options_do_not_take():
    with pytest.raises(UsageError, match="takes a whole number"):
        sections.configure("activations", {"tile": True})
    assert sections.configure("activations", {"tile": "32"}).tile == 32
    assert sections.configure("gradcam", {"classes": "top1, 5"}).classes == ("top1", "5")


def test_a_mistake_in_an_option_is_told_once():
    with pytest.raises(UsageError) as caught:
        make_plan({"set": ("sanity.pictures=0",)}, None, sections)
    assert caught.value.message == "sanity.pictures must be at least 1, not 0."


def test_sections_are_named_by_comma_or_one_by_one():
    from convreport.cli.said import said

    assert said({"skip": ["overview", "kernels, classes"], "sections": None}) == {
        "skip": ("overview", "kernels", "classes")
    }
