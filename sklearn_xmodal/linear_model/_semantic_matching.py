"""Semantic matching: one classifier per modality, meeting in the class simplex."""

import warnings
from numbers import Integral, Real
from operator import attrgetter

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklearn_xmodal.base import BaseRetriever, ClassLabelsMixin, SampleWeightMixin
from sklearn_xmodal.encoders import PosteriorEncoder
from sklearn_xmodal.encoders._posterior import scaled
from sklearn_xmodal.utils._scaling import mean_and_scale
from sklearn_xmodal.utils._sklearn_compat import METADATA_REQUEST, Interval
from sklearn_xmodal.utils._validation import per_modality, validate_tuples


class SemanticMatchingRetriever(ClassLabelsMixin, SampleWeightMixin, BaseRetriever):
    r"""Semantic matching: posteriors of two logistic regressions as common space.

    One multinomial logistic regression per modality maps an item to the
    probabilities of the classes [1]_,

    .. math:: \pi_k(x) = \frac{\exp(w_k^\top x + b_k)}{\sum_j \exp(w_j^\top x + b_j)},

    and items are compared by the cosine of these vectors. Images and texts never
    meet in training: the class labels alone tie them together, so it is a
    baseline for search among classes that training has seen. Features are
    centred and divided by one global scale per modality inside (sparse ones
    divided only), so that one `C` serves features of any scale.

    Parameters
    ----------
    C : float or tuple of float, default=0.1
        Inverse strength of the l2 penalty of both classifiers, or of (image,
        text).

    centered : bool, default=True
        Whether to subtract the mean posterior of the training items of that
        modality. `False` compares the probabilities themselves, as in [1]_;
        centring sharpens the cosine, which for vectors without negative entries
        is never small.

    max_iter : int, default=1000
        Iterations of the solver (lbfgs) at most.

    tol : float, default=0.0001
        Where the solver stops.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels; names or numbers of columns for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, which were left out.

    image_classifier_ : LogisticRegression or OneVsRestClassifier
        Of the scaled images, over the places of labels in `classes_`; the latter
        for multi-label `y`.

    text_classifier_ : LogisticRegression or OneVsRestClassifier
        Of the scaled texts.

    image_offset_ : ndarray of shape (n_classes,)
        Mean posterior of the training images, 0 where not `centered`.

    text_offset_ : ndarray of shape (n_classes,)
        Mean posterior of the training texts, 0 where not `centered`.

    image_mean_ : ndarray of shape (n_image_features_,)
        What is subtracted from images: means, or 0 for sparse features.

    text_mean_ : ndarray of shape (n_text_features_,)
        What is subtracted from texts.

    image_scale_ : float
        Root mean square of the training images around their means.

    text_scale_ : float
        Root mean square of the training texts around their means.

    n_iter_ : int
        Iterations of the solver, the most that any classifier took.

    n_components_ : int
        Number of classes.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    MSLNRetriever : Learns one space from labels and pairs.
    CCARetriever : Learns from pairs alone.

    References
    ----------
    .. [1] N. Rasiwasia, J. Costa Pereira, E. Coviello, G. Doyle, G. Lanckriet,
       R. Levy, N. Vasconcelos, "A new approach to cross-modal multimedia
       retrieval", ACM Multimedia 2010.

    Examples
    --------
    >>> from sklearn_xmodal import SemanticMatchingRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(100, n_classes=3, random_state=0)
    >>> retriever = SemanticMatchingRetriever().fit(X_img, X_txt, y)
    >>> retriever.transform_text(X_txt[:2]).shape
    (2, 3)
    """

    _fitted = ("image_classifier_", "text_classifier_", "n_iter_")

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither"), tuple],
        "centered": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self, *, C=0.1, centered=True, max_iter=1000, tol=1e-4, n_image_features=None
    ):
        self.C = C
        self.centered = centered
        self.max_iter = max_iter
        self.tol = tol
        self.n_image_features = n_image_features

    image_mean_ = property(
        attrgetter("image_encoder_.mean"),
        doc="What is subtracted from images.",
    )
    text_mean_ = property(
        attrgetter("text_encoder_.mean"),
        doc="What is subtracted from texts.",
    )
    image_scale_ = property(
        attrgetter("image_encoder_.scale"),
        doc="Root mean square of the training images around their means.",
    )
    text_scale_ = property(
        attrgetter("text_encoder_.scale"),
        doc="Root mean square of the training texts around their means.",
    )
    image_offset_ = property(
        attrgetter("image_encoder_.offset"),
        doc="Mean posterior of the training images, 0 where not `centered`.",
    )
    text_offset_ = property(
        attrgetter("text_encoder_.offset"),
        doc="Mean posterior of the training texts, 0 where not `centered`.",
    )

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        validate_tuples(self)
        y = self._check_classes(y)
        if y.ndim == 1:  # labels may be of types that scikit-learn does not know
            y = np.searchsorted(self.classes_, y)
        strengths = per_modality(self.C, "C")
        image = self._fit_modality(X_img, y, sample_weight, strengths[0], "image")
        text = self._fit_modality(X_txt, y, sample_weight, strengths[1], "text")
        self.image_classifier_, self.text_classifier_ = image[0], text[0]
        self.n_iter_ = max(_n_iterations(classifier) for classifier, _ in (image, text))
        return image[1], text[1]

    def _fit_modality(self, X, y, sample_weight, C, modality):
        """Return a classifier, and the encoder that it makes."""
        mean, scale = mean_and_scale(X, modality, sample_weight)
        # The intercept makes up for the means of sparse features.
        mean = np.zeros_like(mean) if sparse.issparse(X) else mean
        classifier = LogisticRegression(C=C, max_iter=self.max_iter, tol=self.tol)
        X = scaled(X, mean, scale)
        with warnings.catch_warnings():
            # Few items per class are the rule here.
            warnings.filterwarnings("ignore", "The number of unique classes")
            classifier = _fit_classifier(classifier, X, y, sample_weight)
        offset = np.zeros(len(self.classes_))
        if self.centered:
            posteriors = classifier.predict_proba(X).astype(np.float64, copy=False)
            offset = np.average(posteriors, axis=0, weights=sample_weight)
        return classifier, PosteriorEncoder.of_classifier(
            classifier, mean=mean, scale=scale, offset=offset
        )


def _fit_classifier(classifier, X, y, sample_weight):
    """Fit a classifier, one per label where items may have several."""
    if y.ndim == 1:
        return classifier.fit(X, y, sample_weight)
    one_per_label = OneVsRestClassifier(classifier)
    if sample_weight is None:
        return one_per_label.fit(X, y)
    # The only way in which it hands weights on. Files hold no requests.
    with config_context(enable_metadata_routing=True):
        classifier.set_fit_request(sample_weight=True)
        one_per_label.fit(X, y, sample_weight=sample_weight)
    for fitted in (classifier, *one_per_label.estimators_):
        vars(fitted).pop(METADATA_REQUEST, None)
    return one_per_label


def _n_iterations(classifier):
    if isinstance(classifier, OneVsRestClassifier):
        # A label that all pairs share, or none, takes no solver.
        fitted = [e for e in classifier.estimators_ if hasattr(e, "n_iter_")]
        return max((int(e.n_iter_.max()) for e in fitted), default=0)
    return int(classifier.n_iter_.max())
