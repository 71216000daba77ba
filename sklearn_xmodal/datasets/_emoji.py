"""Emoji: pictures with their names and keywords."""

import json
import re

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import Bunch

from sklearn_xmodal.datasets._base import (
    FETCH_OPTIONS,
    DataHome,
    RemoteFile,
)
from sklearn_xmodal.datasets._emoji_pictures import EMOJIONE, read_list, read_pictures
from sklearn_xmodal.datasets._picture_features import picture_features
from sklearn_xmodal.datasets._word_vectors import (
    GLOVE_DESCR,
    GLOVE_REFERENCE,
    mean_word_vectors,
)
from sklearn_xmodal.utils._sklearn_compat import StrOptions, validate_params

_NAMES = RemoteFile(
    path="emoji/emojione_v2.2.7_emoji.json",
    size=448_953,
    sha256="3e4792d6dc13f95b8e72b4cc5eb7d6088f64fc625682add33a6bbcc08bf76c4b",
    source=f"{EMOJIONE}:emoji.json",
)
_GROUPS = RemoteFile(
    path="emoji/unicode-emoji-test.txt",
    size=593_240,
    sha256="8445f23ac8388e096be19d0262e14fceff856ff52093f2356dc89485f1a853db",
    source="github/gemoji@5476a66d2794e0d1551b1f96e449afc72e9f7bec:"
    "vendor/unicode-emoji-test.txt",
)
# Words that stand for a class in its embedding, if not those of its name.
_CLASS_WORDS = {
    "alphanum": "letter number",
    "animal-mammal": "animal cat dog",
    "av-symbol": "video symbol",
    "face-neutral-skeptical": "face neutral doubt",
    "geometric": "square circle triangle",
    "keycap": "key number",
    "person-gesture": "person hands",
    "zodiac": "astrology",
}

_DESCR = f"""\
.. _emoji_dataset:

Emoji: pictures with their names and keywords
---------------------------------------------

The pictures of EmojiOne 2.2.7, each with its name and keywords. The subgroup that
Unicode puts an emoji in is its class. Many small named classes: made for retrieval of
classes that training never saw, with class embeddings.

**Characteristics**

:Pairs: 938, of which 650 for training and 288 for testing (70 per cent of each class)
:Classes: 52 subgroups with 9 to 46 pairs, in 9 groups
:Images: 64 x 64 pixels, red, green, blue and opacity
:Missing values: none

Skin tones, modifiers and single regional indicators are left out, and so are subgroups
of fewer than nine; 46 of the country flags were drawn at random. Rows are in the order
of group, subgroup and code points.

**Image features**

832 numbers: the mean magnitude of log-Gabor filters [1]_ (4 scales, 8 orientations) of
the standardised luma in 4 x 4 cells; a histogram of colours in 4 x 4 x 4 bins, weighted
by opacity; the picture on white and its opacity, both in 8 x 8 pixels. Six columns are
zero throughout.

**Text features**

:tfidf: tf-idf weights of 320 words, those in at least two training texts; sublinear
    term frequencies, rows of unit length. Words and weights are learned from the
    training part of the split, so use that split, or vectorise `texts` within your own
    Pipeline. 31 rows are zero: no word of theirs is known
:glove: mean of the vectors of the words, 25 numbers. 14 rows are zero

113 test texts have the same `tfidf` row as a training text.

**Class embeddings**

Mean vectors of the words of the names, or of words close to them. {GLOVE_DESCR}

**Licence**

Pictures: EmojiOne, CC BY 4.0 (version 2 only; later ones are not free). If you show
them, credit EmojiOne. Names and keywords: MIT. Both are stated in the LICENSE.md of
joypixels/emojione at this version. Subgroups: emoji-test.txt of Unicode, under the
Unicode terms of use, from github/gemoji (MIT).

.. [1] D. J. Field, "Relations between the Statistics of Natural Images and the Response
   Properties of Cortical Cells", JOSA A 4(12), 1987.
{GLOVE_REFERENCE}
"""


@validate_params(
    {
        "text": [StrOptions({"tfidf", "glove"})],
        "subset": [StrOptions({"all", "train", "test"})],
        **FETCH_OPTIONS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_emoji(
    *,
    text="tfidf",
    subset="all",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
):
    """Load the pictures of EmojiOne 2.2.7 with their names and keywords.

    Pictures, texts and features of both. Downloaded if necessary: 938 small
    pictures, several at a time, and two megabytes of texts. A download that
    was cut off goes on where it stopped.

    =================   ===========================
    Classes                                      52
    Pairs                   938 (650 train, 288 test)
    Image features                              832
    Text features       320 (`tfidf`), 25 (`glove`)
    =================   ===========================

    Parameters
    ----------
    text : {"tfidf", "glove"}, default="tfidf"
        Text features: weights of words, learned from the training part of the
        split, or the mean of word vectors.

    subset : {"all", "train", "test"}, default="all"
        Part of the split, which has 70 per cent of each class for training.

    data_home : str or path-like, default=None
        Folder of the files, see :func:`get_data_home`.

    download_if_missing : bool, default=True
        If False, an absent file is an error instead of a download.

    return_X_y : bool, default=False
        Whether to return ``(image, text, target)`` instead of a Bunch.

    n_retries : int, default=3
        Number of further attempts when a download fails.

    delay : float, default=1.0
        Seconds between attempts.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : ndarray of shape (n_samples, 64, 64, 4), dtype uint8
            The pictures: red, green, blue and opacity.
        texts : ndarray of shape (n_samples,), dtype str
            Name and keywords in lower case.
        codepoints : ndarray of shape (n_samples,), dtype str
            Code points in hexadecimal, joined by hyphens.
        image : ndarray of shape (n_samples, 832), dtype float32
            The image features.
        text : ndarray of shape (n_samples, n_text_features), dtype float32
            The text features.
        target : ndarray of shape (n_samples,), dtype int64
            The subgroup, as an index into `target_names`.
        target_names : ndarray of shape (52,)
            The subgroups in alphabetical order.
        group : ndarray of shape (n_samples,), dtype int64
            The group, as an index into `group_names`.
        group_names : ndarray of shape (9,)
            The groups in alphabetical order.
        class_embeddings : ndarray of shape (52, 25), dtype float32
            GloVe vectors of `target_names`.
        DESCR : str
            The full description, with licence and references.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    Raises
    ------
    OSError
        If a file is neither in the data home nor to be downloaded.
    ImportError
        If a download is needed and pooch or Pillow is not installed.

    See Also
    --------
    load_unicode_glyphs : More pictures with names, without a download.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import fetch_emoji
    >>> emoji = fetch_emoji()  # doctest: +SKIP
    >>> emoji.images.shape, emoji.image.shape  # doctest: +SKIP
    ((938, 64, 64, 4), (938, 832))
    """
    home = DataHome(data_home, download_if_missing, n_retries, delay)
    codepoints, is_train, pictures = read_list()
    groups, subgroups = _read_classes(home.read(_GROUPS), codepoints)
    target_names, target = _encode(subgroups)
    texts = _read_texts(home.read(_NAMES), codepoints)
    X_txt = _vectorise(home, texts, text, is_train)
    images = read_pictures(home, pictures)
    rows = {"all": slice(None), "train": is_train, "test": ~is_train}[subset]
    X_img, X_txt, target = picture_features(images[rows]), X_txt[rows], target[rows]
    if return_X_y:
        return X_img, X_txt, target
    group_names, group = _encode(groups)
    return Bunch(
        images=images[rows],
        texts=np.array(texts)[rows],
        codepoints=np.array(codepoints)[rows],
        image=X_img,
        text=X_txt,
        target=target,
        target_names=target_names,
        group=group[rows],
        group_names=group_names,
        class_embeddings=mean_word_vectors(home, _words_of(target_names)),
        DESCR=_DESCR,
    )


def _read_texts(content, codepoints):
    """Name and keywords of each emoji, without punctuation."""
    entries = {entry["unicode"]: entry for entry in json.loads(content).values()}
    chosen = [entries[name] for name in codepoints]
    raw = [" ".join([entry["name"], *entry["keywords"]]) for entry in chosen]
    return [" ".join(_split(text)) for text in raw]


def _split(text):
    return re.findall("[a-z0-9]+", text.lower())


def _read_classes(content, codepoints):
    """Group and subgroup of each emoji, from the test file of Unicode."""
    found = {}
    group = subgroup = ""
    for line in content.decode().splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif line and not line.startswith("#"):
            points = line.split(";")[0].lower().split()
            # EmojiOne leaves joiners and variation selectors out.
            name = "-".join(p for p in points if p not in ("200d", "fe0f"))
            found[name] = group, subgroup
    return zip(*(found[name] for name in codepoints), strict=True)


def _encode(names):
    """Distinct names in alphabetical order, and each name as an index."""
    distinct, index = np.unique(names, return_inverse=True)
    return distinct, index.astype(np.int64)


def _vectorise(home, texts, kind, is_train):
    if kind == "glove":
        return mean_word_vectors(home, [_split(text) for text in texts])
    vectorizer = TfidfVectorizer(
        token_pattern=r"[a-z0-9]{2,}", min_df=2, sublinear_tf=True
    )
    vectorizer.fit(np.array(texts)[is_train])
    return vectorizer.transform(texts).toarray().astype(np.float32)


def _words_of(names):
    return [_split(_CLASS_WORDS.get(name, name)) for name in names]
