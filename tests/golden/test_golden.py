"""Pictures that must not change unnoticed, compared as decoded pixels; `python -m tests.golden.test_golden` makes them anew."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import UnitChoice
from convreport.core.pictures import pixels
from convreport.demo import scenes
from convreport.engines.keras.load import load
from convreport.engines.keras.running.network import KerasNetwork
from convreport.engines.request import Request
from convreport.sections.activations import Activations
from convreport.sections.gradcam import GradCam
from convreport.sections.kernels import Kernels
from tests.models import sample

FOLDER = Path(__file__).parent


def drawn():
    """name -> pixels."""
    net = KerasNetwork(load(Request("demo")))
    picture = sample(scenes.scene(1, seed=scenes.SHOWN).pixels, "flower")
    scope = Scope(net.card, (picture,), UnitChoice(), 0)
    kernels = Kernels().draw([Subject(layer="block1_conv1", unit=unit) for unit in range(8)], scope, net)
    tiling = Activations(tile=24).draw([Subject(layer="block2_conv1", sample="flower")], scope, net)[0]
    cam = {figure.name: figure.pixels for figure in GradCam().draw([Subject(sample="flower")], scope, net)[0].figures}
    return {
        "scenes": pixels.tile(np.stack([scenes.scene(i, seed=scenes.SHOWN, size=48).pixels for i in range(12)]), 6),
        "kernels": pixels.tile(np.stack([one.figures[0].pixels for one in kernels]), 4),
        "tiling": tiling.figures[0].pixels,
        "raw": tiling.figures[1].pixels,
        "cam_map": cam["map0"],
        "cam_overlay": cam["overlay0"],
    }


@pytest.fixture(scope="module")
def pictures():
    return drawn()


@pytest.mark.parametrize("name", ["scenes", "kernels", "tiling", "raw", "cam_map", "cam_overlay"])
def test_a_picture_is_what_it_was(pictures, name):
    """Tolerance: half a level in the mean and 1 % of the pixels off by more than 8 (floats differ between processors)."""
    golden = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"), int)
    ours = pictures[name][..., :3].astype(int)
    assert ours.shape == golden.shape
    difference = np.abs(ours - golden)
    assert difference.mean() <= 0.5
    assert (difference > 8).mean() <= 0.01


if __name__ == "__main__":
    for name, picture in drawn().items():
        Image.fromarray(picture[..., :3]).save(FOLDER / f"{name}.png", optimize=True)
