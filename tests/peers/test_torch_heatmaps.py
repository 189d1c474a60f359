"""Heatmaps of a PyTorch model against Captum (PyTorch's authors) and pytorch-grad-cam; skipped where they are not installed."""

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from convreport.core.explain import heatmaps  # noqa: E402
from convreport.core.seam import Targets  # noqa: E402
from tests import models  # noqa: E402
from tests.torch_models import network, small_resnet  # noqa: E402

LAYER, CLASS = "layer1/0", 4
pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")


@pytest.fixture(scope="module")
def module():
    return small_resnet()


@pytest.fixture(scope="module")
def net(module):
    return network(module, (3, 64, 64), preprocess="rescale")


@pytest.fixture(scope="module")
def sample():
    return models.sample(np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8))


@pytest.fixture(scope="module")
def fed(sample):
    return torch.from_numpy(sample.pixels[None] / np.float32(255)).permute(0, 3, 1, 2).contiguous()


def ours(name, net, sample):
    look = net.look([sample], [LAYER], fit="stretch", targets=Targets(classes=(CLASS,)))
    return even(heatmaps.heatmap(name, net, sample, "stretch", LAYER, look, CLASS))


def even(heat):
    assert heat.max() > 0
    return heat / heat.max()


def plain(attribution):
    """(1, channels, height, width) as an array, channels last."""
    return attribution[0].detach().permute(1, 2, 0).numpy()


# -- Captum


def test_grad_cam_is_captums(module, net, sample, fed):
    referee = needs.captum().LayerGradCam(module, module.layer1[0])
    theirs = plain(referee.attribute(fed, CLASS, relu_attributions=True))[..., 0]
    assert np.abs(ours("gradcam", net, sample) - even(theirs)).max() < 1e-3


def test_gradients_are_captums(module, net, sample, fed):
    theirs = plain(needs.captum().Saliency(module).attribute(fed.clone(), CLASS)).max(2)
    assert np.abs(ours("gradient", net, sample) - even(theirs)).max() < 1e-3


def test_smoothgrad_is_captums_gradient_of_the_same_noise(module, net, sample, fed):
    planes = net.read(sample, "stretch")
    size = (heatmaps.NOISES, *planes.shape)
    noise = np.random.default_rng([0, CLASS]).normal(0, heatmaps.NOISE * np.ptp(planes), size) / 255
    noisy = fed + torch.from_numpy(noise.astype(np.float32)).permute(0, 3, 1, 2)
    slopes = needs.captum().Saliency(module).attribute(noisy, CLASS, abs=False).mean(0, keepdim=True)
    assert np.abs(ours("smoothgrad", net, sample) - even(np.abs(plain(slopes)).max(2))).max() < 1e-3


def test_integrated_gradients_are_captums(module, net, sample, fed):
    start = torch.from_numpy(np.asarray(net.card.preprocessing.nothing, np.float32) / 255).reshape(1, -1, 1, 1)
    referee = needs.captum().IntegratedGradients(module)
    theirs = referee.attribute(
        fed, start.expand_as(fed), CLASS, n_steps=heatmaps.STEPS, method="riemann_middle", internal_batch_size=8
    )
    theirs = np.maximum(plain(theirs).sum(2), 0)
    assert np.abs(ours("integrated", net, sample) - even(theirs)).max() < 1e-3


# -- pytorch-grad-cam

# Two are not among them. Their Grad-CAM++ adds 1e-6 to denominators that are smaller than that here, and does not bring the
# shares of a channel to sum one; their Score-CAM turns gains into shares by a softmax. tf-keras-vis is the referee of both.
METHODS = {"gradcam": "GradCAM", "hirescam": "HiResCAM", "layercam": "LayerCAM", "xgradcam": "XGradCAM"}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_a_map_are_those_of_pytorch_grad_cam(module, net, sample, fed, name):
    made = needs.grad_cam()
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layer, targets = module.layer1[0], [ClassifierOutputTarget(CLASS)]
    with getattr(made, METHODS[name])(model=module, target_layers=[layer]) as referee:
        referee(input_tensor=fed, targets=targets)
        noted = referee.activations_and_grads
        maps, slopes = (one[0].cpu().numpy() for one in (noted.activations, noted.gradients))
        theirs = np.maximum(referee.get_cam_image(fed, layer, targets, maps, slopes, False)[0], 0)
    assert np.abs(ours(name, net, sample) - even(theirs)).max() < 1e-3
