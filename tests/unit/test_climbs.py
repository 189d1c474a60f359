"""What comes of an ascent: the same tile in any company, ranks, verdicts, rescue, class patterns, precision, memory."""

import numpy as np
import pytest

from convreport.core.ascent.objectives import channel, logit
from convreport.core.ascent.recipes import FOURIER, Recipe, find
from convreport.core.base.errors import ModelError, UsageError
from convreport.core.seam import Means, Targets
from convreport.sections.shared import tiles
from tests import models

DRAFT = find("fourier", "draft")


def correlation(one, other):
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_a_tile_is_the_same_alone_and_in_any_slot_and_company(demo_loaded, precision):
    """Tolerance: correlation of at least 0.999 (float rounding in another slot of a batch of the same size)."""
    from convreport.engines.keras.running.network import KerasNetwork

    layer, units = "block3_conv1", [4, 9, 17, 30, 2, 8, 21, 40, 11, 5]
    net = KerasNetwork(demo_loaded, Means(precision))
    together = net.ascend([channel(layer, unit) for unit in units], DRAFT, 0)
    again = KerasNetwork(demo_loaded, Means(precision))
    for place in (0, 5, 9):
        alone = again.ascend([channel(layer, units[place])], DRAFT, 0)
        assert correlation(alone.pictures[0], together.pictures[place]) > 0.999
        assert alone.scores[0] == pytest.approx(together.scores[place], rel=1e-3)
    assert correlation(again.ascend([channel(layer, 4)], DRAFT, 1).pictures[0], together.pictures[0]) < 0.9
    assert together.precision == precision


@pytest.mark.slow
def test_bfloat16_scores_what_float32_scores(demo_loaded):
    """At equal contrast, in the median of a layer: at most 3 % less; more is no loss, but 10 % would be another picture."""
    from convreport.engines.keras.running.network import KerasNetwork

    objectives = [channel("block4_conv1", unit) for unit in range(32)]
    exact, short = (
        KerasNetwork(demo_loaded, Means(word)).ascend(objectives, FOURIER, 0) for word in ("float32", "bfloat16")
    )
    assert 0.97 <= np.median(short.evens) / np.median(exact.evens) <= 1.1
    assert (short.pictures != exact.pictures).any(), "it was really climbed in another precision"


def test_the_rank_is_that_of_the_unit_among_all_answers_to_its_tile(demo):
    made = demo.ascend([channel("block3_conv1", unit) for unit in range(8)], FOURIER, 0)
    assert made.among == 48
    tile = made.pictures[0].astype(np.float32) / 255
    even = np.clip((tile - tile.mean()) / tile.std() * 0.18 + 0.5, 0, 1)
    shown = models.sample((even * 255 + 0.5).astype(np.uint8))
    # `look` resizes to the network's input, so only the order of magnitude of the rank can be compared.
    answers = (
        demo.look([shown], ["block3_conv1"], fit="stretch", targets=None).activations["block3_conv1"].mean((1, 2))[0]
    )
    theirs = 1 + int((answers > answers[0]).sum())
    assert abs(theirs - made.ranks[0]) <= 8
    assert (made.ranks >= 1).all() and (made.ranks <= 48).all()
    assert np.median(made.ranks) <= 12, "tiles speak of their own units more than of most others"


def test_a_unit_can_be_climbed_down(demo):
    up, down = (demo.ascend([weight * channel("block2_conv1", 3)], DRAFT, 0) for weight in (1.0, -1.0))
    assert down.scores[0] > down.starts[0] and down.evens[0] > 0
    assert correlation(up.pictures[0], down.pictures[0]) < 0.5
    assert 1 <= down.ranks[0] <= 32


def test_verdicts():
    assert tiles.verdict(False, 1, 64) == "no response found"
    assert tiles.verdict(True, 1, 64) == "specific"
    assert tiles.verdict(True, 3, 8) == "shared" and tiles.verdict(True, 12, 256) == "shared"
    assert tiles.verdict(True, 14, 256) == "unspecific"
    assert tiles.verdict(True, 0, 0) == "rose"


def silenced(dead):
    """A network whose unit 0 reads a map that no picture wakes; where `dead`, through zero weights."""
    import keras

    x = keras.Input((32, 32, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="hidden")
    last = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="last")
    model = keras.Model(x, last(hidden(x)))
    kernel, bias = (weight.copy() for weight in hidden.get_weights())
    kernel[..., 0] = 0.001  # 27 of them
    bias[0] = -0.016  # closed on what a start shows, open on a bright picture
    hidden.set_weights([kernel, bias])
    kernel, bias = (weight.copy() for weight in last.get_weights())
    kernel[...] = 0
    kernel[:, :, 0, 0] = 0.0 if dead else 1.0
    kernel[:, :, 1, 1] = 1.0
    last.set_weights([kernel, bias])
    return model


def test_a_unit_without_a_gradient_is_rescued_through_closed_relus(monkeypatch):
    from convreport.core.ascent.climb import Climb

    net = models.network(silenced(dead=False), preprocess="rescale")
    asked = []
    original = Climb._climb_all

    def noting(self, objectives, seed, batch, *, yielded=False):
        asked.append(yielded)
        return original(self, objectives, seed, batch, yielded=yielded)

    monkeypatch.setattr(Climb, "_climb_all", noting)
    made = net.ascend([channel("last", 0)], DRAFT, 0)
    assert asked == [False, False, True], "a second seed, then gradients through the closed ReLUs"
    assert made.scores[0] > made.starts[0], "and that is what woke it"


def test_a_dead_unit_has_no_response(convreport, tmp_path):
    net = models.network(silenced(dead=True), preprocess="rescale")
    made = net.ascend([channel("last", 0)], DRAFT, 0)
    assert made.scores[0] == made.starts[0]
    assert tiles.facts(made, 0).verdict == "no response found"


def test_nan_starts_again_and_then_is_told():
    import keras

    x = keras.Input((16, 16, 3))
    layer = keras.layers.Conv2D(2, 3, name="broken")
    model = keras.Model(x, layer(x))
    kernel, bias = layer.get_weights()
    kernel[..., 0] = np.nan
    layer.set_weights([kernel, bias])
    made = models.network(model).ascend([channel("broken", 0), channel("broken", 1)], DRAFT, 0)
    facts = [tiles.facts(made, place) for place in (0, 1)]
    assert facts[0].verdict == "no response found" and facts[1].responds


@pytest.mark.slow
def test_class_patterns_convince_the_network_of_their_class(demo):
    made = demo.ascend([logit(index) for index in range(18)], FOURIER, 0)
    assert (made.scores > made.starts + 3).all()
    assert made.among == 18 and (made.ranks <= 3).all()
    shown = [models.sample(picture, f"p{place}") for place, picture in enumerate(made.pictures)]
    look = demo.look(shown, [], fit="stretch", targets=Targets(top=1))
    assert (look.probabilities.argmax(1) == np.arange(18)).sum() >= 14


# -- precision, memory, time


def test_what_auto_means_is_measured_once_and_kept(tmp_path):
    from convreport.core.ascent.precision import Decisions

    asked = []
    short = lambda: "bfloat16"  # noqa: E731

    def seconds(precision):
        asked.append(precision)
        return {"float32": 2.0, "bfloat16": 1.0}[precision]

    file = tmp_path / "precision.json"
    assert Decisions("auto", file, short).decide("key", seconds, exact=False) == "bfloat16"
    assert Decisions("auto", file, short).decide("key", lambda _: 1 / 0, exact=False) == "bfloat16"
    assert sorted(asked) == ["bfloat16", "float32"]
    assert Decisions("float32", file, short).decide("key", seconds, exact=False) == "float32"
    assert Decisions("auto", file, short).decide("other", seconds, exact=True) == "float32", (
        "published loops are followed"
    )
    slow = {"float32": 1.0, "bfloat16": 0.85}
    assert Decisions("auto", None, short).decide("near", slow.get, exact=False) == "float32", "a tie changes nothing"
    file.write_text("no json")
    assert Decisions("auto", file, short).decide("key", seconds, exact=False) == "bfloat16"


def test_a_shorter_format_holds_for_the_block_alone():
    import tensorflow as tf

    x = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), tf.float32)
    product = tf.function(lambda a: tf.nn.relu(a @ a) @ a)
    exact = product(x).numpy()
    with models.ops().computing("bfloat16"):
        short = product(x).numpy()
    assert (product(x).numpy() == exact).all()
    assert (short == exact).mean() < 0.5


def test_batches_shrink_with_the_memory_and_only_then(demo):
    from convreport.core.ascent.room import batch_for, bytes_a_picture
    from convreport.core.ascent.stage import Stage

    stage = Stage.fitted(demo.card, FOURIER, "block3_conv1")
    need = bytes_a_picture(demo.card, ["block3_conv1"], stage)
    assert 1e6 < need < 1e8
    for memory, batch in ((100 * need, 8), (8 * need, 8), (7 * need, 4), (3 * need, 2), (need, 1), (1, 1)):
        assert batch_for(demo.card, ["block3_conv1"], stage, memory) == batch


@pytest.mark.slow
def test_the_pace_is_about_what_it_takes(demo_loaded):
    """Loosely: timing on a shared machine. tests/bench measures it."""
    import time

    from convreport.engines.keras.running.network import KerasNetwork

    net = KerasNetwork(demo_loaded, Means("float32"))
    objectives = [channel("block4_conv1", unit) for unit in range(16)]
    pace = net.pace(objectives[0], FOURIER)
    net.ascend(objectives[:8], FOURIER, 0)
    began = time.perf_counter()
    net.ascend(objectives[8:], FOURIER, 0)
    took = (time.perf_counter() - began) / 8
    assert 0.2 < pace / took < 5


def test_a_layer_without_units_cannot_be_climbed(demo):
    with pytest.raises((ModelError, UsageError)):
        demo.ascend([channel("predictions", 0)], Recipe("short", steps=1), 0)
