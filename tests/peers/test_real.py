"""On real ImageNet weights and photos, where they are (CONVREPORT_REAL): names, places, polka dots."""

import json

import numpy as np
import pytest
from PIL import Image

from convreport.core.ascent.objectives import channel
from convreport.core.ascent.recipes import RECIPES, find
from convreport.core.explain.saliency import gradcam
from convreport.core.seam import Means, Targets
from convreport.engines.keras.load import load
from convreport.engines.keras.running.network import KerasNetwork
from convreport.engines.request import Request
from tests.models import copy_of, sample


@pytest.fixture(scope="module")
def mobilenet_atlas(real, convreport, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "atlas"
    done = convreport(
        "build", "mobilenetv2", "--images", real / "photos", "--out", folder, "--sections", "gradcam",
        env={"KERAS_HOME": str(real / "keras_home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


def test_photos_get_the_names_they_deserve(mobilenet_atlas):
    data = json.loads((mobilenet_atlas / "docs/mobilenetv2/atlas.json").read_bytes())
    drawings = next(section for section in data["sections"] if section["name"] == "gradcam")["drawings"]
    first = {drawing["sample"]: drawing["facts"]["top"][0] for drawing in drawings}
    assert first["elephants"]["name"] == "African_elephant"
    assert (first["elephants"]["wnid"], first["elephants"]["index"]) == ("n02504458", 386)
    assert first["goldfish"]["name"] == "goldfish"
    assert first["bear"]["name"] == "brown_bear"


# Where the animals are in the photos, as shares of height and width: (top, bottom, left, right).
ANIMALS = {"elephants": (0.08, 0.95, 0.15, 0.98), "bear": (0.05, 1.0, 0.05, 0.95)}


@pytest.mark.parametrize("photo", ANIMALS)
def test_gradcam_sits_on_the_animal(mobilenet_atlas, photo):
    cells = np.asarray(
        Image.open(mobilenet_atlas / f"docs/mobilenetv2/figures/gradcam/{photo}-map0.webp").convert("RGB")
    ).sum(2)
    row, column = np.unravel_index(cells.argmax(), cells.shape)
    top, bottom, left, right = ANIMALS[photo]
    assert top <= (row + 0.5) / cells.shape[0] <= bottom
    assert left <= (column + 0.5) / cells.shape[1] <= right


def test_gradcam_is_that_of_tf_keras_vis_on_a_real_network(real, monkeypatch):
    keras_vis = pytest.importorskip("tf_keras_vis.gradcam")
    import keras
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    file = real / "keras_home/models/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    net = KerasNetwork(load(Request("mobilenetv2", weights=str(file))))
    photo = np.asarray(Image.open(real / "photos/elephants.jpg").convert("RGB").resize((224, 224)))
    look = net.look([sample(photo)], ["out_relu"], fit="stretch", targets=Targets(classes=(386,)))
    ours = gradcam(look.activations["out_relu"][0], look.gradients["out_relu"][0, 0])
    referee = keras_vis.Gradcam(net.model, model_modifier=ReplaceToLinear(), clone=True)
    fed = keras.applications.mobilenet_v2.preprocess_input(photo[None].astype(np.float32))
    theirs = np.asarray(
        referee(
            CategoricalScore([386]),
            fed,
            penultimate_layer="out_relu",
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=True,
        )
    )
    stretched = (ours - ours.min()) / (ours.max() - ours.min())
    np.testing.assert_allclose(stretched, theirs.reshape(ours.shape), atol=1e-3)


@pytest.mark.slow
def test_a_tile_of_a_late_layer_is_the_same_alone_and_in_company(real):
    """SqueezeNet's fire9, where seventy steps of rounding could have grown into another picture."""
    file = real / "models/squeezenet_v1.1_imagenet_notop.keras"
    net = KerasNetwork(load(Request(str(file))), Means("float32"))
    layer = next(one.path for one in reversed(net.card.layers) if "fire9" in one.path and one.spatial)
    recipe = find("fourier", "draft")
    together = net.ascend([channel(layer, unit) for unit in range(8)], recipe, 0)
    for unit in (0, 3, 7):
        alone = net.ascend([channel(layer, unit)], recipe, 0).pictures[0].astype(float)
        assert np.corrcoef(alone.ravel(), together.pictures[unit].astype(float).ravel())[0, 1] > 0.999


@pytest.fixture(scope="module")
def vgg(real):
    return KerasNetwork(load(Request(str(real / "models/vgg16_imagenet_to_block3_conv2.keras"))))


def test_a_network_named_vgg16_is_fed_as_vgg16_was(vgg):
    assert vgg.card.preprocessing.mode == "caffe"
    assert "vgg16" in vgg.card.preprocessing.why


def spots(picture):
    """How many separate bright spots on a darker ground: local maxima of a smoothed gray picture, per 1,000 pixels."""
    gray = picture.astype(float).mean(2)
    smooth = sum(np.roll(gray, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
    around = np.stack(
        [np.roll(smooth, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3) if (dy, dx) != (0, 0)]
    )
    peaks = (smooth > around.max(0)) & (smooth > gray.mean() + gray.std())
    return peaks[4:-4, 4:-4].sum(), (gray > gray.mean() + gray.std()).mean()


@pytest.mark.slow
def test_filter_0_of_block3_conv1_is_the_books_polka_dots(vgg):
    """Figure 5.29: bright dots, many and apart, on a dark ground. Checked as isolated bright peaks."""
    picture = vgg.ascend([channel("block3_conv1", 0)], RECIPES["fourier"], 0).pictures[0]
    count, bright = spots(picture)
    assert count >= 15
    assert bright < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["block2_conv1", "block3_conv1"])
def test_the_books_loop_on_real_weights(vgg, layer):
    from tests.peers.test_sources import book_pattern, correlation, start_of

    recipe = RECIPES["book"]
    ascent = vgg.ascend([channel(layer, unit) for unit in (0, 1, 2)], recipe, 0)
    referee = copy_of(vgg.model, None)
    for unit in (0, 1, 2):
        theirs = book_pattern(referee, layer, unit, start_of(recipe, layer, unit))
        assert correlation(theirs, ascent.pictures[unit]) > 0.99, unit


@pytest.mark.network
def test_vgg16_prints_what_the_book_prints(real, convreport, tmp_path):
    """Downloads VGG16. The picture is resized as the book does it, so that the numbers can be the book's."""
    photo = Image.open(real / "photos/elephants.jpg").convert("RGB").resize((224, 224), Image.Resampling.NEAREST)
    photo.save(tmp_path / "elephants.png")
    done = convreport(
        "build", "vgg16", "--images", tmp_path / "elephants.png", "--out", tmp_path / "atlas", "--sections", "gradcam",
        timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "atlas/docs/vgg16/atlas.json").read_bytes())
    top = data["sections"][0]["drawings"][0]["facts"]["top"]
    assert [one["name"] for one in top[:3]] == ["African_elephant", "tusker", "Indian_elephant"]
    assert top[0]["index"] == 386
    np.testing.assert_allclose([one["probability"] for one in top[:3]], [0.925, 0.070, 0.004], atol=0.01)
