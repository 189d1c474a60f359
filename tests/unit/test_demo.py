"""The embedded model and its scenes: deterministic, really trained, and a ruler for heatmaps."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convreport.core.ascent.objectives import channel
from convreport.core.ascent.recipes import find
from convreport.core.explain.saliency import gradcam
from convreport.core.pictures.fitting import fit_of
from convreport.core.seam import Targets
from convreport.demo import scenes
from tests.models import sample


def test_a_scene_is_a_function_of_its_arguments():
    first, second = scenes.scene(5, seed=9), scenes.scene(5, seed=9)
    assert (first.pixels == second.pixels).all()
    assert first.label == 5 % len(scenes.CLASSES)
    assert scenes.scene(5, seed=8).pixels.tolist() != first.pixels.tolist()
    assert scenes.scene(5, seed=9, label=0).label == 0


def test_scenes_are_the_same_on_every_machine():
    """Up to the last bit of a float: the mean of one scene of each class, to half a gray level."""
    means = [scenes.scene(index, seed=scenes.SHOWN).pixels.mean() for index in range(len(scenes.CLASSES))]
    np.testing.assert_allclose(means, GOLDEN_MEANS, atol=0.5)


GOLDEN_MEANS = [
    171.54,
    113.63,
    131.09,
    113.13,
    97.46,
    126.28,
    89.81,
    128.81,
    154.47,
    134.43,
    134.69,
    142.19,
    91.74,
    142.51,
    187.42,
    65.44,
    157.34,
    111.25,
]


@pytest.mark.parametrize("size", [32, 96, 200])
def test_a_scene_of_any_size_shows_the_same_object(size):
    for index in range(len(scenes.CLASSES)):
        drawn = scenes.scene(index, size=size)
        assert drawn.pixels.shape == (size, size, 3)
        assert drawn.mask.shape == (size, size)
        assert 0.01 < drawn.mask.mean() < 0.5
        large = scenes.scene(index, size=192)
        assert abs(drawn.mask.mean() - large.mask.mean()) < 0.03


def test_a_scene_is_the_same_in_whatever_thread_it_is_drawn():
    alone = [scenes.scene(index).pixels for index in range(24)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda index: scenes.scene(index).pixels, range(24)))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_every_part_is_drawn_and_belongs_to_the_mask():
    """No name without a part, no part without a name, and the parts that things share are shared."""
    seen = {}
    for index in range(4 * len(scenes.CLASSES)):
        drawn = scenes.scene(index)
        assert ((drawn.parts > 0) == drawn.mask).all()
        for part in np.unique(drawn.parts):
            seen.setdefault(scenes.PARTS[part], set()).add(scenes.CLASSES[drawn.label])
    assert set(seen) == set(scenes.PARTS)
    assert {"face", "fish", "cat", "owl"} <= seen["eye"] and {"house", "car"} <= seen["window"]


def test_a_face_has_two_eyes_inside_it():
    from scipy.ndimage import label

    drawn = next(
        one for one in (scenes.scene(index, label=0) for index in range(20)) if label(one.parts == EYE)[1] == 2
    )
    eyes = np.argwhere(drawn.parts == EYE)
    skin = np.argwhere(drawn.parts == scenes.PARTS.index("skin"))
    assert (eyes.min(0) > skin.min(0)).all() and (eyes.max(0) < skin.max(0)).all()


EYE = scenes.PARTS.index("eye")


def test_the_object_stands_out_from_its_surround():
    for index in range(36):
        drawn = scenes.scene(index)
        inside, outside = drawn.pixels[drawn.mask].mean(0), drawn.pixels[~drawn.mask].mean(0)
        assert np.abs(inside - outside).max() > 4
    assert len({hashlib.md5(scenes.scene(i).pixels.tobytes()).hexdigest() for i in range(36)}) == 36


def held_out(count):
    return [scenes.scene(index, seed=scenes.HELD_OUT) for index in range(5000, 5000 + count)]


@pytest.fixture(scope="module")
def answers(demo):
    """240 held-out scenes, none of them seen in training or in train.py's own measurement, and the demo's view of them."""
    drawn = held_out(240)
    looks = []
    for one in drawn:
        looks.append(
            demo.look([sample(one.pixels)], ["block5_conv2"], fit="stretch", targets=Targets(classes=(one.label,)))
        )
    return drawn, looks


def test_held_out_accuracy_is_at_least_97_percent(demo):
    drawn = held_out(240)
    said = demo.model.predict(np.stack([one.pixels for one in drawn]).astype(np.float32), verbose=0).argmax(1)
    assert np.mean(said == [one.label for one in drawn]) >= 0.97


@pytest.mark.slow
def test_gradcam_points_at_the_object(answers, record_property):
    """The maximum of the map falls inside the object, widened by one cell of the map, in at least 95 % of 200 scenes."""
    hits, margins = [], 96 // 6
    for one, look in zip(*answers, strict=True):
        if look.probabilities[0].argmax() != one.label:
            continue
        cells = gradcam(look.activations["block5_conv2"][0], look.gradients["block5_conv2"][0, 0])
        how = fit_of((96, 96), (96, 96), "stretch")
        row, column = np.unravel_index(how.back(cells).argmax(), (96, 96))
        near = one.mask[max(0, row - margins) : row + margins + 1, max(0, column - margins) : column + margins + 1]
        hits.append(near.any())
    hits = hits[:200]
    assert len(hits) == 200
    record_property("pointing", float(np.mean(hits)))
    print(f"pointing: {np.mean(hits):.3f} of {len(hits)}")
    assert np.mean(hits) >= 0.95


def test_the_demo_model_is_small_and_plain():
    from convreport.engines.keras.load import demo_file

    assert demo_file().stat().st_size < 2_000_000


@pytest.mark.slow
def test_patterns_speak_of_their_own_units(demo):
    """At least 80 % of the tiles of deep layers drive their own unit more than any other, and each about as far: to 1."""
    recipe, ranks, reached = find("fourier", "standard"), [], []
    for layer, count in (("block3_conv1", 16), ("block5_conv1", 8)):
        made = demo.ascend([channel(layer, unit) for unit in range(count)], recipe, 0)
        ranks += list(made.ranks)
        reached += list(made.evens)
    assert (np.array(ranks) == 1).mean() >= 0.8
    np.testing.assert_allclose(reached, 1, atol=0.1)
