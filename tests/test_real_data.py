"""Published numbers and awkward real features, where the files are at hand."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    KCCARetriever,
    MSLNRetriever,
    MvDARetriever,
    ProcrustesRetriever,
    RidgeRetriever,
    SCMRetriever,
    SemanticAutoencoderRetriever,
    SemanticMatchingRetriever,
    ThreeViewCCARetriever,
)
from sklearn_xmodal.metrics import cross_modal_score


def load(path, image="X_img", text="X_txt"):
    """Return training and test part of a file as two triples."""
    with np.load(path) as file:
        columns = file[image], file[text], file["y"]
        train, test = file["train_idx"], file["test_idx"]
    return [c[train] for c in columns], [c[test] for c in columns]


def directions(est, X_img, X_txt, y):
    """Mean average precision image to text, and text to image."""
    codes = est.transform(X_img, X_txt)
    return [
        cross_modal_score(*codes, y, direction=direction)
        for direction in ("image_to_text", "text_to_image")
    ]


@pytest.fixture(scope="module")
def wikipedia(shared_data):
    path = shared_data / "wikipedia" / "wikipedia.npz"

    def load_views(image="X_img", text="X_txt"):
        return load(path, image, text)

    return load_views


@pytest.fixture(scope="module")
def pascal(shared_data):
    return load(shared_data / "pascal_sentence" / "pascal_mdlcw.npz")


class TestWikipedia:
    @pytest.mark.parametrize("scaled", [False, True])
    def test_linear_cca_reaches_the_published_accuracy(self, wikipedia, scaled):
        # Rasiwasia et al., ACM MM 2010: 0.249 and 0.196, correlation matching.
        train, test = wikipedia("X_img_sift", "X_txt_lda")
        assert (len(train[0]), len(test[0])) == (2173, 693)
        for side in (0, 1) if scaled else ():
            scaler = StandardScaler().fit(train[side])
            train[side] = scaler.transform(train[side])
            test[side] = scaler.transform(test[side])
        image_to_text, text_to_image = directions(CCARetriever().fit(*train), *test)
        assert 0.24 <= image_to_text <= 0.28
        assert 0.19 <= text_to_image <= 0.23

    @pytest.mark.parametrize(
        ("est", "published"),
        [
            # Seven canonical components, no ridge and no penalty, as published.
            (CCARetriever(7, alpha=0, component_power=0), (0.249, 0.196)),
            (SCMRetriever(7, alpha=0, C=1e6, centered=False), (0.277, 0.226)),
            (SCMRetriever(alpha=0, C=1e6, centered=False), (0.277, 0.226)),
        ],
        ids=["correlation matching", "both", "both, all components"],
    )
    def test_figures_of_rasiwasia_et_al_come_out(self, wikipedia, est, published):
        train, test = wikipedia("X_img_sift", "X_txt_lda")
        scores = directions(est.fit(*train), *test)
        np.testing.assert_allclose(scores, published, atol=0.005)

    @pytest.mark.thorough
    def test_labels_help_where_classes_are_shared(self, wikipedia):
        train, test = wikipedia("X_img", "X_txt_tfidf")
        msln = MSLNRetriever(random_state=0, device="cpu").fit(*train).score(*test)
        # The best ridges of the whole path, so that CCA has no less than its due.
        cca = max(
            CCARetriever(20, alpha=alpha).fit(*train).score(*test)
            for alpha in (0.1, 1, 10, 100)
        )
        assert cca > 0.3  # chance is 0.12
        assert msln > cca + 0.03


class TestPascal:
    """500 pairs, 1,408 text features of rank 54, many rows alike."""

    def test_texts_are_as_degenerate_as_described(self, pascal):
        X_txt = pascal[0][1]
        assert X_txt.shape == (500, 1408)
        assert np.linalg.matrix_rank(X_txt - X_txt.mean(axis=0), tol=1e-2) < 60

    @pytest.mark.parametrize(
        "est",
        [
            CCARetriever(20),
            CCARetriever(20, alpha=1e-10),
            CCARetriever(20, alpha=1e12),
            KCCARetriever(20),
            KCCARetriever(20, kernel="linear", alpha=1e-6),
            MSLNRetriever(random_state=0, max_steps=100, device="cpu"),
            MvDARetriever(),
            ProcrustesRetriever(),
            RidgeRetriever(),
            SCMRetriever(),
            SemanticAutoencoderRetriever(),
            SemanticMatchingRetriever(),
            ThreeViewCCARetriever(),
        ],
        ids=[
            "cca",
            "hardly any ridge",
            "pls",
            "kcca",
            "linear kcca",
            "msln",
            "mvda",
            "procrustes",
            "ridge",
            "scm",
            "sae",
            "sm",
            "cca3",
        ],
    )
    def test_every_retriever_beats_chance(self, pascal, est):
        train, test = pascal
        codes = est.fit(*train).transform(*test[:2])
        assert all(np.isfinite(Z).all() for Z in codes)
        assert all(Z.dtype == np.float32 for Z in codes)
        assert min(directions(est, *test)) > 0.15  # chance is 0.08

    def test_textbook_cca_reproduces_its_perfect_correlations(self, pascal):
        X_img, X_txt, _ = pascal[0]
        est = CCARetriever(alpha=0, component_power=0).fit(X_img, X_txt)
        Z_img, Z_txt = est.transform(X_img.astype(float), X_txt.astype(float))
        k = est.n_components_
        r = np.diag(np.corrcoef(Z_img.T, Z_txt.T)[:k, k:])
        np.testing.assert_allclose(r, est.canonical_correlations_, atol=1e-4)


class TestDigits:
    """Left half against right half; some pixels never change."""

    @pytest.mark.parametrize(
        ("est", "least"),
        [
            (CCARetriever(), 0.35),
            (KCCARetriever(10), 0.4),
            pytest.param(
                MSLNRetriever(random_state=0, max_steps=200, device="cpu"),
                0.6,
                marks=pytest.mark.thorough,
            ),
            (MvDARetriever(), 0.45),
            (ProcrustesRetriever(), 0.35),
            (RidgeRetriever(), 0.45),
            (SCMRetriever(), 0.65),
            (SemanticAutoencoderRetriever(), 0.45),
            (ThreeViewCCARetriever(), 0.45),
        ],
        ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
    )
    def test_halves_find_each_other(self, est, least):
        digits = load_digits()
        left = digits.images[:, :, :4].reshape(len(digits.images), -1)
        right = digits.images[:, :, 4:].reshape(len(digits.images), -1)
        est.fit(left[:1000], right[:1000], digits.target[:1000])
        scores = directions(est, left[1000:], right[1000:], digits.target[1000:])
        assert min(scores) > least  # chance is 0.10
