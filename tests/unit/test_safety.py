"""Loading a model runs no code of its author."""

import sys

import pytest

from tests import old_keras
from tests.command import refused, run


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
