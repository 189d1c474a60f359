"""Other ways of looking on PyTorch: several pictures of a unit, likeness to a direction, phases; skipped without PyTorch."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from torch import nn  # noqa: E402

from convreport.core.ascent import diversity  # noqa: E402
from convreport.core.ascent.objectives import channel, likeness  # noqa: E402
from convreport.core.ascent.parameters import parameters  # noqa: E402
from convreport.core.ascent.recipes import find  # noqa: E402
from convreport.core.ascent.spectrum import Spectrum, opponent  # noqa: E402
from convreport.core.seam import Means  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load  # noqa: E402
from convreport.engines.torch.running.ops import TorchOps  # noqa: E402
from tests.models import ops  # noqa: E402

QUICK = replace(find("fourier", "draft"), steps=8, smallest=32, largest=32)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 9, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9, 3),
    )  # fmt: skip
    return load(Request("x", live=module, input_shape=(3, 32, 32))).network(Means("float32"))


@pytest.mark.slow
def test_several_pictures_of_a_unit_begin_with_its_pattern(net):
    alone = net.ascend([channel("3", 2)], QUICK, 0)
    made = net.ascend([channel("3", 2)], replace(QUICK, diversity=3), 0)
    assert len(made.pictures) == 3 and np.corrcoef(alone.pictures[0].ravel(), made.pictures[0].ravel())[0, 1] > 0.95
    assert (made.scores > made.starts).all()
    assert not np.array_equal(made.pictures[1], made.pictures[2])


@pytest.mark.parametrize("channels", [5, 40])
def test_the_likeness_of_pictures_is_that_of_tensorflow(channels):
    maps = np.random.default_rng(0).random((4, 4, 4, channels)).astype(np.float32)
    own, other = TorchOps(torch.device("cpu")), ops()
    np.testing.assert_allclose(
        own.array(diversity.likeness(own, own.tensor(maps), 2)),
        other.array(diversity.likeness(other, other.tensor(maps), 2)),
        rtol=1e-5,
    )


@pytest.mark.slow
def test_a_direction_is_climbed_by_its_likeness(net):
    vector = tuple(np.random.default_rng(2).random(9).tolist())
    made = net.ascend([likeness("4", vector)], QUICK, 0)
    assert made.scores[0] > made.starts[0]


@pytest.mark.parametrize("side", [48, 49])
def test_phases_keep_the_magnitudes_of_a_spectrum(side):
    draw = np.random.default_rng(1)
    spectrum = Spectrum("test", (draw.random((64, 64, 3)),))
    own = TorchOps(torch.device("cpu"))
    phases = parameters(own, replace(find("maco", "standard"), spectrum=spectrum), side, 3)
    whole = own.array(phases.whole(own.tensor(phases.start(draw)[None])))[0].astype(np.float64)
    found = np.abs(np.fft.rfft2(opponent(whole), axes=(0, 1))).transpose(2, 0, 1)
    np.testing.assert_allclose(found, np.abs(spectrum.magnitudes(side)), rtol=1e-5, atol=1e-5 * side)
