"""Finding mismatched pairs from features."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_xmodal import (
    CCARetriever,
    CosineRetriever,
    ImageTextPairs,
    ModalityTransformer,
    SemanticMatchingRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.inspection import MismatchedPairDetector

SWAPPED = np.arange(20) * 15


@pytest.fixture(scope="module")
def pairs():
    """300 pairs, twenty of which have each other's texts, and their labels."""
    X_img, X_txt, y = make_paired_modalities(
        300, n_shared=10, noise=0.2, random_state=100
    )
    X_txt[SWAPPED] = X_txt[np.roll(SWAPPED, 1)]
    return X_img, X_txt, y


def _detector(**params):
    return MismatchedPairDetector(**{"random_state": 0, **params})


def _finds(detector, wrong=SWAPPED):
    """Whether most wrong pairs are found, and hardly any right one."""
    is_wrong = np.isin(np.arange(len(detector.mismatched_)), wrong)
    found = detector.mismatched_
    return found[is_wrong].mean() >= 0.7 and found[~is_wrong].mean() <= 0.03


@pytest.fixture(scope="module")
def found(pairs):
    return _detector().fit(*pairs)


class TestWhatItFinds:
    def test_swapped_pairs(self, found):
        assert _finds(found)
        assert found.mismatched_.dtype == bool
        assert_array_equal(found.sample_weight_, found.pair_quality_)

    def test_is_taken_as_weights(self, pairs, found):
        kept = ~found.mismatched_
        weights = CCARetriever(3).fit(*pairs[:2], sample_weight=found.sample_weight_)
        without = CCARetriever(3).fit(*(X[kept] for X in pairs[:2]))
        plain = CCARetriever(3).fit(*pairs[:2])
        ends = (r.canonical_correlations_[0] for r in (weights, without, plain))
        weighted, best, worst = ends
        assert abs(weighted - best) < 0.2 * abs(worst - best)

    def test_no_pair_vouches_for_itself(self):
        # Fitted to these pairs themselves, CCA of 60 features makes all look right.
        rng = np.random.default_rng(100)
        X_img, X_txt = rng.normal(size=(2, 100, 60))
        with pytest.warns(UserWarning, match="nothing can be said of single pairs"):
            detector = _detector(estimator=CCARetriever(alpha=1e-6)).fit(X_img, X_txt)
        assert_array_equal(detector.pair_quality_, 0.5)
        assert not detector.mismatched_.any()

    def test_codes_of_a_joint_model_are_taken_as_they_are_if_that_is_better(self):
        rng = np.random.default_rng(100)
        meaning = rng.normal(size=(150, 64))
        X_img, X_txt = meaning + 0.8 * rng.normal(size=(2, 150, 64))
        X_txt[:15] = X_txt[np.roll(np.arange(15), 1)]
        detector = _detector().fit(X_img, X_txt)
        assert isinstance(detector.estimator_, CosineRetriever)
        assert _finds(detector, np.arange(15))
        turned = X_txt @ np.linalg.qr(rng.normal(size=(64, 64)))[0]
        assert isinstance(_detector().fit(X_img, turned).estimator_, CCARetriever)

    def test_groups_stay_on_one_side(self, pairs):
        X_img, X_txt, _ = pairs
        # Three drawings of each thing with one text, a part of these swapped.
        rng = np.random.default_rng(100)
        drawings = np.vstack(
            [X_img + 0.1 * rng.normal(size=X_img.shape) for _ in "abc"]
        )
        groups = np.tile(np.arange(300), 3)
        texts = X_txt[groups]
        detector = _detector().fit(drawings, texts, groups=groups)
        assert _finds(detector, np.flatnonzero(np.isin(groups, SWAPPED)))
        names = np.array([f"thing {g}" for g in groups], dtype=object)
        again = _detector(cv=GroupKFold(5, shuffle=True, random_state=0))
        again.fit(ImageTextPairs(drawings, texts), groups=names)
        assert_array_equal(again.pair_quality_, detector.pair_quality_)

    @pytest.mark.thorough
    def test_shuffled_pictograms(self, shared_data):
        file = shared_data / "pictograms" / "pictograms.npz"
        with np.load(file) as data:
            X_img = data["X_img"].astype(np.float32)
            texts, emoji = data["T_emoji"].astype(np.float32), data["emoji"]
        chosen = np.random.default_rng(100).permutation(len(texts))[: len(texts) // 5]
        text_of = np.arange(len(texts))
        text_of[chosen] = np.roll(chosen, 1)
        detector = _detector().fit(X_img, texts[text_of[emoji]], groups=emoji)
        is_wrong = text_of[emoji] != emoji
        assert roc_auc_score(is_wrong, -detector.pair_quality_) >= 0.9
        clean = _detector().fit(X_img, texts[emoji], groups=emoji)
        assert clean.pair_quality_.min() > 0.9

    def test_shuffled_captions_of_coco(self, shared_data):
        with np.load(shared_data / "clip" / "coco500.npz") as data:
            X_img, X_txt = data["X_img"], data["X_txt"]
        is_wrong = np.arange(500) < 100
        X_txt[is_wrong] = X_txt[np.roll(np.arange(100), 1)]
        detector = _detector(estimator=CosineRetriever()).fit(X_img, X_txt)
        assert roc_auc_score(is_wrong, -detector.pair_quality_) >= 0.98
        assert abs(1 - detector.pair_quality_.mean() - 0.2) < 0.04


class TestInput:
    def test_forms_are_the_same(self, pairs, found):
        X_img, X_txt, y = pairs
        stacked = np.hstack([X_img, X_txt])
        for detector in (
            _detector().fit(ImageTextPairs(X_img, X_txt), y),
            _detector(n_image_features=X_img.shape[1]).fit(stacked, y),
            _detector().fit(pd.DataFrame(X_img), pd.DataFrame(X_txt), pd.Series(y)),
        ):
            assert_array_equal(detector.pair_quality_, found.pair_quality_)

    def test_sparse_texts_and_raw_ones(self, pairs):
        X_img, X_txt, _ = pairs
        detector = _detector().fit(X_img, sparse.csr_array(X_txt))
        assert _finds(detector)
        steps = ModalityTransformer(image=StandardScaler(), text=TruncatedSVD(10))
        pipe = make_pipeline(steps, CCARetriever(4))
        detector = _detector(estimator=pipe).fit(X_img, sparse.csr_array(X_txt))
        assert _finds(detector)

    def test_methods_that_learn_from_labels(self, pairs):
        X_img, X_txt, y = pairs
        y = y.astype(float)
        y[:20] = np.nan
        detector = _detector(estimator=SemanticMatchingRetriever(), cv=3)
        assert detector.fit(X_img, X_txt, y).pair_quality_.shape == (300,)
        with pytest.raises(ValueError, match="requires y"):
            detector.fit(X_img, X_txt)

    def test_the_estimator_is_left_as_it_is(self, pairs):
        inner = CCARetriever(3)
        detector = clone(_detector(estimator=inner, cv=2)).fit(*pairs)
        assert not hasattr(inner, "image_encoder_")
        assert not hasattr(detector.estimator_, "image_encoder_")
        assert detector.estimator_.n_components == 3

    def test_what_is_wrong_is_said(self, pairs):
        X_img, X_txt, y = pairs
        with pytest.raises(ValueError, match="same number of rows"):
            _detector().fit(X_img, X_txt[:-1])
        with pytest.raises(ValueError, match="both modalities"):
            _detector().fit(ImageTextPairs(image=X_img))
        with pytest.raises(ValueError, match="looks like labels"):
            _detector().fit(X_img, y)
        with pytest.raises(ValueError, match="one label per row"):
            _detector().fit(X_img, X_txt, y[:-1])
        with pytest.raises(ValueError, match="one id per row"):
            _detector().fit(X_img, X_txt, groups=y[:-1])
        with pytest.raises(ValueError, match="indexes must be equal"):
            _detector().fit(pd.DataFrame(X_img), pd.DataFrame(X_txt)[::-1])
        with pytest.raises(ValueError, match="in one test part of cv"):
            _detector(cv=ShuffleSplit(3, random_state=0)).fit(X_img, X_txt)
        with pytest.raises(ValueError, match="n_splits"):
            _detector().fit(X_img, X_txt, groups=np.arange(300) % 3)
        with pytest.raises(ValueError, match="'estimator' parameter"):
            _detector(estimator=KFold()).fit(X_img, X_txt)
        with pytest.raises(ValueError, match="NaN"):
            _detector().fit(np.full_like(X_img, np.nan), X_txt)


@parametrize_with_checks(
    [MismatchedPairDetector(n_image_features=1, random_state=0)],
    expected_failed_checks=lambda _: {
        "check_fit_score_takes_y": "the second argument is the other modality"
    },
)
@pytest.mark.filterwarnings("ignore:Own cosines of pairs are no higher")
@pytest.mark.usefixtures("global_generators_stay_as_they_are")
def test_check_of_scikit_learn_holds(estimator, check):
    check(estimator)


@pytest.fixture
def global_generators_stay_as_they_are():
    """Replace the fixture of the same name: some of scikit-learn's checks shuffle."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002
