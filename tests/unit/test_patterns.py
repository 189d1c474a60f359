"""Patterns as their user meets them: draw, class patterns, own recipes, and a build within a given time."""

import json

import numpy as np
import pytest
from PIL import Image

from convreport.builder.pipeline import build
from convreport.builder.plan import Plan
from convreport.core.base import amounts, events
from convreport.core.base.errors import UsageError
from convreport.sections import configure
from tests.command import run


def facts_of(atlas, name="filters"):
    data = json.loads((atlas / "docs/demo/atlas.json").read_text())
    section = next(section for section in data["sections"] if section["name"] == name)
    return section, [drawing["facts"] for drawing in section["drawings"]]


@pytest.mark.parametrize(
    ("words", "size", "said"),
    [
        (["block3_conv1", "7", "--preset", "draft"], (64, 64), "unit 7 of block3_conv1, 64 x 64 px"),
        (["8", "7", "--preset", "draft", "--size", "96"], (96, 96), "unit 7 of block3_conv1"),
        (["block2_conv1", "2", "--recipe", "book"], (64, 64), "unit 2 of block2_conv1"),
        (["block2_conv1", "2", "--recipe", "keras-example", "--size", "80"], (80, 80), "80 x 80"),
        (["classes", "fish", "--preset", "draft"], (96, 96), "class fish"),
        (["block2_conv1", "2", "--preset", "draft", "--diversity", "3"], (192, 64), "3 pictures of 64 x 64 px"),
    ],
)
def test_one_picture_is_drawn(words, size, said, tmp_path):
    for suffix in (".png", ".webp") if "book" in words else (".png",):
        done = run("draw", "demo", *words, "-o", tmp_path / f"tile{suffix}")
        assert done.exit_code == 0, done.stderr
        assert said in done.stdout and "score" in done.stdout
        with Image.open(tmp_path / f"tile{suffix}") as picture:
            assert picture.size == size
            assert np.asarray(picture).std() > 10


def test_drawn_alone_it_is_the_tile_of_the_atlas(tmp_path, small_atlas):
    from convreport.core.drawing.store import Store

    assert run("draw", "demo", "block3_conv1", "2", "--preset", "draft", "-o", tmp_path / "t.png").exit_code == 0
    section, facts = facts_of(small_atlas)
    drawing = next(one for one in section["drawings"] if (one["layer"], one["unit"]) == ("block3_conv1", 2))
    store = Store(small_atlas / "cache")
    published = store.picture(store.get(drawing["key"]).figures[0].picture)
    with Image.open(tmp_path / "t.png") as alone:
        assert np.corrcoef(np.asarray(alone, float).ravel(), published.ravel().astype(float))[0, 1] > 0.999
    assert {one["verdict"] for one in facts} <= {"specific", "shared", "unspecific", "no response found"}


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["block1_conv1", "16"], "block1_conv1 has no unit '16'", "0 to 15"),
        (["block1_conv1", "first"], "has no unit 'first'", "0 to 15"),
        (["predictions", "0"], "not a stack of maps", "convreport layers"),
        (["block*", "0"], "means 14 layers", "Name one"),
        (["block1_conf1", "0"], "no layer that matches", "block1_conv1"),
        (["classes", "squid"], "no class 'squid'", "0 to 17"),
        (["block1_conv1", "0", "-o", "tile.tiff"], "No picture can be written to tile.tiff", ".png"),
        (["block1_conv1", "0", "--size", "8"], "--size must be from 32 to 1024", ""),
        (["block1_conv1", "0", "--size", "90", "--recipe", "multiscale"], "grows to a size of its own", "--size"),
        (["block1_conv1", "0", "--recipe", "bock"], "no recipe 'bock'", "book"),
        (["block1_conv1", "0", "--diversity", "9"], "--diversity must be from 1 to 8 pictures, not 9", ""),
        (["classes", "fish", "--diversity", "2"], "--diversity is for units", "name a layer"),
        (["block1_conv1", "0", "-o", "a_file/t.png"], "cannot be written", "-o"),
    ],
)
def test_what_cannot_be_drawn_is_told(words, said, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    done = run("draw", "demo", *words, *(["--preset", "draft"] if "-o" in words[-2:] else []))
    told = " ".join(done.stderr.split())
    assert done.exit_code == 2, told
    assert said in told and hint in told and "Traceback" not in told
    assert not list(tmp_path.glob("*.*"))


def test_a_unit_that_no_layer_has_is_told_with_the_range(tmp_path):
    done = run("build", "demo", "-o", tmp_path / "a", "--sections", "filters", "--filters", "3,4096")
    assert done.exit_code == 2
    assert "no layer in this atlas has a unit 4096. the widest, block5_conv1, has units 0 to 95" in (
        " ".join(done.stderr.split()).lower()
    )


def test_class_patterns_have_names_and_a_place_on_the_models_page(small_atlas):
    section, facts = facts_of(small_atlas, "classes")
    assert [one["name"] for one in facts][:3] == ["face", "flower", "fish"] and len(facts) == 7
    assert section["options"]["numbers"]["steps"] == 20
    for drawing in section["drawings"]:
        assert (small_atlas / "docs/demo" / drawing["figures"]["pattern"]["file"]).is_file()
    page = (small_atlas / "docs/demo/index.md").read_text()
    assert "What each class looks like to the network" in page and "snail" in page


@pytest.mark.parametrize(("words", "count"), [(("none",), 0), (("fish", "7"), 2), (("all",), 18)])
def test_the_classes_whose_pattern_is_drawn(words, count, demo):
    from convreport.core.drawing.scope import Scope
    from convreport.core.network.units import UnitChoice

    section = configure("classes", {"which": words})
    subjects = section.subjects(Scope(demo.card, (), UnitChoice(), 0))
    assert len(subjects) == count
    if words == ("fish", "7"):
        assert [subject.label for subject in subjects] == [2, 7]


def test_of_many_classes_a_handful_is_drawn_and_the_predicted_ones(demo):
    """With the demo made to look like a network of many classes: the pictures' own classes are asked of the network."""
    from dataclasses import replace

    from convreport.core.drawing.scope import Scope
    from convreport.core.network.units import UnitChoice
    from convreport.demo import scenes
    from tests.models import sample

    card = replace(demo.card, classes=100)
    shown = tuple(sample(scenes.scene(index, seed=5).pixels, f"s{index}") for index in (2, 5))
    section = configure("classes", {"preset": "draft"})
    subjects = section.subjects(Scope(card, shown, UnitChoice(), 0))
    assert [subject.sample for subject in subjects[-2:]] == ["s2", "s5"]
    assert len({subject.label for subject in subjects[:-2]}) == 4
    drawn = section.draw(subjects[-2:], Scope(demo.card, shown, UnitChoice(), 0), demo)
    assert [one.facts.name for one in drawn] == ["fish", "clock"]


def test_a_recipe_of_ones_own_draws_and_is_printed_with_its_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "convreport.toml").write_text(
        'sections = ["filters"]\nrecipe = "soft"\nfilters = 2\nlayers = "block2_conv1"\n'
        "[recipes.soft]\nsteps = 5\nfalloff = 1.5\n"
    )
    done = run("build", "demo", "-o", tmp_path / "a")
    assert done.exit_code == 0, done.stderr
    section, _ = facts_of(tmp_path / "a")
    assert (section["options"]["numbers"]["steps"], section["options"]["numbers"]["falloff"]) == (5, 1.5)
    assert "5 steps" in (tmp_path / "a/docs/demo/layers/block2_conv1.md").read_text()
    (tmp_path / "convreport.toml").write_text("[recipes.soft]\nstpes = 5\n")
    told = run("build", "demo", "-o", tmp_path / "a").stderr
    assert "recipes.soft: there is no field 'stpes'" in " ".join(told.split())


# -- within a given time


@pytest.mark.parametrize(
    ("words", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5 m", 90), ("2H", 7200)]
)
def test_times_as_people_write_them(words, seconds):
    assert amounts.seconds(words) == seconds


@pytest.mark.parametrize(
    ("words", "size"), [("4G", 4 << 30), ("512M", 512 << 20), ("2 GiB", 2 << 30), ("3000000", 3000000)]
)
def test_sizes_as_people_write_them(words, size):
    assert amounts.size(words) == size


@pytest.mark.parametrize("words", ["", "0", "m", "ten", "-5m", "5 days", "10m5"])
def test_no_times(words):
    with pytest.raises(UsageError, match="--budget cannot be"):
        amounts.seconds(words)


def test_durations_in_words():
    assert [amounts.in_words(s) for s in (0.2, 40, 89, 100, 3540, 3600, 4800)] == [
        "1 s", "40 s", "89 s", "2 min", "59 min", "1 h", "1 h 20 min",
    ]  # fmt: skip


EARLY = ("block1_conv1", "block2_conv1")  # whose finest pictures take least


def plan(folder, budget, **words):
    options = {"filters": "16", "layers": ("block2_conv1", "block3_conv1"), **words}
    sections = (configure("filters", {}),)
    return Plan(out=folder, budget=budget, precision="float32", max_images=1, sections=sections, **options)


@pytest.mark.slow
def test_a_tiny_budget_draws_what_fits_and_a_later_one_goes_on(tmp_path):
    heard = []
    build(plan(tmp_path / "a", 0.01, filters="2", layers=EARLY), heard.append)
    _, first = facts_of(tmp_path / "a")
    assert 0 < len(first) < 4, "less than everything, and not nothing"
    assert {one["preset"] for one in first} == {"draft"}
    (warning,) = [event for event in heard if isinstance(event, events.Warned) and "time ran out" in event.message]
    assert f"{4 - len(first)} patterns to go" in warning.message
    (forecast,) = [event for event in heard if isinstance(event, events.Forecast)]
    assert forecast.preset == "draft"
    heard.clear()
    build(plan(tmp_path / "a", 600.0, filters="2", layers=EARLY), heard.append)
    _, second = facts_of(tmp_path / "a")
    assert len(second) == 4
    assert {one["preset"] for one in second} == {"high"}, "there was time for the finest"
    assert not [event for event in heard if isinstance(event, events.Warned)]
    heard.clear()
    build(plan(tmp_path / "a", 600.0, filters="2", layers=EARLY), heard.append)
    assert not [event for event in heard if isinstance(event, events.Drew | events.Forecast)], "nothing is left to do"


@pytest.mark.slow
def test_what_an_ended_budget_refined_is_kept_beside_drafts(tmp_path, monkeypatch):
    """The clock is ours: after three batches of standard pictures the time is over."""
    from convreport.builder import budget

    class Clock:
        now, batches = 0.0, 0

        def monotonic(self):
            return self.now

    clock = Clock()
    original = budget.Studio.job

    def drawing(self, section, batch):
        clock.now += {"draft": 1.0, "standard": 2.0, "high": 50.0}[section.preset]
        return original(self, section, batch)

    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(budget.Studio, "job", drawing)
    paces = {"draft": 1.0, "standard": 2.0, "high": 50.0}

    def measured(rungs, group, subject, studio):
        for preset, seconds in paces.items():
            rungs.paces[group, preset] = seconds / rungs.section.batch

    monkeypatch.setattr(budget, "_measure", measured)
    heard = []
    build(plan(tmp_path / "a", 10.5), heard.append)
    _, facts = facts_of(tmp_path / "a")
    presets = [one["preset"] for one in facts]
    assert presets == ["standard"] * 24 + ["draft"] * 8
    page = (tmp_path / "a/docs/demo/layers/block3_conv1.md").read_text()
    assert "8 of these pictures are still at preset" in page
