"""keras.applications: the table is Keras's, every network is found and drawn."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from convreport.engines.keras.reading import catalog
from convreport.engines.keras.reading.catalog import APPLICATIONS
from tests.command import run

LARGE = 40e6  # parameters; those that take many gigabytes are drawn one after the other, each in a process of its own
HEAVY = 5e6  # parameters

MATRIX = [
    pytest.param(one.name, id=f"large-{one.name}" if one.params > LARGE else one.name) for one in APPLICATIONS.values()
]


def process(tasks):
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=tasks)


@pytest.fixture(scope="session")
def shared():
    """A process for some networks, which gives its memory back after a few."""
    with process(6) as some:
        yield some


@pytest.fixture
def own(name, shared):
    if catalog.find(name).params <= LARGE:
        yield shared
    else:
        with process(1) as one:
            yield one


def test_every_application_of_keras_is_in_the_table():
    import keras

    offered = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {one.name for one in APPLICATIONS.values()} == offered


def wanted_and_drawn(name, folder):
    """(the weights files that Keras asks for, an atlas of it), made in another process."""
    import gc

    import keras
    from keras.src.utils import file_utils

    from convreport.engines.keras.load import load
    from convreport.engines.request import Request
    from tests.bench.applications import first, small_atlas

    wanted = []
    with pytest.MonkeyPatch.context() as patch:  # which cannot be downloaded here: asked for, and not read
        patch.setattr(file_utils, "get_file", lambda file, *more, **words: wanted.append(file) or file)
        patch.setattr(keras.Model, "load_weights", lambda model, file: None)
        shown = first(load(Request(name)).card)
    # Where they take minutes: what shows many pictures to a network, or climbs through all of it, is left out; a picture is
    # explained for one class; tiles get a few steps, in the format that need not be chosen by its speed.
    less = {
        "skip": ["faithfulness", "sanity", "classes"], "options": {"gradcam": {"classes": "top1"}}, "precision": "float32",
        "recipes": {"few": {"base": "fourier", "preset": "draft", "steps": 4}}, "recipe": "few",
    }  # fmt: skip
    heavy = catalog.find(name).params > HEAVY
    atlas = small_atlas(name, folder, shown, **(less if heavy else {}))
    keras.backend.clear_session()
    gc.collect()
    return wanted, atlas


@pytest.mark.slow
@pytest.mark.parametrize("name", MATRIX)
def test_a_small_atlas_of_each(name, own, tmp_path):
    wanted, atlas = own.submit(wanted_and_drawn, name, tmp_path).result()
    known = catalog.find(name)
    card = atlas.book.model
    assert not atlas.failures
    assert card.params == known.params
    side = None if "MobileNetV3" in name else known.size  # which Keras leaves free even with a top
    assert card.input == (side, side, 3)
    assert card.preprocessing.mode == known.preprocessing
    assert (card.head, card.classes, card.labels[386].name) == ("softmax", 1000, "African_elephant")
    drawn = {chapter.name: len(chapter.drawings) for chapter in atlas.book.sections}
    assert drawn["filters"] == 4 and drawn["gradcam"] == 1 and drawn["activations"] == 2 and drawn["kernels"]
    assert wanted == [known.file]


@pytest.mark.parametrize(
    ("application", "mode", "scale"),
    [("vgg16", "caffe", 1), ("resnet_v2", "symmetric", 1), ("densenet", "torch", 1), ("convnext", "none", 1)],
)
def test_preprocessing_is_keras_own(application, mode, scale):
    import keras
    import numpy as np

    from convreport.core.network.preprocessing import MODES

    pixels = np.random.default_rng(0).uniform(0, 255, (1, 5, 5, 3)).astype(np.float32)
    theirs = getattr(keras.applications, application).preprocess_input(pixels.copy())
    np.testing.assert_allclose(MODES[mode].apply(pixels), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "spelling", ["efficientnetv2-b0", "EfficientNetV2B0", "efficientnet_v2_b0", "EFFICIENTNET V2 B0"]
)
def test_any_usual_spelling(spelling):
    assert catalog.find(spelling).name == "EfficientNetV2B0"


def test_without_top_there_is_no_classifier_and_all_else():
    done = run("doctor", "mobilenetv3small", "--no-top")
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "without top, random weights" in said
    assert "no output that scores classes" in said
    assert "filters" in said


def test_random_weights_are_the_same_whoever_draws_beside_it():
    """As the threads of a Dask worker do, from the generator that a process shares."""
    import random
    from threading import Event, Thread

    from convreport.engines.keras.load import load
    from convreport.engines.request import Request

    def digest():
        return load(Request("mobilenetv3small", weights="none")).card.digest

    alone, done = digest(), Event()

    def others():
        while not done.wait(0.0005):
            random.random()

    beside = Thread(target=others)
    beside.start()
    try:
        assert digest() == alone
    finally:
        done.set()
        beside.join()


def test_models_lists_them_all_and_says_which_are_here(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / APPLICATIONS["vgg16"].file).write_bytes(b"")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    lines = run("models").stdout.splitlines()
    assert len(lines) == len(APPLICATIONS) + 1
    vgg = next(line for line in lines if line.startswith("VGG16"))
    for words in ("138,357,544", "224 x 224", "BGR", "553 MB", "yes"):
        assert words in vgg, words
    assert not next(line for line in lines if line.startswith("VGG19")).rstrip().endswith("yes")
