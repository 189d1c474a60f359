"""Where PyTorch models come from, and what is said where they do not."""

import sys

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from torch import nn  # noqa: E402

from convreport.core.base.errors import ConvreportError, ModelError, UsageError  # noqa: E402
from convreport.core.seam import Means  # noqa: E402
from convreport.engines.choose import engine_of  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load, name_of  # noqa: E402
from tests.torch_models import small, trained_small  # noqa: E402

make = small  # what the module of these tests makes


def number():
    return 3


def breaks():
    raise RuntimeError("no such file")


class Needs(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x, age, *, place=None):
        return self.conv(x).mean((2, 3)) + age


SOURCE = f"{__name__}:make"
SHAPE = (3, 32, 32)


@pytest.fixture(scope="module")
def trained():
    return trained_small()


def state_of(module):
    return {name: one.clone() for name, one in module.state_dict().items()}


def loaded(**words):
    return load(Request(**{"source": SOURCE, "input_shape": SHAPE, "preprocess": "rescale"} | words))


def answers(model):
    planes = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    return model.network(Means("float32")).answer(planes)[0]


# -- weights


@pytest.mark.parametrize(
    "wrapped", ["plain", "module.", "_orig_mod.", "_orig_mod.module.", "checkpoint", "safetensors"]
)
def test_weights_arrive_whatever_wraps_them(trained, tmp_path, wrapped):
    state = state_of(trained)
    if wrapped == "safetensors":
        saving = pytest.importorskip("safetensors.torch")
        file = tmp_path / "best.safetensors"
        saving.save_file(state, file)
    else:
        prefix = wrapped if wrapped.endswith(".") else ""
        state = {prefix + name: one for name, one in state.items()}
        file = tmp_path / "best.pt"
        torch.save({"state_dict": state, "epoch": 3} if wrapped == "checkpoint" else state, file)
    found = loaded(weights=str(file))
    with torch.no_grad():
        fed = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32) / 255)
        expected = trained(fed.permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(answers(found), expected, atol=1e-5)
    assert [prefix in " ".join(found.card.repairs) for prefix in ("module.", "_orig_mod.")] == [
        "module." in wrapped,
        "_orig_mod." in wrapped,
    ]
    assert "best" in found.card.origin


def misfits(state):
    yield (
        {name: one for name, one in state.items() if not name.startswith("8.")},
        "the model's 8.weight, 8.bias not found",
    )
    yield state | {"9.weight": torch.zeros(2)}, "9.weight of the file not in the model"
    yield state | {"8.bias": torch.zeros(5)}, "8.bias is 5, in the model 4"
    yield {f"features.{place}": torch.zeros(2) for place in range(9)}, "features.4 and 4 more of the file"


@pytest.mark.parametrize("which", range(4))
def test_every_tensor_is_accounted_for(trained, tmp_path, which):
    state, said = list(misfits(state_of(trained)))[which]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="do not fit Sequential") as caught:
        loaded(weights=str(tmp_path / "w.pth"))
    assert said in caught.value.message and caught.value.hint
    assert max(part.count(",") for part in caught.value.message.split(";")) < 5


def test_counters_of_normalizations_may_be_missing(trained, tmp_path):
    torch.save({k: v for k, v in state_of(trained).items() if "num_batches" not in k}, tmp_path / "old.pt")
    assert loaded(weights=str(tmp_path / "old.pt")).card.classes == 4


def test_pickled_models_and_torchscript_are_refused(trained, tmp_path):
    torch.save(trained, tmp_path / "whole.pt")
    torch.jit.trace(trained, torch.rand(2, 3, 32, 32)).save(str(tmp_path / "script.pt"))
    whole, script = str(tmp_path / "whole.pt"), str(tmp_path / "script.pt")
    for words in ({"source": whole}, {"weights": whole}):
        with pytest.raises(ModelError, match="would run its author's code"):
            loaded(**words)
    for words in ({"source": script}, {"weights": script}):
        with pytest.raises(ModelError, match="is TorchScript") as caught:
            loaded(**words)
        assert "--unsafe" in caught.value.hint
    expected = answers(loaded(live=trained))
    for words in ({"source": whole}, {"weights": whole}, {"weights": script}, {"source": whole, "arch": SOURCE}):
        np.testing.assert_allclose(answers(loaded(**words, unsafe=True)), expected, atol=1e-6)


def test_a_pickle_runs_nothing(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    torch.save({"a": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(ModelError):
        loaded(weights=str(tmp_path / "bomb.pt"))
    assert not (tmp_path / "exploded").exists()


def test_weights_alone_need_their_architecture(trained, tmp_path):
    file = str(tmp_path / "best.pt")
    torch.save(trained.state_dict(), file)
    with pytest.raises(ModelError, match="holds weights only"):
        loaded(source=file)
    with pytest.raises(UsageError, match="is not a function"):
        loaded(source=file, arch="resnet50")
    assert loaded(source=file, arch=SOURCE).card.name == "best"
    (tmp_path / "junk.pt").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"junk\.pt"):
        loaded(source=str(tmp_path / "junk.pt"))


# -- functions and modules at hand


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (f"{__name__}:number", "returned int, not a torch.nn.Module"),
        (f"{__name__}:breaks", "raised RuntimeError: no such file"),
        (f"{__name__}:nothing", "has no function nothing"),
        ("no_such_module:make", "The module no_such_module cannot be imported"),
    ],
)
def test_a_function_that_makes_no_model(source, said):
    with pytest.raises(ModelError, match=said) as caught:
        loaded(source=source)
    assert caught.value.exit_code == 3 and caught.value.hint


def test_wrappers_are_taken_off(trained):
    assert load(Request("x", live=nn.DataParallel(trained), input_shape=SHAPE)).card.layers[1].path == "0"


def test_a_forward_that_needs_more_inputs(tmp_path):
    with pytest.raises(ModelError, match=r"needs more inputs than the picture: age\.") as caught:
        loaded(live=Needs())
    assert caught.value.exit_code == 3 and "--input age=VALUE" in caught.value.hint
    found = loaded(live=Needs(), inputs=(("age", "2.5"),))
    assert [(one.name, one.value) for one in found.card.given] == [("age", "2.5")]
    with pytest.raises(UsageError, match="needs no input 'agee'"):
        loaded(live=Needs(), inputs=(("agee", "1"),))


def test_a_size_that_does_not_fit_says_so():
    flat = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 2))
    with pytest.raises(ModelError, match="cannot be run on a picture of 48 x 48 x 3") as caught:
        load(Request("x", live=flat, input_shape=(3, 48, 48)))
    assert "--input-shape" in caught.value.hint


def test_without_pytorch_a_sentence_says_what_to_install(monkeypatch):
    from convreport.engines.torch import runtime

    runtime.torch.cache_clear()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConvreportError, match="PyTorch is not installed") as caught:
        load(Request("timm:resnet50"))
    assert caught.value.exit_code == 3 and "convreport[torch]" in caught.value.hint


# -- which engine


@pytest.mark.parametrize(
    ("words", "engine"),
    [
        ({"source": "demo"}, "keras"),
        ({"source": "vgg16"}, "keras"),
        ({"source": "timm:resnet50"}, "torch"),
        ({"source": "torchvision:vit_b_16"}, "torch"),
        ({"source": "model.pt2"}, "torch"),
        ({"source": "model.keras"}, "keras"),
        ({"source": "some.where:make", "weights": "best.safetensors"}, "torch"),
        ({"source": SOURCE}, "torch"),
        ({"source": "tests.zoo:make"}, "keras"),
    ],
)
def test_the_engine_is_told_by_the_words(words, engine):
    assert engine_of(Request(**words)).name == engine


def test_names():
    assert name_of(Request("timm:resnet50.a1_in1k")) == "resnet50.a1_in1k"
    assert name_of(Request("x", live=make())) == "Sequential"
    with pytest.raises(ModelError, match="There is no model file"):
        name_of(Request("gone.pt2"))


def broken():
    module = small()
    with torch.no_grad():
        module[0].weight[1] = float("nan")
    return module


@pytest.mark.slow
def test_a_unit_of_nan_weights_is_not_drawn(tmp_path):
    from convreport import sections
    from convreport.builder import single
    from convreport.builder.config import make_plan

    words = {"model": f"{__name__}:broken", "input_shape": "3,32,32", "preset": "draft", "preprocess": "rescale"}
    plan = make_plan(words, None, sections)  # layer number 1 is the one named 0
    with pytest.raises(
        ModelError, match=r"no number for unit 1 of 0: 27 of 216 weights in 0\.weight are NaN"
    ) as caught:
        single.draw(plan, "1", "1", 32, tmp_path / "tile.png")
    assert caught.value.exit_code == 3 and caught.value.hint and not (tmp_path / "tile.png").exists()
    assert "score" in single.draw(plan, "1", "2", 32, tmp_path / "tile.png"), "the others are as they were"
