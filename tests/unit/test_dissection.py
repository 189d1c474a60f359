"""What units detect, against network dissection written out plainly; and that neither order nor grouping changes it."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convreport.builder.gallery import gallery
from convreport.builder.plan import Plan
from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network.card import Field
from convreport.core.network.units import UnitChoice
from convreport.core.pictures.concepts import VOID, on_grid
from convreport.core.pictures.fitting import fit_of
from convreport.core.survey.dissection import TOP
from convreport.core.survey.heights import Heights
from convreport.core.survey.overlap import Overlap, Upsampling, grid_of
from convreport.sections import configure, together
from convreport.sections.dissection import Best, Dissection, DissectionFacts
from tests import books, models
from tests.tools import needs

GRID, CELLS, UNITS, CONCEPTS = (24, 20), (6, 5), 5, 3


def given(count=60, seed=0):
    """Maps as behind a ReLU, some with rare high answers, and labels in two planes, a strip of them left out."""
    draw = np.random.default_rng(seed)
    maps = np.maximum(draw.standard_normal((count, *CELLS, UNITS)), 0) ** draw.uniform(1, 4, UNITS)
    maps = maps.astype(np.float32)
    maps[..., 3] = 0  # a silent unit
    maps[..., 4] = 3.25  # and one that is always the same
    labels = draw.integers(0, CONCEPTS + 1, (count, 2, *GRID)).astype(np.uint16)
    labels[:, 1] *= draw.random((count, *GRID)) < 0.005  # a plane of little but what unit 0 answers to
    labels[:, 1][np.repeat(np.repeat(maps[..., 0], 4, 1), 4, 2) > np.quantile(maps[..., 0], 0.995)] = 1
    labels[:, 0] *= draw.random((count, *GRID)) < 0.005
    labels[..., :2] = VOID
    return maps, labels


def plainly(maps, labels, thresholds=None):
    """Bau et al. 2017, cell by cell in float64: thresholds, upsampled maps, and the intersection over union."""
    maps = maps.astype(np.float64)
    if thresholds is None:
        values = np.sort(maps.reshape(-1, UNITS), 0)
        thresholds = values[-int(np.ceil(TOP * len(values)))]  # so many values reach it
    both, either = np.zeros((UNITS, CONCEPTS)), np.zeros((UNITS, CONCEPTS))
    for picture, planes in zip(maps, labels, strict=True):
        counted = planes[0] != VOID
        for unit in range(UNITS):
            large = np.zeros(GRID)
            for row in range(GRID[0]):
                for column in range(GRID[1]):
                    y = min(max((row + 0.5) * CELLS[0] / GRID[0] - 0.5, 0), CELLS[0] - 1)
                    x = min(max((column + 0.5) * CELLS[1] / GRID[1] - 0.5, 0), CELLS[1] - 1)
                    top, left = int(y), int(x)
                    bottom, right = min(top + 1, CELLS[0] - 1), min(left + 1, CELLS[1] - 1)
                    down, along = y - top, x - left
                    above = picture[top, left, unit] * (1 - along) + picture[top, right, unit] * along
                    below = picture[bottom, left, unit] * (1 - along) + picture[bottom, right, unit] * along
                    large[row, column] = above * (1 - down) + below * down
            answering = (large >= thresholds[unit]) & counted
            for concept in range(CONCEPTS):
                marked = (planes == concept + 1).sum(0)  # a cell that is twice of a concept counts twice
                both[unit, concept] += (answering * marked).sum()
                either[unit, concept] += answering.sum() + marked[counted].sum()
    either -= both
    return thresholds, both / either


def streamed(maps, labels, shards, order):
    """The same in shards, joined in some order: thresholds, Overlap."""
    pieces = np.array_split(np.arange(len(maps)), shards)
    every = len(maps) * CELLS[0] * CELLS[1]
    heights = []
    for piece in pieces:
        heights.append(Heights.empty(UNITS))
        some = maps[piece]
        heights[-1].add(some, some.max((1, 2)), some.min((1, 2)), TOP * every)
    whole = Heights.empty(UNITS)
    for place in order(shards):
        whole = whole.joined(pickle.loads(pickle.dumps(heights[place])))
    thresholds = whole.threshold(TOP)
    bring = Upsampling.of(None, CELLS, GRID, GRID)
    sums = Overlap.empty(UNITS, CONCEPTS)
    for place in order(shards):
        part = Overlap.empty(UNITS, CONCEPTS)
        part.add(maps[pieces[place]], thresholds, bring, list(labels[pieces[place]]), pieces[place].tolist())
        sums = sums.joined(part)
    return thresholds, sums


def forwards(count):
    return range(count)


def shuffled(count):
    return np.random.default_rng(count).permutation(count)


def test_it_is_the_plain_formula():
    maps, labels = given()
    thresholds, sums = streamed(maps, labels, 4, shuffled)
    exact, plain = plainly(maps, labels)
    span = maps.max((0, 1, 2)) - maps.min((0, 1, 2))
    near = np.abs(thresholds - exact) <= np.maximum(span / 1000, 1e-6)
    assert near[:3].all() and np.isinf(thresholds[4]), "to within a bin; what is everywhere alike marks nothing"
    _, same = plainly(maps, labels, thresholds)
    np.testing.assert_allclose(sums.iou[:3], same[:3], atol=1e-12)
    np.testing.assert_allclose(sums.iou[:3], plain[:3], atol=0.01)
    assert plain[0, 0] > 0.06 > plain[1:3].max() and not sums.iou[3:].any()


def test_neither_order_nor_grouping_changes_anything():
    maps, labels = given(seed=3)
    limits, one = streamed(maps, labels, 1, forwards)
    for shards, order in ((3, forwards), (7, shuffled), (60, shuffled)):
        others, other = streamed(maps, labels, shards, order)
        assert (limits == others).all()
        for name, value in vars(one).items():
            assert (value == vars(other)[name]).all(), (shards, name)


def test_a_map_as_fine_as_the_grid_and_one_of_a_single_cell():
    draw = np.random.default_rng(1)
    fine = draw.uniform(0, 1, (3, *GRID, 2)).astype(np.float32)
    picture, place, unit = Upsampling.of(None, GRID, GRID, GRID).reaching(fine, np.full(2, 0.5, np.float32))
    assert (np.sort(np.ravel_multi_index((picture, place, unit), (3, 480, 2))) == np.flatnonzero(fine >= 0.5)).all()
    alone = np.array([0.2, 0.9], np.float32).reshape(2, 1, 1, 1)
    picture, place, _ = Upsampling.of(None, (1, 1), GRID, GRID).reaching(alone, np.full(1, 0.5, np.float32))
    assert set(picture) == {1} and (place == np.arange(480)).all()


def test_a_cell_stands_where_the_middle_of_its_receptive_field_is():
    """Valid convolutions: the map of 3 cells sees windows of 6 that begin at 1, 5 and 9, in an input of 16."""
    bring = Upsampling.of(Field((6, 6), (4, 4), (1, 1)), (3, 3), (16, 16), (16, 16))
    line = bring(np.repeat([[0.0], [4.0], [8.0]], 3, 1))[:, 0]
    assert line[3:5].tolist() == [0, 0.5] and line[7:9].tolist() == [3.5, 4.5] and line[15] == 8


def test_masks_go_the_way_of_their_picture():
    """A mask of half its picture's size, right half labelled, under a picture that is cropped and one that is padded."""
    plane = np.zeros((10, 20), np.uint16)
    plane[:, 10:] = 1
    cropped = on_grid((plane,), fit_of((20, 40), (20, 20), "crop"), (20, 20))
    assert (cropped[0, :, :10] == 0).all() and (cropped[0, :, 10:] == 1).all()
    padded = on_grid((plane,), fit_of((20, 40), (40, 40), "pad"), (40, 40))
    assert (padded[0, :10] == VOID).all() and (padded[0, 10:30, 20:] == 1).all() and (padded[0, 30:] == VOID).all()
    assert grid_of((6, 6), (96, 96)) == (96, 96) and grid_of((7, 7), (224, 224)) == (112, 112)
    assert grid_of((149, 149), (299, 299)) == (149, 149)


# -- a unit that detects what is planted

SIDE = 32


def told_by_colour():
    """Two units that each see one colour, red and green, and one that sees nothing."""
    import keras

    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(3, 1, activation="relu", name="colours")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(x), name="planted")
    kernel = np.array([[1.0, -1, 0], [-1, 1, 0], [-1, -1, 0]])[None, None]
    model.get_layer("colours").set_weights([kernel, np.array([-0.2, -0.2, -1.0])])
    return model


def photos(folder, count=24):
    """Blobs, red, green and blue in turn, with label images that call the red ones wheel and the green ones door."""
    draw = np.random.default_rng(2)
    for number in range(count):
        picture, mask = np.full((SIDE, SIDE, 3), 40, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
        top, left = draw.integers(0, SIDE - 4, 2)
        picture[top : top + 4, left : left + 4] = np.eye(3, dtype=np.uint8)[number % 3] * 255
        mask[top : top + 4, left : left + 4] = (7, 9, 0)[number % 3]
        for kind, content in (("photos", picture), ("masks", mask)):
            (folder / kind / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(folder / kind / "ab"[number % 2] / f"{number}.png")
    (folder / "masks/labels.txt").write_text("0 background\n7 wheel\n9 front door\n")
    return folder / "photos", folder / "masks"


def drawn(net, layer, folder):
    """What the section draws of a layer of a network by these photos."""
    pictures, masks = photos(folder)
    found = gallery(Plan(examples=(str(pictures),), masks=masks), (), folder, lambda event: None)
    scope = Scope(net.card, (), UnitChoice("listed", listed=(0,)), 0, (net.card.layer(layer),), examples=found)
    section = configure("dissection", {})
    (drawing,) = section.draw(section.subjects(scope), scope, net)
    return drawing


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return drawn(models.network(told_by_colour()), "colours", tmp_path_factory.mktemp("planted"))


def test_a_planted_detector_is_found(planted):
    wheel, door, nothing = planted.facts.best
    assert (wheel.concept, door.concept, nothing) == ("wheel", "front door", None)
    # The top 0.5 % are as many places as lie in 8 blobs of 16 pixels, nearly: all that a unit answers to, and no more.
    assert min(wheel.iou, door.iou) > 0.9
    assert planted.facts.pictures == 24 and planted.facts.concepts == 2
    assert {figure.name for figure in planted.figures} == {"unit-0", "unit-1"}


def test_its_picture_is_bright_where_it_answers_and_dark_elsewhere(planted):
    pixels = planted.figures[0].pixels
    assert pixels.shape == (144, 144, 3)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60)
    assert 10 * 10 < red.sum() < 18 * 18, "a blob of 4 of 32 pixels, within its outline"
    assert np.median(pixels) == round(40 * 0.3)


def test_what_is_told_of_a_book(planted):
    book = books.book(dissection=[books.drawing(planted.facts, "colours")])
    assert [line.said for line in Dissection.summary(book)] == ["2 of 3 units detect a concept (IoU above 0.04)"]
    assert set(Dissection.words_of_units(book)) == {("colours", 0, "wheel"), ("colours", 1, "front door")}
    detects = Dissection.layer_data(book, "colours")["detects"]
    assert detects[0][0] == "wheel" and detects[0][2] is True and 2 not in detects
    assert Dissection.layer_data(book, "other") == {}
    assert not list(Dissection.summary(books.book(dissection=[])))


def test_those_that_are_shown_are_of_different_concepts():
    kinds = ["wheel"] * 8 + ["door", "roof", "eye"]
    best = tuple(Best(name, "part", 0.5 - 0.04 * place) for place, name in enumerate(kinds))
    facts = DissectionFacts(pictures=9, concepts=3, kinds=("part",), least=0.04, best=best)
    assert [unit for unit, _ in facts.shown] == [0, 1, 2, 3, 4, 8, 9, 10]
    assert [(name, len(units)) for name, units in facts.by_concept] == [
        ("wheel", 8),
        ("door", 1),
        ("roof", 1),
        ("eye", 1),
    ]


def test_pages_search_and_report_tell_of_detectors(small_atlas):
    book = books.of(small_atlas)
    docs = small_atlas / "docs/demo"
    for one in Dissection.drawn(book):
        detectors = one.facts.detectors
        page = (docs / f"layers/{book.slugs[one.layer]}.md").read_text("utf-8")
        share = f"**{len(detectors)} of the {len(one.facts.best)} units"
        assert not detectors or (share in page and detectors[0][1].concept in page and "above 0.04" in page)
        for unit, best in detectors:
            found = next(layer for layer in together.unit_index(book)["layers"] if layer["name"] == one.layer)
            assert unit not in found["units"] or best.concept in found["units"][unit]
    count, units = Dissection.count(book)
    assert 0 < count <= units == 256
    assert '<section id="detectors">' in (docs / "report.html").read_text("utf-8")


def test_without_masks_nothing_is_claimed(tmp_path):
    pictures, _ = photos(tmp_path, 3)
    found = gallery(Plan(examples=(str(pictures),)), (), tmp_path, lambda event: None)
    card = books.card(layers=("colours",))
    scope = Scope(card, (), UnitChoice("listed", listed=(0,)), 0, card.layers, examples=found)
    section = configure("dissection", {})
    assert section.subjects(scope) == [] and section.silence(scope) == ""
    masked = gallery(Plan(examples=(str(pictures),), masks=pictures.parent / "masks"), (), tmp_path, lambda event: None)
    assert section.subjects(replace(scope, examples=masked)) == [Subject(layer="colours")]


def test_the_scenes_of_the_demo_bring_their_masks():
    found = gallery(Plan(max_examples=20), (), Path(), lambda event: None)
    (labelled,) = found.labelled([8])
    objects, parts = labelled.planes
    names = [concept.name for concept in found.concepts]
    assert {names[number - 1] for number in np.unique(objects) if number} == {"car"}
    assert {"tyre", "window", "body"} <= {names[number - 1] for number in np.unique(parts) if number}
    assert len(found.masked) == 20


@pytest.mark.slow
def test_both_engines_find_the_same(tmp_path, planted):
    torch = needs.torch()
    from convreport.core.seam import Means
    from convreport.engines.request import Request
    from convreport.engines.torch.load import load

    conv = torch.nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [0, 0, 0]])[:, :, None, None] / 255)
        conv.bias.copy_(torch.tensor([-0.2, -0.2, -1.0]))
    module = torch.nn.Sequential(conv, torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(3 * SIDE * SIDE, 2)).eval()
    request = Request("x", live=module, input_shape=(3, SIDE, SIDE), preprocess="none")
    net = load(request).network(Means("float32"))
    layer = next(one.path for one in net.card.layers if one.kind == "ReLU")
    assert drawn(net, layer, tmp_path).facts == planted.facts
