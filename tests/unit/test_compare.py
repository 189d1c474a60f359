"""What changed between two models: planted changes must be found and named, and nothing else."""

import numpy as np
import pytest

from convreport.book.comparison import words
from convreport.core.base.errors import ImageError
from convreport.core.comparing.conduct import Encounter
from convreport.core.pictures.sample import Sample
from convreport.reviewing import aligned, units
from convreport.reviewing.judged import Judged
from tests.checkpoints import CLASSES, COUNT, LAYERS, altered, network, pictures, swap


@pytest.fixture(scope="module")
def shown():
    return pictures()


@pytest.fixture(scope="module")
def base(shown):
    return network(shown)


def permuted(model):
    """The channels of the first layer in another order, and the second layer's weights likewise: the same function."""
    order = np.array([2, 0, 1, 3, 5, 4])

    def first(kernel, bias):
        kernel[:], bias[:] = kernel[..., order], bias[order]

    def second(kernel, bias):
        kernel[:] = kernel[:, :, order]

    return altered(altered(model, "first", first), "second", second), order


class Held:
    """Pictures at hand as examples."""

    words = "108 discs"

    def __init__(self, shown, said=CLASSES):
        self._pictures, self._truth, self._said = *shown, said
        self.count = len(self._pictures)

    def name(self, number):
        return f"disc {number}"

    def said(self, number):
        return self._said[self._truth[number]] if self._said else ""

    def samples(self, numbers):
        for number in numbers:
            yield Sample(self.name(number), str(number), "", self._pictures[number], said=self.said(number))


def net(model, labels=CLASSES):
    from convreport.core.seam import Means
    from convreport.engines.keras.engine import KerasEngine
    from convreport.engines.request import Request

    loaded = KerasEngine().load(Request(str(model.name), live=model, labels=labels, preprocess="none"))
    return loaded.network(Means("float32"))


def met(old, new, examples, layers=LAYERS):
    """What comes of showing both the pictures."""
    old, new = (one if hasattr(one, "card") else net(one) for one in (old, new))
    pairs = [(path, path) for path in layers]
    found = Encounter.between((old, new), (old.card, new.card), (layers, layers), pairs, examples)
    found.hold(examples, "stretch", lambda event: None)
    told = aligned.told(found, old, new)
    return Judged(found.old.answers, found.new.answers).told(examples.name), told, units.matched(found)


def drifted(layers):
    return [one.new for one in layers.drifts if one.cka is not None and one.cka < words.SAME]


def test_decisions_read_off_the_last_layer_are_what_the_network_answers(base, shown):
    opened = net(base)
    found = Encounter.between((opened, opened), (opened.card,) * 2, (LAYERS, LAYERS), [], Held(shown))
    found.hold(Held(shown), "stretch", lambda event: None)
    _, chances = opened.answer(shown[0].astype(np.float32))
    assert (found.old.answers.said == chances.argmax(1)).all()
    assert found.old.answers.confidence == pytest.approx(chances.max(1), abs=1e-5)


def test_a_model_against_itself_has_not_changed(base, shown):
    decisions, layers, matched = met(base, base, Held(shown))
    assert decisions.known == COUNT and decisions.right[0] == decisions.right[1] > 0.9 * COUNT
    assert (decisions.flipped, decisions.lost, decisions.gained, decisions.p) == (0, 0, 0, 1.0)
    assert "No decision changed" in words.decisions(decisions) and "both unchanged" in words.calibration(decisions)
    assert drifted(layers) == [] and "No layer drifted" in words.layers(layers)
    assert all(one.weights == 0 for one in layers.drifts)
    assert {pair.fate for layer in matched for pair in layer.pairs} <= {"kept", "idle"}
    assert all(pair.old == pair.new for layer in matched for pair in layer.pairs)


def test_permuted_channels_are_the_same_function_and_every_unit_is_found(base, shown):
    new, order = permuted(base)
    decisions, layers, matched = met(base, new, Held(shown))
    assert decisions.flipped == 0 and drifted(layers) == []
    assert all(one.cka == pytest.approx(1, abs=1e-4) for one in layers.drifts if one.cka is not None)
    places = {pair.old: pair.new for pair in matched[0].pairs}
    assert places == {int(old): new for new, old in enumerate(order)}
    assert {pair.fate for pair in matched[1].pairs} <= {"kept", "idle"}
    assert layers.drifts[0].weights > 0.1, "though its weights stand in other places"


def test_noise_on_one_layer_names_it_and_those_after_it_not_those_before(base, shown):
    rng = np.random.default_rng(5)

    def noise(kernel, bias):
        kernel += rng.normal(0, 2 * kernel.std(), kernel.shape)

    _, layers, _ = met(base, altered(base, "second", noise), Held(shown))
    assert drifted(layers) == ["second", "third"]
    assert "2 of 3 layers drifted, from second on" in words.layers(layers)
    assert [one.new for one in layers.drifts if one.weights] == ["second"]


def test_two_outputs_swapped_name_the_flips_and_the_confusion(base, shown):
    decisions, layers, matched = met(base, altered(base, "head", swap), Held(shown))
    assert drifted(layers) == [] and {pair.fate for layer in matched for pair in layer.pairs} <= {"kept", "idle"}
    assert decisions.lost > 50 and decisions.p < 1e-6 and decisions.flips[0].turn == "lost"
    worst = {(one.truth, one.old, one.new) for one in decisions.confusions[:2]}
    assert worst == {("red", "red", "blue"), ("blue", "blue", "red")}
    of = {one.name: one for one in decisions.per_class}
    assert of["green"].lost == 0 and of["red"].right[1] <= 4 and decisions.per_class[0].name in ("red", "blue")
    assert "more than chance" in words.decisions(decisions)


def test_a_silenced_unit_and_one_with_a_new_role_are_told(base, shown):
    def change(kernel, bias):
        bias[1] = -1000.0
        kernel[..., 4] = np.random.default_rng(9).normal(0, 0.5, kernel.shape[:3])
        bias[4] = 0.5

    _, _, matched = met(base, altered(base, "second", change), Held(shown))
    worst = matched[1].pairs[0]
    assert (worst.old, worst.fate) == (1, "silent") and matched[1].count("silent") == 1
    assert "1 gone silent" in words.units(matched)
    assert matched[1].count("kept") + matched[1].count("idle") >= 6


def test_units_are_told_by_the_classes_that_drive_them(shown):
    """Units that read one colour channel each, old and new in another order of colours."""
    import keras

    def made(order):
        inputs = keras.Input((24, 24, 3))
        x = keras.layers.Conv2D(3, 1, activation="relu", name="only")(inputs)
        x = keras.layers.GlobalMaxPooling2D(name="pool")(x)
        model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="head")(x), name="colours")
        model.get_layer("only").set_weights([np.eye(3)[order].T[None, None] * 1.0, np.full(3, -150.0)])
        return model

    _, _, matched = met(made([0, 1, 2]), made([1, 1, 2]), Held(shown), ("only",))
    changed_ = next(pair for pair in matched[0].pairs if pair.fate == "changed")
    assert changed_.driven == (("red",), ("green",)) and changed_.old == 0


def test_layers_find_their_counterparts_in_and_out_of_a_nested_network(base):
    import keras

    body = keras.Model(base.input, base.get_layer("pool").output, name="body")
    head = keras.layers.Dense(2, activation="softmax", name="verdict")
    tuned = keras.Sequential([keras.Input((24, 24, 3)), body, head], name="tuned")
    nested = net(tuned, ("yes", "no"))
    found = aligned.counterparts(net(base).card, nested.card)
    assert {new: old for new, old in found.items() if old in LAYERS} == {f"body/{name}": name for name in LAYERS}
    assert not any("verdict" in new for new in found)


def test_without_truth_agreement_is_told(base, shown):
    decisions, _, _ = met(base, altered(base, "head", swap), Held(shown, ()))
    assert decisions.known == 0 and decisions.p is None and decisions.calibration is None
    assert "agreement; without true classes" in words.decisions(decisions)
    assert decisions.worse == decisions.flipped > 50 and {one.truth for one in decisions.confusions} == {""}


def test_other_labels_are_compared_by_name(base, shown):
    old, new = net(base), net(base, ("crimson", "green", "blue"))
    decisions, _, _ = met(old, new, Held(shown))
    assert {flip.old.name for flip in decisions.flips} == {"red"} and {flip.new.name for flip in decisions.flips} == {
        "crimson"
    }
    assert decisions.known == 2 * COUNT // 3, "red is no class of the new one"


def test_pictures_that_neither_can_read_are_a_sentence(base, shown):
    class Broken(Held):
        def samples(self, numbers):
            return iter([None for _ in numbers])

    with pytest.raises(ImageError, match="None of the 108 pictures can be read by both"):
        met(base, base, Broken(shown))
