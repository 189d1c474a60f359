"""The PyTorch engine against plain loops of PyTorch: Grad-CAM's paper, the gradient, the post on ResNet-50."""

import dataclasses

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from convreport.core.ascent.objectives import channel, logit  # noqa: E402
from convreport.core.ascent.recipes import RECIPES  # noqa: E402
from convreport.core.explain import saliency  # noqa: E402
from convreport.core.seam import Means, Targets  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load  # noqa: E402
from tests import models  # noqa: E402
from tests.torch_models import ResNet, small_resnet  # noqa: E402

ONE = Means("float32", memory=1)  # one tile at a time, which is quick


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
