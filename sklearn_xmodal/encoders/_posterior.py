"""Posterior encoders: the probability of every class."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse
from scipy.special import expit

from sklearn_xmodal.encoders._base import Encoder


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PosteriorEncoder(Encoder):
    r"""Class probabilities of a logistic regression, less their mean.

    Codes are :math:`\pi(W^\top (x - \mu) / s + b) - c`, where :math:`\pi` is the
    softmax, or for several classes per item, or two, the logistic function.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    mean : ndarray of shape (n_features_in_,)
        :math:`\mu`, 0 where features are sparse.

    scale : float
        One number s for all features.

    weights : ndarray of shape (n_features_in_, n_scores)
        One column of W per class; a single one for the second of two classes.

    intercept : ndarray of shape (n_scores,)
        Numbers b, infinite where the answer is always the same.

    link : {"softmax", "logistic", "binary"}
        From scores to probabilities: of classes of which one holds, of classes that
        hold or not each for itself, or of two classes from one score.

    offset : ndarray of shape (n_components_,)
        Mean probabilities c of the training items, or 0.
    """

    kind: ClassVar[str] = "posterior"
    _shapes: ClassVar[dict] = {
        "weights": ("n_features_in_", "n_scores"),
        "mean": ("n_features_in_",),
        "intercept": ("n_scores",),
        "offset": ("n_components_",),
    }

    mean: np.ndarray
    scale: float
    weights: np.ndarray
    intercept: np.ndarray
    link: str
    offset: np.ndarray

    def __post_init__(self):
        super().__post_init__()
        n_scores = self.weights.shape[1]
        n_classes = {"softmax": n_scores, "logistic": n_scores, "binary": 2}
        if self.link not in n_classes:
            raise ValueError(
                f"link of PosteriorEncoder must be one of {list(n_classes)}. Got "
                f"{self.link!r}."
            )
        if len(self.offset) != n_classes[self.link]:
            raise ValueError(
                f"offset of PosteriorEncoder must have {n_classes[self.link]} numbers, "
                f"one per class. Got {len(self.offset)}."
            )

    @classmethod
    def of_classifier(cls, classifier, *, mean, scale, offset):
        """Return the encoder of a fitted logistic regression.

        Parameters
        ----------
        classifier : LogisticRegression or OneVsRestClassifier
            Of scikit-learn; the latter of such regressions, for several classes per
            item.

        mean : ndarray of shape (n_features_in_,)
            As in the constructor.

        scale : float
            As in the constructor.

        offset : ndarray of shape (n_components_,)
            As in the constructor.

        Returns
        -------
        encoder : PosteriorEncoder
            Which gives the probabilities of the classifier.
        """
        members = getattr(classifier, "estimators_", None)
        if members is None:
            weights, intercept = classifier.coef_.T, classifier.intercept_
            link = "binary" if len(classifier.classes_) == 2 else "softmax"
        else:
            weights, intercept = np.zeros((len(mean), len(members))), []
            for i, member in enumerate(members):
                if hasattr(member, "coef_"):
                    weights[:, i] = member.coef_[0]
                    intercept.append(member.intercept_[0])
                else:  # of a label that all items share, or none
                    always = member.predict_proba(mean[None])[0, 1]
                    intercept.append(np.inf if always else -np.inf)
            intercept, link = np.array(intercept), "logistic"
        return cls(
            mean=mean,
            scale=scale,
            weights=weights,
            intercept=intercept,
            link=link,
            offset=offset,
        )

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.weights.shape[0]

    @property
    def n_components_(self):
        """Number of classes."""
        return len(self.offset)

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row."""
        return 16 * self.n_components_ + (0 if sparse.issparse(X) else 16 * X.shape[1])

    def _encode(self, X):
        scores = scaled(X, self.mean, self.scale) @ self.weights + self.intercept
        return (self._probabilities(scores) - self.offset).astype(X.dtype, copy=False)

    def _probabilities(self, scores):
        if self.link == "softmax":
            # Less the largest, so that no power overflows.
            powers = np.exp(scores - np.max(scores, axis=1, keepdims=True))
            return powers / np.sum(powers, axis=1, keepdims=True)
        found = expit(scores)
        if self.link == "binary":
            return np.concatenate([1 - found, found], axis=1)
        return found


def scaled(X, mean, scale):
    """Return what a classifier sees, (n, p) in the type of X."""
    if sparse.issparse(X):
        if not mean.any():
            return (X / scale).astype(X.dtype)
        X = X.toarray()  # fitted to dense features
    return ((X - mean) / scale).astype(X.dtype, copy=False)
