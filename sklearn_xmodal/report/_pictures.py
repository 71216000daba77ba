"""Pictures as addresses that hold their own data."""

import base64
import io

import numpy as np

_LARGEST = 96  # pixels of a side


def data_uri(content, kind):
    """Return the address of a file's content."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def as_image(picture):
    """Return an image of Pillow.

    picture: (height, width), ink on paper, or (height, width, 3 or 4) colours; uint8,
    or numbers of any range that are stretched.
    """
    from PIL import Image

    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8:
        low, high = pixels.min(), pixels.max()
        pixels = (255 * ((pixels - low) / ((high - low) or 1))).astype(np.uint8)
    return Image.fromarray(255 - pixels if pixels.ndim == 2 else pixels)


def picture_uri(picture):
    """Return the address of a picture, see `as_image`."""
    image = as_image(picture)
    image.thumbnail((_LARGEST, _LARGEST))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return data_uri(file.getvalue(), "png")
