"""Which pipelines are compared, and over which grids they are tuned."""

import itertools
from typing import NamedTuple

from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklearn_xmodal.cross_decomposition import CCARetriever, KCCARetriever
from sklearn_xmodal.pairs import ModalityTransformer

_MAX_DIMENSIONS = 128


class Budget(NamedTuple):
    """How much tuning a method gets, the same for all methods."""

    n_values: int  # of a method's grid, the last ones
    n_folds: int
    max_steps: int | None  # of a network, None for its default


FULL = Budget(n_values=3, n_folds=3, max_steps=None)
QUICK = Budget(n_values=2, n_folds=2, max_steps=150)


class Method(NamedTuple):
    """A retriever with the grid it is tuned over."""

    title: str
    build: object  # (seed, budget) -> retriever
    grid: dict  # values of the retriever's parameters
    needs_labels: bool


def _build_cca(seed, budget):
    return CCARetriever()


def _build_kcca(seed, budget):
    return KCCARetriever(random_state=seed)


def _build_msln(seed, budget):
    from sklearn_xmodal.deep import MSLNRetriever

    length = {} if budget.max_steps is None else {"max_steps": budget.max_steps}
    return MSLNRetriever(random_state=seed, **length)


#: Compared methods by name. Each grid has three candidates.
METHODS = {
    "cca": Method("CCA", _build_cca, {"alpha": [0.1, 1, 10]}, False),
    "kcca": Method("KCCA", _build_kcca, {"alpha": [1, 10, 100]}, False),
    "msln": Method(
        "MSLN", _build_msln, {"classification_weight": [0.1, 0.3, 1.0]}, True
    ),
}


def candidate_features(pairs, n_fit_rows, seed):
    """Return what may stand before a retriever, by name.

    Parameters
    ----------
    pairs : ImageTextPairs
        Tells dense from sparse sides and their widths.

    n_fit_rows : int
        Rows of the smallest training fold, which bound the dimensions.

    seed : int
        Of the randomised decompositions.

    Returns
    -------
    features : dict
        name -> unfitted ModalityTransformer: each side scaled or not, then
        reduced to its main directions.
    """
    features = {}
    for image_scaled, text_scaled in itertools.product((True, False), repeat=2):
        sides = [("image", image_scaled), ("text", text_scaled)]
        name = ",".join(side for side, scaled in sides if scaled) or "none"
        features[name] = ModalityTransformer(
            image=_reduction(pairs.image, image_scaled, n_fit_rows, seed),
            text=_reduction(pairs.text, text_scaled, n_fit_rows, seed),
        )
    return features


def _reduction(X, scaled, n_fit_rows, seed):
    """Scale one modality or leave it, then reduce it to its main directions."""
    n_dimensions = min(_MAX_DIMENSIONS, X.shape[1], n_fit_rows - 1)
    if sparse.issparse(X):
        scaler = TfidfTransformer() if scaled else Normalizer()
        return make_pipeline(scaler, TruncatedSVD(n_dimensions, random_state=seed))
    pca = PCA(n_dimensions, random_state=seed)
    return make_pipeline(StandardScaler(), pca) if scaled else pca
