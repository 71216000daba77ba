"""scikit-learn's own searches and validators, unmodified, on pairs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import make_retrieval_scorer
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    class_disjoint_train_test_split,
)
from tests.conftest import (
    ALL_RETRIEVERS,
    DISTINCT,
    NETWORKS,
    PATHS,
    RETRIEVERS,
    SEEDS,
    of_one_width,
    thorough_but,
)

# A parameter worth searching, for each retriever.
GRIDS = {
    "ACMRRetriever": {"triplet_weight": [1e-2, 1.0]},
    "ASIFRetriever": {"power": [1, 4]},
    "AdapterRetriever": {"alpha": [1, 10]},
    "AdapterRetrieverCV": {"centers": [[0], [1]]},
    "CCARetriever": {"alpha": [1e-2, 1.0]},
    "CCARetrieverCV": {"component_power": [0.0, 1.0]},
    "ContrastiveAdapterRetriever": {"temperature": [0.03, 1.0]},
    "ContrastiveRetriever": {"temperature": [0.1, 1.0]},
    "CosineRetriever": {"center": [0, 1]},
    "DCCARetriever": {"alpha": [1e-2, 1.0]},
    "DSCMRRetriever": {"invariance_weight": [1e-2, 1.0]},
    "KCCARetriever": {"alpha": [1e-2, 1.0]},
    "MSLNRetriever": {"adversarial_weight": [0.0, 0.5]},
    "MvDARetriever": {"alpha": [1e-2, 1.0]},
    "PLSRetriever": {"scale": [False, True]},
    "ProcrustesRetriever": {"component_power": [0.0, 1.0]},
    "RidgeRetriever": {"alpha": [1e-2, 1.0]},
    "SCMRetriever": {"C": [0.1, 1.0]},
    "SemanticAutoencoderRetriever": {"reconstruction_weight": [1e-2, 1.0]},
    "SemanticMatchingRetriever": {"C": [0.1, 1.0]},
    "ThreeViewCCARetriever": {"class_alpha": [1e-2, 1.0]},
    "ViewsRetriever": {"estimator__retriever__alpha": [1e-2, 1.0]},
    "VocabularyRetriever": {"estimator__alpha": [1e-2, 1.0]},
    "VotingRetriever": {"cca__alpha": [1e-2, 1.0]},
}


def _six_classes(seed):
    X_img, X_txt, y = make_paired_modalities(90, n_classes=6, random_state=seed)
    return ImageTextPairs(X_img, X_txt), y


def _pipeline(name):
    scale = ModalityTransformer(image=StandardScaler(), text=PCA(8, random_state=0))
    return make_pipeline(scale, RETRIEVERS[name]())


def _grid(name):
    return {f"{name.lower()}__{key}": value for key, value in GRIDS[name].items()}


#: Starting processes that load torch takes most of the time of a search of networks.
SEARCHED = [name for name in PATHS if name not in NETWORKS]


@pytest.mark.parametrize("name", thorough_but(SEARCHED, RETRIEVERS))
def test_grid_search_in_two_processes_equals_folds_by_hand(name):
    pairs, y = _six_classes(0)
    cv = ClassDisjointKFold(3)
    search = GridSearchCV(_pipeline(name), _grid(name), cv=cv, n_jobs=2)
    search.fit(pairs, y)
    for i, params in enumerate(search.cv_results_["params"]):
        by_hand = [
            clone(_pipeline(name))
            .set_params(**params)
            .fit(pairs[train], y[train])
            .score(pairs[test], y[test])
            for train, test in cv.split(pairs, y)
        ]
        got = [search.cv_results_[f"split{k}_test_score"][i] for k in range(3)]
        assert_allclose(got, by_hand, rtol=1e-6)
    best = _pipeline(name).set_params(**search.best_params_).fit(pairs, y)
    assert search.score(pairs, y) == pytest.approx(best.score(pairs, y))
    codes = search.transform(ImageTextPairs(text=pairs.text[:4]))
    assert codes.image is None
    assert codes.text.shape[0] == 4


@pytest.mark.parametrize("name", thorough_but(DISTINCT, RETRIEVERS))
class TestEveryRetriever:
    def test_grid_search_over_what_a_transformer_does(self, name):
        pairs, y = _six_classes(0)
        grid = {"modalitytransformer__text__n_components": [4, 8]}
        grid["modalitytransformer__image"] = ["passthrough", StandardScaler()]
        search = GridSearchCV(_pipeline(name), grid, cv=ClassDisjointKFold(2))
        assert len(search.fit(pairs, y).cv_results_["params"]) == 4
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_grid_search_over_a_stacked_matrix(self, name):
        pairs, y = _six_classes(0)
        retriever = RETRIEVERS[name](n_image_features=pairs.image.shape[1])
        cv = ClassDisjointKFold(3)
        stacked = GridSearchCV(retriever, GRIDS[name], cv=cv).fit(pairs.to_stacked(), y)
        direct = GridSearchCV(RETRIEVERS[name](), GRIDS[name], cv=cv).fit(pairs, y)
        assert_allclose(
            stacked.cv_results_["mean_test_score"],
            direct.cv_results_["mean_test_score"],
        )

    def test_halving_search_ends_with_one_candidate_refitted(self, name):
        pairs, y = _six_classes(0)
        search = HalvingGridSearchCV(
            _pipeline(name),
            _grid(name),
            cv=StratifiedKFold(2),
            factor=2,
            min_resources=45,
            random_state=0,
        ).fit(pairs, y)
        assert search.n_resources_ == [45, 90]
        assert 0 < search.score(pairs, y) <= 1

    def test_cross_validate_with_scorers_of_both_directions(self, name):
        pairs, y = _six_classes(0)
        directions = ("image_to_text", "text_to_image", "mean")
        scoring = {d: make_retrieval_scorer(direction=d) for d in directions}
        cv = ClassDisjointShuffleSplit(3, test_size=0.5, random_state=0)
        out = cross_validate(_pipeline(name), pairs, y, cv=cv, scoring=scoring)
        forth, back, mean = (out[f"test_{d}"] for d in directions)
        assert_allclose(mean, (forth + back) / 2)
        assert_allclose(mean, cross_val_score(_pipeline(name), pairs, y, cv=cv))

    def test_learning_curve_grows_with_the_training_set(self, name):
        pairs, y = _six_classes(0)
        sizes, train, test = learning_curve(
            RETRIEVERS[name](),
            pairs,
            y,
            train_sizes=[20, 40],
            cv=2,
            shuffle=True,
            random_state=0,
        )
        assert_array_equal(sizes, [20, 40])
        assert train.shape == test.shape == (2, 2)
        assert np.isfinite([train, test]).all()


class TestPairsInTools:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_classes_of_training_and_test_part_are_disjoint(self, seed):
        pairs, y = _six_classes(seed)
        train, test, y_train, y_test = class_disjoint_train_test_split(
            pairs, y=y, test_size=0.5, random_state=seed
        )
        assert not set(y_train) & set(y_test)
        assert len(train) + len(test) == len(pairs)
        rows = np.flatnonzero(np.isin(y, y_test))
        assert_array_equal(np.sort(test.image, 0), np.sort(pairs.image[rows], 0))

    def test_raw_strings_and_sparse_text_are_searched(self):
        rng = np.random.default_rng(0)
        y = np.arange(60) % 3
        nouns = np.array(["cat", "dog", "emu"])[y]
        text = [f"a {noun} on {rng.choice(['grass', 'sand'])}" for noun in nouns]
        pairs = ImageTextPairs(np.eye(3)[y] + rng.normal(size=(60, 3)) / 4, text)
        svd = TruncatedSVD(3, random_state=0)
        pipe = make_pipeline(
            ModalityTransformer(text=make_pipeline(TfidfVectorizer(), svd)),
            CCARetriever(2),
        )
        grid = {"modalitytransformer__text__tfidfvectorizer__binary": [True, False]}
        search = GridSearchCV(pipe, grid, cv=3, n_jobs=2).fit(pairs, y)
        assert search.best_score_ > 0.9
        without_svd = pipe.set_params(modalitytransformer__text=TfidfVectorizer())
        assert cross_val_score(without_svd, pairs, y, cv=3).min() > 0.9

    def test_sparse_and_dense_text_get_the_same_scores(self):
        pairs, y = _six_classes(0)
        thinned = pairs.text * (pairs.text > 0)
        scores = [
            cross_val_score(CCARetriever(3), ImageTextPairs(pairs.image, text), y, cv=3)
            for text in (thinned, sparse.csr_array(thinned))
        ]
        assert_allclose(*scores)

    def test_validation_curve_and_permutation_test_run(self):
        pairs, y = _six_classes(0)
        curves = validation_curve(
            CCARetriever(3), pairs, y, param_name="alpha", param_range=[0.1, 10], cv=3
        )
        assert np.isfinite(curves).all()
        score, _, p_value = permutation_test_score(
            CCARetriever(3), pairs, y, cv=3, n_permutations=19, random_state=0
        )
        assert score > 0.5
        assert p_value == 0.05

    def test_without_labels_folds_are_scored_by_pairs(self):
        pairs, _ = _six_classes(0)
        scores = cross_val_score(CCARetriever(3), pairs, cv=3)
        assert (scores > 0.1).all()

    def test_a_failing_fold_is_reported_with_its_reason(self):
        pairs, y = _six_classes(0)
        with pytest.raises(ValueError, match="n_components must be at most"):
            cross_val_score(CCARetriever(40), pairs, y, error_score="raise")

    @pytest.mark.parametrize("name", ALL_RETRIEVERS)
    def test_metadata_routing_takes_neither_modality_for_metadata(self, name):
        pairs, y = _six_classes(0)
        pairs = ImageTextPairs(*of_one_width(name, pairs.image, pairs.text))
        retriever = ALL_RETRIEVERS[name]()
        with config_context(enable_metadata_routing=True):
            requests = retriever.get_metadata_routing()
            assert set(requests.fit.requests) <= {"sample_weight"}
            assert set(requests.partial_fit.requests) <= {"sample_weight", "classes"}
            assert not hasattr(retriever, "set_transform_request")
            search = GridSearchCV(
                retriever, GRIDS[name], cv=2, scoring=make_retrieval_scorer()
            )
            assert 0 < search.fit(pairs, y).best_score_ <= 1
