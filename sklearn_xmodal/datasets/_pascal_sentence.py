"""Pascal Sentences: pictures with five sentences each, as features."""

import pickletools

import numpy as np
from sklearn.utils import Bunch

from sklearn_xmodal.datasets._base import (
    FETCH_OPTIONS,
    DataHome,
    RemoteFile,
    read_mat,
)
from sklearn_xmodal.utils._sklearn_compat import StrOptions, validate_params

_MDLCW = RemoteFile(
    path="pascal_sentence/mdlcw_pascal.mat",
    size=3_015_809,
    sha256="baeeb6ca0d26ab7deac44521d0c9748b14b470cd8c6ee080ed9cb64e52027d27",
    source="SarahRastegar/MDL-CW@0d452c241466853eb4bedb790e1a0f629b4ab2e4:pascal.mat",
)
_VOC_VECTORS = RemoteFile(
    path="pascal_sentence/voc_glove_word2vec.pkl",
    size=24_161,
    sha256="0ca7081ae4d373e9c174c1ce25ed5d416e43c9d25b2f51462e9b6dbd6ffc3970",
    source="megvii-research/ML-GCN@5517d6ff8012ead45c26a07b3a9d960cdaa0b9d1:"
    "data/voc/voc_glove_word2vec.pkl",
)


def _pin(name, size, sha256):
    repository = "penghu-cs/DSCMR@0e110b92c7a8157999927ad64de21a72d1523563"
    return RemoteFile(
        path=f"pascal_sentence/dscmr_{name}.mat",
        size=size,
        sha256=sha256,
        source=f"{repository}:data/pascal/{name}.mat",
    )


_DSCMR = {
    "test_img": _pin(
        "test_img",
        1_638_592,
        "65a6008374feacfad62347ff07b90b1ce628332db44e8c928b82b7236fe0e82b",
    ),
    "test_txt": _pin(
        "test_txt",
        120_192,
        "7d20757d936986c016da1593ec52124c5c7aa07b429ff73ddf8592758af3a9ba",
    ),
    "test_img_lab": _pin(
        "test_img_lab",
        1_000,
        "2116271d3193bc3cb8675d73112e1fcb0fc1b1f2ea5cccb7b7eaf2b02eb06455",
    ),
    "train_txt": _pin(
        "train_txt",
        960_200,
        "208df4f70a880818f8b978a8edf21dd741c5ab6f19f5b7280782ee8d515398fc",
    ),
    "train_img_lab": _pin(
        "train_img_lab",
        6_600,
        "27fe81efae97ccb33358a72792432c8919e0c25e07504cba82dc11d87dbe14a8",
    ),
}
_VOC = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant",
    "sheep", "sofa", "train", "tvmonitor",
]  # fmt: skip
_PARTS = {"all": ("train", "test"), "train": ("train",), "test": ("test",)}

_DESCR = """\
.. _pascal_sentence_dataset:

Pascal Sentences: pictures with five sentences each
---------------------------------------------------

1000 pictures of the 20 classes of the Pascal VOC challenge, each described by five
sentences [1]_. The features that most papers use, VGG19 activations of all pictures,
are not public in one piece; two partial but real versions are.

**Version mdlcw**

All pairs with the features of a repository of 2016 [2]_, presumably those of [3]_.

:Pairs: 1000, of which 500 for training and 500 for testing (split of the file)
:Classes: 20 clusters with 13 to 116 pairs, without names
:Image features: 260
:Text features: 1408
:Missing values: none

The labels are not the VOC classes: they are a function of the text features. Only 238
of the 1000 text rows are distinct (rank 54), and 402 of the 500 test texts occur in the
training part. A test of ties and rank deficiency rather than a hard task.

**Version dscmr**

The part of the usual features that was published with [4]_: the pairs of its test part,
and the texts of its training part, whose pictures are missing.

:Pairs: 100, all of the test part
:Further texts: 800, without pictures (`unpaired_text`, `unpaired_target`)
:Classes: the 20 VOC classes with 5 pairs each
:Image features: 4096 activations of VGG19 (fc7)
:Text features: 300 of a sentence network, presumably trained with the labels
:Missing values: none

The labels of the files are shifted by one class (label l is the VOC class l + 1, modulo
20); `target` is not. The class embeddings are GloVe vectors of the VOC names, 300
dimensions, published with [5]_.

**Licence**

None of the repositories (SarahRastegar/MDL-CW, penghu-cs/DSCMR, megvii-research/ML-GCN)
states one for these files; academic use with citation.

.. [1] C. Rashtchian, P. Young, M. Hodosh and J. Hockenmaier, "Collecting Image
   Annotations Using Amazon's Mechanical Turk", NAACL-HLT Workshop 2010.
.. [2] S. Rastegar, M. Soleymani Baghshah, H. R. Rabiee and S. M. Shojaee, "MDL-CW: A
   Multimodal Deep Learning Framework with Cross Weights", CVPR 2016.
.. [3] A. Farhadi et al., "Every Picture Tells a Story: Generating Sentences from
   Images", ECCV 2010.
.. [4] L. Zhen, P. Hu, X. Wang and D. Peng, "Deep Supervised Cross-Modal Retrieval",
   CVPR 2019.
.. [5] Z.-M. Chen, X.-S. Wei, P. Wang and Y. Guo, "Multi-Label Image Recognition with
   Graph Convolutional Networks", CVPR 2019.
"""


@validate_params(
    {
        "version": [StrOptions({"mdlcw", "dscmr"})],
        "subset": [StrOptions(set(_PARTS))],
        **FETCH_OPTIONS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_pascal_sentence(
    *,
    version="mdlcw",
    subset="all",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
):
    """Load the Pascal Sentences pairs of Rashtchian et al. (2010).

    Pictures of 20 classes with five sentences each, as features, in two
    partial versions. Downloaded if necessary, about three megabytes.

    =================   ===================   ====================
    Version             mdlcw                 dscmr
    Classes             20 (unnamed)          20
    Pairs               1000 (500, 500)       100 (test part only)
    Image features      260                   4096
    Text features       1408, repetitive      300
    =================   ===================   ====================

    Parameters
    ----------
    version : {"mdlcw", "dscmr"}, default="mdlcw"
        All pairs with older features and labels that are clusters of the texts,
        or a tenth of them with deep features and the VOC classes.

    subset : {"all", "train", "test"}, default="all"
        Part of the split of the files; in "all" the training rows come first.
        Version "dscmr" has no training pairs.

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

        image : ndarray of shape (n_samples, n_image_features), dtype float32
            The image features.
        text : ndarray of shape (n_samples, n_text_features), dtype float32
            The text features.
        target : ndarray of shape (n_samples,), dtype int64
            The class, as an index into `target_names`.
        target_names : ndarray of shape (20,)
            The classes, of version "mdlcw" made-up names of clusters.
        class_embeddings : ndarray of shape (20, 300), dtype float32
            GloVe vectors of `target_names`; version "dscmr" only.
        unpaired_text : ndarray of shape (800, 300), dtype float32
            Texts of the training part, without pictures; version "dscmr" only.
        unpaired_target : ndarray of shape (800,), dtype int64
            Their classes; version "dscmr" only.
        DESCR : str
            The full description, with licence and references.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    Raises
    ------
    ValueError
        If the training part of version "dscmr" is asked for.
    OSError
        If a file is neither in the data home nor to be downloaded.
    ImportError
        If a download is needed and pooch is not installed.

    See Also
    --------
    fetch_wikipedia : The classic data set, with weaker features.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import fetch_pascal_sentence
    >>> pascal = fetch_pascal_sentence(version="dscmr")  # doctest: +SKIP
    >>> pascal.image.shape, pascal.text.shape  # doctest: +SKIP
    ((100, 4096), (100, 300))
    """
    home = DataHome(data_home, download_if_missing, n_retries, delay)
    if version == "mdlcw":
        data = _load_mdlcw(home, _PARTS[subset])
    elif subset == "train":
        raise ValueError(
            'subset must be "test" or "all" for version="dscmr", whose training '
            "pictures were not published. Got 'train'. The training texts alone are "
            "in the Bunch as unpaired_text."
        )
    else:
        data = _load_dscmr(home, with_further=not return_X_y)
    if return_X_y:
        return data["image"], data["text"], data["target"]
    return Bunch(**data, DESCR=_DESCR)


def _load_mdlcw(home, parts):
    content = home.read(_MDLCW)

    def read(name):
        return np.vstack([read_mat(content, f"{part}_{name}") for part in parts])

    indicator = read("y")  # one label per row
    return {
        "image": read("x2").astype(np.float32),
        "text": read("x1").astype(np.float32),
        "target": indicator.argmax(axis=1),
        "target_names": np.array([f"cluster_{i:02d}" for i in range(len(_VOC))]),
    }


def _load_dscmr(home, with_further):
    def read(name):
        return read_mat(home.read(_DSCMR[name]), name)

    def read_labels(name):
        return (read(name).ravel() + 1) % len(_VOC)  # files start at the last class

    data = {
        "image": read("test_img"),
        "text": read("test_txt"),
        "target": read_labels("test_img_lab"),
        "target_names": np.array(_VOC),
    }
    if with_further:
        data["class_embeddings"] = _read_voc_vectors(home.read(_VOC_VECTORS))
        data["unpaired_text"] = read("train_txt")
        data["unpaired_target"] = read_labels("train_img_lab")
    return data


def _read_voc_vectors(content):
    """Take the numbers out of a pickled array without unpickling it."""
    arguments = [argument for _, argument, _ in pickletools.genops(content)]
    (values,) = (a for a in arguments if isinstance(a, bytes) and len(a) > 1)
    return np.frombuffer(values, "<f4").reshape(len(_VOC), -1).astype(np.float32)
