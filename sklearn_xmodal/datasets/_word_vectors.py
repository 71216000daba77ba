"""Word vectors for names of classes and short texts."""

import functools
import lzma
import struct

import numpy as np

from sklearn_xmodal.datasets._base import RemoteFile

_GLOVE = RemoteFile(
    path="wordvectors/glove_twitter_25d.rda",
    size=992_320,
    sha256="0e9a15557db27acea3c6e5018a183c4c4222f999ed2f0808fd7dc52c2340b382",
    source="rimonim/embedplyr@12ceed9c9260fee82d28a5527ea6405fcf7f2a4d:"
    "data/glove_twitter_25d.rda",
)
_N_WORDS, _N_DIMENSIONS = 11_925, 25

#: Paragraph of a description that uses the vectors.
GLOVE_DESCR = """\
The word vectors are GloVe Twitter vectors of 25 dimensions [G]_ in a selection of
11,925 frequent words, released under the PDDL 1.0; they are read from the data
file of the R package embedplyr (rimonim/embedplyr, GPL-3 or later)."""
GLOVE_REFERENCE = """\
.. [G] J. Pennington, R. Socher and C. Manning, "GloVe: Global Vectors for Word
   Representation", EMNLP 2014, doi 10.3115/v1/D14-1162."""


def mean_word_vectors(home, texts):
    """Return the mean vector of the words of each text, (n_texts, 25) in float32.

    Words without a vector are left out; zero where no word has one.
    """
    rows, vectors = _read(home.read(_GLOVE))
    means = np.zeros((len(texts), _N_DIMENSIONS), np.float32)
    for mean, words in zip(means, texts, strict=True):
        known = [rows[word] for word in words if word in rows]
        if known:
            mean[:] = vectors[known].mean(axis=0)
    return means


@functools.lru_cache(maxsize=1)
def _read(content):
    """Return row numbers by word, and vectors, of the R data file.

    The file is pinned, so its layout is known (serialization format 2, big
    endian): the name of the object, eight bytes, the values column by column,
    and the names of the rows in the attribute dimnames.
    """
    data = lzma.decompress(content)
    start = data.index(b"glove_twitter_25d") + len(b"glove_twitter_25d") + 8
    values = np.frombuffer(data, ">f8", _N_WORDS * _N_DIMENSIONS, start)
    vectors = values.reshape(_N_DIMENSIONS, _N_WORDS).T.astype(np.float32)
    # Two headers of eight bytes: a list of two, and within it the row names.
    position = data.index(b"dimnames", start + values.nbytes) + len(b"dimnames") + 16
    rows = {}
    for row in range(_N_WORDS):
        (length,) = struct.unpack_from(">i", data, position + 4)
        position += 8
        rows[data[position : position + length].decode()] = row
        position += length
    return rows, vectors
