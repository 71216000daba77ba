"""The pictures of EmojiOne: 938 small files, or one file that holds them all."""

import functools
import io
import struct
from dataclasses import dataclass
from importlib import resources

import numpy as np

from sklearn_xmodal.datasets._base import PinnedFile, RemoteFile, digest_fault

#: Version 2.2.7 of the repository.
EMOJIONE = "joypixels/emojione@0aad7f9f7969f0187e4f50d12fdc113541a34ac3"
#: All pictures in one file, for those who have it: keys images and codepoints.
_STACK = PinnedFile(
    path="emoji/emoji_images_rgba64.npz",
    size=999_349,
    sha256="023b03253c23243c1e72e3b483ab288c0c58dc56bfa18b0cb1e3932b6963c21c",
)
_SIDE = 64
_PNG, _SIZE = b"\x89PNG\r\n\x1a\n", struct.pack(">II", _SIDE, _SIDE)
_LARGEST = 100_000  # bytes of a picture file, whose exact size is not pinned


@dataclass(frozen=True)
class _Picture(RemoteFile):
    """A picture file, pinned by the SHA256 of its pixels; `size` is a limit."""

    def fault(self, content):
        """Say what is wrong with the content, or return None."""
        try:
            pixels = _decode(content)
        except (OSError, SyntaxError, ValueError) as error:
            return f"no {_SIDE} x {_SIDE} PNG picture ({error})"
        fault = digest_fault(pixels.tobytes(), self.sha256)
        return fault and f"pixels with {fault}"


def _decode(content):
    """Pixels of a PNG file; (64, 64, 4) uint8."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading the emoji pictures needs Pillow, which is not installed. "
            'Install it with: pip install "sklearn-xmodal[datasets]"'
        ) from error
    # Before the pixels are known to be right, no more is unpacked than they take.
    if not (content.startswith(_PNG) and content[16:24] == _SIZE):
        raise ValueError("the header is another one")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        return np.array(picture.convert("RGBA"))


@functools.cache
def read_list():
    """Code points, mask of the training part, and picture files, row by row."""
    file = resources.files("sklearn_xmodal.datasets") / "data" / "emoji_pictures.txt"
    lines = file.read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    codepoints, parts, digests = zip(*rows, strict=True)
    pictures = [
        _Picture(
            path=f"emoji/png/{name}.png",
            size=_LARGEST,
            sha256=digest,
            source=f"{EMOJIONE}:assets/png/{name}.png",
        )
        for name, digest in zip(codepoints, digests, strict=True)
    ]
    return codepoints, np.array(parts) == "train", pictures


def read_pictures(home, pictures):
    """Pixels of all pictures; (n, 64, 64, 4) uint8."""
    stack = home.peek(_STACK)
    if stack is not None:
        with np.load(io.BytesIO(stack), allow_pickle=False) as archive:
            return archive["images"]
    contents = home.read_all(pictures, desc="emoji pictures")
    return np.array([_decode(content) for content in contents])
