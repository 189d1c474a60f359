"""Insertion and deletion by pencil, and on networks whose evidence was planted."""

import dataclasses
import json

import numpy as np
import pytest

from convreport.builder.pipeline import build
from convreport.builder.plan import Plan
from convreport.core.explain import faithfulness
from convreport.sections import configure
from tests import books, models


class Corner:
    """Sees the brightness of the upper left quarter of a picture of 4 x 4 pixels, and nothing else."""

    def answer(self, planes, *, raw=False):
        seen = planes[:, :2, :2, 0].mean((1, 2)) / 255
        return np.stack([seen, 1 - seen], 1), np.stack([seen, 1 - seen], 1)


@pytest.fixture
def white():
    return np.full((4, 4, 1), 255, np.float32)


def corner(inside):
    heat = np.full((4, 4), 1 - inside, np.float32)
    heat[:2, :2] = inside
    return heat


def test_areas_by_pencil(monkeypatch, white):
    """What vanishes is black here. Four steps: the first removes exactly the quarter that counts, or the last does."""
    monkeypatch.setattr(faithfulness, "blurred", np.zeros_like)
    right = faithfulness.curves(Corner(), white, corner(1.0), steps=4)[0]
    np.testing.assert_allclose(right.deletion, [1, 0, 0, 0, 0])
    np.testing.assert_allclose(right.insertion, [0, 1, 1, 1, 1])
    assert right.deleted == pytest.approx(0.5 / 4) and right.inserted == pytest.approx(3.5 / 4)
    wrong = faithfulness.curves(Corner(), white, corner(0.0), steps=4)[0]
    np.testing.assert_allclose(wrong.deletion, [1, 1, 1, 1, 0])
    assert wrong.deleted == pytest.approx(3.5 / 4) and wrong.inserted == pytest.approx(0.5 / 4)
    half = np.zeros((4, 4), np.float32)
    half[:2] = 1  # the upper half, row by row: two of the pixels that count, then the other two
    np.testing.assert_allclose(faithfulness.curves(Corner(), white, half, steps=4)[0].deletion, [1, 0.5, 0, 0, 0])


def test_a_gain_is_a_quotient_where_it_means_something():
    assert faithfulness.gain(0.6, 0.2) == pytest.approx(3)
    assert faithfulness.gain(0.6, 0.0) is None and faithfulness.gain(0.6, -0.1) is None


def test_the_blur_is_scipys(monkeypatch):
    from scipy.ndimage import gaussian_filter

    planes = np.random.default_rng(0).uniform(0, 255, (40, 60, 3)).astype(np.float32)
    sigma = faithfulness.BLUR * 40
    theirs = np.stack(
        [gaussian_filter(planes[..., c], sigma, mode="reflect", radius=round(3 * sigma)) for c in range(3)], 2
    )
    np.testing.assert_allclose(faithfulness.blurred(planes), theirs, atol=1e-2)
    np.testing.assert_allclose(faithfulness.blurred(np.full((20, 30, 2), 7.0, np.float32)), 7, rtol=1e-5)


def test_rivals_have_the_cells_of_the_map():
    one, other = faithfulness.random_maps((6, 8), 2, 0)
    assert one.shape == (6, 8) and (one != other).any()
    np.testing.assert_array_equal(one, faithfulness.random_maps((6, 8), 1, 0)[0])
    middle = faithfulness.centred((5, 7))
    assert np.unravel_index(middle.argmax(), middle.shape) == (2, 3) and middle[0, 0] < 0.2


def planted():
    """Answers `yes` by the brightness of the upper left corner alone: a convolution, and a dense layer that looks there."""
    import keras

    inputs = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(1, 4, strides=4, activation="relu", name="conv")(x)
    x = keras.layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(x), name="planted")
    model.get_layer("conv").set_weights([np.full((4, 4, 3, 1), 1 / 48), np.zeros(1)])
    weights = np.zeros((256, 2))
    weights[0, 1] = 12.0
    model.get_layer("head").set_weights([weights, np.array([3.0, -3.0])])
    return model


def test_planted_evidence_is_found_faithful_and_a_page_says_so(tmp_path):
    planted().save(tmp_path / "planted.keras")
    picture = np.full((64, 64, 3), 30, np.uint8)
    picture[:4, :4] = 255
    from PIL import Image

    Image.fromarray(picture).save(tmp_path / "corner.png")
    methods = ("hirescam", "layercam")
    sections = (
        configure("gradcam", {"methods": methods, "layer": "conv"}),
        configure("faithfulness", {"methods": methods, "layer": "conv"}),
    )
    plan = Plan(
        str(tmp_path / "planted.keras"), images=(str(tmp_path / "corner.png"),), out=tmp_path / "a", sections=sections
    )
    build(plan, lambda event: None)
    data = json.loads((tmp_path / "a/docs/planted/atlas.json").read_bytes())
    section = next(one for one in data["sections"] if one["name"] == "faithfulness")
    found = section["drawings"][0]["facts"]["classes"][0]
    assert found["whole"] > 0.99
    for name in methods:
        assert found["methods"][name]["deletion"] < 0.2 < found["random"]["deletion"]
        assert found["methods"][name]["drop"] > 1.3 and found["methods"][name]["rise"] > 1.1
    page = (tmp_path / "a/docs/planted/pictures/corner.md").read_text("utf-8")
    assert "times as fast as removing random parts" in page
    assert "## Are its heatmaps faithful?" in (tmp_path / "a/docs/planted/index.md").read_text("utf-8")


def test_a_map_of_the_wrong_places_is_said_to_be_no_better_than_chance():
    from convreport.site.templating import block, environment

    def said(drop, rise):
        (found,) = books.faithful("a", drop, rise).facts.classes
        return block(environment(None), "faithfulness", ["heatmap"], {"found": found})

    assert "No better than chance" in said(0.4, 0.7)
    assert "lowers the probability 3.1 times as fast" in said(3.1, 2.0)
    assert "nothing can be said" in said(None, 2.0)
    (found,) = books.faithful("a").facts.classes
    bare = dataclasses.replace(found, methods={})
    assert "Too unlikely" in block(environment(None), "faithfulness", ["heatmap"], {"found": bare})


def test_networks_without_probabilities_of_a_picture_are_not_measured():
    from convreport.core.drawing.scope import Scope
    from convreport.core.network.units import UnitChoice
    from tests.zoo import ZOO

    measured = configure("faithfulness", {})
    for kind, said in (("regression", "probabilities"), ("segmentation", "probabilities")):
        card = models.network(ZOO[kind]()).card
        scope = Scope(card, (models.sample(np.zeros((8, 8, 3), np.uint8)),), UnitChoice(), 0)
        assert measured.subjects(scope) == [] and said in measured.silence(scope)
