"""Features of pictures measure texture, colour and shape as documented."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xmodal.datasets._picture_features import picture_features
from tests.conftest import SEEDS

TEXTURE, COLOURS = slice(0, 512), slice(512, 576)
ON_WHITE, OPACITY = slice(576, 768), slice(768, 832)


def opaque(grey):
    """Pictures of grey levels 0 to 1, all opaque."""
    levels = np.round(255 * np.asarray(grey)).astype(np.uint8)
    return np.stack([levels, levels, levels, np.full_like(levels, 255)], axis=-1)


def random_pictures(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 64, 64, 4), np.uint8)


def grating(scale, orientation):
    """Waves of the frequency and direction of one filter."""
    frequency = 0.35 / 1.9**scale
    angle = np.pi * orientation / 8
    y, x = np.mgrid[:64, :64]
    phase = 2 * np.pi * frequency * (np.cos(angle) * x + np.sin(angle) * y)
    return opaque(0.5 + 0.4 * np.sin(phase))


@pytest.mark.parametrize("scale", range(4))
@pytest.mark.parametrize("orientation", range(8))
def test_a_grating_excites_the_filter_of_its_frequency_and_direction(
    scale, orientation
):
    (row,) = picture_features(grating(scale, orientation)[None])
    energy = row[TEXTURE].reshape(4, 8, 16).mean(axis=-1)
    assert np.unravel_index(energy.argmax(), energy.shape) == (scale, orientation)


@pytest.mark.parametrize("cell", [(0, 0), (1, 2), (3, 1)])
def test_texture_is_measured_where_it_is(cell):
    grey = np.full((64, 64), 0.5)
    rows, columns = (slice(16 * i, 16 * i + 16) for i in cell)
    grey[rows, columns] = np.random.default_rng(0).random((16, 16))
    (row,) = picture_features(opaque(grey)[None])
    energy = row[TEXTURE].reshape(4, 8, 4, 4)[0].mean(axis=0)  # the finest scale
    assert np.unravel_index(energy.argmax(), (4, 4)) == cell


def test_texture_of_a_blank_picture_is_zero():
    blank = np.stack([opaque(np.full((64, 64), level)) for level in (0, 0.4, 1)])
    assert_allclose(picture_features(blank)[:, TEXTURE], 0, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_texture_does_not_depend_on_brightness_and_contrast(seed):
    levels = np.random.default_rng(seed).integers(0, 80, (64, 64)) / 255
    dim, bright = opaque(levels), opaque(3 * levels + 10 / 255)
    a, b = picture_features(np.stack([dim, bright]))[:, TEXTURE]
    assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_around_the_rim_by_a_cell_shifts_the_texture(seed):
    pictures = random_pictures(1, seed)
    moved = np.roll(pictures, (16, 32), axis=(1, 2))
    a, b = (
        picture_features(p)[0, TEXTURE].reshape(32, 4, 4) for p in (pictures, moved)
    )
    assert_allclose(np.roll(a, (1, 2), axis=(1, 2)), b, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_colours_are_counted_by_opacity(seed):
    pictures = random_pictures(2, seed)
    expected = np.zeros((2, 64))
    for row, picture in zip(expected, pictures, strict=True):
        for red, green, blue, alpha in picture.reshape(-1, 4).astype(int):
            row[16 * (red // 64) + 4 * (green // 64) + blue // 64] += alpha
        row /= row.sum()
    assert_allclose(picture_features(pictures)[:, COLOURS], expected, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_thumbnails_are_means_of_squares(seed):
    (picture,) = random_pictures(1, seed)
    (row,) = picture_features(picture[None])
    rgba = picture / 255
    for i in range(8):
        for j in range(8):
            square = rgba[8 * i : 8 * i + 8, 8 * j : 8 * j + 8].reshape(-1, 4)
            on_white = np.mean([c[:3] * c[3] + 1 - c[3] for c in square], axis=0)
            assert_allclose(row[ON_WHITE].reshape(8, 8, 3)[i, j], on_white, rtol=1e-5)
            assert_allclose(
                row[OPACITY].reshape(8, 8)[i, j], square[:, 3].mean(), rtol=1e-5
            )


@pytest.mark.parametrize("seed", SEEDS)
def test_colours_under_full_transparency_do_not_matter(seed):
    a, b = random_pictures(2, seed)
    hidden = np.random.default_rng(seed).random((64, 64)) < 0.5
    b[~hidden] = a[~hidden]
    a[hidden, 3] = b[hidden, 3] = 0
    first, second = picture_features(np.stack([a, b]))
    assert_array_equal(first, second)


def test_a_transparent_picture_has_no_colours_and_is_white():
    (row,) = picture_features(np.zeros((1, 64, 64, 4), np.uint8))
    assert_array_equal(row[ON_WHITE], 1)
    assert np.count_nonzero(row) == 192


def test_many_pictures_give_what_each_gives_alone():
    pictures = random_pictures(131)
    X = picture_features(pictures)
    assert (X.shape, X.dtype) == ((131, 832), np.float32)
    for i in (0, 127, 128, 130):
        assert_allclose(picture_features(pictures[i : i + 1])[0], X[i], atol=1e-6)
