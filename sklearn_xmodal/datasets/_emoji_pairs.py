"""Emoji: several drawings each, their names and keywords, features of both."""

import functools
from importlib import resources

import numpy as np
from sklearn.utils import Bunch

_SHEET_COLUMNS, _SIDE = 72, 40

#: To be shown beside the drawings.
EMOJI_CREDIT = (
    "Drawings: Fluent Emoji by Microsoft (MIT), Noto Emoji by Google (Apache-2.0), "
    "Twemoji by Twitter and contributors (CC-BY-4.0), made smaller. Names: "
    "emojibase-data by Miles Johnson (MIT)."
)

_DESCR = """\
.. _emoji_pairs_dataset:

Emoji pairs: drawings, their names and keywords
-----------------------------------------------

Every emoji as up to three artists draw it, paired with its English name and keywords.
The subgroup of Unicode is the class. Both sides are features of trained encoders, which
know nothing of each other.

**Characteristics**

:Pairs: 4998 drawings of 1860 emoji: 1540 of fluent-emoji-flat, 1622 of noto, 1836 of
    twemoji
:Classes: 89 subgroups with 15 to 244 drawings, in 9 categories
:Images: 40 x 40 pixels, red, green and blue, on white
:Image features: 208, dense
:Text features: 160, dense
:Missing values: none

**Split by emoji, never by row.** The drawings of an emoji share its text, so a split by
rows trains on texts that it tests. `groups` says which emoji a row is of: give it to
`GroupShuffleSplit`, `StratifiedGroupKFold` and the like, or to `groups` of
:func:`sklearn_xmodal.protocols.evaluate`. Whole classes may be held out without it.

**How it is made**

The image features are those of EfficientNet-Lite0 [1]_, trained on ImageNet: the mean
of its last map, for drawings of 224 x 224 pixels. The text features are those of
all-MiniLM-L6-v2 [2]_ for "name: keywords". Of 1280 and 384 numbers the coordinates
along the 208 and 160 strongest directions are kept, in half precision; directions are
of all rows, without regard to pairs and classes. On five random splits that costs
nothing that can be told on classes that training did not see, and on seen ones .047
mAP of linear CCA and .019 of semantic matching. Skin tones, subgroups of few drawings
and drawings that are exact copies of another one are left out. The class embeddings are
the names of the subgroups ("food fruit"), by the same encoder, in the same coordinates.
``python -m benchmarks.emoji_pairs`` makes the files again, and measures the loss.

**Licence**

Drawings, made smaller: fluent-emoji-flat (MIT, Microsoft), noto (Apache-2.0, Google),
twemoji (CC-BY-4.0, Twitter and the contributors of jdecked/twemoji: credit them where
you show these). Names, keywords, subgroups: emojibase-data (MIT, Miles Johnson). The
texts of the licences come with the package, in ``datasets/data/emoji_LICENSES.txt``.

.. [1] M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional
   Neural Networks", ICML 2019.
.. [2] N. Reimers and I. Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese
   BERT-Networks", EMNLP 2019; W. Wang et al., "MiniLM", NeurIPS 2020.
"""


def load_emoji_pairs(*, return_X_y=False):
    """Load drawings of emoji paired with their names and keywords.

    Real labelled pairs that need no download, with features of trained encoders:
    EfficientNet-Lite0 for the drawings, MiniLM for the texts. An emoji has up to three
    drawings, which share its text: split by `groups`, never by row.

    =================   ==========================
    Classes                                     89
    Pairs                 4998, of 1860 emoji
    Image features                      208, dense
    Text features                       160, dense
    =================   ==========================

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(image, text, target)`` instead of a Bunch. It is without
        `groups`: enough where whole classes are held out.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        image : ndarray of shape (n_samples, 208), dtype float32
            Features of the drawings.
        text : ndarray of shape (n_samples, 160), dtype float32
            Features of names and keywords.
        groups : ndarray of shape (n_samples,), dtype int64
            Number of the emoji.
        images : ndarray of shape (n_samples, 40, 40, 3), dtype uint8
            The drawings, on white.
        texts : ndarray of shape (n_samples,), dtype str
            Names and keywords, as they were encoded.
        names : ndarray of shape (n_samples,), dtype str
            The names alone.
        characters : ndarray of shape (n_samples,), dtype str
            The emoji.
        drawings : ndarray of shape (n_samples,), dtype str
            Whose drawing it is, "fluent", "noto" or "twemoji".
        categories : ndarray of shape (n_samples,), dtype str
            The group of Unicode that the subgroup is of.
        target : ndarray of shape (n_samples,), dtype int64
            The subgroup, as an index into `target_names`.
        target_names : ndarray of shape (89,), dtype str
            The subgroups in alphabetical order.
        class_embeddings : ndarray of shape (89, 160), dtype float32
            Features of `target_names`, encoded as the texts are.
        DESCR : str
            The full description, with licences and references.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    Raises
    ------
    ImportError
        If Pillow, which reads the drawings, is not installed; not with `return_X_y`.

    See Also
    --------
    sklearn_xmodal.VocabularyRetriever : What the class embeddings are good for.
    load_unicode_glyphs : Characters and their names, one picture each.
    fetch_emoji : One set of drawings, with features that nobody trained.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import load_emoji_pairs
    >>> emoji = load_emoji_pairs()
    >>> emoji.image.shape, emoji.text.shape, len(set(emoji.groups))
    ((4998, 208), (4998, 160), 1860)
    >>> print(emoji.texts[0], "|", emoji.target_names[emoji.target[0]])
    1st place medal: 1st, first, gold, medal, place | award-medal
    """
    data = _read()
    emoji = data["emoji"].astype(np.int64)
    image, text = data["image"].astype(np.float32), data["text"].astype(np.float32)
    target_names, target = np.unique(data["subgroup"], return_inverse=True)
    target = target.astype(np.int64)
    if return_X_y:
        return image, text[emoji], target
    sentences = data["sentence"]
    names = np.array([sentence.rpartition(": ")[0] for sentence in sentences])
    return Bunch(
        image=image,
        text=text[emoji],
        groups=emoji,
        images=_read_drawings(len(emoji)),
        texts=sentences[emoji],
        names=names[emoji],
        characters=data["character"][emoji],
        drawings=data["drawing"].copy(),
        categories=data["category"].copy(),
        target=target,
        target_names=target_names,
        class_embeddings=data["class_embeddings"].astype(np.float32),
        DESCR=_DESCR,
    )


def _file(name):
    return resources.files("sklearn_xmodal.datasets") / "data" / name


@functools.cache
def _read():
    """Arrays of the file by name; those of the texts have a row per emoji."""
    with (
        _file("emoji_pairs.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        return dict(archive)


def _read_drawings(n):
    """Pixels of the drawings on the sheet; (n, 40, 40, 3) uint8."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading the drawings of emoji needs Pillow, which is not installed. "
            'Install it with: pip install "sklearn-xmodal[plot]"'
        ) from error
    with (
        _file("emoji_pairs.webp").open("rb") as file,
        Image.open(file, formats=["WEBP"]) as picture,
    ):
        sheet = np.asarray(picture.convert("RGB"))
    tiles = sheet.reshape(-1, _SIDE, _SHEET_COLUMNS, _SIDE, 3).swapaxes(1, 2)
    return tiles.reshape(-1, _SIDE, _SIDE, 3)[:n].copy()
