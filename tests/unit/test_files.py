"""Models from files: repaired where they are old, refused where they bring code, accounted for to the last weight."""

import json
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from convreport.core.errors import ModelError, UsageError
from convreport.model import legacy, weights
from convreport.model.load import load
from convreport.model.request import Request
from tests import models, old_keras
from tests.unit.test_cli import refused, run
from tests.zoo import ZOO

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


# -- what would run code


def marker_config(marker):
    return f"__import__('pathlib').Path({str(marker)!r}).write_text('ran')"


def with_lambda(folder):
    """A model whose Lambda writes a file when it is loaded, or rather called, which Keras does on loading."""
    import keras

    marker = folder / "ran"
    code = f"lambda x: (__import__('pathlib').Path({str(marker)!r}).write_text('ran'), x)[1]"
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Lambda(eval(code)), keras.layers.Conv2D(2, 3, name="conv")]
    )
    marker.unlink(missing_ok=True)
    return model, marker


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_lambda_is_refused_and_does_not_run_unless_it_is_trusted(ending, tmp_path):
    model, marker = with_lambda(tmp_path)
    model.save(tmp_path / f"code.{ending}")
    marker.unlink(missing_ok=True)
    refused(run("layers", tmp_path / f"code.{ending}"), 3, "contains a Lambda layer", "--unsafe")
    assert not marker.exists()
    done = run("layers", tmp_path / f"code.{ending}", "--unsafe")
    assert done.exit_code == 0, done.stderr
    assert marker.exists()  # so the file above would have run it


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_module_of_the_authors_is_not_imported_unless_it_is_trusted(ending, tmp_path, monkeypatch):
    marker = tmp_path / "imported"
    (tmp_path / "authors_module.py").write_text(
        f"import keras, pathlib\npathlib.Path({str(marker)!r}).write_text('ran')\n"
        "class Own(keras.layers.Layer):\n    def call(self, x):\n        return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def name_it(config):
        config["config"]["layers"].insert(
            1, {"module": "authors_module", "class_name": "Own", "config": {"name": "own"}, "registered_name": None}
        )

    make = old_keras.archive if ending == "keras" else old_keras.h5
    file = make(old_keras.small(), tmp_path / f"code.{ending}", name_it)
    refused(run("layers", file), 3, "names authors_module.Own", "--custom authors_module")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "exec"), ("keras.utils", "get_file"), ("keras.src.saving", "load")],
)
def test_functions_that_are_no_part_of_a_model_are_refused(module, name, tmp_path):
    def name_it(config):
        for layer in old_keras.layers_of(config):
            if layer["class_name"] == "Dense":
                layer["config"]["activation"] = {
                    "module": module, "class_name": "function", "config": name, "registered_name": name
                }  # fmt: skip

    file = old_keras.archive(old_keras.small(), tmp_path / "code.keras", name_it)
    refused(run("layers", file), 3, f"names {module}.{name}", "trust")


def test_layers_of_ones_own_come_with_custom(tmp_path, monkeypatch):
    (tmp_path / "my_layers.py").write_text(
        "import keras\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class Doubling(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return x * 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import keras
    from my_layers import Doubling

    model = keras.Sequential([keras.Input((8, 8, 3)), Doubling(name="twice"), keras.layers.Conv2D(2, 3, name="conv")])
    model.save(tmp_path / "own.keras")
    del sys.modules["my_layers"]
    keras.saving.get_custom_objects().pop("mine>Doubling")
    done = run("layers", tmp_path / "own.keras")
    refused(done, 3, "Doubling", "--custom")
    done = run("layers", tmp_path / "own.keras", "--custom", "my_layers")
    assert done.exit_code == 0, done.stderr
    assert "twice" in done.stdout
    keras.saving.get_custom_objects().pop("mine>Doubling", None)


# -- weights, architectures, factories


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
    loaded = load(Request("tests.unit.test_files:make_small", weights=str(file)))
    answers_alike(model, loaded)
    assert file.name in loaded.card.origin
    if how in ("new", "old"):
        other = load(Request(str(file), arch="tests.unit.test_files:make_small"))
        answers_alike(model, other)
        renamed = file.rename(tmp_path / "renamed.h5")  # the name tells nothing of the format
        answers_alike(model, load(Request(str(renamed), arch="tests.unit.test_files:make_small")))


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


def test_a_misfit_leaves_the_model_as_it_was_and_says_so_on_the_command_line(tmp_path):
    models.small().save_weights(tmp_path / "small.weights.h5")
    done = run("build", "mobilenet", "--weights", tmp_path / "small.weights.h5", "--out", tmp_path / "a")
    refused(done, 3, "do not fit mobilenet", "this architecture")
    assert "only the model has" in " ".join(done.stderr.split())


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


def test_a_factory_beside_the_user_is_found(tmp_path, convreport):
    (tmp_path / "my_nets.py").write_text("from tests.zoo import made_for_tests\n")
    done = convreport("layers", "my_nets:made_for_tests", cwd=tmp_path, env={"PYTHONPATH": str(Path.cwd())})
    assert done.returncode == 0, done.stderr
    assert "body_a" in done.stdout


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("tests.unit.test_files:not_a_model", "returned dict, not a Keras model", "keras.Model"),
        ("tests.unit.test_files:raises", "raised RuntimeError: no data today", "without arguments"),
    ],
)
def test_factories_that_make_no_model(source, message, hint):
    refused(run("layers", source), 3, message, hint)


def test_a_factory_and_its_doctor():
    done = run("doctor", "tests.unit.test_files:make_small")
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    for words in ("sequential", "16 x 16 x 3", "one of 3 classes, by a softmax", "filters", "gradcam 1 drawing"):
        assert words in said, words


# -- what is no model


def bad_models(folder):
    """(file, words of the complaint, words of the hint)."""
    import keras

    (folder / "text.keras").write_text("not a model")
    (folder / "text.h5").write_text("not a model either")
    models.small().save(folder / "whole.keras")
    data = (folder / "whole.keras").read_bytes()
    (folder / "half.keras").write_bytes(data[: len(data) // 2])
    models.small().save(folder / "whole.h5")
    old = (folder / "whole.h5").read_bytes()
    (folder / "half.h5").write_bytes(old[: len(old) // 2])
    corrupt = bytearray(data)
    corrupt[len(data) // 2] ^= 0xFF
    (folder / "corrupt.keras").write_bytes(corrupt)
    models.small().save_weights(folder / "only.weights.h5")
    with h5py.File(folder / "numbers.h5", "w") as file:
        file["a"] = np.zeros(3)
    with zipfile.ZipFile(folder / "other.keras", "w") as file:
        file.writestr("readme.txt", "a zip of something else")
    layers = keras.layers
    keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2)], name="dense").save(
        folder / "dense.keras"
    )
    keras.Sequential([keras.Input((8, 3)), layers.Conv1D(2, 3)], name="line").save(folder / "line.keras")
    keras.Sequential([keras.Input((8, 8, 8, 1)), layers.Conv3D(2, 3)], name="cube").save(folder / "cube.keras")
    keras.Sequential([keras.Input((8,)), layers.Dense(2)], name="table").save(folder / "table.keras")
    return [
        ("text.keras", "text.keras is not a Keras model, or is damaged", "unbroken"),
        ("text.h5", "text.h5 is not a Keras model, or is damaged", "unbroken"),
        ("half.keras", "half.keras is not a Keras model, or is damaged", "unbroken"),
        ("half.h5", "half.h5 is not a Keras model, or is damaged", "unbroken"),
        ("corrupt.keras", "corrupt.keras", ""),
        ("other.keras", "other.keras is not a Keras model", "unbroken"),
        ("numbers.h5", "Keras did not write it", ".keras or .h5"),
        ("only.weights.h5", "holds weights only", "--arch"),
        ("dense.keras", "no two-dimensional convolution", "convolutions"),
        ("line.keras", "not one-dimensional ones", "Series"),
        ("cube.keras", "volumes or clips", "2-D part"),
        ("table.keras", "not pictures of height x width x channels", "Series and tables"),
    ]


def test_models_that_cannot_be_shown_say_why(tmp_path):
    for file, message, hint in bad_models(tmp_path):
        done = run("layers", tmp_path / file)
        refused(done, 3, message, hint)
    folder = tmp_path / "saved_model"
    folder.mkdir()
    refused(run("layers", folder), 3, "is a folder", ".keras")
    (folder / "saved_model.pb").write_bytes(b"")
    refused(run("layers", folder), 3, "is a SavedModel", "model.save('model.keras')")


def test_a_model_that_never_saw_an_input_says_so():
    import keras

    with pytest.raises(ModelError, match=r"never seen an input|no input shape"):
        models.network(keras.Sequential([keras.layers.Conv2D(2, 3)]))


def test_weights_that_are_no_numbers_are_told_and_what_can_be_drawn_is(tmp_path):
    import convreport

    model = ZOO["functional"]()
    kernel = model.get_layer("body_b").kernel
    values = kernel.numpy()
    values[0, 0, 0, 0] = np.nan
    kernel.assign(values)
    atlas = convreport.build(model, name="broken", out=tmp_path, filters=1, max_images=1)
    assert atlas.facts["model"]["alerts"] == ["1 of 216 weights in body_b/kernel are NaN"]
    assert "body&#95;b/kernel are NaN" in (tmp_path / "docs/broken/index.md").read_text()
    failed = {(section, what) for section, what, _ in atlas.failures}
    assert ("activations", "body_b on cat") in failed
    assert all("NaN" in reason for _, _, reason in atlas.failures)
    done = {
        d["layer"] for s in atlas.facts["sections"] if s["name"] == "activations" for d in s["drawings"] if d["figures"]
    }
    assert "body_a" in done


def test_where_memory_runs_out_the_batch_is_halved(monkeypatch):
    import tensorflow as tf

    from convreport.core.recipes import RECIPES
    from convreport.core.types import Objective
    from convreport.model import ascent

    net = models.network(ZOO["functional"]())
    whole = ascent.Climb._climb_picture

    def short_of_memory(self, units, seed):
        if len(units) > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "no memory")
        return whole(self, units, seed)

    monkeypatch.setattr(ascent.Climb, "_climb_picture", short_of_memory)
    recipe = RECIPES["fourier"].__class__("short", steps=2)
    made = net.ascend([Objective("body_a", unit) for unit in range(3)], recipe, 0)
    assert made.pictures.shape[0] == 3
    assert made.batch == 2


def test_an_arch_that_is_none(tmp_path):
    models.small().save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(UsageError, match="no architecture 'vgg61'"):
        load(Request(str(tmp_path / "only.weights.h5"), arch="vgg61"))
