"""Training, watched: what is kept, that the training does not notice, and the page that comes of it."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import convreport
from convreport.core.base.errors import UsageError
from convreport.core.comparing import snapshot
from convreport.share import watched as report


def model():
    import keras

    keras.utils.set_random_seed(2)
    made = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Rescaling(1 / 255, name="rescale"),
            keras.layers.Conv2D(4, 3, activation="relu", name="first"),
            keras.layers.MaxPooling2D(name="halve"),
            keras.layers.Conv2D(5, 3, activation="relu", name="second"),
            keras.layers.Dropout(0.2, name="drop"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(3, activation="softmax", name="head"),
        ],
        name="trained",
    )
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def data():
    rng = np.random.default_rng(0)
    truth = np.arange(24) % 3
    pictures = rng.integers(0, 80, (24, 16, 16, 3))
    pictures[np.arange(24), :, :, truth] += 120
    return pictures.astype(np.uint8), truth


def train(folder, made=None, more=(), epochs=3, **words):
    import keras

    made = made or model()
    keras.utils.set_random_seed(3)
    pictures, truth = data()
    watch = [convreport.Watch(folder, **{"images": pictures[:8], "units": 0, **words})] if folder else []
    made.fit(pictures, truth, epochs=epochs, batch_size=8, verbose=0, callbacks=[*more, *watch])
    return made


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Three epochs, in the second of which a unit dies."""
    import keras

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                bias = self.model.get_layer("second").bias
                bias.assign(np.where(np.arange(5) == 3, -1000, np.asarray(bias)))

    folder = tmp_path_factory.mktemp("watched")
    return folder, train(folder, more=[Kill()], share=100.0, units=2)


def test_it_is_a_callback_of_keras_and_importing_convreport_imports_no_keras():
    import keras

    assert issubclass(convreport.Watch, keras.callbacks.Callback)
    done = subprocess.run(
        [sys.executable, "-c", "import convreport, sys; print('keras' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
    with pytest.raises(AttributeError, match="no attribute 'watch'"):
        _ = convreport.watch


def test_a_snapshot_is_kept_before_the_first_epoch_and_after_each(watched):
    folder, made = watched
    told, kept = snapshot.read(folder)
    assert told.model == "trained" and set(told.layers) == {"first", "second"} and len(told.pictures) == 8
    assert [one.epoch for one in kept] == [0, 1, 2, 3]
    assert not kept[0].logs and {"accuracy", "loss"} <= set(kept[3].logs)
    assert all(set(one.patterns) == {"first", "second"} for one in kept) and kept[0].patterns["first"].shape == (
        2,
        48,
        48,
        3,
    )
    assert kept[0].kernels.shape == (4, 3, 3, 3) and all(len(one.answers) == 8 for one in kept)
    chances = made.predict(data()[0][:8], verbose=0)
    assert [answer.probability for answer in kept[3].answers] == pytest.approx(chances.max(1), rel=1e-3)
    assert kept[0].layers["first"].change == 0 and kept[3].layers["first"].change > 0


def test_patterns_are_those_of_the_weights_at_that_moment(watched):
    """The networks are opened once, and the weights change under them: a new one at the end must draw the same."""
    from dataclasses import replace

    from convreport.core.ascent import recipes
    from convreport.core.ascent.objectives import channel
    from convreport.core.seam import Means
    from convreport.engines.keras.engine import KerasEngine
    from convreport.engines.request import Request

    folder, made = watched
    _, kept = snapshot.read(folder)
    fresh = KerasEngine().load(Request("trained", live=made)).network(Means("float32"))
    recipe = replace(recipes.find("fourier", "draft"), smallest=48, largest=48)
    drawn = fresh.ascend([channel("first", unit) for unit in (0, 1)], recipe, 0).pictures
    assert np.abs(drawn.astype(int) - kept[3].patterns["first"]).max() <= 2
    assert (kept[0].patterns["first"] != kept[3].patterns["first"]).any()


def test_the_training_does_not_notice(tmp_path):
    plain, seen = train(None), train(tmp_path / "run", units=1)
    for one, other in zip(plain.get_weights(), seen.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_unit_that_died_and_layers_that_settled_are_told_on_a_page_without_a_framework(watched):
    folder, _ = watched
    code = (
        "import sys; from convreport.cli.app import app; sys.argv = ['convreport', 'watch-report', sys.argv[1]]\n"
        "try: app()\nfinally: print({'tensorflow', 'keras', 'mkdocs'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert "4 snapshots; open" in done.stdout and done.stdout.strip().endswith("set()")
    page = (folder / "index.html").read_text()
    assert "second: unit 3 answers nothing from epoch 2 on." in page
    assert 'type="range" min="0" max="3"' in page and page.count("Film strip of") == 3 and page.count("<polyline") >= 8
    assert "http://" not in page and "https://" not in page
    settled = report.settling(snapshot.read(folder)[1])
    assert all(values[-1] == pytest.approx(1) for values in settled.values())


def test_a_damaged_snapshot_is_left_out_and_epochs_trained_again_replace_theirs(tmp_path):
    made = train(tmp_path / "run", epochs=2)
    (tmp_path / "run/epoch-00001.npz").write_bytes(b"PK half of it")
    assert [one.epoch for one in snapshot.read(tmp_path / "run")[1]] == [0, 2]
    pictures, truth = data()
    made.fit(
        pictures,
        truth,
        initial_epoch=1,
        epochs=2,
        verbose=0,
        callbacks=[convreport.Watch(tmp_path / "run", images=pictures[:8], units=0)],
    )
    assert [one.epoch for one in snapshot.read(tmp_path / "run")[1]] == [0, 1, 2]
    train(tmp_path / "run", epochs=1)
    assert [one.epoch for one in snapshot.read(tmp_path / "run")[1]] == [0, 1]


def test_trouble_is_told_of_and_ends_no_training(tmp_path, capsys):
    train(tmp_path / "run", layers=("nowhere",), epochs=1)
    assert "convreport.Watch stopped watching: trained has no layer that matches 'nowhere'" in capsys.readouterr().out
    with pytest.raises(UsageError, match="holds no training that was watched"):
        snapshot.read(tmp_path / "run")


def test_every_other_epoch(tmp_path):
    """And the last one, whose weights are those that are left."""
    train(tmp_path / "run", epochs=3, every=2)
    assert [one.epoch for one in snapshot.read(tmp_path / "run")[1]] == [0, 2, 3]


def test_snapshots_take_no_more_than_their_share(tmp_path, monkeypatch):
    """Patterns are left out where they would; those of the last epoch are drawn whatever they cost, once."""
    from convreport.engines.keras.watch import Watcher

    asked, keep = [], Watcher.keep
    monkeypatch.setattr(
        Watcher,
        "keep",
        lambda self, epoch, logs, *, patterns: (
            asked.append((epoch, patterns)) or keep(self, epoch, logs, patterns=patterns)
        ),
    )
    train(tmp_path / "short", epochs=1, units=1)
    assert asked == [(0, True), (1, False), (1, True)]
    asked.clear()
    train(tmp_path / "long", epochs=1, units=1, share=1e9)
    assert asked == [(0, True), (1, True)]


@pytest.mark.slow
def test_a_killed_training_leaves_whole_snapshots(tmp_path):
    code = "import sys; from tests.unit import test_watch as t\nt.train(sys.argv[1], epochs=100000)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 120
        while len(list((tmp_path / "run").glob("epoch-*.npz"))) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    _, kept = snapshot.read(tmp_path / "run")
    assert len(kept) >= 5 and len(kept) == len(list((tmp_path / "run").glob("epoch-*.npz")))
    assert report.write(tmp_path / "run", None)[1] == len(kept)
