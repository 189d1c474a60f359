"""Rules held against evidence: what passes, what fails, what is missing, and three ways to say it."""

import dataclasses
import json
from xml.etree import ElementTree

import pytest

from convreport.audit.check import as_json, as_junit, as_text, check, thresholds
from convreport.core.base.errors import UsageError
from tests import books
from tests.books import activations, answer, cam, failure, faithful, pattern
from tests.command import run


def evidence(**more):
    """Four of ten channels silent; one of two pictures right; one of four units without a response; one failure."""
    found = {
        "activations": [activations("x", "a", [0, 1, 2, 3], 10)],
        "filters": [*(pattern("x", unit, responds=unit > 0) for unit in range(4)), failure("x", 4)],
        "gradcam": [
            cam("a", [answer(1, 0.9)], truth=1, right=True), cam("b", [answer(1, 0.6)], truth=2, right=False),
        ],
        "faithfulness": [faithful("a", 2.0, 1.5), faithful("b", 1.0, 1.3)],
    }  # fmt: skip
    return books.book(**(found | more))


def outcomes(asked, made=None):
    return {one.rule: (one.outcome, one.value) for one in check(made or evidence(), asked)}


@pytest.mark.parametrize(
    ("rule", "value", "kept", "broken"),
    [
        ("max_silent", 0.4, 0.4, 0.39),
        ("max_grey", 0.25, 0.25, 0.2),
        ("max_failed", 1, 1, 0),
        ("min_accuracy", 0.5, 0.5, 0.51),
        ("min_deletion_gain", 1.5, 1.5, 1.6),
        ("min_insertion_gain", 1.4, 1.4, 1.5),
    ],
)
def test_a_rule_holds_up_to_its_threshold(rule, value, kept, broken):
    assert outcomes({rule: kept})[rule] == ("passed", pytest.approx(value))
    assert outcomes({rule: broken})[rule] == ("failed", pytest.approx(value))


@pytest.mark.parametrize("rule", ["max_silent", "max_grey", "min_accuracy", "min_deletion_gain", "min_insertion_gain"])
def test_missing_evidence_is_an_error_and_never_a_pass(rule):
    bare = books.without(evidence(), "activations", "filters", "gradcam", "faithfulness")
    assert outcomes({rule: 0.5, "max_failed": 5}, bare)[rule] == ("error", None)


def test_only_what_is_asked_is_held_and_failures_always():
    assert list(outcomes({})) == ["max_failed"]


def test_a_baseline_tells_what_became_worse():
    before = books.changed(evidence(), "gradcam", 1, right=True)
    now = evidence()
    results = {one.rule: one for one in check(now, {"max_failed": 9}, before)}
    assert results["baseline_lost"].outcome == "failed" and results["baseline_lost"].value == 1
    assert results["baseline_lost"].link == "m/pictures/b.html" and results["baseline_silent"].outcome == "passed"
    same = {one.rule: one.outcome for one in check(now, {"max_failed": 9}, evidence())}
    assert same == {"max_failed": "passed", "baseline_lost": "passed", "baseline_silent": "passed"}
    worse = books.changed(now, "activations", 0, silent=tuple(range(6)))
    assert {one.rule: one.outcome for one in check(worse, {"max_failed": 9}, evidence())}["baseline_silent"] == "failed"
    others = tuple(dataclasses.replace(one, digest=one.digest + "other") for one in before.samples)
    foreign = dataclasses.replace(before, samples=others)
    assert "error" in {one.outcome for one in check(evidence(), {"max_failed": 9}, foreign)}


def test_thresholds_are_numbers_or_shares():
    assert thresholds({"max-silent": "5%", "min_accuracy": 0.9}, "here") == {"max_silent": 0.05, "min_accuracy": 0.9}
    for wrong in ("many", "-1", True, "nan"):
        with pytest.raises(UsageError, match="cannot be"):
            thresholds({"max_silent": wrong}, "here")
    with pytest.raises(UsageError, match="no rule 'max_silnt'") as caught:
        thresholds({"max_silnt": 1}, "here")
    assert "max_silent" in caught.value.hint


def test_the_command_says_it_in_three_ways(small_atlas, tmp_path):
    done = run("check", small_atlas, "--max-silent", "50%", "--min-insertion-gain", "1.2")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].startswith("passed  max_silent: ")
    strict = ("check", small_atlas, "--min-accuracy", "100%", "--min-deletion-gain", "1000")
    done = run(*strict, "--format", "json")
    assert done.exit_code == 1
    found = {one["rule"]: one for one in json.loads(done.stdout)}
    assert found["min_accuracy"]["outcome"] == "passed" and found["min_deletion_gain"]["outcome"] == "failed"
    assert found["min_deletion_gain"]["link"] == "demo/index.html"
    done = run(*strict, "--format", "junit")
    assert done.exit_code == 1
    suite = ElementTree.fromstring(done.stdout.encode())
    assert suite.attrib["failures"] == "1" and suite.attrib["tests"] == "3"
    assert [case.get("name") for case in suite if len(case)] == ["min_deletion_gain"]


def test_thresholds_stand_in_the_configuration_too(small_atlas, tmp_path):
    config = tmp_path / "convreport.toml"
    config.write_text('max_images = 3\n[check]\nmin-deletion-gain = 1000\nmax_silent = "50%"\n')
    done = run("check", small_atlas, "--config", config)
    assert done.exit_code == 1 and "failed  min_deletion_gain" in done.stdout
    assert run("check", small_atlas, "--config", config, "--min-deletion-gain", "0").exit_code == 0, "words win"
    config.write_text("[check]\nmax_sielent = 1\n")
    done = run("check", small_atlas, "--config", config)
    assert done.exit_code == 2 and "max_silent" in done.stderr


def test_what_cannot_be_checked_is_a_sentence(small_atlas, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    done = run("check", small_atlas, "--baseline", tmp_path / "other.json")
    assert done.exit_code == 2 and "damaged, or not an atlas.json" in done.stderr
    done = run("check", small_atlas, "--format", "xml")
    assert done.exit_code == 2 and "no format 'xml'" in done.stderr
    done = run("check", small_atlas, "--baseline", small_atlas / "docs/demo/atlas.json")
    assert done.exit_code == 0 and "0 of 3 shared pictures" in done.stdout


def test_alerts_are_counted_where_health_was_measured(small_atlas):
    made = books.of(small_atlas)
    rule = lambda one, most: next(r for r in check(one, {"max_alerts": most}) if r.rule == "max_alerts")  # noqa: E731
    kept = rule(made, 50)
    assert kept.outcome == "passed" and kept.value == 0, "96 scenes are too few for more than hints"
    lost = rule(books.changed(made, "health", 0, silent=(3,), pictures=500), 0)
    assert lost.outcome == "failed" and "1 of the 16 units of block1_conv1 is silent" in lost.said
    unknown = rule(books.without(made, "health"), 0)
    assert unknown.outcome == "error" and "no layer's health was measured" in unknown.said


def test_what_broke_a_rule_is_named_with_its_page_in_all_formats(small_atlas):
    made = books.of(small_atlas)
    layer = next(one.layer for one in made.chapters["health"].drawings if one.facts.gated)
    place = [one.layer for one in made.chapters["health"].drawings].index(layer)
    broken = books.changed(made, "health", place, silent=(3, 5))
    result = next(one for one in check(broken, {"max_silent": 0}) if one.rule == "max_silent")
    spot = next(one for one in result.broken if one.layer == layer)
    assert spot.units == (3, 5) and spot.link == f"demo/layers/{made.slugs[layer]}.html"
    assert (small_atlas / "site" / spot.link).is_file()
    text = as_text([result], "demo").splitlines()
    assert f"        {layer}: units 3, 5 silent {spot.link}" in text
    told = next(one for one in json.loads(as_json([result], "demo"))[0]["broken"] if one["layer"] == layer)
    assert told["units"] == [3, 5] and told["link"] == spot.link
    suite = ElementTree.fromstring(as_junit([result], "demo").encode())
    assert f"{layer}: units 3, 5 silent {spot.link}" in suite[0][0].text


def test_a_single_unit_and_a_picture_have_links_of_their_own(small_atlas):
    made = books.of(small_atlas)
    grey = next(place for place, one in enumerate(made.chapters["filters"].drawings) if one.facts.responds)
    drawing = made.chapters["filters"].drawings[grey]
    result = next(
        one
        for one in check(books.changed(made, "filters", grey, responds=False), {"max_grey": 0})
        if one.rule == "max_grey"
    )
    link = f"demo/layers/{made.slugs[drawing.layer]}.html"
    assert any(one.link.startswith(link) for one in result.broken)
    cam_ = made.chapters["gradcam"].drawings[0]
    wrong = books.changed(made, "gradcam", 0, right=False)
    result = next(one for one in check(wrong, {"min_accuracy": 1}) if one.rule == "min_accuracy")
    assert f"demo/pictures/{cam_.sample}.html" in [one.link for one in result.broken]
    failed = next(one for one in check(evidence(), {"max_failed": 0}) if one.rule == "max_failed")
    assert failed.broken[0].said.startswith("filters of x unit 4: ")
    assert failed.broken[0].units == (4,)


def test_of_very_many_places_the_first_are_named():
    made = books.book(filters=[pattern(f"l{number}", 0, responds=False) for number in range(60)])
    result = check(made, {"max_grey": 0})[0]
    assert len(result.broken) == 60 and as_text([result], "m").splitlines()[-1].strip().startswith("and 20 more")
