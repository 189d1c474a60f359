"""Pictures of every kind are shown right; what is no picture is named and skipped."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from convreport.core.base.errors import ImageError
from convreport.core.pictures import samples
from convreport.core.pictures.fitting import fit_of, planes_for
from convreport.core.pictures.sample import Picture
from tests.models import sample

RED, WHITE = (255, 0, 0), (255, 255, 255)


def halves(left=RED, right=WHITE, size=(8, 6)):
    """Left half one colour, right half another."""
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def close(pixel, colour, tolerance=12):
    return np.abs(pixel.astype(int) - colour).max() <= tolerance


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to show
    halves().save(tmp_path / "turned.jpg", exif=exif, quality=95)
    shown = samples.load(tmp_path / "turned.jpg").pixels
    assert shown.shape == (8, 6, 3)
    assert close(shown[0, 2], RED, 60)
    assert close(shown[-1, 2], WHITE, 60)


def test_gray_and_sixteen_bit_gray(tmp_path):
    Image.new("L", (4, 4), 77).save(tmp_path / "gray.png")
    assert (samples.load(tmp_path / "gray.png").pixels == 77).all()
    deep = np.linspace(0, 65535, 16).reshape(4, 4).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    shown = samples.load(tmp_path / "deep.png").pixels
    assert shown.shape == (4, 4, 3)
    assert np.abs(shown[..., 0] - deep / 257).max() <= 1
    Image.fromarray(deep.astype(np.float32) / 65535).save(tmp_path / "deep.tif")
    assert np.abs(samples.load(tmp_path / "deep.tif").pixels[..., 0] - deep / 257).max() <= 1


def test_cmyk(tmp_path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=95)
    assert close(samples.load(tmp_path / "print.jpg").pixels[1, 1], RED, 20)


def test_palette_and_transparency_lie_on_white(tmp_path):
    halves().convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    assert close(samples.load(tmp_path / "palette.png").pixels[0, 0], RED)
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 2, 4))
    clear.save(tmp_path / "clear.png")
    shown = samples.load(tmp_path / "clear.png").pixels
    assert close(shown[0, 0], RED)
    assert close(shown[0, 3], WHITE)
    palette = halves().convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "hole.png", transparency=palette.getpixel((0, 0)))
    assert close(samples.load(tmp_path / "hole.png").pixels[0, 0], WHITE)


def test_an_animation_shows_its_first_frame(tmp_path):
    halves().save(tmp_path / "moving.gif", save_all=True, append_images=[halves(WHITE, RED)], duration=50)
    assert close(samples.load(tmp_path / "moving.gif").pixels[0, 0], RED)


def test_colours_are_those_the_embedded_profile_means(tmp_path):
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    halves().save(tmp_path / "srgb.png", icc_profile=lab_like)
    assert close(samples.load(tmp_path / "srgb.png").pixels[0, 0], RED)
    halves().save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert close(samples.load(tmp_path / "broken.png").pixels[0, 0], RED)


def test_large_pictures_are_brought_down_and_keep_their_shape(tmp_path):
    Image.new("RGB", (3000, 1500), RED).save(tmp_path / "large.png")
    assert samples.load(tmp_path / "large.png").pixels.shape == (512, 1024, 3)


def bad_files(folder):
    whole = io.BytesIO()
    halves(size=(64, 64)).save(whole, "PNG")
    (folder / "a truncated.png").write_bytes(whole.getvalue()[:-60])
    (folder / "b empty.jpg").write_bytes(b"")
    (folder / "c text.jpg").write_text("not a picture at all")
    (folder / "d notes.txt").write_text("notes")
    Image.new("1", (20000, 10000)).save(folder / "e huge.png")


def test_bad_files_among_good_ones_are_named_skipped_and_counted(tmp_path):
    bad_files(tmp_path)
    halves().save(tmp_path / "f good.png")
    reading = samples.read([str(tmp_path)], 12)
    assert [one.name for one in reading.samples] == ["f good"]
    reasons = dict(reading.skipped)
    assert set(reasons) == {"a truncated.png", "b empty.jpg", "c text.jpg", "d notes.txt", "e huge.png"}
    assert "too many" in reasons["e huge.png"]
    assert "not a picture" in reasons["c text.jpg"]


def test_it_is_an_error_only_if_none_is_left(tmp_path):
    bad_files(tmp_path)
    with pytest.raises(ImageError, match="None of the 5 files"):
        samples.read([str(tmp_path)], 12)


def test_an_empty_folder_and_a_missing_one(tmp_path):
    with pytest.raises(ImageError, match="holds no files"):
        samples.read([str(tmp_path)], 12)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ImageError) as caught:
        samples.read([str(tmp_path / "fotos")], 12)
    assert "photos" in caught.value.hint
    with pytest.raises(ImageError, match="no picture, folder or match"):
        samples.read([str(tmp_path / "*.png")], 12)


def test_a_large_folder_is_sampled_evenly_and_a_bad_pick_is_replaced(tmp_path):
    for index in range(30):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / f"{index:02}.png")
    reading = samples.read([str(tmp_path)], 4)
    assert [one.name for one in reading.samples] == ["00", "10", "19", "29"]
    assert reading.found == 30
    (tmp_path / "10.png").write_bytes(b"broken")
    reading = samples.read([str(tmp_path)], 4)
    assert len(reading.samples) == 4
    assert [name for name, _ in reading.skipped] == ["10.png"]


def test_globs_files_and_folders_mix_without_repeats(tmp_path):
    for name in ("a.png", "b.png", "c.jpg"):
        halves().save(tmp_path / name)
    reading = samples.read([str(tmp_path / "a.png"), str(tmp_path / "*.png"), str(tmp_path)], 12)
    assert [one.name for one in reading.samples] == ["a", "b", "c"]


@given(st.text(max_size=60))
def test_a_slug_is_a_plain_file_name_whatever_the_name(text):
    made = samples.slug(text)
    assert made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert not made.startswith(".")


def test_slugs_are_unique_where_the_file_system_ignores_case():
    named = list(
        samples.named_samples(
            [Picture(name, np.zeros((1, 1, 3), np.uint8)) for name in ("Cat", "cat", "cät", "../cat")]
        )
    )
    assert [one.slug for one in named] == ["Cat", "cat-2", "cat-3", "cat-4"]


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (50, 50)])
def test_a_heatmap_comes_back_to_the_place_it_speaks_of(how, shape):
    # A white square a little off the centre; the input's own brightness, brought back, must lie where the square is.
    picture = np.zeros((*shape, 3), np.uint8)
    top, left = shape[0] // 2 - 2, shape[1] // 2 + 2
    picture[top : top + 8, left : left + 8] = 255
    canvas = planes_for(sample(picture), (32, 32), how, 3)
    fit = fit_of(shape, (32, 32), how)
    assert canvas.shape == (32, 32, 3)
    plane = canvas[..., 0].copy()
    plane[plane == 127.5] = 0  # the padding
    back = fit.back(plane / 255)
    assert back.shape == shape
    rows, columns = np.nonzero(back > 0.5)
    assert abs(rows.mean() - (top + 3.5)) < 1.2
    assert abs(columns.mean() - (left + 3.5)) < 1.2


def test_what_a_crop_did_not_see_is_zero():
    fit = fit_of((40, 80), (20, 20), "crop")
    back = fit.back(np.ones((5, 5), np.float32))
    assert (back[:, :19] == 0).all()
    assert (back[:, 61:] == 0).all()
    assert (back[:, 22:58] == 1).all()


def test_a_tiff_whose_second_page_has_no_width(tmp_path, capfd):
    """By its ending Pillow alone reads the one, and stumbles; tifffile reads the first page of the other."""
    buffer = io.BytesIO()
    page = Image.new("RGB", (5, 4))
    page.save(buffer, "TIFF", save_all=True, append_images=[page])
    first, tag, second = buffer.getvalue().rpartition(b"\x00\x01\x04\x00")  # a page's width, as it is written
    for name in ("x.jpg", "x.tif"):
        (tmp_path / name).write_bytes(first + b"\x99\x99" + tag[2:] + second)
    with pytest.raises(ImageError, match="cannot be read"):
        samples.load(tmp_path / "x.jpg")
    assert samples.load(tmp_path / "x.tif").pixels.shape == (4, 5, 3)
    assert capfd.readouterr().err == ""
