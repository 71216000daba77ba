"""Which pipelines are compared, and among which candidates they are tuned."""

import itertools
from typing import NamedTuple

from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklearn_xmodal.cross_decomposition import CCARetriever, KCCARetriever
from sklearn_xmodal.linear_model import SemanticMatchingRetriever
from sklearn_xmodal.pairs import ModalityTransformer

_MAX_DIMENSIONS = 128
_TARGET_CLASSES = {"standard": "seen", "extendable": "unseen", "generalized": "both"}


class Budget(NamedTuple):
    """How much tuning a method gets, the same for all methods."""

    n_candidates: int  # of a method, the last ones
    n_folds: int
    max_steps: int | None  # of a network, None for its default


FULL = Budget(n_candidates=3, n_folds=3, max_steps=None)
QUICK = Budget(n_candidates=2, n_folds=2, max_steps=150)


class Method(NamedTuple):
    """A retriever with the settings it is tuned over."""

    title: str
    build: object  # (seed, budget, protocol) -> retriever
    candidates: list  # parameters of the retriever, one dict per candidate
    needs_labels: bool
    while_tuning: dict = {}  # parameters that make tuning cheaper
    unseen_candidates: list | None = None  # for unseen classes, if others
    trains_network: bool = False

    def candidates_for(self, protocol, n_candidates):
        """Return what to choose from, the last ones of the list."""
        found = self.candidates
        if protocol != "standard" and self.unseen_candidates is not None:
            found = self.unseen_candidates
        return found[-n_candidates:]


def _build_cca(seed, budget, protocol):
    return CCARetriever()


def _build_kcca(seed, budget, protocol):
    return KCCARetriever(random_state=seed)


def _build_semantic_matching(seed, budget, protocol):
    return SemanticMatchingRetriever()


def _build_msln(seed, budget, protocol):
    from sklearn_xmodal.deep import MSLNRetriever

    length = {} if budget.max_steps is None else {"max_steps": budget.max_steps}
    return MSLNRetriever(
        target_classes=_TARGET_CLASSES[protocol], random_state=seed, **length
    )


# Twice the default: many classes gain by it (benchmarks/results/attribution).
_WIDE = {"hidden_layer_sizes": (512,)}

#: Compared methods by name. None has more than three candidates.
METHODS = {
    "cca": Method("CCA", _build_cca, [{"alpha": a} for a in (0.1, 1, 10)], False),
    "kcca": Method("KCCA", _build_kcca, [{"alpha": a} for a in (1, 10, 100)], False),
    "sm": Method(
        "semantic matching",
        _build_semantic_matching,
        [{"C": C} for C in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
    "msln": Method(
        "MSLN",
        _build_msln,
        [{"n_input_components": n, "min_input_share": 1.0, **_WIDE} for n in (64, 128)],
        needs_labels=True,
        while_tuning={"n_estimators": 1},
        # The defaults. Folds that hold out some of few classes would choose by chance.
        unseen_candidates=[{}],
        trains_network=True,
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
