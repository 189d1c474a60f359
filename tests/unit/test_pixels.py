import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convreport.core.pictures import colour, pixels


def test_standardize_puts_the_mean_at_128_and_clips_at_two_deviations():
    maps = np.array([[[0.0, 0.0], [0.0, 4.0]]], np.float32)  # mean 1, deviation sqrt(3)
    low, high = 128 - 64 / np.sqrt(3), 128 + 3 * 64 / np.sqrt(3)
    assert pixels.standardize(maps).tolist() == [[[int(low), int(low)], [int(low), int(high)]]]
    outlier = np.zeros((1, 10, 10), np.float32)
    outlier[0, 0, 0] = 1
    assert pixels.standardize(outlier)[0, 0, 0] == 255


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("times", [1e-38, 1e-20, 1e20, 1e38])
def test_maps_of_huge_or_tiny_numbers_look_as_any_others(times):
    maps = np.random.default_rng(0).normal(size=(2, 6, 6)).clip(-3, 3).astype(np.float32)
    extreme = maps * np.array([times, 1], np.float32)[:, None, None]
    for scaled in (pixels.standardize, pixels.stretch):
        usual, found = scaled(maps).astype(int), scaled(extreme).astype(int)
        assert np.abs(usual - found).max() <= 1
        assert (usual[1] == found[1]).all()


def test_a_constant_map_is_flat_in_both_scalings():
    flat = np.full((1, 3, 3), 7.0, np.float32)
    assert (pixels.standardize(flat) == 128).all()
    assert (pixels.stretch(flat) == 0).all()


def test_stretch_runs_from_the_least_to_the_most():
    assert pixels.stretch(np.array([[[-1.0, 0.0, 1.0]]], np.float32)).tolist() == [[[0, 128, 255]]]


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 3))
def test_every_tile_stands_in_its_place(count, columns, margin):
    tiles = np.arange(count, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(3, 2)
    sheet = pixels.tile(tiles, columns, margin=margin, ground=255)
    across = min(columns, count)
    for index in range(count):
        top, left = index // across * (2 + margin), index % across * (3 + margin)
        assert (sheet[top : top + 2, left : left + 3] == index).all()
    assert (sheet == 255).sum() == sheet.size - count * 6


def test_shrink_averages_whole_blocks_and_leaves_small_tiles_alone():
    tiles = np.array([[[0, 2, 100], [2, 4, 100], [7, 7, 200]]], np.uint8)
    assert pixels.shrink(tiles, 2).tolist() == [[[2, 100], [7, 200]]]
    assert pixels.shrink(tiles, 3) is tiles
    assert pixels.shrink(tiles, 0) is tiles


def test_blend_is_what_opacity_does_in_a_browser():
    picture = np.full((1, 1, 3), 100, np.uint8)
    layer = np.array([[[200, 0, 100, 128]]], np.uint8)
    share = 128 / 255 * 0.5
    assert pixels.blend(picture, layer, 0.5)[0, 0].tolist() == [round(100 + 100 * share), round(100 - 100 * share), 100]


def test_maps_survive_publishing_exactly_and_photos_nearly():
    import io

    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    back = np.asarray(Image.open(io.BytesIO(pixels.encode(image, "map"))))
    assert (back == image).all()
    smooth = np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    lossy = np.asarray(Image.open(io.BytesIO(pixels.encode(smooth, "photo"))))
    assert np.abs(lossy.astype(int) - smooth).mean() < 4


def luma(table):
    return table @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("name", ["viridis", "inferno"])
def test_sequential_maps_rise_in_lightness_at_every_step(name):
    assert (np.diff(luma(colour.table(name).astype(float))) > -0.6).all()


def test_known_colours_of_the_maps():
    assert colour.table("viridis")[[0, 255]].tolist() == [[68, 1, 84], [253, 231, 37]]
    assert colour.table("inferno")[[0, 255]].tolist() == [[0, 0, 4], [252, 255, 164]]
    diverging = colour.table("diverging").astype(int)
    assert diverging[127].min() > 235
    assert diverging[0, 2] > diverging[0, 0]
    assert diverging[255, 0] > diverging[255, 2]
