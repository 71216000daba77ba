"""Features of small colour pictures: texture, colours, coarse shape."""

import numpy as np
from scipy import fft

_N_CELLS = 4  # per side, of the texture
_N_THUMBNAIL = 8  # pixels per side
_N_SCALES, _N_ORIENTATIONS = 4, 8
_HIGHEST, _STEP = 0.35, 1.9  # frequencies of the filters, in cycles per pixel
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_BLOCK = 128  # pictures at a time, which bounds the memory


def picture_features(images):
    """Describe square pictures with transparency by 832 numbers in float32.

    In this order: the mean magnitude of 32 log-Gabor filters in 4 x 4 cells (512), a
    histogram of colours in 4 x 4 x 4 bins (64), the picture on white in 8 x 8 pixels
    (192), its opacity in 8 x 8 pixels (64).

    Pictures are (n_samples, side, side, 4) in bytes, side a multiple of 8.
    """
    blocks = range(0, len(images), _BLOCK)
    return np.vstack([_describe(images[i : i + _BLOCK]) for i in blocks])


def _describe(images):
    rgba = images / 255.0
    opacity = rgba[..., 3:]
    on_white = rgba[..., :3] * opacity + 1 - opacity
    parts = (
        _texture(on_white @ _LUMA),
        _colour_histogram(images[..., :3], opacity),
        _cell_means(on_white, _N_THUMBNAIL),
        _cell_means(opacity, _N_THUMBNAIL),
    )
    n = len(images)
    return np.hstack([part.reshape(n, -1) for part in parts]).astype(np.float32)


def _texture(grey):
    """Mean magnitude of the filtered pictures; (n, n_filters, 4, 4)."""
    centred = grey - grey.mean(axis=(1, 2), keepdims=True)
    # The constant keeps a blank picture blank.
    spectra = fft.fft2(centred / (grey.std(axis=(1, 2), keepdims=True) + 1e-6))
    responses = (np.abs(fft.ifft2(spectra * f)) for f in _log_gabor(grey.shape[1]))
    return np.stack([_cell_means(r, _N_CELLS) for r in responses], axis=1)


def _log_gabor(side):
    """Yield filters in the frequency domain (Field, JOSA A 4(12), 1987).

    Gaussians of the logarithm of the frequency and of the angle; each covers one
    half of the plane, so that its response has a magnitude and a phase.
    """
    frequency = np.fft.fftfreq(side)
    u, v = np.meshgrid(frequency, frequency)  # along rows and columns
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    radius[0, 0] = 1  # the mean, which is left out below
    for scale in range(_N_SCALES):
        octaves = np.log2(radius * _STEP**scale / _HIGHEST)
        for orientation in range(_N_ORIENTATIONS):
            away = angle - np.pi * orientation / _N_ORIENTATIONS
            away = np.mod(away + np.pi, 2 * np.pi) - np.pi
            response = np.exp(-3.5 * octaves**2 - 5 * away**2)
            response[0, 0] = 0
            yield response


def _colour_histogram(rgb, opacity):
    """Shares of 64 colours, each pixel counting by its opacity; (n, 64)."""
    red, green, blue = np.moveaxis(rgb >> 6, -1, 0).astype(np.intp)
    # One histogram for all: each picture has bins of its own.
    bins = 16 * red + 4 * green + blue + 64 * np.arange(len(rgb))[:, None, None]
    counts = np.bincount(bins.ravel(), opacity.ravel(), 64 * len(rgb)).reshape(-1, 64)
    # Without any opaque pixel there are no colours, and nothing to divide by.
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)


def _cell_means(values, n):
    """Mean over n x n cells; (m, side, side, ...) to (m, n, n, ...)."""
    m, side, _, *channels = values.shape
    cells = values.reshape(m, n, side // n, n, side // n, *channels)
    return cells.mean(axis=(2, 4))
