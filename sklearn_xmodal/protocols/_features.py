"""What stands before every method: each side scaled or not, then reduced."""

import itertools

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.utils import check_random_state

from sklearn_xmodal.cross_decomposition import CCARetriever
from sklearn_xmodal.pairs import ModalityTransformer
from sklearn_xmodal.protocols._checks import check_groups, check_pairs, folds_of
from sklearn_xmodal.protocols._repeats import fit_search
from sklearn_xmodal.utils._budget import USUAL_COMPONENTS, worthwhile_components

#: What results call "scaled", for those who read them.
SCALED_MEANS = (
    "scaled: which sides were standardised first (counts of words: weighted by TF-IDF)"
)


def candidate_features(pairs, *, n_dimensions=128, n_samples=None, random_state=None):
    """Return what may stand before a retriever, by name.

    Dense sides are standardised or left as they are, then reduced by principal
    components; sparse ones are weighted by TF-IDF or scaled to unit length, then
    reduced by a truncated SVD.

    Parameters
    ----------
    pairs : ImageTextPairs of shape (n_samples, ...)
        Tells dense from sparse sides and their widths.

    n_dimensions : int, default=128
        Dimensions to reduce to, or as many as there can be.

    n_samples : int, default=None
        Rows of the smallest part that they will be fitted on, which bound the
        dimensions. If `None`, those of `pairs`.

    random_state : int, RandomState instance or None, default=None
        Seed of the randomised decompositions.

    Returns
    -------
    features : dict of str to ModalityTransformer
        Unfitted, under the names of the sides that are scaled.

    Raises
    ------
    TypeError
        If `pairs` are no ImageTextPairs.

    See Also
    --------
    choose_features : Choose one of them.

    Examples
    --------
    >>> from sklearn_xmodal import ImageTextPairs
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.protocols import candidate_features
    >>> X_img, X_txt, y = make_paired_modalities(100, random_state=0)
    >>> list(candidate_features(ImageTextPairs(X_img, X_txt)))
    ['image,text', 'image', 'text', 'none']
    """
    check_pairs(pairs)
    n_samples = len(pairs) if n_samples is None else n_samples
    n_most = min(n_dimensions, n_samples - 1)
    features = {}
    for image_scaled, text_scaled in itertools.product((True, False), repeat=2):
        sides = [("image", image_scaled), ("text", text_scaled)]
        name = ",".join(side for side, scaled in sides if scaled) or "none"
        features[name] = ModalityTransformer(
            image=_reduction(pairs.image, image_scaled, n_most, random_state),
            text=_reduction(pairs.text, text_scaled, n_most, random_state),
        )
    return features


def _reduction(X, scaled, n_most, random_state):
    """Scale one modality or leave it, then reduce it to its main directions."""
    n_dimensions = min(n_most, X.shape[1])
    if sparse.issparse(X):
        scaler = TfidfTransformer() if scaled else Normalizer()
        svd = TruncatedSVD(n_dimensions, random_state=random_state)
        return make_pipeline(scaler, svd)
    pca = PCA(n_dimensions, random_state=random_state)
    return make_pipeline(StandardScaler(), pca) if scaled else pca


def choose_features(pairs, y=None, *, cv, groups=None, random_state=None):
    """Choose how to scale either modality: what suits CCA on the inner folds.

    The choice is made once and serves every method, so that none has more candidates
    than another. It reduces to 128 dimensions, or to 256 where a linear classifier
    predicts the classes of left-out pairs better from these.

    Parameters
    ----------
    pairs : ImageTextPairs of shape (n_samples, ...)
        The training part.

    y : array-like of shape (n_samples,), default=None
        Its labels.

    cv : splitter or iterable of (train, test) row numbers
        The inner folds, as from :func:`inner_folds`.

    groups : array-like of shape (n_samples,), default=None
        What each pair belongs to, as in :func:`tune`.

    random_state : int, RandomState instance or None, default=None
        Seed of the randomised decompositions.

    Returns
    -------
    name : str
        The modalities that are scaled.

    features : ModalityTransformer
        Unfitted.

    Raises
    ------
    TypeError
        If `pairs` are no ImageTextPairs.

    ValueError
        If CCA cannot be fitted to a fold, for example because nothing varies.

    See Also
    --------
    candidate_features : What there is to choose from.

    Examples
    --------
    >>> from sklearn_xmodal import ImageTextPairs
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.protocols import choose_features, inner_folds
    >>> X_img, X_txt, y = make_paired_modalities(100, random_state=0)
    >>> pairs = ImageTextPairs(X_img, X_txt)
    >>> folds = inner_folds(pairs, y, random_state=0)
    >>> name, features = choose_features(pairs, y, cv=folds, random_state=0)
    >>> name in ("image,text", "image", "text", "none")
    True
    """
    check_pairs(pairs)
    groups = check_groups(pairs, groups)
    folds = folds_of(cv, pairs, y, groups)
    n_samples = min(len(fit) for fit, _ in folds)
    n_dimensions = USUAL_COMPONENTS
    if y is not None:
        rng = check_random_state(random_state)
        n_dimensions = worthwhile_components(
            pairs.image, pairs.text, np.asarray(y), rng
        )
    candidates = candidate_features(
        pairs,
        n_dimensions=n_dimensions,
        n_samples=n_samples,
        random_state=random_state,
    )
    pipeline = Pipeline([("features", None), ("retriever", CCARetriever())])
    grid = {"features": list(candidates.values())}
    search = GridSearchCV(pipeline, grid, cv=folds, refit=False, error_score="raise")
    fit_search(search, pairs, y, groups)
    return list(candidates.items())[search.best_index_]
