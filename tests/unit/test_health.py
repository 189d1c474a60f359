"""Planted faults: each is found and named, with its unit and its pictures, and nothing else is."""

import numpy as np
import pytest

from convreport.builder import api
from convreport.core.survey.health import gated
from convreport.sections import together
from convreport.sections.health import Health
from tests import models
from tests.command import run

HEALTHY = 6  # units of each layer


def healthy(name="planted"):
    """Two convolutions behind ReLUs whose units answer some places of some pictures, and are all different."""
    import keras

    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1, name="rescale")(inputs)
    x = keras.layers.Conv2D(HEALTHY, 3, padding="same", activation="relu", name="first")(x)
    x = keras.layers.Conv2D(HEALTHY, 3, padding="same", activation="relu6", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(x), name=name)
    draw = np.random.default_rng(3)
    for layer, below in (("first", 3), ("second", HEALTHY)):
        kernel = draw.normal(size=(3, 3, below, HEALTHY)) / 9
        model.get_layer(layer).set_weights([kernel - kernel.mean((0, 1)), np.full(HEALTHY, -0.02)])
    return model


def zeroed(kernel, bias):
    kernel[..., 1], bias[1] = 0, 0
    return "silent", [1]


def constant(kernel, bias):
    kernel[..., 1], bias[1] = 0, 0.7
    return "constant", [1]


def duplicated(kernel, bias):
    kernel[..., 4], bias[4] = kernel[..., 2] * 1.3, bias[2] * 1.3
    return "duplicates", [2, 4]


def always_on(kernel, bias):
    bias[3] = 5
    return "always", [3]


def saturated(kernel, bias):
    bias[5] = 8
    kernel[..., 5] *= 40  # at the ceiling in most places, and far below it in some
    return "saturated", [5]


def built(model, folder, count=120, **words):
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (16, 16, 3)).astype(np.uint8) for _ in range(count)]
    return api.build(
        model, out=folder / "atlas", images=pictures, max_images=count, layers=["first", "second"], filters=HEALTHY,
        sections=["examples", "health", "circuits"], **words,
    )  # fmt: skip


def test_a_healthy_network_has_no_alert(tmp_path):
    assert together.alerts(built(healthy(), tmp_path).book) == []
    page = (tmp_path / "atlas/docs/planted/layers/first.md").read_text()
    assert "All 6 units look healthy" in page
    assert "## Alerts" not in (tmp_path / "atlas/docs/planted/index.md").read_text()


@pytest.mark.parametrize(
    ("layer", "plant"),
    [
        ("first", zeroed),
        ("second", duplicated),
        pytest.param("second", saturated, marks=pytest.mark.slow),
        pytest.param("first", constant, marks=pytest.mark.slow),
        pytest.param("first", always_on, marks=pytest.mark.slow),
    ],
)
def test_a_planted_fault_is_found_and_named_and_nothing_else(tmp_path, layer, plant):
    model = healthy()
    kernel, bias = model.get_layer(layer).get_weights()
    kind, units = plant(kernel, bias)
    model.get_layer(layer).set_weights([kernel, bias])
    (found,) = together.alerts(built(model, tmp_path).book)
    assert (found.layer, found.kind, list(found.units), found.pictures) == (layer, kind, units, 120)
    page = (tmp_path / "atlas/docs/planted/index.md").read_text()
    assert "## Alerts" in page and f"[{units[0]}](layers/{layer}.md#u{units[0]})" in page
    assert "all 120 pictures" in page
    report = (tmp_path / "atlas/docs/planted/report.html").read_text()
    assert report.index(">Alerts<") < report.index("How this was made")


def test_the_worst_comes_first_and_few_pictures_are_a_hint(tmp_path):
    model = healthy()
    for layer, plants in (("first", (always_on, zeroed)), ("second", (duplicated,))):
        kernel, bias = model.get_layer(layer).get_weights()
        for plant in plants:
            plant(kernel, bias)
        model.get_layer(layer).set_weights([kernel, bias])
    found = together.alerts(built(model, tmp_path, count=12).book)
    assert [one.kind for one in found] == ["silent", "always", "duplicates"]
    assert all(one.mild and "only a hint, as it rests on 12 pictures." in one.sentence for one in found)


def test_health_of_the_summary_and_of_a_check_is_that_of_the_survey(tmp_path):
    model = healthy()
    kernel, bias = model.get_layer("first").get_weights()
    zeroed(kernel, bias)
    model.get_layer("first").set_weights([kernel, bias])
    well = Health.silent(built(model, tmp_path).book)
    assert (well.silent, well.channels, well.pictures) == (1, 2 * HEALTHY, 120)
    passed = run("check", str(tmp_path / "atlas"), "--max-silent", "10%")
    failed = run("check", str(tmp_path / "atlas"), "--max-silent", "5%")
    assert (passed.exit_code, failed.exit_code) == (0, 1), passed.stdout + failed.stdout
    assert "1 of 12 channels silent on all 120 pictures" in failed.stdout


def test_where_a_value_above_zero_means_an_answer():
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3))
    linear = keras.layers.Conv2D(4, 3, padding="same", name="linear")(inputs)
    gates = keras.layers.ReLU(name="gates")(keras.layers.BatchNormalization(name="norm")(linear))
    swish = keras.layers.Conv2D(4, 3, padding="same", activation="swish", name="swish")(gates)
    both = keras.layers.Concatenate(name="both")([gates, swish])
    mixed = keras.layers.Add(name="mixed")([gates, linear])
    pooled = keras.layers.MaxPooling2D(name="pooled")(both)
    tail = keras.layers.Concatenate(name="tail")([pooled, keras.layers.MaxPooling2D(name="other")(mixed)])
    soft = keras.layers.Conv2D(4, 1, activation="sigmoid", name="soft")(tail)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(soft)), name="gating")
    card = models.network(model).card
    found = {layer.path for layer in card.layers if layer.spatial and gated(card, layer.path)}
    assert found == {"gates", "swish", "both", "pooled"}
