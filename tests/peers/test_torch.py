"""One network in both frameworks, with the same weights: what is found of it is the same."""

import dataclasses

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from convreport.core.ascent.objectives import channel, logit  # noqa: E402
from convreport.core.ascent.recipes import RECIPES, find  # noqa: E402
from convreport.core.explain import saliency  # noqa: E402
from convreport.core.network.circuits import Circuits  # noqa: E402
from convreport.core.seam import Means, Targets  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load  # noqa: E402
from tests import models  # noqa: E402
from tests.torch_models import Written  # noqa: E402

ONE = Means("float32", memory=1)  # one tile at a time, which is quick


@pytest.fixture(scope="module")
def twin(demo):
    """The embedded model, written out in PyTorch with its weights."""
    module = Written(demo.model)
    return load(Request("x", live=module, preprocess="none", input_shape=(3, 96, 96))).network(ONE)


@pytest.fixture(scope="module")
def keras(demo_loaded):
    """The same, in Keras."""
    from convreport.engines.keras.running.network import KerasNetwork

    return KerasNetwork(demo_loaded, ONE)


@pytest.fixture(scope="module")
def scenes():
    from convreport.demo.scenes import scene

    return [models.sample(scene(index).pixels) for index in range(12)]


LAYERS = ["block1_conv1", "block3_conv2", "block5_conv2"]


def test_activations_scores_and_gradients_are_the_same(demo, twin, scenes):
    targets = Targets(top=2)
    theirs, ours = (net.look(scenes[:4], LAYERS, fit="stretch", targets=targets) for net in (demo, twin))
    for layer in LAYERS:
        scale = np.abs(theirs.activations[layer]).max()
        assert np.abs(theirs.activations[layer] - ours.activations[layer]).max() < 1e-4 * max(scale, 1)
        scale = np.abs(theirs.gradients[layer]).max()
        assert np.abs(theirs.gradients[layer] - ours.gradients[layer]).max() < 1e-3 * scale
    np.testing.assert_allclose(theirs.scores, ours.scores, atol=1e-3)
    np.testing.assert_allclose(theirs.probabilities, ours.probabilities, atol=1e-4)
    np.testing.assert_array_equal(theirs.targets, ours.targets)


def test_what_is_understood_is_the_same(demo, twin):
    for layer in ("block1_conv1", "block2_pool", "block5_conv2"):
        assert demo.card.layer(layer).receptive_field == twin.card.layer(layer).receptive_field
    assert (demo.card.head, demo.card.classes) == (twin.card.head, twin.card.classes) == ("softmax", 18)
    assert (demo.card.params, demo.card.input) == (twin.card.params, twin.card.input)


def climbed(keras, twin, objectives, side, preset="draft"):
    """By each engine: the correlation of their pictures from the same noise, and the ratios of their scores at equal contrast."""
    recipe = dataclasses.replace(find("fourier", preset), smallest=side, largest=side)
    theirs, ours = (net.ascend(objectives, recipe, 0) for net in (keras, twin))
    pairs = zip(theirs.pictures, ours.pictures, strict=True)
    return [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs], ours.evens / theirs.evens


def test_patterns_from_the_same_noise_are_the_same_in_the_first_layer(keras, twin):
    alike, ratios = climbed(keras, twin, [channel("block1_conv1", unit) for unit in range(6)], 32)
    assert min(alike) > 0.95
    np.testing.assert_allclose(ratios, 1, atol=0.01)


def test_patterns_from_the_same_noise_are_the_same_in_shallow_layers(keras, twin):
    """Adam divides a gradient by its size: where that is nothing but rounding, its sign decides, and two climbs part. The
    median of several counts, and the scores of all.
    """
    alike, ratios = climbed(keras, twin, [channel("block1_conv2", unit) for unit in (1, 2, 3, 5)], 32)
    assert np.median(alike) > 0.95 and min(alike) > 0.7
    np.testing.assert_allclose(ratios, 1, atol=0.03)


@pytest.mark.slow
def test_the_engines_are_as_like_as_one_is_to_itself(demo_loaded, keras, twin):
    """Patterns of Keras's engine drawn alone and among others: the same arithmetic in another order. No other engine can be
    held to more than that; so, where a unit differs by rounding, PyTorch's does not differ more.
    """
    from convreport.engines.keras.running.network import KerasNetwork

    together = KerasNetwork(demo_loaded, Means("float32"))  # in batches
    objectives = [channel("block1_conv2", unit) for unit in range(6)]
    itself, _ = climbed(keras, together, objectives, 32)
    other, ratios = climbed(keras, twin, objectives, 32)
    assert min(other) > min(itself) - 0.05 and np.median(other) > np.median(itself) - 0.01
    np.testing.assert_allclose(ratios, 1, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("deep", [channel, None], ids=["channel", "class"])
def test_patterns_of_deep_layers_score_the_same(keras, twin, deep):
    """Within 3 % in the median; a single unit parts from itself by up to 4 % when it is drawn in another batch."""
    objectives = [channel("block4_conv1", unit) if deep else logit(unit) for unit in range(4)]
    _, ratios = climbed(keras, twin, objectives, 48)
    assert np.median(ratios) == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(ratios, 1, atol=0.15)


@pytest.mark.parametrize("name", ["book", "keras-example"])
def test_published_recipes_draw_the_same(keras, twin, name):
    short = dataclasses.replace(RECIPES[name], steps=5, size=48, trim=0)
    theirs, ours = (net.ascend([channel("block2_conv1", 1)], short, 0) for net in (keras, twin))
    assert np.corrcoef(theirs.pictures.ravel(), ours.pictures.ravel())[0, 1] > 0.99


def test_units_answer_examples_in_the_same_order(demo, twin, scenes):
    planes = np.stack([demo.read(one, "stretch") for one in scenes])
    theirs, ours = (net.observe(planes, LAYERS) for net in (demo, twin))
    for layer in LAYERS:
        for of in ("most", "least", "mean", "drive", "positive", "full"):
            scale = max(float(np.abs(getattr(theirs[layer], of)).max()), 1.0)
            least = 1e-3 if of in ("positive", "full") else 1e-4  # a share of cells: one of them may lie on the edge
            assert np.abs(getattr(theirs[layer], of) - getattr(ours[layer], of)).max() < least * scale, of
        alive = theirs[layer].most.max(0) > 1e-3
        orders = [np.argsort(-one[layer].most[:, alive], axis=0, kind="stable")[:3] for one in (theirs, ours)]
        assert (orders[0] == orders[1]).mean() > 0.99


class Shown:
    """Samples as the examples of a survey."""

    def __init__(self, samples):
        self._samples, self.count = samples, len(samples)

    def said(self, number):
        return ""

    def samples(self, numbers):
        return iter([self._samples[number] for number in numbers])


def unwell(net, layers, samples):
    from convreport.core.survey import health, shards

    surveyor = shards.Here(net)
    asked = shards.Pass(tuple(layers), "stretch", (), surveyor.suspects(layers))
    (part,) = surveyor.parts(Shown(samples), asked, [0])
    return {path: health.of_layer(net.card, net.card.layer(path), part.tallies[path]) for path in layers}


def test_the_same_units_are_unwell(demo, scenes):
    """Planted in the demo's weights: a silent unit, one that is always on, one that is constant, and a near-duplicate."""
    model = models.copy_of(demo.model, 96)
    for name in ("block2_conv1", "block3_conv2"):
        kernel, bias = (np.array(one) for one in model.get_layer(name).weights)
        bias[1], bias[4] = -1e4, 1e4
        kernel[..., 6], bias[6] = 0, 0.5
        kernel[..., 3], bias[3] = 1.01 * kernel[..., 5], 1.01 * bias[5]
        model.get_layer(name).set_weights([kernel, bias])
    layers = ["block1_conv1", "block2_conv1", "block3_conv2"]
    net = load(Request("x", live=Written(model), preprocess="none", input_shape=(3, 96, 96))).network(ONE)
    theirs, ours = (unwell(one, layers, scenes) for one in (models.network(model, preprocess="none"), net))
    for path in layers:
        for what in ("pictures", "units", "gated", "silent", "constant", "always", "saturated"):
            assert getattr(theirs[path], what) == getattr(ours[path], what), (path, what)
        pairs = [[two[:2] for two in one[path].duplicates] for one in (theirs, ours)]
        assert pairs[0] == pairs[1]
        np.testing.assert_allclose(
            [two[2:] for two in theirs[path].duplicates], [two[2:] for two in ours[path].duplicates], atol=1e-3
        )
    for path in layers[1:]:
        found = ours[path]
        assert 1 in found.silent and 4 in found.always and 6 in found.constant
        assert (3, 5) in [two[:2] for two in found.duplicates]


def test_circuits_lead_the_same_ways(demo, twin):
    """By the weights of both, which units feed a unit most: the same units in the same order."""
    for layer, unit in (("block2_conv1", 3), ("block4_conv1", 7)):
        found = []
        for net, path in ((demo, layer), (twin, f"{layer}_conv")):
            below, count = Circuits(net.card).read_by(path)
            drive = net.kernel(path).per_channel(count).weights[..., unit].sum(0)
            ranked = np.argsort(-np.abs(drive), kind="stable")[:8]
            made = [Circuits(net.card).made_by(below, int(channel)) for channel in ranked]
            found.append([(name.removesuffix("_conv"), number) for one in made for name, number in one])
        assert found[0] == found[1] and len(found[0]) == 8


def test_kernels_weigh_the_same(demo, twin):
    for layer in ("block1_conv1", "block3_conv1", "predictions"):
        other = layer if layer == "predictions" else f"{layer}_conv"
        np.testing.assert_array_equal(demo.kernel(layer).weights, twin.kernel(other).weights)
    np.testing.assert_array_equal(demo.kernels("block1_conv1"), twin.kernels("block1_conv1_conv"))
    assert Circuits(twin.card).read_by("block2_conv1_conv") == ("block1_pool", demo.card.layer("block1_pool").units)


# -- real weights


def real_pair(keras_model, shape, mode):
    from convreport.engines.keras.load import load as load_keras
    from convreport.engines.keras.running.network import KerasNetwork

    keras = KerasNetwork(load_keras(Request("x", live=keras_model, preprocess=mode)), ONE)
    return keras, load(Request("x", live=Written(keras_model), preprocess=mode, input_shape=shape)).network(ONE)


def photo(real):
    from PIL import Image

    return models.sample(np.asarray(Image.open(real / "photos" / "elephants.jpg").convert("RGB")))


@pytest.mark.slow
def test_mobilenet_v2_is_the_same_in_both(real):
    import keras

    file = next((real / "keras_home" / "models").glob("mobilenet_v2*1.0_224.h5"))
    theirs, ours = real_pair(keras.applications.MobileNetV2(weights=str(file)), (3, 224, 224), "symmetric")
    paths = ["block_1_expand_relu", "block_6_depthwise_relu", "block_12_add", "out_relu"]
    looks = [
        net.look([photo(real)], [one if net is theirs else _path(net, one) for one in paths], fit="stretch",
                 targets=Targets(top=1))
        for net in (theirs, ours)
    ]  # fmt: skip
    for path in paths:
        one, other = looks[0].activations[path], looks[1].activations[_path(ours, path)]
        assert np.abs(one - other).max() < 1e-4 * max(np.abs(one).max(), 1)
    cams = [
        saliency.gradcam(look.activations[path][0], look.gradients[path][0, 0])
        for look, path in zip(looks, ("out_relu", "out_relu"), strict=True)
    ]
    assert np.abs(cams[0] / cams[0].max() - cams[1] / cams[1].max()).max() < 1e-3
    assert looks[0].targets.tolist() == looks[1].targets.tolist() == [[386]]
    alike, _ = climbed(theirs, ours, [channel("Conv1_relu", unit) for unit in range(3)], 64)
    assert np.median(alike) > 0.95


def _path(net, path):
    """A sum is no module: the last function of its kind before."""
    if not path.endswith("_add"):
        return path
    blocks = [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]
    turn = blocks.index(int(path.split("_")[1])) + 1
    return "add()" + (f"@{turn}" if turn > 1 else "")


@pytest.mark.slow
def test_vgg16_to_block3_is_the_same_in_both(real):
    import keras

    model = keras.models.load_model(real / "models" / "vgg16_imagenet_to_block3_conv2.keras", compile=False)
    theirs, ours = real_pair(model, (3, 224, 224), "caffe")
    paths = ["block1_conv2", "block2_conv2", "block3_conv2"]
    looks = [net.look([photo(real)], paths, fit="stretch", targets=None) for net in (theirs, ours)]
    for path in paths:
        one, other = (look.activations[path] for look in looks)
        assert np.abs(one - other).max() < 1e-4 * max(np.abs(one).max(), 1)
    alike, ratios = climbed(theirs, ours, [channel("block1_conv2", unit) for unit in range(3)], 64)
    assert np.median(alike) > 0.95
    alike, ratios = climbed(theirs, ours, [channel("block3_conv1", unit) for unit in range(3)], 64)
    assert np.median(ratios) == pytest.approx(1, abs=0.03)
