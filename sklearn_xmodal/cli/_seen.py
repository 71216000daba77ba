"""Which pairs a saved model was fitted to: digests of some of them, in its card."""

import base64
import hashlib

import numpy as np
from scipy import sparse

from sklearn_xmodal.utils._row_keys import row_keys

#: Name in the card.
ENTRY = "pairs_fitted"
_N_KEPT = 512


def remember(image, text):
    """Return the smallest digests of pairs as text: all of up to 512 different ones.

    They are a random draw, so the part of other pairs that is among those as small is
    the part of all that were seen. Texts are a matrix or an array of strings.
    """
    kept = np.unique(_digests(image, text))[:_N_KEPT]
    return base64.b64encode(kept.astype("<u8").tobytes()).decode("ascii")


def share_seen(card, image, text):
    """Return the part of pairs that a model was fitted to, 0 where nothing tells."""
    kept = np.frombuffer(base64.b64decode(card.get(ENTRY, "")), "<u8")
    if not len(kept):
        return 0.0
    digests = _digests(image, text)
    if len(kept) == _N_KEPT:  # there were more, with larger digests
        digests = digests[digests <= kept[-1]]
    return float(np.isin(digests, kept).mean()) if len(digests) else 0.0


def _digests(image, text):
    """Return a number per pair, the same for float32 and float64 of one value."""
    keys = zip(_keys(image), _keys(text), strict=True)
    found = [hashlib.blake2b(a + b, digest_size=8).digest() for a, b in keys]
    return np.frombuffer(b"".join(found), "<u8")


def _keys(X):
    if sparse.issparse(X) or X.dtype.kind == "f":
        with np.errstate(over="ignore"):
            X = X.astype(np.float32)
    return row_keys(X)
