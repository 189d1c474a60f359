"""Programs of PyTorch, exported or scripted: their layers are found again, for any number of pictures."""

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from torch import nn  # noqa: E402

from convreport.core.base.errors import ModelError  # noqa: E402
from convreport.core.seam import Means, Targets  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load  # noqa: E402
from tests import models  # noqa: E402
from tests.torch_models import Tiny, trained_small  # noqa: E402

SHAPE = (3, 32, 32)


class Branching(nn.Module):
    """A layer called twice, a sum, a transposed convolution, a reshaping by numbers, and a way chosen by Python."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.up, self.act, self.dense = nn.ConvTranspose2d(6, 6, 2, 2), nn.ReLU(), nn.Linear(6 * 32 * 32, 5)
        self.norm = nn.LayerNorm(5)

    def forward(self, x):
        y = self.act(self.first(x))
        if y.shape[1] > 5:
            y = self.act(self.second(y) + y)
        y = nn.functional.max_pool2d(self.up(y), 2)
        return self.norm(self.dense(y.view(y.shape[0], -1)))


class Mixing(nn.Module):
    """What it answers to a picture depends on the others of its batch."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x - x.mean(0, keepdim=True)).mean((2, 3))


@pytest.fixture(scope="module")
def trained():
    return trained_small()


def loaded(source, shape=None, **words):
    return load(Request(str(source), input_shape=shape, preprocess="rescale", **words))


def answers(model):
    planes = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    return model.network(Means("float32")).answer(planes)[0]


def layers(model):
    return [(one.path, one.kind, one.receptive_field) for one in model.card.layers if one.kernel]


def test_an_exported_program_has_its_layers_again(trained, tmp_path):
    program = torch.export.export(trained, (torch.rand(2, 3, 32, 32),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    torch.export.save(program, tmp_path / "model.pt2")
    found, plain = loaded(tmp_path / "model.pt2"), loaded("x", SHAPE, live=trained)
    assert found.card.input == (32, 32, 3)
    kinds = [(layer.path, layer.kind, layer.receptive_field) for layer in found.card.layers if layer.params]
    assert kinds == [(layer.path, layer.kind, layer.receptive_field) for layer in plain.card.layers if layer.params]
    np.testing.assert_allclose(answers(found), answers(plain), atol=1e-5)
    sample = models.sample(np.random.default_rng(0).integers(0, 256, (32, 32, 3)))
    look = found.network(Means()).look([sample], ["4"], fit="stretch", targets=Targets(top=1))
    other = plain.network(Means()).look([sample], ["4"], fit="stretch", targets=Targets(top=1))
    np.testing.assert_allclose(look.gradients["4"], other.gradients["4"], atol=1e-5)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_program_of_one_number_of_pictures_is_freed_of_it(tmp_path, batch):
    torch.manual_seed(0)
    module = Branching().eval()
    torch.export.save(torch.export.export(module, (torch.rand(batch, *SHAPE),)), tmp_path / "one.pt2")
    found, plain = loaded(tmp_path / "one.pt2"), loaded("x", SHAPE, live=module)
    assert layers(found) == layers(plain)
    assert [one.path for one in found.card.layers if one.kind == "ReLU"] == ["act", "act@2"], "as in the module itself"
    np.testing.assert_allclose(answers(found), answers(plain), atol=1e-5)


def test_a_transformer_of_one_picture_is_freed_of_it():
    """Its attention merges pictures with heads, and with tokens."""
    torch.manual_seed(0)
    module = Tiny().eval()
    found = loaded("x", live=torch.export.export(module, (torch.rand(1, *SHAPE),)))
    np.testing.assert_allclose(answers(found), answers(loaded("x", SHAPE, live=module)), atol=1e-5)
    assert found.card.layer("block/linear1").grid == (4, 4)


def test_a_program_that_cannot_be_freed_says_how_to_export_it(tmp_path):
    torch.export.save(torch.export.export(Mixing().eval(), (torch.rand(2, *SHAPE),)), tmp_path / "two.pt2")
    with pytest.raises(ModelError, match="exported for batches of 2 only") as caught:
        loaded(tmp_path / "two.pt2")
    assert "dynamic_shapes" in caught.value.hint and caught.value.exit_code == 3


def test_a_program_at_hand_needs_no_file():
    module = Branching().eval()
    program = torch.export.export(module, (torch.rand(1, *SHAPE),))
    assert layers(loaded("x", live=program)) == layers(loaded("x", SHAPE, live=module))


@pytest.mark.parametrize("how", ["scripted", pytest.param("traced", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_of_a_trusted_author_has_its_layers_again(tmp_path, how):
    torch.manual_seed(0)
    module = Branching().eval()
    script = torch.jit.trace(module, torch.rand(1, *SHAPE)) if how == "traced" else torch.jit.script(module)
    script.save(str(tmp_path / "model.pt"))
    plain = loaded("x", SHAPE, live=module)
    for found in (loaded(tmp_path / "model.pt", SHAPE, unsafe=True), loaded("x", SHAPE, live=script)):
        assert layers(found) == layers(plain) and found.card.params == plain.card.params
        np.testing.assert_allclose(answers(found), answers(plain), atol=1e-5)
    assert not script.training and loaded(tmp_path / "model.pt", unsafe=True).card.input == (32, 32, 3), "tried"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_at_hand_stays_in_training():
    script = torch.jit.script(Branching())
    loaded("x", SHAPE, live=script)
    assert script.training
