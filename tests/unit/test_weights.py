"""Weights meet their architectures: by name, by function, in every format, to the last one."""

from pathlib import Path

import h5py
import pytest

from convreport.core.base.errors import ModelError
from convreport.engines.keras.load import load
from convreport.engines.keras.reading import weights
from convreport.engines.request import Request
from tests import models, old_keras
from tests.command import refused, run
from tests.unit.test_files import answers_alike


def make_small():
    return old_keras.small("made")


def not_a_model():
    return {"a": 1}


def raises():
    raise RuntimeError("no data today")


@pytest.mark.parametrize("how", ["new", "old", "whole.h5", "whole.keras"])
def test_weights_meet_an_architecture_whatever_their_format(how, tmp_path):
    model = old_keras.small()
    file = tmp_path / {"new": "w.weights.h5", "old": "w.h5"}.get(how, how)
    if how == "old":
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(file, "w") as tree:
            save_weights_to_hdf5_group(tree, model)
    elif how == "new":
        model.save_weights(file)
    else:
        model.save(file)
    loaded = load(Request("tests.unit.test_weights:make_small", weights=str(file)))
    answers_alike(model, loaded)
    assert file.name in loaded.card.origin
    if how in ("new", "old"):
        other = load(Request(str(file), arch="tests.unit.test_weights:make_small"))
        answers_alike(model, other)
        renamed = file.rename(tmp_path / "renamed.h5")  # the name tells nothing of the format
        answers_alike(model, load(Request(str(renamed), arch="tests.unit.test_weights:make_small")))


def test_weights_for_another_architecture_name_the_layers_that_differ(tmp_path):
    import keras

    def net(units, name="last"):
        inputs = keras.Input((16, 16, 3))
        x = keras.layers.Conv2D(4, 3, name="same")(inputs)
        return keras.Model(inputs, keras.layers.Conv2D(units, 3, name=name)(x))

    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(tmp_path / "old.h5", "w") as tree:
        save_weights_to_hdf5_group(tree, net(7))
    with pytest.raises(ModelError, match="last is 3x3x4x7 \\+ 7, last 3x3x4x5 \\+ 5") as raised:
        weights.fill(net(5), tmp_path / "old.h5")
    assert "same" not in raised.value.message
    net(7).save_weights(tmp_path / "new.weights.h5")
    with pytest.raises(ModelError, match="3x3x4x7 \\+ 7, in the model 3x3x4x5 \\+ 5"):
        weights.fill(net(5), tmp_path / "new.weights.h5")
    with pytest.raises(ModelError, match="it has 2 layers with weights, the model 4"):
        weights.fill(old_keras.small(), tmp_path / "old.h5")


def test_a_misfit_says_so_on_the_command_line(tmp_path):
    models.small().save_weights(tmp_path / "small.weights.h5")
    done = run("build", "mobilenet", "--weights", tmp_path / "small.weights.h5", "--out", tmp_path / "a")
    refused(done, 3, "do not fit mobilenet", "this architecture")
    assert "only the model has" in " ".join(done.stderr.split())


@pytest.mark.slow
def test_an_application_takes_weights_with_top_and_without(tmp_path):
    import keras

    for top in (True, False):
        model = keras.applications.MobileNetV3Small(weights=None, include_top=top)
        file = tmp_path / f"{top}.weights.h5"
        model.save_weights(file)
        loaded = load(Request("mobilenet_v3_small", weights=str(file)))
        assert bool(loaded.card.classes) is top
        assert ("without top" in loaded.card.origin) is not top
        first, again = model.layers[1:4], loaded.model.layers[1:4]
        for here, there in zip(first, again, strict=True):
            assert all((a.numpy() == b.numpy()).all() for a, b in zip(here.weights, there.weights, strict=True))
    bare = load(Request("mobilenet_v3_small", weights=str(tmp_path / "True.weights.h5"), top=False))
    whole = load(Request("mobilenet_v3_small", weights=str(tmp_path / "True.weights.h5")))
    assert bare.card.classes == 0 and "without top" in bare.card.origin
    for here, there in zip(bare.model.weights, whole.model.weights, strict=False):
        assert (here.numpy() == there.numpy()).all()


@pytest.mark.slow
def test_a_factory_beside_the_user_is_found(tmp_path, convreport):
    (tmp_path / "my_nets.py").write_text("from tests.zoo import made_for_tests\n")
    done = convreport("layers", "my_nets:made_for_tests", cwd=tmp_path, env={"PYTHONPATH": str(Path.cwd())})
    assert done.returncode == 0, done.stderr
    assert "body_a" in done.stdout


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("tests.unit.test_weights:not_a_model", "returned dict, not a Keras model", "Let it return a Keras model"),
        ("tests.unit.test_weights:raises", "raised RuntimeError: no data today", "without arguments"),
    ],
)
def test_factories_that_make_no_model(source, message, hint):
    refused(run("layers", source), 3, message, hint)


def test_a_factory_and_its_doctor():
    done = run("doctor", "tests.unit.test_weights:make_small")
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    for words in ("sequential", "16 x 16 x 3", "one of 3 classes, by a softmax", "filters", "gradcam 1 drawing"):
        assert words in said, words
