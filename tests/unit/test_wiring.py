"""Every kind of wiring: understood, looked at, climbed, built, and left as it was; fresh, and saved and loaded again."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import convreport
from convreport.core.ascent.objectives import channel
from convreport.core.ascent.recipes import Recipe
from convreport.core.base.errors import ModelError, UsageError
from convreport.core.network import layers
from convreport.core.pictures.arrays import picture
from convreport.core.pictures.samples import named_samples
from convreport.core.seam import Targets
from tests import models
from tests.zoo import ZOO, subclass_of_two_inputs

SHORT = Recipe("short", steps=2)
# Kinds of which a whole atlas is built by default; of all with -m slow. Every kind is looked at and climbed in any case.
USUAL = ("transfer_learning",)
UNBUILT_WHEN_LOADED = ("subclassed_branching",)  # Keras itself cannot rebuild it: it never learns its input


@dataclass(frozen=True)
class Met:
    """A model, how it was before convreport saw it, and what convreport made of it."""

    model: Any
    before: Any
    net: Any
    kind: str
    fresh: bool


FRESH = [pytest.param((kind, "fresh"), id=f"{kind}-fresh") for kind in ZOO]
RELOADED = [pytest.param((kind, "reloaded"), id=f"{kind}-reloaded", marks=pytest.mark.slow) for kind in ZOO]


@pytest.fixture(scope="module", params=[*FRESH, *RELOADED])
def met(request, tmp_path_factory):
    kind, way = request.param
    if way == "reloaded" and kind in UNBUILT_WHEN_LOADED:
        pytest.skip("Keras cannot build it after loading")
    made = ZOO[kind]()
    model = models.reloaded(made, tmp_path_factory.mktemp("model")) if way == "reloaded" else made
    before = state_of(model)
    return Met(model, before, models.network(model), kind, way == "fresh")


def state_of(model):
    """Configuration, weights, and what every layer holds as its own."""
    own = [[sorted(vars(layer)), vars(layer).get("activation")] for layer in model._flatten_layers()]
    return json.dumps(model.get_config(), sort_keys=True, default=str), [w.copy() for w in model.get_weights()], own


def fitting_sample(net, seed=0):
    height, width, channels = net.card.input
    draw = np.random.default_rng(seed).integers(0, 256, (height or 40, width or 40, channels)).astype(np.uint8)
    return next(named_samples([picture("noise", draw, 1024)]))


def maps_of(net):
    return [layer.path for layer in layers.spatial(net.card)]


def test_nothing_of_the_model_changes(met):
    config, weights, own = met.before
    net = met.net
    path = maps_of(net)[-1]
    net.look([fitting_sample(net)], [path], fit="stretch", targets=None)
    if net.card.head != "none":
        net.look([fitting_sample(net)], [layers.cam_layer(net.card).path], fit="stretch", targets=Targets(top=2))
    for layer in layers.telling(net.card)[:1] if met.fresh else ():
        net.ascend([channel(layer.path, 0)], SHORT, 0)
    with pytest.raises(ModelError):
        net.look([fitting_sample(net)], [path, net.card.layers[0].path], fit="stretch", targets=None)
    after = state_of(met.model)
    assert after[0] == config
    assert all((a == b).all() for a, b in zip(weights, after[1], strict=True))
    assert after[2] == own


def test_scores_are_those_of_the_model_and_gradients_their_slopes(met):
    """What a small change of the picture does to the scores is what the model itself says it does."""
    net = met.net
    if net.card.head == "none":
        pytest.skip("no scores")
    sample = fitting_sample(net)
    last = layers.cam_layer(net.card)
    targets = Targets(classes=tuple(range(net.card.classes)))
    look = net.look([sample], [last.path], fit="stretch", targets=targets)
    feed = net._understood.feed
    output = np.asarray(feed.run(net._input(sample, "stretch")[None])[net._understood.output], np.float64)
    if net.card.dense:
        assert look.probabilities.sum() == pytest.approx(1)
    elif net.card.head == "binary":
        np.testing.assert_allclose(look.probabilities[0], [1 - output[0, 0], output[0, 0]], rtol=1e-4)
        np.testing.assert_allclose(look.scores[0, 1], np.log(output[0, 0] / (1 - output[0, 0])), rtol=1e-3, atol=1e-5)
        assert look.scores[0, 0] == -look.scores[0, 1]
    elif net.card.head == "logits":
        np.testing.assert_allclose(look.scores, output, rtol=1e-4, atol=1e-6)
    else:
        np.testing.assert_allclose(look.probabilities, output, rtol=1e-4, atol=1e-6)
    gradient = look.gradients[last.path]
    assert gradient.shape == (1, net.card.classes, *look.activations[last.path].shape[1:])
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_the_map_of_a_layer_is_what_the_layer_returns(met):
    """Against Keras's own word: a spy on each layer's `call` in a plain run of the model."""
    import tensorflow as tf

    net = met.net
    sample = fitting_sample(net)
    paths = maps_of(net)
    look = net.look([sample], paths, fit="stretch", targets=None)
    calls = {call.path: call for call in net._understood.wiring.calls}
    seen, spied = {}, []
    for path in paths:
        operation = calls[path].operation

        def spy(*args, operation=operation, original=operation.call, **kwargs):
            made = original(*args, **kwargs)
            first = made[0] if isinstance(made, tuple) else made
            seen.setdefault(id(operation), []).append(np.asarray(tf.cast(first, tf.float32)))
            return made

        if "call" not in vars(operation):
            spied.append(operation)
            object.__setattr__(operation, "call", spy)
    net._understood.feed.run(tf.constant(net._input(sample, "stretch")[None]))
    for operation in spied:
        object.__delattr__(operation, "call")
    for path in paths:
        theirs = seen[id(calls[path].operation)][calls[path].turn]
        ours = look.activations[path]
        assert ours.ndim == 4
        tokens = ours.shape[1] * ours.shape[2]
        if theirs.ndim == 3:
            theirs = theirs[:, -tokens:].reshape(ours.shape)
        elif calls[path].channels_first:
            theirs = theirs.transpose(0, 2, 3, 1)
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [pytest.param(one, marks=() if one in USUAL else pytest.mark.slow) for one in ZOO])
def test_an_atlas_of_every_kind(kind, tmp_path):
    images = {}
    if kind == "five_channels":
        images = {"measured": np.random.default_rng(0).uniform(0, 1, (40, 30, 5))}
    atlas = convreport.build(
        ZOO[kind](), name=kind, out=tmp_path, images=images, filters=1, max_images=1, preset="draft"
    )
    assert not atlas.failures
    book = atlas.book
    assert atlas.page.is_file()
    assert all(book.chapters[name].drawings for name in ("filters", "activations", "kernels"))
    page = (tmp_path / "docs" / book.slug / "index.md").read_text()
    if book.model.head == "none":
        assert "no output that scores classes" in page
        assert not book.chapters["gradcam"].drawings
    else:
        assert len(book.chapters["gradcam"].drawings) == 1
    for given in book.model.given:
        assert f"The input {given.name} is held at" in page.replace("&#95;", "_").replace("&#46;", ".")


def card_of(kind, **words):
    return models.network(ZOO[kind](), **words).card


# Of kinds whose classifier is no softmax over three classes: (head, classes, a score at every place).
HEADS = {
    "transfer_learning": ("logits", 5, False),
    "siamese": ("binary", 2, False),
    "two_inputs": ("binary", 2, False),
    "one_sigmoid": ("binary", 2, False),
    "many_sigmoids": ("sigmoid", 4, False),
    "regression": ("regression", 1, False),
    "regression_of_four": ("regression", 4, False),
    "segmentation": ("softmax", 3, True),
    "segmentation_one_class": ("binary", 2, True),
    "embedding": ("none", 0, False),
    "without_top": ("none", 0, False),
}
UNSEEN_LOGITS = ("subclassed", "subclassed_branching")  # Python code makes the softmax


def test_what_is_understood_of_the_heads(met):
    card = met.net.card
    assert (card.head, card.classes, card.dense) == HEADS.get(met.kind, ("softmax", 3, False))
    if met.kind not in HEADS:
        assert card.score == ("log-probability" if met.kind in UNSEEN_LOGITS else "logit")


def test_one_of_two_outputs_is_explained_and_the_other_on_request():
    assert card_of("two_outputs").output == "kind"  # classes before numbers
    other = card_of("two_outputs", output="box")
    assert (other.output, other.head, other.classes) == ("box", "regression", 4)
    assert card_of("two_outputs", output="1").output == "kind"
    with pytest.raises(UsageError, match="no output 'kin'") as raised:
        card_of("two_outputs", output="kin")
    assert "kind" in raised.value.hint


def test_other_inputs_are_held_and_what_they_hold_counts(tmp_path):
    net = models.network(ZOO["two_inputs"](), inputs=(("age", 61.0),))
    assert [(one.name, one.value) for one in net.card.given] == [("age", "61")]
    assert net.card.input_name == "scan" and net.card.input == (32, 32, 1)
    zero = models.network(ZOO["two_inputs"]())
    sample = fitting_sample(net)
    scores = [one.look([sample], ["body_b"], fit="stretch", targets=Targets(top=1)).scores for one in (net, zero)]
    assert not np.allclose(*scores)
    changed = {a.path for a, b in zip(net.card.layers, zero.card.layers, strict=True) if a.digest != b.digest}
    assert changed == {"age", "of_age", next(p for p in changed if p.startswith("concatenate")), "ill"}
    np.save(tmp_path / "age.npy", np.array([61.0], np.float32))
    again = models.network(ZOO["two_inputs"](), inputs=(("age", str(tmp_path / "age.npy")),))
    assert again.card.given[0].value == "age.npy"
    np.testing.assert_allclose(
        again.look([sample], ["body_b"], fit="stretch", targets=Targets(top=1)).scores, scores[0], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ((("aeg", "1"),), "no input 'aeg'"),
        ((("age", "old"),), "cannot be 'old'"),
        ((("age", np.zeros((2, 2))),), "of shape"),
        ((("age", "picture"),), "not pictures"),
    ],
)
def test_wrong_inputs_are_told(said, message):
    with pytest.raises((UsageError, ModelError), match=message):
        models.network(ZOO["two_inputs"](), inputs=said)


def test_the_second_of_two_pictures_may_be_the_one_that_is_varied():
    net = models.network(ZOO["siamese"](), inputs=(("right", "picture"),))
    assert net.card.input_name == "right"
    assert [one.name for one in net.card.given] == ["left"]
    blind = {layer.path for layer in net.card.layers if not layer.reads_picture}
    assert "tower/body_a" in blind and "tower/body_a@2" not in blind


def test_what_a_subclassed_model_demands_beside_the_picture_is_given():
    net = models.network(subclass_of_two_inputs(), inputs=(("weight", "1"),))
    assert net.card.given[0].name == "weight"
    look = net.look([fitting_sample(net)], ["conv"], fit="stretch", targets=Targets(top=2))
    assert np.abs(look.gradients["conv"]).max() > 0
