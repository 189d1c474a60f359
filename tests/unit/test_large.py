"""What is done for very large atlases: what a page, the viewer's data and the report hold of very many pictures and units."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from convreport.book.values import Sheet, SheetFile
from convreport.core.base.errors import UsageError
from convreport.core.network.circuits import Circuits
from convreport.core.pictures import pixels
from convreport.core.survey.health import gated
from convreport.sections import together
from convreport.share import media, report
from convreport.site import pages
from tests import books


@pytest.mark.parametrize(("channels", "pictures", "shown"), [(4, 40, 40), (512, 40, 40), (512, 60, 48), (4096, 60, 12)])
def test_answers_to_very_many_pictures_do_not_hold_up_a_layers_page(channels, pictures, shown):
    names = [f"p{place}" for place in range(pictures)]
    drawings = [
        dataclasses.replace(one, figures={"raw": books.ShownFigure("", file="x.webp")})
        for one in (books.activations("x", name, (), channels) for name in names)
    ]
    book = dataclasses.replace(books.book(samples=names, activations=drawings), model=books.card(layers=("x",)))
    data = together.layer_data(book, "x")
    assert [one["slug"] for one in data["answers"]] == names[:shown]
    assert data.get("unshown", 0) == pictures - shown
    assert len(json.dumps(data["answers"])) < 1_500_000


def test_only_the_sheets_with_wanted_tiles_are_read(tmp_path):
    files = [SheetFile(f"{place}.webp", (4, 8), (2 * place, 2 * place + 1)) for place in range(3)]
    for place, file in enumerate(files):
        sheet = np.full((4, 8, 3), 60 * place, np.uint8)
        (tmp_path / file.file).write_bytes(pixels.encode(sheet, "map"))
    sheet = Sheet("x", "tile", (4, 4), 2, tuple(files))
    assert set(media.Media(tmp_path).tiles(sheet)) == set(range(6))
    (tmp_path / "0.webp").unlink()
    found = media.Media(tmp_path).tiles(sheet, {3, 4})
    assert set(found) == {2, 3, 4, 5} and found[3].max() == 60 and found[4].max() == 120


@pytest.mark.parametrize(("count", "folded"), [(80, 0), (90, 30), (1000, 940)])
def test_very_many_pictures_do_not_hide_what_stands_below_them(count, folded):
    made = pages.compose([books.book(samples=[f"p{place}" for place in range(count)])], None, {})
    text = next(one.markdown for one in made if one.path.endswith("m/index.md"))
    shown, _, fold = text.partition(f"<summary>The other {folded} pictures</summary>")
    assert shown.count("cr-card") - shown.count("cr-cards") == count - folded
    assert fold.count("cr-card") - fold.count("cr-cards") == folded


def test_the_report_says_how_many_pictures_it_leaves_out():
    measure = report.Measure(32, report.LARGEST, 360)
    few, many = (books.book(samples=[f"p{place}" for place in range(count)]) for count in (100, 130))
    assert report._left_out(few, [], measure, 32) == []
    assert report._left_out(many, [], measure, 32) == ["30 of 130 pictures"]


def test_drawings_and_failures_are_found_by_what_they_are_about():
    chapter = books.chapter(
        "activations",
        [books.activations("x", "a", (), 1), books.activations("y", "a", (), 1), books.failure("x", sample="b")],
    )
    assert [len(found) for found in chapter.of_layer["x"]] == [1, 1]
    assert [len(found) for found in chapter.of_sample["a"]] == [2, 0]
    assert "c" not in chapter.of_sample


def many_layers(monkeypatch, count, a_layer):
    """A report of so many layers, whose sheets have `a_layer(measure)` bytes each, and 1 MB beside them; what it renders."""
    rendered = []
    monkeypatch.setattr(report, "Media", lambda folder: None)
    monkeypatch.setattr(report, "_most_units", lambda book: 32)
    monkeypatch.setattr(report, "_with_tiles", lambda book: [f"x{place}" for place in range(count)])
    monkeypatch.setattr(
        report, "_layer", lambda media, book, path, measure: {"sheets": [{"source": "x" * a_layer(measure)}]}
    )

    def render(atlas, media, book, measure, *words):
        rendered.append(measure)
        return "x" * (10**6 + count * a_layer(measure))

    monkeypatch.setattr(report, "_rendered", render)
    return rendered


def test_of_very_many_layers_a_few_tell_which_measure_of_the_report_can_fit(monkeypatch, tmp_path):
    atlas, book = SimpleNamespace(docs=tmp_path), books.book()
    rendered = many_layers(monkeypatch, 80, lambda measure: measure.top * measure.tile * 10)
    text = report.one_file(atlas, book, limit=2_000_000)
    assert len(text) <= 2_000_000 and rendered[-1].top == 16
    assert len(rendered) <= 2  # of five that are larger
    rendered = many_layers(monkeypatch, 40, lambda measure: measure.top * measure.tile * 20)
    report.one_file(atlas, book, limit=2_000_000)
    assert [one.tile for one in rendered] == [128, 112, 96, 80, 64, 64]  # of few layers all are tried
    rendered = many_layers(monkeypatch, 80, lambda measure: 10**6)
    with pytest.raises(UsageError, match=r"has 81\.0 MB"):
        report.one_file(atlas, book, limit=2_000_000)
    assert len(rendered) == 1


def test_measures_that_would_leave_out_no_unit_are_not_tried(monkeypatch, tmp_path):
    rendered = many_layers(monkeypatch, 3, lambda measure: 10**6)
    monkeypatch.setattr(report, "_most_units", lambda book: 2)
    with pytest.raises(UsageError):
        report.one_file(SimpleNamespace(docs=tmp_path), books.book(), limit=1000)
    assert [one.top for one in rendered] == [2, 2, 2, 2, 2, 1]


def very_deep(blocks):
    """The card of a residual network of so many convolutions, each added to the sum of those before it."""
    first = books.card(layers=("conv0",)).layers[0]
    made = [dataclasses.replace(first, activation="linear")]
    total = "conv0"
    for place in range(1, blocks):
        relu, conv, add = f"relu{place}", f"conv{place}", f"add{place}"
        made += [
            dataclasses.replace(first, path=relu, kind="ReLU", inputs=(total,)),
            dataclasses.replace(first, path=conv, activation="linear", inputs=(relu,)),
            dataclasses.replace(first, path=add, kind="Add", activation="linear", inputs=(total, conv)),
        ]
        total = add
    made.append(dataclasses.replace(first, path="last", kind="MaxPooling2D", activation=None, inputs=(total,)))
    return dataclasses.replace(books.card(), layers=tuple(made))


def test_a_network_deeper_than_python_recurses_is_followed_to_its_start():
    card = very_deep(1100)
    assert len(Circuits(card).made_by("last", 3)) == 1100
    assert not gated(card, "last")
    rectified = [
        dataclasses.replace(one, activation="relu") if one.path.startswith("conv") else one for one in card.layers
    ]
    assert gated(dataclasses.replace(card, layers=tuple(rectified)), "last")


def test_layers_that_are_added_to_themselves_many_times_over_are_looked_at_once():
    first = books.card(layers=("conv",)).layers[0]
    made = [first]
    for place in range(60):  # 2 to the power of 60 ways from the last to the first
        below = made[-1].path
        made += [
            dataclasses.replace(first, path=f"one{place}", kind="Dropout", activation=None, inputs=(below,)),
            dataclasses.replace(first, path=f"two{place}", kind="Dropout", activation=None, inputs=(below,)),
            dataclasses.replace(
                first, path=f"add{place}", kind="Add", activation=None, inputs=(f"one{place}", f"two{place}")
            ),
        ]
    assert gated(dataclasses.replace(books.card(), layers=tuple(made)), made[-1].path)
