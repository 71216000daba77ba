"""Halves of handwritten digits: pairs that come with scikit-learn."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

_DESCR = """\
.. _digits_halves_dataset:

Halves of handwritten digits
----------------------------

Every picture of the digits data set of scikit-learn, cut down the middle: the left half
plays the image, the right half the text, and the digit is the class. Small and quick,
with a strong signal, and both halves can be looked at.

**Characteristics**

:Pairs: 1797
:Classes: 10 digits with 174 to 183 pairs
:Image features: 32, the left 8 x 4 pixels row by row, 0 to 16
:Text features: 32, the right 8 x 4 pixels row by row, 0 to 16
:Missing values: none

The pixels at the rim are 0 in all pictures or nearly so: some columns are constant.

**Licence**

A copy of the test set of "Optical Recognition of Handwritten Digits" [1]_ (CC BY 4.0)
that scikit-learn ships.

.. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
   Machine Learning Repository, 1998, doi 10.24432/C50P49.
"""


def load_digits_halves(*, return_X_y=False):
    """Load the left and right halves of handwritten digits as pairs.

    The digits of scikit-learn, cut down the middle. Needs no download.

    =================   ==============
    Classes                         10
    Pairs                         1797
    Image features         32, 0 to 16
    Text features          32, 0 to 16
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(image, text, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        image : ndarray of shape (1797, 32), dtype float64
            The left halves, row by row.
        text : ndarray of shape (1797, 32), dtype float64
            The right halves, row by row.
        images : ndarray of shape (1797, 8, 8), dtype float64
            The whole pictures, 0 is paper and 16 is ink.
        target : ndarray of shape (1797,), dtype int64
            The digit.
        target_names : ndarray of shape (10,), dtype int64
            The digits.
        DESCR : str
            The full description, with licence and reference.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    See Also
    --------
    sklearn.datasets.load_digits : The uncut pictures.
    fetch_mfeat : Digits in six descriptions.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import load_digits_halves
    >>> X_img, X_txt, y = load_digits_halves(return_X_y=True)
    >>> X_img.shape, X_txt.shape
    ((1797, 32), (1797, 32))
    """
    digits = load_digits()
    n = len(digits.target)
    left, right = (half.reshape(n, -1) for half in np.split(digits.images, 2, axis=2))
    target = digits.target.astype(np.int64)
    if return_X_y:
        return left, right, target
    return Bunch(
        image=left,
        text=right,
        images=digits.images,
        target=target,
        target_names=digits.target_names.astype(np.int64),
        DESCR=_DESCR,
    )
