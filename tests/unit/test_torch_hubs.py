"""Models of timm and torchvision: by stand-ins with the parts of their interfaces that are used, and by themselves."""

import sys
import types
from functools import cache

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from convreport.core.base.errors import ModelError  # noqa: E402
from convreport.core.network import layers  # noqa: E402
from convreport.core.network.circuits import Circuits  # noqa: E402
from convreport.core.seam import Means, Targets  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load  # noqa: E402
from tests import models  # noqa: E402
from tests.torch_models import small  # noqa: E402


@pytest.fixture
def timm(monkeypatch):
    def create_model(name, pretrained=False):
        if name != "tiny":
            raise RuntimeError(f"Unknown model ({name})")
        module = small()
        module.pretrained_cfg = {
            "input_size": (3, 40, 40), "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.5, 0.4), "architecture": name,
            "label_names": ("a", "b", "c", "d"),
        }  # fmt: skip
        module.was = pretrained
        return module

    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=create_model))


@pytest.fixture
def torchvision(monkeypatch):
    class Weights:
        meta = {"categories": ["north", "east", "south", "west"]}  # noqa: RUF012

        def transforms(self):
            return types.SimpleNamespace(crop_size=[48], mean=[0.4, 0.4, 0.4], std=[0.2, 0.2, 0.2])

        def __str__(self):
            return "Tiny_Weights.V1"

    known = types.SimpleNamespace(DEFAULT=Weights())

    def get_model(name, weights=None):
        return small()

    hub = types.SimpleNamespace(
        get_model=get_model, get_model_weights={"tiny": known}.__getitem__, get_model_builder=lambda name: get_model
    )
    monkeypatch.setitem(sys.modules, "torchvision", types.SimpleNamespace(models=hub))
    monkeypatch.setitem(sys.modules, "torchvision.models", hub)


def test_timm_says_what_its_models_take(timm):
    found = load(Request("timm:tiny")).card
    assert (found.name, found.input, found.layers[0].shape) == ("tiny", (40, 40, 3), (40, 40, 3))
    assert [label.name for label in found.labels] == ["a", "b", "c", "d"]
    pixels = np.full((1, 2, 2, 3), 255.0, np.float32)
    np.testing.assert_allclose(found.preprocessing.apply(pixels)[0, 0, 0], [1.8, 1.6, 1.75], rtol=1e-5)
    assert "timm" in found.preprocessing.why and found.engine == "torch"
    with pytest.raises(ModelError, match="timm cannot make other"):
        load(Request("timm:other"))


def test_torchvision_says_what_its_models_take(torchvision, tmp_path):
    found = load(Request("torchvision:tiny")).card
    assert (found.input, [label.name for label in found.labels]) == ((48, 48, 3), ["north", "east", "south", "west"])
    assert "Tiny_Weights.V1" in found.origin
    torch.save(small().state_dict(), tmp_path / "mine.pt")
    assert "mine.pt" in load(Request("torchvision:tiny", weights=str(tmp_path / "mine.pt"))).card.origin
    assert "random" in load(Request("torchvision:tiny", weights="none")).card.origin


@pytest.mark.parametrize("package", ["timm", "torchvision"])
def test_a_package_that_is_missing_is_told(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=f"{package} is not installed") as caught:
        load(Request(f"{package}:resnet50"))
    assert f"pip install {package}" in caught.value.hint and caught.value.exit_code == 3


def test_a_package_that_is_broken_is_told(monkeypatch, tmp_path):
    """As torchvision is beside a PyTorch that it was not built for."""
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(ModelError, match="torchvision is installed and cannot be imported") as caught:
        load(Request("torchvision:resnet50"))
    assert "pip install --upgrade torch torchvision" in caught.value.hint and caught.value.exit_code == 3


# -- by themselves, with random weights

PUBLISHED = {
    "timm:mobilenetv3_small_050": ("blocks/5/0/bn1/act", 54),
    "timm:vit_tiny_patch16_224": ("blocks/11/norm1", 50),
    "timm:convnext_atto": ("stages/3/blocks/1/add()", 41),
    "timm:efficientnet_b0": ("bn2/act", 82),
    "timm:swin_tiny_patch4_window7_224": ("norm", 53),
    "torchvision:resnet50": ("layer4/2/relu@3", 54),
    "torchvision:shufflenet_v2_x0_5": ("conv5/2", 57),
    "torchvision:squeezenet1_1": ("classifier/2", 26),
}


@cache
def published(source):
    return load(Request(source, weights="none"))


@pytest.mark.slow
@pytest.mark.parametrize("source", PUBLISHED)
def test_published_networks_are_understood_and_looked_at(source):
    (needs.timm if source.startswith("timm") else needs.torchvision)()
    net = published(source).network(Means("float32"))
    card, (cam, kernels) = net.card, PUBLISHED[source]
    assert (card.input, card.head, card.classes, len(card.labels)) == ((224, 224, 3), "logits", 1000, 1000)
    assert "trained with" in card.preprocessing.why and not card.alerts
    assert sum(layer.kernel is not None for layer in card.layers) == kernels
    assert layers.cam_layer(card).path == cam
    assert all(layer.receptive_field is not None for layer in card.layers) or any(one.grid for one in card.layers)
    for (
        layer
    ) in card.layers:  # square pictures have square maps, whatever windows and heads they are cut into on the way
        assert not layer.spatial or layer.map[0] == layer.map[1], layer
    sample = models.sample(np.random.default_rng(3).integers(0, 256, (224, 224, 3)).astype(np.uint8))
    paths = [cam, layers.telling(card)[0].path]
    look = net.look([sample], paths, fit="stretch", targets=Targets(top=1))
    for path in paths:
        assert look.activations[path].shape == (1, *card.layer(path).map, card.layer(path).units)
        assert np.any(look.gradients[path])


@pytest.mark.slow
def test_a_shuffle_of_channels_keeps_cells_and_no_channel():
    needs.torchvision()
    card = published("torchvision:shufflenet_v2_x0_5").card
    block = card.layer("stage2/1")
    assert block.receptive_field.stride == (8, 8) and card.layer("stage2/2/chunk()").inputs == ("stage2/1",)
    assert Circuits(card).made_by("stage2/1", 3) == [], "nobody knows where a shuffled channel comes from"


@pytest.mark.slow
def test_networks_of_torchvision_that_do_not_classify():
    needs.torchvision()
    segments = load(Request("torchvision:lraspp_mobilenet_v3_large", weights="none")).card
    assert (segments.dense, segments.classes, segments.input) == (True, 21, (520, 520, 3))
    for name, said in (
        ("fasterrcnn_mobilenet_v3_large_fpn", "does not answer a picture with class scores"),
        ("r3d_18", "three-dim"),
    ):
        with pytest.raises(ModelError, match=said):
            load(Request(f"torchvision:{name}", weights="none"))
    with pytest.raises(ModelError, match="torchvision has no model resnet51") as caught:
        load(Request("torchvision:resnet51", weights="none"))
    assert "resnet50" in caught.value.hint
