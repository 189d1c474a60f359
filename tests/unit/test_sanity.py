"""Sanity checks: weights are really shuffled and really put back, and a method that ignores them is found out."""

import json

import numpy as np
import pytest

from convreport.builder.pipeline import build
from convreport.builder.plan import Plan
from convreport.sections import configure, sanity
from tests import models
from tests.command import run


def weights(model):
    return [np.asarray(variable).copy() for variable in model.variables]


@pytest.mark.parametrize("make", [models.small, models.nested, models.sequential])
def test_weights_are_shuffled_from_the_top_and_put_back_to_the_bit(make):
    model = make()
    net = models.network(model)
    before = weights(net.model)
    changed = {}
    for share in (0.01, 0.5, 1.0):
        with net.scrambled(share, 0):
            now = weights(net.model)
            changed[share] = {
                variable.path for variable, one, other in zip(net.model.variables, before, now, strict=True)
                if (one != other).any()
            }  # fmt: skip
            for one, other in zip(before, now, strict=True):
                np.testing.assert_array_equal(np.sort(one.ravel()), np.sort(other.ravel()))
        for one, other in zip(before, weights(net.model), strict=True):
            np.testing.assert_array_equal(one, other)
    assert changed[0.01] and all("head" in path for path in changed[0.01]), "the topmost layer alone"
    assert changed[0.01] <= changed[0.5] <= changed[1.0] and changed[0.01] < changed[1.0]


def test_weights_come_back_when_drawing_fails():
    net = models.network(models.small())
    before = weights(net.model)
    with pytest.raises(RuntimeError, match="on the way"), net.scrambled(1.0, 0):
        raise RuntimeError("on the way")
    for one, other in zip(before, weights(net.model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rank_correlation_is_scipys():
    from scipy.stats import spearmanr

    draw = np.random.default_rng(0)
    one = np.maximum(draw.normal(size=(7, 9)), 0)  # many ties at zero, as heatmaps have
    other = np.maximum(one + draw.normal(size=(7, 9)), 0)
    assert sanity.rank_correlation(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
    assert sanity.rank_correlation(one, one) == pytest.approx(1)
    assert sanity.rank_correlation(one, np.zeros((7, 9))) == 0


def test_structure_is_one_for_the_same_and_less_for_another():
    heat = np.random.default_rng(0).uniform(0, 1, (6, 6)).astype(np.float32)
    assert sanity.structure(heat, 3 * heat) == pytest.approx(1), "only the shape counts"
    assert sanity.structure(heat, heat[::-1]) < 0.6


def build_demo(folder, *methods):
    options = {"methods": methods, "pictures": 1}
    sections = (configure("gradcam", {}), configure("sanity", options))
    build(Plan(out=folder, sections=sections, max_images=2), lambda event: None)
    return json.loads((folder / "docs/demo/atlas.json").read_bytes())


def test_grad_cam_depends_on_the_weights_and_its_page_says_so(tmp_path):
    data = build_demo(tmp_path / "a", "gradcam")
    drawings = next(one for one in data["sections"] if one["name"] == "sanity")["drawings"]
    assert len(drawings) == 1
    stages = drawings[0]["facts"]["methods"]["gradcam"]
    assert stages[0]["rank"] == pytest.approx(1) and abs(stages[-1]["rank"]) < 0.5
    page = (tmp_path / "a/docs/demo/sanity.md").read_text("utf-8")
    assert "passed" in page and "**failed**" not in page
    assert "no longer draws the same maps" in (tmp_path / "a/docs/demo/index.md").read_text("utf-8")
    done = run("check", str(tmp_path / "a"), "--sanity")
    assert done.exit_code == 0, done.output


def test_a_method_that_ignores_the_network_is_found_out(tmp_path, monkeypatch):
    """An edge detector in disguise: its map is the picture's own."""

    def edges(name, net, sample, fit, layer, look, index, *, seed=0):
        gray = sample.pixels.astype(np.float32).mean(2)
        return np.abs(np.diff(gray, axis=0, prepend=gray[:1]))

    monkeypatch.setattr(sanity, "heatmap", edges)
    build_demo(tmp_path / "a", "gradcam")
    page = (tmp_path / "a/docs/demo/sanity.md").read_text("utf-8")
    assert "**failed**" in page
    assert "so it fails" in (tmp_path / "a/docs/demo/index.md").read_text("utf-8")
    done = run("check", str(tmp_path / "a"), "--sanity")
    assert done.exit_code == 1 and "gradcam draws the same maps" in done.stdout


def test_without_evidence_sanity_is_an_error(atlas_copy):
    path = atlas_copy / "docs/demo/atlas.json"
    data = json.loads(path.read_bytes())
    data["sections"] = [one for one in data["sections"] if one["name"] != "sanity"]
    path.write_text(json.dumps(data))
    done = run("check", str(atlas_copy), "--sanity")
    assert done.exit_code == 1 and "error   max_survivors" in done.stdout
