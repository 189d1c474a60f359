"""Models from files: repaired where they are old, refused where they bring code, accounted for to the last weight."""

import json
import zipfile

import numpy as np
import pytest

from convreport.core.base.errors import ModelError
from convreport.engines.keras.load import load
from convreport.engines.keras.reading import legacy, weights
from convreport.engines.request import Request
from tests import old_keras
from tests.command import run

H5_REPAIRS = {
    "bare_list": (old_keras.small, old_keras.bare_list, "bare list"),
    "initializer_dtype": (old_keras.small, old_keras.initializer_dtype, "initializers with a dtype"),
    "depthwise_groups": (old_keras.small, old_keras.depthwise_groups, "groups on a depthwise convolution"),
    "value_range": (old_keras.small, old_keras.value_range, "value range"),
    "slashes": (old_keras.small, old_keras.slashes, "slashes in the names"),
}
ARCHIVE_REPAIRS = {
    "engine_modules": (old_keras.transfer, old_keras.engine_modules, "moved since Keras 2"),
    "second_node": (old_keras.transfer, old_keras.second_node, "second node"),
    "input_shape_on_first": (old_keras.small, old_keras.input_shape_on_first, "input shape on the first layer"),
    "depthwise_groups": (old_keras.small, old_keras.depthwise_groups, "groups on a depthwise convolution"),
}


def answers_alike(model, loaded):
    picture = np.random.default_rng(2).uniform(0, 1, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(
        loaded.model(picture, training=False).numpy(), model(picture, training=False).numpy(), rtol=1e-5
    )


@pytest.mark.parametrize("name", H5_REPAIRS)
def test_old_h5_files_are_repaired_and_answer_as_their_weights_say(name, tmp_path):
    import keras

    make, age, words = H5_REPAIRS[name]
    file = old_keras.h5(make(), tmp_path / "old.h5", age)
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever Keras says: the plain load fails)
        keras.models.load_model(file, compile=False)
    loaded = load(Request(str(file)))
    assert [words in repair for repair in loaded.card.repairs] == [True], loaded.card.repairs
    answers_alike(make(), loaded)


@pytest.mark.parametrize("name", ARCHIVE_REPAIRS)
def test_old_archives_are_repaired_and_answer_as_their_weights_say(name, tmp_path):
    import keras

    make, age, words = ARCHIVE_REPAIRS[name]
    file = old_keras.archive(make(), tmp_path / "old.keras", age)
    with pytest.raises(Exception):  # noqa: B017, PT011
        keras.models.load_model(file, compile=False)
    loaded = load(Request(str(file)))
    assert any(words in repair for repair in loaded.card.repairs), loaded.card.repairs
    answers_alike(make(), loaded)


def test_backslashes_from_windows_are_repaired(tmp_path):
    file = old_keras.archive(
        old_keras.small(), tmp_path / "old.keras", lambda config: None, lambda name: name.replace("layers/", "layers\\")
    )
    loaded = load(Request(str(file)))
    assert "backslashes" in loaded.card.repairs[0]
    answers_alike(old_keras.small(), loaded)


def test_weights_under_the_names_of_keras_2_15(tmp_path):
    file = old_keras.archive(
        old_keras.transfer(), tmp_path / "old.keras", old_keras.engine_modules,
        lambda name: name.replace("layers/", "_layer_checkpoint_dependencies/"),
    )  # fmt: skip
    answers_alike(old_keras.transfer(), load(Request(str(file))))


def test_nested_single_ends_are_unnested():
    config = {"layers": [], "input_layers": [["picture", 0, 0]], "output_layers": [["out", 0, 0]]}
    assert legacy.unnest_single_ends(config)
    assert config["output_layers"] == ["out", 0, 0]
    assert not legacy.unnest_single_ends(config)


def test_nothing_is_repaired_where_nothing_is_broken(tmp_path):
    for name in ("new.keras", "new.h5"):
        old_keras.small().save(tmp_path / name)
        assert load(Request(str(tmp_path / name))).card.repairs == ()
    config = json.loads(zipfile.ZipFile(tmp_path / "new.keras").read("config.json"))
    assert legacy.mend(config, archive=True) == ()


def test_a_repair_is_told_on_the_console_and_in_the_atlas(tmp_path):
    file = old_keras.h5(old_keras.small(), tmp_path / "old.h5", old_keras.depthwise_groups)
    done = run("build", file, "-o", tmp_path / "atlas", "--sections", "overview,kernels", "--max-images", "1")
    assert done.exit_code == 0, done.stdout
    assert "Loaded after repair: groups on a depthwise convolution" in " ".join(done.stdout.split())
    data = json.loads((tmp_path / "atlas/docs/old/atlas.json").read_bytes())
    assert data["model"]["repairs"] == ["groups on a depthwise convolution (Keras 2.4)"]
    assert "Loaded after repair" in (tmp_path / "atlas/docs/old/index.md").read_text()


def test_a_weight_that_was_not_found_after_a_repair_is_an_error(tmp_path):
    file = old_keras.h5(old_keras.small(), tmp_path / "old.h5", old_keras.depthwise_groups)
    loaded = load(Request(str(file)))
    weights.account(loaded.model, file)  # all is well
    kernel = loaded.model.get_layer("first").kernel
    kernel.assign(kernel.numpy() + 1)
    with pytest.raises(ModelError, match=r"first/kernel not found in the file; .*first.* of the file not used"):
        weights.account(loaded.model, file)
