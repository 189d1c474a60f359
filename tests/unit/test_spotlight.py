"""Where in a picture a unit answered: the digits over a crop, and the second look, by numbers one can check with a pencil."""

from types import SimpleNamespace

import numpy as np

from convreport.core.network import windows
from convreport.core.network.card import Field
from convreport.core.pictures.fitting import fit_of
from convreport.core.survey import spotlight

WHOLE = Field((9, 9), (1, 1), (0, 0), whole=True)


def told(answer, fit="stretch", picture=(40, 40), size=(40, 40), shown=(20, 20)):
    how = fit_of(picture, size, fit)
    window = windows.window_of(WHOLE, (0, 0), answer.shape, how)
    return spotlight.digits(answer, spotlight.grid_of(answer), window, how, shown)


def test_a_map_that_covers_its_crop_is_told_cell_by_cell():
    answer = np.array([[0.0, 1.0], [2.0, 4.0]], np.float32)
    assert told(answer) == "09iz", "0, a quarter, half and all of 35"
    assert told(answer, picture=(80, 20)) == "09iz", "stretched pictures too"
    assert told(answer - 1) == "00cz", "what is below zero is no answer"
    assert told(answer - 5) == "09iz", "unless nothing is above"
    assert told(np.zeros((2, 2), np.float32)) == "zzzz", "everywhere alike"


def test_of_large_maps_a_grid_of_ten_is_kept():
    answer = np.zeros((14, 14), np.float32)
    answer[0, 13] = 3.0
    made = told(answer)
    assert len(made) == 100 and made[9] == "z" and made[0] == "0" and made[99] == "0"


def test_what_lies_in_the_padding_is_not_told():
    """A picture twice as wide as high, padded: the network's map has two rows of padding of four, the crop has none."""
    answer = np.zeros((4, 4), np.float32)
    answer[1, 0] = answer[2, 3] = 2.0
    rows = spotlight.digits(
        answer, (4, 4), windows.window_of(WHOLE, (0, 0), (4, 4), fit_of((20, 40), (40, 40), "pad")),
        fit_of((20, 40), (40, 40), "pad"), (20, 40),
    )  # fmt: skip
    assert rows[0] == "z" and rows[15] == "z" and rows[3] == "0" and rows[12] == "0"


def test_pictures_are_looked_at_together_and_only_what_was_wished_is_kept():
    batches = []

    def observe(planes, layers, *, raw):
        batches.append((planes.shape, tuple(layers), raw))
        maps = np.stack([np.full((2, 2, 3), plane[0, 0, 0]) for plane in planes])
        return {layer: SimpleNamespace(maps=maps + np.arange(3)) for layer in layers}

    net = SimpleNamespace(read=lambda sample, fit: np.full((sample.side, 5, 1), sample.number), observe=observe)
    look = spotlight.SecondLook(net, ("a",), "stretch")
    for number in range(spotlight.TOGETHER + 1):
        look.at(SimpleNamespace(number=number, side=4, raw=False), [(("unit", number), "a", number % 3)])
    look.at(SimpleNamespace(number=99, side=6, raw=False), [("last", "a", 2)])
    look.finish()
    look.finish()
    assert [shape[0] for shape, _, _ in batches] == [spotlight.TOGETHER, 1, 1]
    assert look.found[("unit", 4)].tolist() == [[5, 5], [5, 5]] and look.found["last"].max() == 101
    assert len(look.found) == spotlight.TOGETHER + 2


def test_a_window_is_whole_where_the_field_is_as_large_as_the_input():
    assert windows.is_whole(None, (8, 8)) and windows.is_whole(WHOLE, (8, 8))
    assert windows.is_whole(Field((8, 9), (1, 1), (0, 0)), (8, 8))
    assert not windows.is_whole(Field((8, 7), (1, 1), (0, 0)), (8, 8))
