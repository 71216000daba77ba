"""Wikipedia featured articles: sections of text and their pictures."""

import numpy as np
from sklearn.utils import Bunch

from sklearn_xmodal.datasets._base import (
    FETCH_OPTIONS,
    DataHome,
    RemoteFile,
    read_mat,
)
from sklearn_xmodal.datasets._word_vectors import (
    GLOVE_DESCR,
    GLOVE_REFERENCE,
    mean_word_vectors,
)
from sklearn_xmodal.utils._sklearn_compat import StrOptions, validate_params

_ORIGINAL = "emanuetre/crossmodal@40db7f5338a150ef8feff2787f4bb8b3df809355"

_FEATURES = RemoteFile(
    path="wikipedia/raw_features.mat",
    size=1_075_232,
    sha256="ca628f765a69575e168ab29eb97f5ade12fadf47b31de1328c7ff631c7f225ae",
    source=f"{_ORIGINAL}:wikipedia_info/raw_features.mat",
)
_TRAIN = RemoteFile(
    path="wikipedia/trainset_txt_img_cat.list",
    size=155_153,
    sha256="30c1ba8afbe90da5986de9b12496b6dd2e4680d3876b79ab7aae2e437d5819a3",
    source=f"{_ORIGINAL}:wikipedia_info/trainset_txt_img_cat.list",
)
_TEST = RemoteFile(
    path="wikipedia/testset_txt_img_cat.list",
    size=49_494,
    sha256="ec3123ee31cc89dd95fbeb23eb73b2ecfd1d8909bba863723471aad99408c1eb",
    source=f"{_ORIGINAL}:wikipedia_info/testset_txt_img_cat.list",
)
_CATEGORIES = RemoteFile(
    path="wikipedia/categories.list",
    size=75,
    sha256="4929f3ee00e9de9ffe11f9ab18fc8919b0f6182cc801309409df2f2d05e2b0f5",
    source=f"{_ORIGINAL}:wikipedia_info/categories.list",
)
_TFIDF = RemoteFile(
    path="wikipedia/sph_raw_features_tfidf.mat",
    size=3_284_889,
    sha256="047ebad02c14b97d53b191fd42180ebb9b0e255dbb2f70c6fe4092110b4c9853",
    source="azrealwang/sph@d6d090f40b93fc9ffbbf4997c932709bf35ce561:"
    "data/raw_features.mat",
)
_DENSE = RemoteFile(
    path="wikipedia/roph_wiki.mat",
    size=3_846_773,
    sha256="e417067eb501fbb41375b4461469089c9f0332ff9cdaf3b5f6570bbf0078d97c",
    source="kding1225/RoPH@6d4a062b7f28e73385458a7171499ca2a47f133b:data/wiki.mat",
)
_N_TRAIN = 2173
_ROWS = {
    "all": slice(None),
    "train": slice(_N_TRAIN),
    "test": slice(_N_TRAIN, None),
}

_DESCR = f"""\
.. _wikipedia_dataset:

Wikipedia featured articles: sections and their pictures
--------------------------------------------------------

The classic data set of cross-modal retrieval [1]_. Featured articles of the English
Wikipedia were cut into sections; a section and the picture in it are a pair, and the
category of the article is the class.

**Characteristics**

:Pairs: 2866, of which 2173 for training and 693 for testing (official split)
:Classes: 10 (art, biology, geography, history, literature, media, music, royalty,
    sport, warfare), with 172 to 451 pairs
:Missing values: none

**Image features**

:sift: 128 bins of quantised SIFT descriptors, each row sums to one; of the authors
:dense: 128 numbers that were published with [3]_. Their kind is not stated; the
    columns are the principal components of training and test rows together. Much
    stronger than `sift`

**Text features**

:lda: 10 topic proportions of latent Dirichlet allocation; of the authors
:dense: 100 numbers that were published with [3]_, in the manner of word vectors. Their
    kind is not stated
:tfidf: tf-idf weights of 1000 words, rows of unit length; published with [4]_

The three sources have the same rows in the same order. 10 pictures occur twice, three
of the test pictures in the training part too; all texts are distinct.

**Class embeddings**

The word vectors of the ten names. {GLOVE_DESCR}

**Licence**

The data set is for academic use with citation of [1]_ and [2]_; it has no licence text.
The repository that the features of the authors are read from, emanuetre/crossmodal, is
under the ISC licence; azrealwang/sph (`tfidf`) and kding1225/RoPH (`dense`) state none.

.. [1] N. Rasiwasia, J. Costa Pereira, E. Coviello, G. Doyle, G. Lanckriet, R. Levy and
   N. Vasconcelos, "A New Approach to Cross-Modal Multimedia Retrieval", ACM
   Multimedia 2010, doi 10.1145/1873951.1873987.
.. [2] J. Costa Pereira et al., "On the Role of Correlation and Abstraction in
   Cross-Modal Multimedia Retrieval", IEEE TPAMI 36(3), 2014.
.. [3] K. Ding, B. Fan, C. Huo, S. Xiang and C. Pan, "Cross-Modal Hashing via
   Rank-Order Preserving", IEEE Transactions on Multimedia 19(3), 2017.
.. [4] Code and data of azrealwang/sph, for H. Wang et al., ICPR 2020.
{GLOVE_REFERENCE}
"""


@validate_params(
    {
        "image": [StrOptions({"sift", "dense"})],
        "text": [StrOptions({"lda", "dense", "tfidf"})],
        "subset": [StrOptions(set(_ROWS))],
        **FETCH_OPTIONS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_wikipedia(
    *,
    image="sift",
    text="lda",
    subset="all",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
):
    """Load the Wikipedia pairs of Rasiwasia et al. (2010).

    Sections of featured articles and their pictures, as features. Downloaded
    if necessary, one to eight megabytes.

    =================   ==============================
    Classes                                         10
    Pairs                   2866 (2173 train, 693 test)
    Image features          128 (`sift`), 128 (`dense`)
    Text features        10 (`lda`), 100 (`dense`), 1000 (`tfidf`)
    =================   ==============================

    Parameters
    ----------
    image : {"sift", "dense"}, default="sift"
        Image features: histograms of visual words, or the stronger dense
        vectors of a later publication.

    text : {"lda", "dense", "tfidf"}, default="lda"
        Text features: topics, dense vectors of a later publication, or the
        weights of words.

    subset : {"all", "train", "test"}, default="all"
        Part of the official split. In "all" the 2173 training rows come first.

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

        image : ndarray of shape (n_samples, 128), dtype float32
            The image features.
        text : ndarray of shape (n_samples, n_text_features), dtype float32
            The text features.
        image_ids, text_ids : ndarray of shape (n_samples,)
            Names of picture and section in the original data set.
        target : ndarray of shape (n_samples,), dtype int64
            The category, as an index into `target_names`.
        target_names : ndarray of shape (10,)
            The categories in alphabetical order.
        class_embeddings : ndarray of shape (10, 25), dtype float32
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
        If a download is needed and pooch is not installed.

    See Also
    --------
    fetch_pascal_sentence : Pictures with five sentences each.
    load_unicode_glyphs : Real pairs that need no download.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import fetch_wikipedia
    >>> wikipedia = fetch_wikipedia(subset="train")  # doctest: +SKIP
    >>> wikipedia.image.shape, wikipedia.text.shape  # doctest: +SKIP
    ((2173, 128), (2173, 10))
    """
    home = DataHome(data_home, download_if_missing, n_retries, delay)
    rows = _ROWS[subset]
    X_img = _read_image(home, image)[rows].astype(np.float32)
    X_txt = _read_text(home, text)[rows].astype(np.float32)
    lines = (home.read(_TRAIN) + home.read(_TEST)).decode().splitlines()
    text_ids, image_ids, labels = np.array([line.split("\t") for line in lines[rows]]).T
    target = labels.astype(np.int64) - 1
    if return_X_y:
        return X_img, X_txt, target
    target_names = home.read(_CATEGORIES).decode().split()
    return Bunch(
        image=X_img,
        text=X_txt,
        image_ids=image_ids,
        text_ids=text_ids,
        target=target,
        target_names=np.array(target_names),
        class_embeddings=mean_word_vectors(home, [[name] for name in target_names]),
        DESCR=_DESCR,
    )


def _read_image(home, kind):
    if kind == "dense":
        return _read_dense(home, "X1")
    return _read_parts(home, _FEATURES, "I")


def _read_text(home, kind):
    if kind == "dense":
        return _read_dense(home, "X2")
    if kind == "tfidf":
        return _read_parts(home, _TFIDF, "T_tfidf")
    return _read_parts(home, _FEATURES, "T")


def _read_parts(home, file, name):
    content = home.read(file)
    return np.vstack([read_mat(content, f"{name}_{part}") for part in ("tr", "te")])


def _read_dense(home, name):
    return read_mat(home.read(_DENSE), "data")[name][0, 0].T  # stored by columns
