"""One network in both frameworks, with the same weights: what is found of it is the same; and PyTorch's own referees."""

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
from tests.torch_models import ResNet, Written, small_resnet  # noqa: E402

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


def climbed(keras, twin, objectives, side):
    """By each engine: the correlation of their pictures from the same noise, and the ratio of their scores."""
    recipe = dataclasses.replace(find("fourier", "draft"), smallest=side, largest=side)
    theirs, ours = (net.ascend(objectives, recipe, 0) for net in (keras, twin))
    pairs = zip(theirs.pictures, ours.pictures, strict=True)
    return [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs], ours.scores / theirs.scores


def test_patterns_from_the_same_noise_are_the_same_in_shallow_layers(keras, twin):
    """A climb is chaotic: what differs by rounding at first may end elsewhere, so the median of several counts."""
    alike, ratios = climbed(keras, twin, [channel("block1_conv2", unit) for unit in (1, 2, 3, 5)], 32)
    assert np.median(alike) > 0.95 and min(alike) > 0.7
    np.testing.assert_allclose(ratios, 1, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("deep", [channel, None], ids=["channel", "class"])
def test_patterns_of_deep_layers_score_the_same(keras, twin, deep):
    objectives = [channel("block4_conv1", unit) if deep else logit(unit) for unit in range(4)]
    _, ratios = climbed(keras, twin, objectives, 48)
    assert np.median(ratios) == pytest.approx(1, abs=0.03)


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


# -- referees of PyTorch


@pytest.fixture(scope="module")
def resnet():
    return small_resnet()


def test_grad_cam_is_that_of_the_paper_in_pytorch(resnet):
    """Selvaraju et al. 2017 with a hook, as pytorch-grad-cam does it: gradients averaged over space weigh the channels."""
    net = load(Request("x", live=resnet, preprocess="rescale", input_shape=(3, 64, 64))).network(Means("float32"))
    sample = models.sample(np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    look = net.look([sample], ["layer2/0"], fit="stretch", targets=Targets(classes=tuple(range(5))))
    noted = {}
    hook = resnet.layer2[-1].register_forward_hook(lambda m, a, out: noted.update(maps=out) or out.retain_grad())
    fed = torch.from_numpy(sample.pixels[None] / np.float32(255)).permute(0, 3, 1, 2).requires_grad_(True)
    seen = 0
    for index in range(5):
        scores = resnet(fed)
        scores[0, index].backward()
        weights = noted["maps"].grad.mean((2, 3), keepdim=True)
        theirs = torch.relu((weights * noted["maps"]).sum(1))[0].detach().numpy()
        ours = saliency.gradcam(look.activations["layer2/0"][0], look.gradients["layer2/0"][0, index])
        if theirs.max() > 0:
            seen += 1
            assert np.abs(ours / ours.max() - theirs / theirs.max()).max() < 1e-3
    hook.remove()
    assert seen
    np.testing.assert_allclose(look.scores[0], scores[0].detach().numpy(), rtol=1e-3, atol=1e-4)


def test_saliency_is_the_gradient_at_the_pixels(resnet):
    net = load(Request("x", live=resnet, preprocess="rescale", input_shape=(3, 64, 64))).network(Means("float32"))
    planes = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    fed = torch.from_numpy(planes).permute(0, 3, 1, 2).requires_grad_(True)
    resnet(fed / 255)[0, 1].backward()
    np.testing.assert_allclose(net.slope(planes, 1)[0], fed.grad[0].permute(1, 2, 0).numpy(), rtol=1e-3, atol=1e-7)


def test_multiscale_is_the_loop_of_the_post(resnet):
    """A fresh Adam at each size on the mean of the raw convolution, weight decay, then enlarging and a box blur."""
    from convreport.core.ascent.canvas import displayed, generator

    recipe = dataclasses.replace(RECIPES["multiscale"], steps=4, scales=2)
    net = load(Request("x", live=resnet, preprocess="none", input_shape=(3, 64, 64))).network(
        Means("float32", memory=1)
    )
    ours = net.ascend([channel("layer1/0/conv2", 2)], recipe, 0)
    noted = {}
    hook = resnet.layer1[0].conv2.register_forward_hook(lambda m, a, out: noted.update(maps=out))
    start = generator(0, "layer1/0/conv2/2").uniform(*recipe.start, (56, 56, 3)).astype(np.float32)
    x = torch.from_numpy(start[None])
    for side in (62, 68):
        x = x.detach().requires_grad_(True)
        adam = torch.optim.Adam([x], 0.01, weight_decay=1e-6)
        for _ in range(4):
            adam.zero_grad()
            resnet(x.permute(0, 3, 1, 2))
            (-noted["maps"][:, 2].mean()).backward()
            adam.step()
        x = net._ops.blur(net._ops.bicubic(x.detach(), side), 5)
    hook.remove()
    theirs = displayed(x.numpy(), recipe)
    assert ours.pictures.shape == theirs.shape
    assert np.corrcoef(ours.pictures.ravel(), theirs.ravel())[0, 1] > 0.98


@pytest.mark.slow
def test_the_posts_own_resnet_goes_through_its_recipe():
    """ResNet-50 with random weights: kernels, filters from conv1 to layer4 and class patterns, at the sizes of the post."""
    torch.manual_seed(0)
    net = load(Request("x", live=ResNet(), preprocess="none", input_shape=(3, 224, 224))).network(ONE)
    assert net.card.params == 25_557_032 and net.kernels("conv1").shape == (7, 7, 3, 64)
    recipe = dataclasses.replace(RECIPES["multiscale"], steps=1)
    sides = {}
    for path in ("conv1", "layer1/0/conv1", "layer4/0/conv2"):
        made = net.ascend([channel(path, 1)], recipe, 0)
        sides[path] = made.pictures.shape[1]
        assert np.isfinite(made.scores).all() and made.pictures.std() > 5
    assert (sides["conv1"], sides["layer1/0/conv1"], sides["layer4/0/conv2"]) == (424, 254, 254)
    short = dataclasses.replace(recipe, scales=6)  # of 25, which end at 711 pixels
    assert net.ascend([logit(3)], short, 0).pictures.shape[1:] == (102, 102, 3)


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
