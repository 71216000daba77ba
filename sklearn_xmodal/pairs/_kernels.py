"""Pairs of precomputed kernels, which cross-validation cuts both ways."""

import numpy as np

from sklearn_xmodal.pairs._pairs import MODALITIES, ImageTextPairs


class KernelPairs(ImageTextPairs):
    """Precomputed image and text kernels of the same pairs.

    Rows are items, columns the training items that kernel values are taken
    against: both matrices are square before anything is left out. scikit-learn's
    cross-validation cuts rows and columns together where an estimator says that it
    wants kernels, as ``KCCARetriever(kernel="precomputed")`` does, and where the
    data look like one square matrix. :class:`ImageTextPairs` of two kernels do not,
    since their shape counts the columns of both.

    Parameters
    ----------
    image : {array-like, sparse matrix} of shape (n_samples, n_training_samples), \
            default=None
        Kernel values between images. `None` where only text is to be projected.

    text : {array-like, sparse matrix} of shape (n_samples, n_training_samples), \
            default=None
        Kernel values between texts.

    Attributes
    ----------
    shape : tuple of int
        Rows, and columns of either side.

    Raises
    ------
    ValueError
        If a side is no matrix, the sides differ in shape, or both are missing.

    See Also
    --------
    ImageTextPairs : Features, cut by rows only.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal import KernelPairs
    >>> kernels = KernelPairs(np.eye(4), np.eye(4))
    >>> kernels.shape
    (4, 4)
    >>> test, train = [3], [0, 1, 2]
    >>> kernels[np.ix_(test, train)]
    KernelPairs(image=(1, 3) float64, text=(1, 3) float64)
    """

    __slots__ = ()

    def __init__(self, image=None, text=None):
        super().__init__(image, text)
        shapes = {
            modality: tuple(side.shape)
            for modality, side in zip(MODALITIES, self._sides(), strict=True)
            if side is not None
        }
        if len(set(shapes.values())) > 1 or any(len(s) != 2 for s in shapes.values()):
            raise ValueError(
                "KernelPairs need kernel matrices of the same items, training items "
                f"in columns. Got {shapes}. Use ImageTextPairs for features."
            )

    @property
    def shape(self):
        """Rows, and columns of either side."""
        return tuple((self.text if self.image is None else self.image).shape)

    def __getitem__(self, key):
        """Return some rows, or with ``numpy.ix_`` rows and columns of both kernels."""
        if isinstance(key, tuple) and len(key) == 2 and key[1] is not Ellipsis:
            rows, columns = (np.ravel(indices) for indices in key)
            kept = super().__getitem__(rows)
            return KernelPairs(
                *(_take_columns(side, columns) for side in kept._sides())
            )
        return super().__getitem__(key)


def _take_columns(side, columns):
    if side is None:
        return None
    return side.iloc[:, columns] if hasattr(side, "iloc") else side[:, columns]
