"""Columbia Consumer Video: videos of events seen in three ways."""

import numpy as np
from sklearn.utils import Bunch

from sklearn_xmodal.datasets._base import (
    FETCH_OPTIONS,
    DataHome,
    RemoteFile,
    read_mat,
)
from sklearn_xmodal.utils._sklearn_compat import Options, validate_params

_FILE = RemoteFile(
    path="ccv/CCV.mat",
    size=3_114_425,
    sha256="1a18848a34c5d6d6f054c24cfbda7a9936ff1ca5060e2b9cc7022a9a8c6a415a",
    source="UeharaSetsuYu/Multi-view-Datasets@03e5a826bd0659e1e5dab71864c81b589fe12f05:"
    "CCV.mat",
)
_CLASSES = [
    "basketball", "baseball", "soccer", "iceskating", "skiing", "swimming",
    "biking", "cat", "dog", "bird", "graduation", "birthday", "weddingreception",
    "weddingceremony", "weddingdance", "musicperformance", "nonmusicperformance",
    "parade", "beach", "playground",
]  # fmt: skip

_DESCR = """\
.. _ccv_dataset:

Columbia Consumer Video: videos of events seen in three ways
------------------------------------------------------------

Videos of consumers, labelled with the event or thing they show [1]_, in three sets of
20 features each. Two of the sets make a pair. Not images and texts; large, with little
signal, hard.

**Characteristics**

:Pairs: 6773
:Classes: 20 with 105 to 707 pairs
:Features: three views of 20 numbers
:Missing values: none

The repository of the file names the views STIP, SIFT and MFCC, in which order is not
documented; view 1, by far the most accurate, is likely SIFT. How they were reduced to
20 numbers is not documented either. The file numbers the classes without naming them;
the names follow the order of the publication, which the class sizes fit. 30 rows of
view 1 are copies of another one. There is no official split of these rows.

**Licence**

None is stated; academic use with citation of [1]_. The file is that of
UeharaSetsuYu/Multi-view-Datasets.

.. [1] Y.-G. Jiang, G. Ye, S.-F. Chang, D. Ellis and A. Loui, "Consumer Video
   Understanding: A Benchmark Database and an Evaluation of Human and Machine
   Performance", ACM ICMR 2011, doi 10.1145/1991996.1992025.
"""


@validate_params(
    {
        "image": [Options(int, {0, 1, 2})],
        "text": [Options(int, {0, 1, 2})],
        **FETCH_OPTIONS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_ccv(
    *,
    image=1,
    text=2,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
):
    """Load two views of the Columbia Consumer Video data set.

    Videos of events in three descriptions, two of which play image and text.
    Downloaded if necessary, three megabytes.

    =================   ======
    Classes                 20
    Pairs                 6773
    Image features          20
    Text features           20
    =================   ======

    Parameters
    ----------
    image : {0, 1, 2}, default=1
        The view that takes the place of the images.

    text : {0, 1, 2}, default=2
        The view that takes the place of the texts, another one.

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

        image, text : ndarray of shape (6773, 20), dtype float32
            The two views.
        target : ndarray of shape (6773,), dtype int64
            The class, as an index into `target_names`.
        target_names : ndarray of shape (20,)
            The classes in the order of the publication.
        DESCR : str
            The full description, with licence and references.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    Raises
    ------
    ValueError
        If `image` and `text` are the same view.
    OSError
        If the file is neither in the data home nor to be downloaded.
    ImportError
        If a download is needed and pooch is not installed.

    See Also
    --------
    fetch_mfeat : Digits in six descriptions.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import fetch_ccv
    >>> X_img, X_txt, y = fetch_ccv(return_X_y=True)  # doctest: +SKIP
    >>> X_img.shape, X_txt.shape  # doctest: +SKIP
    ((6773, 20), (6773, 20))
    """
    if image == text:
        raise ValueError(f"image and text must be different views. Got {image} twice.")
    home = DataHome(data_home, download_if_missing, n_retries, delay)
    content = home.read(_FILE)
    views = read_mat(content, "X")[0]
    X_img, X_txt = (views[view].astype(np.float32) for view in (image, text))
    target = read_mat(content, "Y").ravel().astype(np.int64) - 1
    if return_X_y:
        return X_img, X_txt, target
    return Bunch(
        image=X_img,
        text=X_txt,
        target=target,
        target_names=np.array(_CLASSES),
        DESCR=_DESCR,
    )
