"""PyTorch models are run, and not changed; skipped where there is no PyTorch."""

import subprocess
import sys

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from torch import nn  # noqa: E402

from convreport.core.ascent.objectives import channel, logit, neuron  # noqa: E402
from convreport.core.ascent.recipes import RECIPES, find  # noqa: E402
from convreport.core.base.errors import ConvreportError, ModelError  # noqa: E402
from convreport.core.network.circuits import Circuits  # noqa: E402
from convreport.core.seam import Targets  # noqa: E402
from convreport.sections.shared import tiles  # noqa: E402
from tests import models  # noqa: E402
from tests.torch_models import Functional, ResNet, network, picture, seeded  # noqa: E402

# -- running, and nothing changed


def state(module):
    return (
        [(name, one.training) for name, one in module.named_modules()],
        [one.requires_grad for one in module.parameters()],
        [one.detach().clone() for one in (*module.parameters(), *module.buffers())],
        [(len(one._forward_hooks), len(one._forward_pre_hooks)) for one in module.modules()],
    )


def test_everything_is_put_back_as_it_was_found():
    module = seeded(lambda: ResNet((1,), 4, 3))
    module.train()
    module.bn1.eval()
    module.conv1.weight.requires_grad_(False)
    before = state(module)
    net = network(module, (3, 48, 48))
    net.look([picture(48)], ["layer1/0/add()"], fit="stretch", targets=Targets(top=1))
    net.ascend([channel("layer1/0/conv2", 1)], find("fourier", "draft"), 0)
    with net.scrambled(0.5, 1):
        changed = state(module)
    with pytest.raises(ZeroDivisionError), net.scrambled(1.0, 1):
        raise ZeroDivisionError
    after = state(module)
    assert before[0] == after[0] and before[1] == after[1] and before[3] == after[3]
    assert all(torch.equal(one, other) for one, other in zip(before[2], after[2], strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(before[2], changed[2], strict=True))


def test_what_is_noted_is_not_what_an_activation_in_place_makes_of_it():
    module = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3600, 2)))
    look = network(module).look([picture()], ["0", "1"], fit="stretch", targets=Targets(top=1))
    assert (look.activations["0"] < 0).any()
    np.testing.assert_array_equal(np.maximum(look.activations["0"], 0), look.activations["1"])
    open_ = look.activations["0"] > 0
    np.testing.assert_allclose(look.gradients["0"][:, 0], look.gradients["1"][:, 0] * open_, atol=1e-7)


def test_gradients_are_the_slopes_of_the_scores():
    net = network(seeded(Functional))
    planes = net.read(picture(), "stretch")[None]
    slope = net.slope(planes, 2)
    step = np.zeros_like(planes)
    step[0, 10, 12, 1] = 4.0
    change = (net.answer(planes + step)[0] - net.answer(planes - step)[0])[0, 2]
    assert change == pytest.approx(8 * slope[0, 10, 12, 1], rel=0.05, abs=1e-5)


@pytest.mark.parametrize("format_", ["channels_last", "bfloat16", "float64"])
def test_other_formats_answer_alike(format_):
    plain, other = seeded(Functional), seeded(Functional)
    other = (
        other.to(memory_format=torch.channels_last) if format_ == "channels_last" else other.to(getattr(torch, format_))
    )
    looks = [network(one).look([picture()], ["add()"], fit="stretch", targets=Targets(top=5)) for one in (plain, other)]
    close = {"rtol": 0.05, "atol": 0.02} if format_ == "bfloat16" else {"rtol": 1e-3, "atol": 1e-5}
    np.testing.assert_allclose(looks[0].activations["add()"], looks[1].activations["add()"], **close)
    assert looks[1].gradients["add()"].dtype == np.float32


def test_single_units_of_a_convolution_are_those_of_the_whole():
    from convreport.engines.shared.heights import LayerHeights

    layer = nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(1, 2), dilation=(1, 2))
    net = network(seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), layer, nn.ReLU(), nn.Flatten())))
    fed = net._ops.tensor(np.random.default_rng(0).normal(size=(6, 32, 32, 3)).astype(np.float32))
    for make, border in ((channel, 0), (channel, 2), (neuron, 0)):
        objectives = [make("1", unit) for unit in range(6)]
        heights = LayerHeights(net._forward, objectives[0], preactivation=True, border=border)
        alone = net._ops.array(heights.of(fed, heights.choice(objectives)))
        every = net._ops.array(heights.every(fed))
        np.testing.assert_allclose(alone, every[np.arange(6), np.arange(6)], rtol=1e-3, atol=1e-5)


def test_kernels_of_a_dense_layer_behind_a_map_are_counted_cell_by_cell():
    module = seeded(Functional)
    net = network(module)
    kernel = net.kernel("dense").per_channel(12)
    weight = module.dense.weight.detach().numpy().reshape(5, 12, 256)
    np.testing.assert_array_equal(kernel.weights, weight.transpose(2, 1, 0))
    assert net.kernels("first").shape == (3, 3, 3, 6)
    circuits = Circuits(net.card)
    assert circuits.made_by("cat()", 2) == [("shared@2", 2)] and circuits.made_by("cat()", 7) == [("first", 1)]


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_climbs(recipe):
    import dataclasses

    short = dataclasses.replace(find(recipe, "draft" if recipe == "fourier" else "standard"), steps=6)
    if short.size:
        short = dataclasses.replace(short, size=56, trim=min(short.trim, 8), scales=min(short.scales, 2) or 2)
    net = network(seeded(lambda: ResNet((1,), 8, 3)), (3, 64, 64))
    short = tiles.measured(short, net.card, [picture(64)], "stretch")
    made = net.ascend([channel("layer1/0/conv3", 1)], short, 0)
    assert np.isfinite(made.scores).all() and made.pictures.std() > 10
    assert recipe in ("jitter", "multiscale") or (made.scores > made.starts).all()  # these roll, or blur, after a step


def test_closed_relus_let_the_gradient_through_when_asked():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1), nn.Flatten())
    with torch.no_grad():
        module[0].bias.fill_(-9.0)
    net = network(module)
    made = net.ascend([channel("2", 0)], find("fourier", "draft"), 0)
    assert made.scores[0] > made.starts[0]


def test_logits_are_climbed_before_the_softmax():
    module = seeded(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3600, 3), nn.Softmax(1))
    )
    made = network(module).ascend([logit(1)], find("fourier", "draft"), 0)
    assert made.scores[0] > made.starts[0] and made.among == 3


def test_a_model_that_answers_no_number_says_so():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3600, 2))
    with torch.no_grad():
        module[0].weight[0, 0, 0, 0] = float("nan")
    net = network(module)
    assert net.card.alerts == ("1 of 108 weights in 0.weight are NaN",)
    with pytest.raises(ModelError, match="NaN or infinity"):
        net.look([picture()], ["1"], fit="stretch", targets=Targets(top=1))


# -- arithmetic that has to be TensorFlow's


def test_warps_and_sizes_are_those_of_the_other_engine():
    from convreport.core.ascent.recipes import FOURIER
    from convreport.core.ascent.transforms import warps
    from convreport.engines.torch.running.ops import TorchOps

    theirs, ours = models.ops(), TorchOps(torch.device("cpu"))
    draw = np.random.default_rng(0)
    pictures = draw.uniform(0, 1, (3, 20, 20, 3)).astype(np.float32)
    rows = warps(FOURIER, draw, 20, 3)
    weights = draw.normal(size=(3, 20, 20, 3)).astype(np.float32)
    rolls = draw.integers(-9, 9, (3, 2)).astype(np.int32)
    for of in (
        lambda o, x: o.warp(x, o.tensor(rows), 20),
        lambda o, x: o.bicubic(x, 29),
        lambda o, x: o.blur(x, 5),
        lambda o, x: o.roll(x, o.tensor(rolls)),
    ):
        found = [o.array(of(o, o.tensor(pictures))) for o in (theirs, ours)]
        np.testing.assert_allclose(*found, atol=2e-5)

    def slope(o):
        return o.slope(
            lambda x: (o.sum(o.warp(x, o.tensor(rows), 20) * o.tensor(weights), [0, 1, 2, 3]), x), o.tensor(pictures)
        )

    np.testing.assert_allclose(theirs.array(slope(theirs)[1]), ours.array(slope(ours)[1]), atol=1e-4)


# -- neither engine is imported for the other's model

MODULES = {
    "net_of_torch": "from torch import nn\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), "
    "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n",
    "net_of_keras": "import keras\ndef make():\n    x = keras.Input((32, 32, 3))\n    y = keras.layers.Conv2D(4, 3)(x)\n"
    "    y = keras.layers.GlobalAveragePooling2D()(y)\n    return keras.Model(x, keras.layers.Dense(2)(y), name='make')\n",
}


@pytest.mark.parametrize(("module", "other"), [("net_of_torch", "tensorflow"), ("net_of_keras", "torch")])
def test_neither_framework_is_imported_for_the_others_model(tmp_path, module, other):
    (tmp_path / f"{module}.py").write_text(MODULES[module])
    code = (
        "import sys, convreport\n"
        "words = {'input_shape': '3,32,32'} if 'torch' in sys.argv[1] else {}\n"
        "made = convreport.build(f'{sys.argv[1]}:make', filters='1', max_images=1, memory='1M',"
        " sections=['kernels', 'filters', 'gradcam'], preset='draft', **words)\n"
        "assert not made.failures and made.drawn, made.failures\n"
        "print(made.book.model.engine if hasattr(made.book.model, 'engine') else '', sorted(name for name in sys.modules"
        " if name in ('tensorflow', 'keras', 'torch')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, module], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert other not in done.stdout and ("torch" in done.stdout or "keras" in done.stdout)


def test_errors_are_of_the_right_kind():
    with pytest.raises(ConvreportError) as caught:
        network(nn.Linear(3, 2))
    assert caught.value.exit_code == 3


@pytest.mark.slow
def test_models_of_both_frameworks_stand_in_one_atlas_and_are_compared(tmp_path, convreport):
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    words = ("-o", "atlas", "--filters", "2", "--max-images", "2", "--max-examples", "4", "--preset", "draft")
    for source, name, more in (
        ("net_of_torch:make", "torch", ("--input-shape", "3,48,48")), ("net_of_keras:make", "keras", ()),
    ):  # fmt: skip
        done = convreport("build", source, "--name", name, "--preprocess", "rescale", *words, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout
    done = convreport("compare", "torch", "keras", "--out", "atlas", cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "assumed to read" not in done.stdout, "the size its atlas was built with is remembered"
    assert (tmp_path / "atlas/site/comparisons/torch-to-keras/index.html").is_file()
    done = convreport("verify", "atlas", "--model", "torch", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_weights_that_are_no_numbers_fail_by_sentences(tmp_path):
    import convreport

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        module[0].weight.fill_(float("nan"))
    atlas = convreport.build(
        module, out=tmp_path, input_shape=(3, 32, 32), filters=2, max_images=1, max_examples=4, preset="draft"
    )
    assert atlas.failures and all("NaN" in reason for _, _, reason in atlas.failures)
    assert "weights in 0.weight are NaN" in atlas.book.model.alerts[0]
