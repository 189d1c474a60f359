"""A comparison in an atlas: its pages, its report, its rules, and what needs no framework."""

import dataclasses
import json
import subprocess
import sys

import pytest

import convreport
from convreport.audit import changed
from convreport.book.comparison import folder, words
from convreport.book.folder import Atlas
from convreport.cli import changes
from convreport.core.base.errors import ModelError, UsageError
from convreport.reviewing.api import Change
from tests import books


@pytest.fixture(scope="module")
def atlas(compared):
    """Two checkpoints as files, the second with two outputs swapped and a unit silenced, as compared."""
    place = Atlas(compared / "atlas")
    found = folder.read(place.docs, "june-to-july")
    return compared, Change(place.out, place.out / "site/comparisons/june-to-july/index.html", found, reused=False)


def test_a_comparison_becomes_pages_of_the_atlas(atlas):
    root, change = atlas
    assert change.page.is_file()
    page = change.page.read_text()
    for said in (
        "june → july",
        "right to wrong",
        "Architecture and settings",
        "cr-matrix",
        "cr-drifts",
        "has gone silent",
    ):
        assert said in page, said
    assert "all answer" not in page and page.count("flip-") >= 12
    home = (root / "atlas/site/index.html").read_text()
    assert "comparisons/june-to-july/index.html" in home and "What changed" in home
    assert "../comparisons/june-to-july/" in (root / "atlas/site/july/index.html").read_text()
    assert (change.page.parent / "units.html").is_file() and (change.page.parent / "flips.html").is_file()
    kept = folder.read(Atlas(root / "atlas").docs, "june-to-july")
    assert kept == change.comparison
    assert [one.kind for one in kept.of("new")] == ["silent"] and kept.alarming
    silent = next(layer for layer in kept.units if layer.new == "second").pairs[0]
    assert silent.fate == "silent" and set(silent.tiles) == {"crops"} and all(silent.tiles["crops"])
    assert kept.attention.looks and kept.decisions.flips[0].overlays


def test_it_stands_in_the_report_the_comment_and_the_notebook(atlas, tmp_path):
    root, change = atlas
    report = (root / "atlas/docs/july/report.html").read_text()
    assert 'id="changed-june"' in report and "What changed since june" in report and "<b>disc" in report
    assert "changed-june" not in (root / "atlas/docs/june/report.html").read_text()
    from convreport.share import comment

    comment.summarize(Atlas(root / "atlas"), books.of(root / "atlas", "july"), tmp_path / "said.md")
    said = (tmp_path / "said.md").read_text()
    assert "**Changed since june**" in said and "McNemar" in said and "- New: " in said
    shown_ = change._repr_html_()
    assert shown_.count("<img") >= 4 and "data:image/webp" in shown_ and "Open the comparison" in shown_
    assert "decisions changed" in str(change)


def test_its_schema_holds(atlas):
    import jsonschema

    place = atlas[0] / "atlas/docs/comparisons/june-to-july"
    jsonschema.validate(
        json.loads((place / "comparison.json").read_text()), json.loads((place / "comparison.schema.json").read_text())
    )


def test_an_unchanged_comparison_needs_no_framework(atlas):
    root, change = atlas
    code = (
        "import sys, convreport; c = convreport.compare('june', 'july', out=sys.argv[1]);"
        "print(c.reused, sorted({n.split('.')[0] for n in sys.modules} & {'tensorflow', 'keras'}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root / "atlas")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"
    assert folder.read(Atlas(root / "atlas").docs, "june-to-july").date == change.comparison.date


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ({"max_flips": 3.0}, "failed"), ({"max_flips": 108.0}, "passed"), ({"max_flips": 0.1}, "failed"),
        ({"max_drift": 1.0}, "passed"), ({"max_accuracy_drop": 0.01}, "failed"), ({"max_new_alerts": 0.0}, "failed"),
    ],
)  # fmt: skip
def test_check_holds_a_comparison_to_rules(atlas, asked, outcome):
    place = Atlas(atlas[0] / "atlas")
    now, before = books.of(place.out, "july"), books.of(place.out, "june")
    for baseline in (None, before):
        (found,) = changed.check(place, now, asked, baseline)
        assert found.outcome == outcome and found.link == "comparisons/june-to-july/index.html"
    (missing,) = changed.check(place, before, asked, None)
    assert missing.outcome == "error" and "there is no comparison" in missing.said


def test_a_fall_that_may_be_chance_fails_nothing(atlas):
    comparison = atlas[1].comparison
    little = dataclasses.replace(comparison.decisions, known=40, right=(40, 37), lost=3, gained=0, p=0.25)
    rule = changed.RULES["max_accuracy_drop"]
    found = changed._held(rule, dataclasses.replace(comparison, decisions=little), 0.01, "", "")
    assert found.outcome == "passed" and found.value == pytest.approx(0.075) and "no more than chance" in found.said


def test_a_model_of_an_atlas_against_itself_says_so_everywhere(atlas):
    change = convreport.compare("june", "june", out=atlas[0] / "atlas")
    one = change.comparison
    assert words.unchanged(one) and str(change).startswith("Nothing changed between june and june.")
    assert one.attention.correlation == one.attention.overlap == 1 and not one.differences and not one.left_out
    assert not any(look.overlays for look in one.attention.looks) and not any(
        pair.tiles for layer in one.units for pair in layer.pairs
    )
    assert "Architecture, input and settings are the same." in change.page.read_text()


def test_models_of_two_atlases_are_compared_in_that_of_the_new_one(atlas, tmp_path):
    import shutil

    other = shutil.copytree(atlas[0] / "atlas", tmp_path / "other")
    change = convreport.compare(atlas[0] / "atlas/june", other / "july")
    assert change.folder == other and change.page.is_relative_to(other), "in the same words, of the same things"
    assert change.reused and change.comparison == atlas[1].comparison


def test_what_is_nowhere_is_a_sentence_and_nothing_is_lost(atlas):
    root, change = atlas
    with pytest.raises(ModelError, match="There is no model file"):
        convreport.compare("june", root / "august.keras", out=root / "atlas")
    with pytest.raises(UsageError, match="would change nothing"):
        changes._must_be_files(["june", "july"], {"filters": "3"})
    assert change.page.is_file()


def test_a_model_that_is_removed_takes_its_comparisons_along(atlas, tmp_path):
    import shutil

    from convreport.builder import pipeline

    copy = shutil.copytree(atlas[0] / "atlas", tmp_path / "atlas")
    pipeline.remove(Atlas(copy), "june", lambda event: None)
    assert not (copy / "docs/comparisons/june-to-july").exists() and (copy / "site/july/index.html").is_file()
