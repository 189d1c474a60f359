"""The recipe of phases: magnitudes that are those of pictures whatever is climbed, transparency, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from convreport.core.ascent.objectives import channel
from convreport.core.ascent.parameters import parameters
from convreport.core.ascent.recipes import find, read_own
from convreport.core.ascent.spectrum import OPPONENT, Spectrum, opponent
from convreport.core.base.errors import ImageError, UsageError
from convreport.core.base.files import digest
from convreport.core.drawing.scope import Scope
from convreport.core.network.units import UnitChoice
from convreport.core.pictures import samples
from convreport.sections.filters import Filters
from convreport.sections.shared import tiles
from tests import models
from tests.models import ops, sample

PHOTOS = samples.natural(2).samples


def of(*pictures):
    return Spectrum(digest([one.tolist() for one in pictures]), tuple(np.asarray(one, np.float64) for one in pictures))


def noise(side, channels=3, seed=0):
    return np.random.default_rng(seed).random((side, side, channels))


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("side", [64, 63])
def test_whatever_the_phases_a_picture_has_the_magnitudes_of_the_spectrum(side, channels):
    """The constraint itself, by numpy's transform in float64: to 1e-5 of each magnitude, the mean too."""
    spectrum = of(noise(96, channels), noise(96, channels, 1))
    recipe = replace(find("maco", "standard"), spectrum=spectrum)
    phases = parameters(ops(), recipe, side, channels)
    values = np.stack([phases.start(np.random.default_rng(seed)) for seed in range(3)]) * 3
    whole = np.asarray(phases.whole(ops().tensor(values)), np.float64)
    assert whole.shape == (3, side, side, channels) and not np.allclose(whole[0], whole[1])
    for picture in whole:
        found = np.abs(np.fft.fft2(opponent(picture), axes=(0, 1))).transpose(2, 0, 1)
        wanted = np.abs(spectrum.magnitudes(side))
        np.testing.assert_allclose(found[:, :, : side // 2 + 1], wanted, rtol=1e-5, atol=1e-5 * side)
        mirrored = found[:, -np.arange(side) % side][:, :, -np.arange(side) % side]
        np.testing.assert_allclose(found, mirrored, rtol=1e-5, atol=1e-5 * side)  # of a real picture


def test_a_spectrum_is_the_mean_over_windows_without_their_seams():
    """A picture that repeats has hardly a seam: there it is the plain mean of |F|."""
    waves = np.add.outer(3 * np.arange(32), 5 * np.arange(32)) * 2 * np.pi / 32
    picture = (0.5 + 0.2 * np.cos(waves))[..., None]
    found = of(picture).magnitudes(32)[0]
    assert found[3, 5] == pytest.approx(0.1 * 32 * 32, rel=0.05) and found[0, 0] == pytest.approx(0.5 * 32 * 32)
    rest = found.copy()
    rest[3, 5] = rest[0, 0] = 0
    assert rest.max() < 0.05 * found[3, 5]


def test_a_slope_across_a_picture_leaves_no_cross():
    """A ramp is nothing but its seam; its transform alone would be as strong along the axes as a photo's."""
    ramp = np.repeat(np.linspace(0, 1, 64)[None], 64, 0)[..., None]
    plain = np.abs(np.fft.rfft2(ramp[..., 0]))[0, 1:]
    assert of(ramp).magnitudes(64)[0, 0, 1:].max() < 0.1 * plain.max()


def test_a_spectrum_keeps_its_contrast_at_another_side():
    """White noise has one deviation whatever the window: Parseval, at sides below, at and above that of the pictures."""
    spectrum = of(*(noise(64, 1, seed) for seed in range(6)))

    def deviation(side):
        whole = np.fft.irfft2(spectrum.magnitudes(side), s=(side, side))
        return float(np.sqrt(np.mean((whole - whole.mean()) ** 2)))

    assert deviation(64) == pytest.approx(0.27, abs=0.03)
    assert deviation(48) == pytest.approx(deviation(64), rel=0.1)
    assert deviation(160) == pytest.approx(deviation(64), rel=0.15)
    assert spectrum.magnitudes(160)[0, 0, 0] == pytest.approx(0.5 * 160**2, rel=0.02)


def test_opponent_colours_are_orthonormal_and_gray_has_none():
    np.testing.assert_allclose(OPPONENT @ OPPONENT.T, np.eye(3), atol=1e-12)
    assert np.abs(opponent(np.full((2, 2, 3), 0.3))[..., 1:]).max() < 1e-12


def climb(net, samples_=PHOTOS, **changed):
    recipe = tiles.measured(replace(find("maco", "standard"), steps=16, **changed), net.card, samples_, "stretch")
    return net.ascend([channel("second", 0), channel("second", 3)], recipe, 0)


@pytest.fixture(scope="module")
def small_network():
    return models.network(models.small())


@pytest.fixture(scope="module")
def made(small_network):
    return climb(small_network)


def test_a_climb_rises_is_opaque_somewhere_and_the_same_alone(small_network, made):
    assert (made.scores > made.starts).all()
    assert made.opacity.shape == made.pictures.shape[:3] and (made.opacity.max((1, 2)) == 255).all()
    assert (made.opacity < 255).mean() > 0.3
    again = climb(small_network)
    assert (again.pictures == made.pictures).all() and (again.opacity == made.opacity).all()
    plain = climb(small_network, transparency=False)  # the gradient taken in two parts is the same
    assert plain.opacity.size == 0
    assert np.corrcoef(plain.pictures.ravel(), made.pictures.ravel())[0, 1] > 0.999


def test_what_is_transparent_is_what_the_unit_does_not_see(small_network):
    """A neuron at the centre sees a few pixels about it: the rest of the canvas has no gradient at all."""
    from convreport.core.ascent.objectives import neuron

    recipe = tiles.measured(replace(find("maco", "standard"), steps=4), small_network.card, PHOTOS, "stretch")
    opacity = small_network.ascend([neuron("second", 1)], recipe, 0).opacity[0]
    side = len(opacity)
    assert opacity[side // 2 - 2 : side // 2 + 2, side // 2 - 2 : side // 2 + 2].min() > 0
    assert opacity[: side // 4].max() == 0


def test_a_drawing_carries_the_opacity_as_its_alpha(small_network):
    scope = Scope(small_network.card, PHOTOS, UnitChoice(), 0)
    section = Filters(recipe="quick")
    scope = replace(scope, recipes=tuple(read_own({"quick": {"base": "maco", "steps": 4}}, "here")[0]))
    subjects = section.subjects(replace(scope, units=UnitChoice("listed", listed=(1,))))
    drawing = section.draw(subjects[:1], scope, small_network)[0]
    assert drawing.figures[0].pixels.shape[2] == 4
    keys = [section.key(subjects[0], replace(scope, samples=some)) for some in (PHOTOS, PHOTOS[:1])]
    assert keys[0] != keys[1]  # other pictures, another spectrum, another tile


def test_without_pictures_the_photos_at_hand_are_measured(small_network):
    card, recipe = small_network.card, find("maco", "standard")
    raw = sample(np.zeros((8, 8, 3), np.uint8))
    alone, unfit = (tiles.measured(recipe, card, some, "stretch") for some in ((), (replace(raw, raw=True),)))
    assert alone.spectrum == unfit.spectrum and len(alone.spectrum.pictures) == 4
    with pytest.raises(ImageError, match="there are none"):
        Spectrum.of(card, (), "stretch")


def test_what_maco_refuses_is_said_in_a_sentence(small_network):
    card = small_network.card
    five = replace(card, input=(32, 32, 5))
    with pytest.raises(UsageError, match="draws in colour or in gray, and small reads 5 channels"):
        tiles.check(Scope(five, PHOTOS, UnitChoice(), 0), "maco", "standard")
    _, mistakes = read_own(
        {"a": {"base": "maco", "growth": 1.2, "size": 64}, "b": {"base": "maco", "spectrum": "photos"}}, "here"
    )
    assert "neither a raw canvas nor growth" in mistakes[0].message and "no field 'spectrum'" in mistakes[1].message
