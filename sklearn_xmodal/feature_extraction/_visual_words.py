"""Bags of visual words: counts of local descriptors by their nearest code word."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils.validation import check_is_fitted

from sklearn_xmodal.feature_extraction._pictures import (
    PictureTransformer,
    import_skimage,
)
from sklearn_xmodal.utils._sklearn_compat import Interval, validate_on_fit
from sklearn_xmodal.utils._validation import check_seed

_WIDTH = 128  # of a SIFT descriptor
_SMALLEST = 12  # pixels per side at the coarsest scale of SIFT
_POSITIVE = Interval(Integral, 1, None, closed="left")


class BagOfVisualWords(PictureTransformer):
    """Counts of visual words in pictures.

    SIFT finds keypoints and describes their surroundings by 128 numbers [1]_,
    :class:`skimage.feature.SIFT`. `fit` clusters the descriptors of the training
    pictures; the centres are the words. A picture is described by how often each word
    is the nearest one to a descriptor [2]_, as
    :class:`~sklearn.feature_extraction.text.CountVectorizer` describes texts. A picture
    without keypoints has a row of zeros.

    Parameters
    ----------
    n_words : int, default=128
        Number of words.

    shape : tuple of int, default=None
        Height and width that pictures are resized to. `None` leaves them as they are:
        larger pictures have more keypoints.

    upsampling : {1, 2, 4}, default=2
        Enlargement before keypoints are looked for. 4 finds more in small pictures.

    max_descriptors : int, default=100000
        Most descriptors that words are learnt from; of more, so many are drawn.

    random_state : int, RandomState instance or None, default=None
        Of that draw and of the clustering.

    n_jobs : int, default=None
        Parallel jobs over pictures.

    Attributes
    ----------
    codebook_ : ndarray of shape (n_words, 128)
        The words, centres of descriptors.

    n_descriptors_ : int
        Number of descriptors in the training pictures.

    See Also
    --------
    HOGTransformer : Says where things are.
    sklearn.feature_extraction.text.TfidfTransformer : Weighs the counts.

    References
    ----------
    .. [1] D. G. Lowe, "Distinctive image features from scale-invariant keypoints",
       International Journal of Computer Vision, 2004.
    .. [2] G. Csurka, C. Dance, L. Fan, J. Willamowski, C. Bray, "Visual categorization
       with bags of keypoints", ECCV workshop on statistical learning in computer
       vision, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.feature_extraction import BagOfVisualWords
    >>> pictures = np.random.default_rng(0).random((3, 64, 64))
    >>> words = BagOfVisualWords(n_words=5, random_state=0).fit(pictures)
    >>> words.transform(pictures).shape
    (3, 5)
    """

    _fitted = ("codebook_", "n_descriptors_")
    _parameter_constraints: dict = {
        "n_words": [_POSITIVE],
        "shape": [tuple, list, None],
        "upsampling": [Interval(Integral, 1, 4, closed="both")],
        "max_descriptors": [_POSITIVE],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_words=128,
        *,
        shape=None,
        upsampling=2,
        max_descriptors=100_000,
        random_state=None,
        n_jobs=None,
    ):
        self.n_words = n_words
        self.shape = shape
        self.upsampling = upsampling
        self.max_descriptors = max_descriptors
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn the words from the descriptors of training pictures.

        Parameters
        ----------
        X : sequence of pictures
            Arrays of shape (height, width), or with a third axis of 1, 3 or 4 channels:
            bytes, or floats from 0 to 1.

        y : object, default=None
            Ignored, exists for compatibility.

        Returns
        -------
        self : BagOfVisualWords
            The fitted transformer.

        Raises
        ------
        ValueError
            If there are fewer descriptors than words.
        """
        self.fit_transform(X, y)
        return self

    @validate_on_fit
    def fit_transform(self, X, y=None):
        """Learn the words, and count them in the same pictures.

        Parameters
        ----------
        X : sequence of pictures
            As in `fit`.

        y : object, default=None
            Ignored, exists for compatibility.

        Returns
        -------
        counts : csr_matrix of shape (n_samples, n_words), dtype float32
            As in `transform`.
        """
        rng = check_seed(self.random_state)
        bags = self._descriptors(X)
        descriptors = np.concatenate(bags)
        self.n_descriptors_ = len(descriptors)
        if self.max_descriptors < len(descriptors):
            rows = rng.choice(len(descriptors), self.max_descriptors, replace=False)
            descriptors = descriptors[np.sort(rows)]
        if len(descriptors) < self.n_words:
            raise ValueError(
                "n_words must be at most the number of descriptors to learn from. Got "
                f"n_words={self.n_words} for {len(descriptors)} of {len(bags)} "
                "pictures. Take fewer words, more or larger pictures, or upsampling=4."
            )
        kmeans = MiniBatchKMeans(
            self.n_words, n_init=3, batch_size=4096, random_state=rng
        )
        self.codebook_ = kmeans.fit(descriptors).cluster_centers_
        return self._count(bags)

    def transform(self, X):
        """Count the words in pictures.

        Parameters
        ----------
        X : sequence of pictures
            As in `fit`, of any sizes.

        Returns
        -------
        counts : csr_matrix of shape (n_samples, n_words), dtype float32
            How often each word occurs; a row adds up to the number of descriptors.
        """
        check_is_fitted(self)
        return self._count(self._descriptors(X))

    @property
    def _n_features_out(self):
        return len(self.codebook_)

    def _descriptors(self, X):
        """Return the descriptors of each picture, (n_keypoints, 128) in float32."""
        if self.upsampling == 3:
            raise ValueError("upsampling must be 1, 2 or 4. Got 3.")
        sift = import_skimage("feature").SIFT
        return self._describe_each(X, _Sift(sift, self.upsampling))

    def _count(self, bags):
        sizes = [len(bag) for bag in bags]
        rows = np.repeat(np.arange(len(bags)), sizes)
        words = np.empty(0, np.intp)
        if rows.size:
            words = pairwise_distances_argmin(np.concatenate(bags), self.codebook_)
        ones = np.ones(rows.size, np.float32)
        shape = len(bags), len(self.codebook_)
        # Equal places are added up.
        return sparse.csr_matrix((ones, (rows, words)), shape=shape)


class _Sift:
    """Function of a picture that goes to other processes."""

    def __init__(self, sift, upsampling):
        self.sift = sift
        self.upsampling = upsampling

    def __call__(self, grey):
        if min(grey.shape) * self.upsampling < _SMALLEST:
            raise ValueError(
                f"Pictures must be at least {-(-_SMALLEST // self.upsampling)} pixels "
                f"high and wide with upsampling={self.upsampling}. Got shape "
                f"{grey.shape}: resize them with shape."
            )
        sift = self.sift(upsampling=self.upsampling)  # it remembers sizes of pictures
        try:
            sift.detect_and_extract(grey)
        except RuntimeError as error:
            if "found no features" not in str(error):
                raise
            return np.empty((0, _WIDTH), np.float32)
        return sift.descriptors.astype(np.float32)
