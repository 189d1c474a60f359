"""What cannot be shown says why; what is half broken is drawn in half."""

import zipfile

import h5py
import numpy as np
import pytest

from convreport.core.base.errors import ModelError, UsageError
from convreport.engines.keras.load import load
from convreport.engines.request import Request
from tests import models
from tests.command import refused, run
from tests.zoo import ZOO


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
        ("text.keras", "text.keras is not a Keras model, or is damaged", "intact"),
        ("text.h5", "text.h5 is not a Keras model, or is damaged", "intact"),
        ("half.keras", "half.keras is not a Keras model, or is damaged", "intact"),
        ("half.h5", "half.h5 is not a Keras model, or is damaged", "intact"),
        ("corrupt.keras", "corrupt.keras", ""),
        ("other.keras", "other.keras is not a Keras model", "intact"),
        ("numbers.h5", "Keras did not write it", ".keras or .h5"),
        ("only.weights.h5", "holds weights only", "--arch"),
        ("dense.keras", "no two-dimensional convolution", "convolutions"),
        ("line.keras", "not one-dimensional ones", "Series"),
        ("cube.keras", "volumes or clips", "2-D part"),
        ("table.keras", "not pictures of height x width x channels", "series or tables"),
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
    atlas = convreport.build(model, name="broken", out=tmp_path, filters=1, max_images=1, preset="draft")
    assert atlas.book.model.alerts == ("1 of 216 weights in body_b/kernel are NaN",)
    assert "body&#95;b/kernel are NaN" in (tmp_path / "docs/broken/index.md").read_text()
    failed = {(section, what) for section, what, _ in atlas.failures}
    assert ("activations", "body_b on cat") in failed
    assert all("NaN" in reason for _, _, reason in atlas.failures)
    done = {one.layer for one in atlas.book.chapters["activations"].drawings}
    assert "body_a" in done


def test_where_memory_runs_out_the_batch_is_halved(monkeypatch):
    import tensorflow as tf

    from convreport.core.ascent.climb import Climb
    from convreport.core.ascent.objectives import channel
    from convreport.core.ascent.recipes import Recipe

    net = models.network(ZOO["functional"]())
    whole = Climb._climb

    def short_of_memory(self, objectives, seed, yielded):
        if len(objectives) > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "no memory")
        return whole(self, objectives, seed, yielded)

    monkeypatch.setattr(Climb, "_climb", short_of_memory)
    recipe = Recipe("short", steps=2)
    made = net.ascend([channel("body_a", unit) for unit in range(3)], recipe, 0)
    assert made.pictures.shape[0] == 3
    assert made.batch == 2


def test_an_arch_that_is_none(tmp_path):
    models.small().save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(UsageError, match="no architecture 'vgg61'"):
        load(Request(str(tmp_path / "only.weights.h5"), arch="vgg61"))
