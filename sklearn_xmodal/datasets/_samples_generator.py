"""Synthetic pairs whose latent structure is known."""

import numbers

import numpy as np
from scipy.special import gammaln, softmax

from sklearn_xmodal.utils._validation import check_seed


def make_paired_modalities(
    n_samples=500,
    *,
    n_classes=5,
    n_image_features=20,
    n_text_features=15,
    n_shared=4,
    n_image_private=2,
    n_text_private=2,
    class_sep=2.0,
    noise=0.5,
    modality_gap=0.0,
    random_state=None,
    return_class_vectors=False,
):
    r"""Generate paired image and text features with known latent structure.

    Every pair of class :math:`y` has one latent vector that both modalities
    see, :math:`s = c_y + \varepsilon` with :math:`\varepsilon \sim N(0, I)`,
    and one vector per modality that the other never sees,
    :math:`u, w \sim N(0, I)`. The features are

    .. math::

        x_\mathrm{img} = [s + \tfrac{g}{2} d,\; u]\, A_\mathrm{img}
            + \sigma\, e_\mathrm{img}, \qquad
        x_\mathrm{txt} = [s - \tfrac{g}{2} d,\; w]\, A_\mathrm{txt}
            + \sigma\, e_\mathrm{txt}

    where the rows of :math:`A` are orthonormal, :math:`e` is standard normal
    noise, :math:`\sigma` is `noise`, :math:`g` is `modality_gap` and :math:`d`
    a fixed unit vector. Since the maps are orthonormal, the canonical
    correlations of the population are known: with :math:`v_1 \geq v_2 \ldots`
    the eigenvalues of the covariance of :math:`s`, that is of :math:`I` plus
    the covariance of the class vectors,

    .. math:: \rho_j = \frac{v_j}{v_j + \sigma^2}, \quad j = 1, \ldots,
        n_\mathrm{shared},

    and all further ones are zero.

    Parameters
    ----------
    n_samples : int, default=500
        Number of pairs.

    n_classes : int, default=5
        Number of classes. Their sizes differ by one at most, and each class
        is present when there are at least as many pairs as classes.

    n_image_features : int, default=20
        Number of image features, at least ``n_shared + n_image_private``.

    n_text_features : int, default=15
        Number of text features, at least ``n_shared + n_text_private``.

    n_shared : int, default=4
        Number of latent dimensions that both modalities see.

    n_image_private : int, default=2
        Number of latent dimensions that only the image sees.

    n_text_private : int, default=2
        Number of latent dimensions that only the text sees.

    class_sep : float, default=2.0
        Standard deviation of the coordinates of the class vectors :math:`c`,
        in units of the spread within a class. 0 makes all classes alike.

    noise : float, default=0.5
        Standard deviation :math:`\sigma` of the noise on every feature.

    modality_gap : float, default=0.0
        Distance between the latent means of the two modalities, the constant
        offset known from contrastive models. It leaves the canonical
        correlations as they are.

    random_state : int, RandomState instance or None, default=None
        Seed of the generator. Pass an int for reproducible output.

    return_class_vectors : bool, default=False
        Whether to return the class vectors too.

    Returns
    -------
    X_img : ndarray of shape (n_samples, n_image_features)
        Image features.

    X_txt : ndarray of shape (n_samples, n_text_features)
        Text features; row i belongs to row i of `X_img`.

    y : ndarray of shape (n_samples,)
        Class labels, integers from 0 to ``n_classes - 1`` in random order.

    class_vectors : ndarray of shape (n_classes, n_shared)
        The class vectors :math:`c`, which can also serve as class embeddings.
        Only if `return_class_vectors` is true.

    Raises
    ------
    TypeError
        If a parameter is not a number of the right kind.
    ValueError
        If a number is out of range, or if a modality has fewer features than
        latent dimensions.

    See Also
    --------
    make_paired_multilabel : Several labels per pair.
    load_unicode_glyphs : Real pairs that need no download.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(n_samples=100, random_state=0)
    >>> X_img.shape, X_txt.shape, y[:5].tolist()
    ((100, 20), (100, 15), [0, 2, 1, 3, 3])
    """
    for name, value in (("n_samples", n_samples), ("n_classes", n_classes)):
        _check_int(name, value, 1)
    _check_int("n_shared", n_shared, 1)
    _check_widths("image", n_image_features, n_shared, n_image_private)
    _check_widths("text", n_text_features, n_shared, n_text_private)
    for name, value in (
        ("class_sep", class_sep),
        ("noise", noise),
        ("modality_gap", modality_gap),
    ):
        _check_non_negative(name, value)

    rng = check_seed(random_state)
    class_vectors = class_sep * rng.standard_normal((n_classes, n_shared))
    loadings_img = _orthonormal_rows(n_shared + n_image_private, n_image_features, rng)
    loadings_txt = _orthonormal_rows(n_shared + n_text_private, n_text_features, rng)
    direction = rng.standard_normal(n_shared)
    offset = 0.5 * modality_gap * direction / np.linalg.norm(direction)

    y = rng.permutation(np.arange(n_samples, dtype=np.int64) % n_classes)
    shared = class_vectors[y] + rng.standard_normal((n_samples, n_shared))
    X_img = _observe(shared + offset, n_image_private, loadings_img, noise, rng)
    X_txt = _observe(shared - offset, n_text_private, loadings_txt, noise, rng)
    if return_class_vectors:
        return X_img, X_txt, y, class_vectors
    return X_img, X_txt, y


def make_paired_multilabel(
    n_samples=500,
    *,
    n_classes=5,
    n_labels=2,
    allow_unlabeled=False,
    n_image_features=20,
    n_text_features=15,
    n_shared=4,
    n_image_private=2,
    n_text_private=2,
    class_sep=2.0,
    noise=0.5,
    random_state=None,
    return_class_vectors=False,
):
    r"""Generate paired image and text features whose items have several labels.

    As :func:`make_paired_modalities`, but the latent vector that both modalities
    see is the mean of the vectors of all classes of a pair,
    :math:`s = \frac{1}{|Y|} \sum_{k \in Y} c_k + \varepsilon`, or noise alone
    where it has none. The number of labels of a pair is drawn from a Poisson
    distribution, again until it is in range, and the labels without replacement,
    as in :func:`sklearn.datasets.make_multilabel_classification`.

    Parameters
    ----------
    n_samples : int, default=500
        Number of pairs.

    n_classes : int, default=5
        Number of classes.

    n_labels : int, default=2
        Mean of the Poisson distribution, at least 1. Leaving out what is not in
        range moves the mean number of labels a little.

    allow_unlabeled : bool, default=False
        Whether a pair may have no label.

    n_image_features : int, default=20
        Number of image features, at least ``n_shared + n_image_private``.

    n_text_features : int, default=15
        Number of text features, at least ``n_shared + n_text_private``.

    n_shared : int, default=4
        Number of latent dimensions that both modalities see.

    n_image_private : int, default=2
        Number of latent dimensions that only the image sees.

    n_text_private : int, default=2
        Number of latent dimensions that only the text sees.

    class_sep : float, default=2.0
        Standard deviation of the coordinates of the class vectors, in units of
        the spread within a class.

    noise : float, default=0.5
        Standard deviation of the noise on every feature.

    random_state : int, RandomState instance or None, default=None
        Seed of the generator. Pass an int for reproducible output.

    return_class_vectors : bool, default=False
        Whether to return the class vectors too.

    Returns
    -------
    X_img : ndarray of shape (n_samples, n_image_features)
        Image features.

    X_txt : ndarray of shape (n_samples, n_text_features)
        Text features; row i belongs to row i of `X_img`.

    Y : ndarray of shape (n_samples, n_classes)
        Binary indicator of the labels, integers.

    class_vectors : ndarray of shape (n_classes, n_shared)
        The class vectors. Only if `return_class_vectors` is true.

    Raises
    ------
    TypeError
        If a parameter is not a number of the right kind.
    ValueError
        If a number is out of range, or if a modality has fewer features than
        latent dimensions.

    See Also
    --------
    make_paired_modalities : One label per pair.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import make_paired_multilabel
    >>> X_img, X_txt, Y = make_paired_multilabel(n_samples=100, random_state=0)
    >>> X_img.shape, X_txt.shape, Y.shape
    ((100, 20), (100, 15), (100, 5))
    """
    for name, value in (
        ("n_samples", n_samples),
        ("n_classes", n_classes),
        ("n_labels", n_labels),
        ("n_shared", n_shared),
    ):
        _check_int(name, value, 1)
    _check_widths("image", n_image_features, n_shared, n_image_private)
    _check_widths("text", n_text_features, n_shared, n_text_private)
    _check_non_negative("class_sep", class_sep)
    _check_non_negative("noise", noise)

    rng = check_seed(random_state)
    class_vectors = class_sep * rng.standard_normal((n_classes, n_shared))
    loadings_img = _orthonormal_rows(n_shared + n_image_private, n_image_features, rng)
    loadings_txt = _orthonormal_rows(n_shared + n_text_private, n_text_features, rng)
    least = 0 if allow_unlabeled else 1
    Y = _draw_labels(n_samples, n_classes, n_labels, least, rng)
    means = Y @ class_vectors / np.maximum(Y.sum(axis=1, keepdims=True), 1)
    shared = means + rng.standard_normal((n_samples, n_shared))
    X_img = _observe(shared, n_image_private, loadings_img, noise, rng)
    X_txt = _observe(shared, n_text_private, loadings_txt, noise, rng)
    if return_class_vectors:
        return X_img, X_txt, Y, class_vectors
    return X_img, X_txt, Y


def _draw_labels(n_samples, n_classes, n_labels, least, rng):
    """Draw an indicator with between `least` and all labels per row."""
    # The law of Poisson draws that are repeated until one is in range, but without
    # the repetition, which would hardly end where n_labels is far above n_classes.
    sizes = np.arange(least, n_classes + 1)
    weights = softmax(sizes * np.log(n_labels) - gammaln(sizes + 1))
    Y = np.zeros((n_samples, n_classes), dtype=np.int64)
    for row, size in zip(Y, rng.choice(sizes, n_samples, p=weights), strict=True):
        row[rng.choice(n_classes, size, replace=False)] = 1
    return Y


def _observe(shared, n_private, loadings, noise, rng):
    """Map latent vectors to the features of one modality."""
    private = rng.standard_normal((len(shared), n_private))
    X = np.hstack([shared, private]) @ loadings  # (n, latent) -> (n, features)
    return X + noise * rng.standard_normal(X.shape)


def _orthonormal_rows(n_rows, n_columns, rng):
    """Draw a matrix with orthonormal rows; needs ``n_rows <= n_columns``."""
    return np.linalg.qr(rng.standard_normal((n_columns, n_rows)))[0].T


def _check_widths(modality, n_features, n_shared, n_private):
    _check_int(f"n_{modality}_private", n_private, 0)
    _check_int(f"n_{modality}_features", n_features, 1)
    if n_features < n_shared + n_private:
        raise ValueError(
            f"n_{modality}_features must be at least n_shared + n_{modality}_private. "
            f"Got {n_features}, fewer than {n_shared} + {n_private}."
        )


def _check_int(name, value, minimum):
    if not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int. Got {value!r}.")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}. Got {value}.")


def _check_non_negative(name, value):
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number. Got {value!r}.")
    if not 0 <= float(value) < np.inf:
        raise ValueError(f"{name} must be finite and not negative. Got {value}.")
