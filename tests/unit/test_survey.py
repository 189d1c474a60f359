"""The pass over all examples: what it finds, what it survives, and that it is taken up where it was left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from convreport.builder import gallery as examples
from convreport.builder.pipeline import build
from convreport.builder.plan import Plan
from convreport.core.base import events
from convreport.core.base.errors import ImageError
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import UnitChoice
from convreport.core.seam import Responses
from convreport.core.survey import conduct as survey
from convreport.core.survey import shards
from convreport.sections import configure
from tests import models
from tests.command import run


def files(folder, count, size=(32, 32)):
    """So many noisy pictures in two folders."""
    for number in range(count):
        place = folder / ("cats" if number % 2 else "dogs")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{number:03}.png")
    return folder


def gallery(folder, emit=lambda event: None, scratch=None, **words):
    plan = Plan(examples=(str(folder),), **words)
    return examples.gallery(plan, (), scratch or folder.parent, emit)


def surveyed(folder, layers=("first", "rectify"), make=models.small, **words):
    net = models.network(make())
    return net, gallery(folder, **words).survey(net, layers, "stretch")


def test_it_finds_what_looking_at_every_picture_finds(tmp_path):
    folder = files(tmp_path / "many", 41)
    net, found = surveyed(folder)
    shown = list(gallery(folder).samples(range(41)))
    look = net.look(shown, ["first", "rectify"], fit="stretch", targets=None)
    for layer in ("first", "rectify"):
        maps, tally = look.activations[layer], found.of(layer)
        for unit in range(maps.shape[3]):
            peaks = maps[..., unit].reshape(41, -1).max(1)
            order = np.argsort(-peaks, kind="stable")[:9]
            np.testing.assert_allclose(tally.best[unit], peaks[order], rtol=1e-4)
            assert tally.who[unit].tolist() == order.tolist()
        np.testing.assert_allclose(tally.total / 41, maps.mean((0, 1, 2)), rtol=1e-3, atol=1e-5)
    assert found.groups == ("cats", "dogs")


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path):
    folder = files(tmp_path / "many", 9)
    (folder / "dogs/000.png").write_bytes(b"no picture")
    (folder / "cats/empty.jpg").write_bytes(b"")
    told = []
    _, found = surveyed(folder, emit=told.append)
    assert found.of("first").pictures[0] == 8
    (warned,) = [one for one in told if isinstance(one, events.Warned)]
    assert warned.message.startswith("Skipped 2 of 10 examples")
    finished = next(one for one in told if isinstance(one, events.SurveyFinished))
    assert (finished.pictures, finished.layers) == (8, 2)


def test_when_nothing_can_be_read_it_says_so_before_anything_is_drawn(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="None of the first 1 files given with --examples can be read"):
        gallery(folder)


def test_pictures_of_another_number_of_channels_are_told_of_once(tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(3):
        np.save(tmp_path / f"many/{number}.npy", np.random.default_rng(number).uniform(0, 255, (32, 32, 5)))
    asked = gallery(tmp_path / "many")
    net = models.network(models.small())
    for _ in range(2):
        with pytest.raises(ImageError, match="None of the 3 examples can be read: 0 has 5 channels") as caught:
            asked.survey(net, ("first",), "stretch")
    assert caught.value is asked._surveys[("first",)]


def test_a_picture_that_has_gone_since_the_pass_leaves_the_others_their_places(tmp_path):
    folder = files(tmp_path / "many", 12)
    net, asked = models.network(models.small()), gallery(folder)
    scope = Scope(net.card, (), UnitChoice("listed", listed=(1,)), 0, (net.card.layer("first"),), examples=asked)
    section = configure("examples", {})
    (whole,) = section.draw(section.subjects(scope), scope, net)
    names = [name for name, _ in whole.facts.origins]
    next(folder.rglob(f"{names[4]}.png")).unlink()
    (less,) = section.draw(section.subjects(scope), scope, net)
    assert [name for name, _ in less.facts.origins] == names[:4] + names[5:]
    assert less.facts.best == whole.facts.best[:4] + whole.facts.best[5:]


def test_pictures_of_all_sizes_for_a_network_that_takes_any(tmp_path):
    import keras

    def free():
        keras.utils.set_random_seed(9)
        inputs = keras.Input((None, None, 3))
        x = keras.layers.Conv2D(3, 3, activation="relu", name="first")(inputs)
        return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)), name="free")

    folder = files(tmp_path / "many", 5, (40, 80))
    files(folder, 4, (80, 40))
    _, found = surveyed(folder, ("first",), free)
    assert found.of("first").pictures[0] == 5, "four of them were replaced"


def test_a_layer_that_answers_with_no_number_is_left_out_alone(tmp_path):
    def broken():
        model = models.small()
        kernel, bias = model.get_layer("second").get_weights()
        kernel[0, 0, 0, 0] = np.nan
        model.get_layer("second").set_weights([kernel, bias])
        return model

    _, found = surveyed(files(tmp_path / "many", 3), ("first", "rectify"), broken)
    assert found.of("first").pictures[0] == 3
    with pytest.raises(Exception, match="rectify of small responds with NaN or infinity"):
        found.of("rectify")


def test_a_pass_goes_on_where_it_was_left(tmp_path, monkeypatch):
    """Ended in the middle by an exception; the next one shows only the rest, and finds the same."""
    monkeypatch.setattr(shards, "BLOCK", 8)
    monkeypatch.setattr(shards, "SHARD", 8)
    monkeypatch.setattr(survey, "KEEP_EVERY", -1.0)
    folder, scratch = files(tmp_path / "many", 40), tmp_path / "cache"
    net = models.network(models.small())

    class Ended(BaseException):
        pass

    def end_after(count):
        seen = []

        def emit(event):
            seen.append(event)
            if sum(isinstance(one, events.Surveyed) for one in seen) == count:
                raise Ended

        return emit

    with pytest.raises(Ended):
        gallery(folder, end_after(3), scratch).survey(net, ("first",), "stretch")
    told = []
    found = gallery(folder, told.append, scratch).survey(net, ("first",), "stretch")
    begun = next(one for one in told if isinstance(one, events.SurveyStarted))
    assert (begun.total, begun.done) == (40, 16), "two shards had been kept"
    whole = gallery(folder, scratch=tmp_path / "other").survey(net, ("first",), "stretch")
    for name, value in whole.of("first").arrays().items():
        np.testing.assert_array_equal(value, found.of("first").arrays()[name], err_msg=name)
    again = []
    gallery(folder, again.append, scratch).survey(net, ("first",), "stretch")
    assert not any(isinstance(one, events.Surveyed) for one in again), "a finished survey is read back"
    fresh = []
    gallery(folder, fresh.append, scratch, fresh=True).survey(net, ("first",), "stretch")
    assert any(isinstance(one, events.Surveyed) for one in fresh)


def test_a_damaged_checkpoint_is_begun_anew(tmp_path):
    folder, scratch = files(tmp_path / "many", 5), tmp_path / "cache"
    net = models.network(models.small())
    gallery(folder, scratch=scratch).survey(net, ("first",), "stretch")
    (kept,) = scratch.glob("survey-*.npz")
    kept.write_bytes(kept.read_bytes()[:200])
    assert gallery(folder, scratch=scratch).survey(net, ("first",), "stretch").of("first").pictures[0] == 5


@pytest.mark.parametrize("change", ["picture", "name", "layers", "fit"])
def test_another_question_is_another_survey(tmp_path, change):
    folder, scratch = files(tmp_path / "many", 4), tmp_path / "cache"
    net = models.network(models.small())
    gallery(folder, scratch=scratch).survey(net, ("first",), "stretch")
    if change == "picture":
        shutil.copy(folder / "cats/001.png", folder / "cats/003.png")
    if change == "name":
        (folder / "cats").rename(folder / "birds")
    layers = ("first", "rectify") if change == "layers" else ("first",)
    gallery(folder, scratch=scratch).survey(net, layers, "crop" if change == "fit" else "stretch")
    assert len(list(scratch.glob("survey-*.npz"))) == 2


def test_evenly_as_many_as_asked(tmp_path):
    folder = files(tmp_path / "many", 10)
    some = gallery(folder, max_examples=4)
    assert some.count == 4 and [some.name(number) for number in range(4)] == ["001", "007", "002", "008"]


def plan(folder, atlas, **words):
    sections = tuple(configure(name, {}) for name in ("examples", "health"))
    return Plan(model="demo", out=atlas, examples=(str(folder),), sections=sections, layers=("block1_conv1", "block3_conv1"),
                **words)  # fmt: skip


def test_an_atlas_shows_for_each_unit_where_its_examples_come_from(tmp_path):
    folder = files(tmp_path / "many", 12, (96, 96))
    build(plan(folder, tmp_path / "atlas", filters="3,"), lambda event: None)
    data = json.loads((tmp_path / "atlas/docs/demo/atlas.json").read_bytes())
    assert data["examples"]["count"] == 12 and "12 files in 2 folders" in data["examples"]["words"]
    shown = next(one for one in data["sections"] if one["name"] == "examples")
    assert [one["layer"] for one in shown["drawings"]] == ["block1_conv1", "block3_conv1"]
    facts = shown["drawings"][0]["facts"]
    assert len(facts["best"]) == 9 and facts["best"] == sorted(facts["best"], reverse=True)
    assert {said for _, said in facts["origins"]} <= {"cats", "dogs"} and facts["driven"]["name"] in ("cats", "dogs")
    assert sum(facts["histogram"]["counts"]) == facts["pictures"] == 12


def test_more_units_need_no_pass_again_and_a_rebuild_no_network(tmp_path):
    folder = files(tmp_path / "many", 6, (96, 96))
    build(plan(folder, tmp_path / "atlas", filters="3,"), lambda event: None)
    told = []
    build(plan(folder, tmp_path / "atlas", filters="4"), told.append)
    assert not any(isinstance(one, events.Surveyed) for one in told)
    told.clear()
    built = build(plan(folder, tmp_path / "atlas", filters="4"), told.append)
    assert built.drawn == 0 and not any(isinstance(one, events.ModelLoading | events.SurveyStarted) for one in told)


def test_a_unit_that_answered_nothing_says_so(tmp_path):
    model = models.small()
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 2], bias[2] = 0, -1
    model.get_layer("first").set_weights([kernel, bias])
    net = models.network(model)
    found = gallery(files(tmp_path / "many", 5))
    scope = Scope(net.card, (), UnitChoice("listed", listed=(1, 2)), 0, (net.card.layer("first"),), examples=found)
    section = configure("examples", {})
    alive, silent = section.draw(section.subjects(scope), scope, net)
    assert len(alive.facts.best) == 5 and silent.facts.best == ()
    assert silent.figures[0].alt == "Unit 2 of first responded to none of 5 pictures"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--examples", "nowhere"], "There is no picture, folder or match for nowhere"),
        (["--max-examples", "0"], "--max-examples must be at least 1, not 0."),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = run("build", "demo", *words)
    assert done.exit_code in (2, 4) and said in done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_kill_9_in_the_middle_of_a_pass_loses_little(tmp_path):
    """A real process, really killed; the same command again begins where it was kept last."""
    folder, atlas = files(tmp_path / "many", 400, (96, 96)), tmp_path / "atlas"
    code = (
        "import sys; from convreport.core.survey import conduct, shards; conduct.KEEP_EVERY = 0.0; shards.BLOCK = 8;"
        "shards.SHARD = 8;"
        "from convreport.cli.app import main; sys.argv[0] = 'convreport'; main()"
    )
    words = [sys.executable, "-c", code, "build", "demo", "--examples", folder, "--sections", "examples", "--out", atlas,
             "--filters", "2", "--json"]  # fmt: skip
    with subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        shown = 0
        for line in process.stdout:
            shown += json.loads(line)["event"] == "Surveyed"
            if shown == 10:
                process.send_signal(signal.SIGKILL)
                break
    time.sleep(0.1)
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True, timeout=300)
    begun = next(one for line in done.stdout.splitlines() if (one := json.loads(line))["event"] == "SurveyStarted")
    assert begun["total"] == 400 and begun["done"] >= 64


def test_a_network_with_its_weights_as_constants_answers_the_same(demo):
    """As it is asked where pictures are many: what TensorFlow folds together may round differently, and no more."""
    planes = np.random.default_rng(0).uniform(0, 255, (3, *demo.card.input)).astype(np.float32)
    layers = ("block1_conv1", "block4_conv1")
    plain, settled = demo.observe(planes, layers), demo.observe(planes, layers, settled=True)
    for path in layers:
        for told in fields(Responses):
            one, other = getattr(plain[path], told.name), getattr(settled[path], told.name)
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(one).max(), err_msg=told.name)
