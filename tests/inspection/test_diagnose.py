"""A diagnosis names the one thing that is wrong, and nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import (
    CCARetriever,
    CosineRetriever,
    ImageTextPairs,
    ModalityTransformer,
    RidgeRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.inspection import Finding, diagnose
from sklearn_xmodal.inspection._findings import effective_rank, spectrum
from sklearn_xmodal.metrics import cross_modal_score
from tests.conftest import thorough_but


def _clean(rng, n=240, d=32, noise=0.5):
    meaning = rng.normal(size=(n, d))
    return [meaning + noise * rng.normal(size=(n, d)) for _ in range(2)]


def _gap(rng):
    A, B = _clean(rng)
    gap = rng.normal(size=32)
    return {"X_img": A + gap, "X_txt": B - gap}


def _hubs(rng):
    A, B = _clean(rng)
    common = rng.normal(size=32)
    # Texts lie on the side of all images by more or less.
    return {"X_img": A + common, "X_txt": B + rng.exponential(size=(240, 1)) * common}


def _collapsed(rng):
    A, B = _clean(rng)
    directions = rng.normal(size=(2, 32))
    return {"X_img": A[:, :2] @ directions + 0.01 * A,
            "X_txt": B[:, :2] @ directions + 0.01 * B}  # fmt: skip


def _swapped(rng):
    A, B = _clean(rng)
    B[:12] = B[np.roll(np.arange(12), 1)]
    return {"X_img": A, "X_txt": B}


def _leak(rng):
    (A, B), (C, D) = _clean(rng), _clean(rng)
    A[[3, 50]], B[[3, 50]] = C[[207, 9]], D[[207, 9]]
    return {"X_img": A, "X_txt": B, "train": (C, D)}


def _loses(rng):
    A, B = _clean(rng)
    C, D = _clean(rng, n=40)
    return {"X_img": A, "X_txt": B, "estimator": CCARetriever(alpha=0.1).fit(C, D)}


def _shuffled(rng):
    A, B = _clean(rng)
    return {"X_img": A, "X_txt": rng.permutation(B)}


def _two_spaces(rng):
    A, B = _clean(rng)
    return {"X_img": A, "X_txt": B @ np.linalg.qr(rng.normal(size=(32, 32)))[0]}


def _constant(rng):
    A, B = _clean(rng)
    A[:, [4, 7]] = 0.1
    return {"X_img": A, "X_txt": B}


def _repeated(rng):
    A, _ = _clean(rng)
    A[100:] = A[:140]
    return {"X_img": A, "X_txt": A + 0.5 * rng.normal(size=A.shape)}


DEFECTS = {
    "modality gap": _gap,
    "hubness": _hubs,
    "collapsed rank": _collapsed,
    "mismatched pairs": _swapped,
    "same items on both sides of the split": _leak,
    "worse than the raw cosine": _loses,
    "no better than chance": _shuffled,
    "not of one joint model": _two_spaces,
    "constant columns": _constant,
    "repeated items": _repeated,
}
SEEDS = thorough_but([100], range(100, 105))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DEFECTS)
def test_the_one_defect_is_named_first(name, seed):
    diagnosis = diagnose(**DEFECTS[name](np.random.default_rng(seed)))
    assert diagnosis.findings[0].name == name
    severities = [finding.severity for finding in diagnosis.findings]
    assert severities == sorted(severities, reverse=True)
    first = diagnosis.findings[0]
    text = f"{name} ({first.severity:.2f}): {first.message}\n    {first.advice}"
    assert str(first) == text
    assert f"\n\n1. {text}\n" in str(diagnosis)
    compile(first.advice.replace("...", "Z_img, Z_txt"), "advice", "eval")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", thorough_but([0.5], [0.2, 0.5, 1.0]))
def test_nothing_is_found_where_nothing_is(noise, seed):
    rng = np.random.default_rng(seed)
    diagnosis = diagnose(*_clean(rng, noise=noise), train=_clean(rng, noise=noise))
    assert diagnosis.findings == []
    assert "Nothing found." in str(diagnosis)
    X_img, X_txt, y = make_paired_modalities(400, noise=noise, random_state=seed)
    cca = CCARetriever(4).fit(X_img[:200], X_txt[:200])
    test = X_img[200:], X_txt[200:]
    train = X_img[:200], X_txt[:200]
    assert diagnose(*test, estimator=cca, train=train).findings == []
    assert diagnose(*test, y[200:], estimator=cca, train=train).findings == []


@pytest.mark.parametrize("side", [0, 1])
def test_codes_of_classes_in_another_order_are_no_better_than_chance(side):
    # Such codes cluster, so any order of them is above a random ranking.
    X_img, X_txt, y = make_paired_modalities(400, n_classes=10, random_state=100)
    cca = CCARetriever(alpha=1.0).fit(X_img[:200], X_txt[:200])
    test = [X_img[200:], X_txt[200:]]
    for seed in range(2):
        other = test.copy()
        other[side] = np.random.default_rng(seed).permutation(test[side])
        diagnosis = diagnose(*other, y[200:], estimator=cca)
        assert [f.name for f in diagnosis.findings] == ["no better than chance"]
    assert np.isnan(diagnosis.measures["mismatched pairs"][0])
    for shown in (str(diagnosis), diagnosis._repr_html_()):
        assert "Mismatched pairs unknown: own pairs do not stand out" in shown


class TestFindings:
    def test_rows_of_swapped_pairs_and_repeats(self):
        rng = np.random.default_rng(100)
        (swapped,) = diagnose(**_swapped(rng)).findings
        assert set(range(12)) <= set(swapped.rows)
        assert len(swapped.rows) <= 14
        (leak,) = diagnose(**_leak(rng)).findings
        assert leak.rows == [(3, 207), (50, 9)]
        assert "row 3 here and row 207 there are the same picture" in leak.message
        (constant,) = diagnose(**_constant(rng)).findings
        assert "columns [4, 7] of image codes" in constant.message

    def test_advice_helps(self):
        rng = np.random.default_rng(100)
        args = _gap(rng)
        better = CosineRetriever(center=True).fit(args["X_img"], args["X_txt"])
        assert diagnose(**args, estimator=better).findings == []
        args = _loses(rng)
        args["estimator"] = CosineRetriever().fit(args["X_img"], args["X_txt"])
        assert diagnose(**args).findings == []

    def test_texts_alone_on_both_sides_are_no_severe_matter(self):
        rng = np.random.default_rng(100)
        (A, B), (C, D) = _clean(rng), _clean(rng)
        B[3], A[3] = D[5], D[5] + 0.2 * rng.normal(size=32)
        (finding,) = diagnose(A, B, train=ImageTextPairs(C, D)).findings
        assert (finding.name, finding.severity) == (
            "same items on both sides of the split",
            0.0,
        )

    def test_repeats_are_right_answers_with_groups_or_labels(self):
        args = _repeated(np.random.default_rng(100))
        groups = np.unique(args["X_img"], axis=0, return_inverse=True)[1].ravel()
        assert diagnose(**args, groups=groups).findings == []
        assert diagnose(**args, y=groups).findings == []


class TestMeasures:
    def test_effective_rank_is_the_exponential_of_the_entropy(self):
        rng = np.random.default_rng(100)
        Z = rng.normal(size=(50, 6)) * [5, 3, 1, 1, 0.5, 0]
        values = np.linalg.svd(Z - Z.mean(axis=0), compute_uv=False)
        p = values / values.sum()
        expected = np.exp(-sum(x * np.log(x) for x in p if x > 1e-12))
        for X in (Z, np.hstack([Z, np.zeros((50, 60))])):
            assert_allclose(effective_rank(spectrum(X)), expected, rtol=1e-5)
        assert effective_rank(np.ones(7)) == pytest.approx(7)
        assert effective_rank(np.zeros(7)) == 0

    def test_gap_is_the_distance_of_means_of_unit_codes(self):
        args = _gap(np.random.default_rng(100))
        units = [Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in args.values()]
        gap = np.linalg.norm(units[0].mean(axis=0) - units[1].mean(axis=0))
        value, by_chance = diagnose(**args).measures["modality gap"]
        assert_allclose(value, gap)
        assert by_chance < gap / 4

    def test_cosine_of_pairs_and_what_random_turns_make_of_it(self):
        rng = np.random.default_rng(100)
        codes = _clean(rng, n=60, d=8)
        value, bound = diagnose(*codes).measures["cosine of pairs, both sides centred"]
        image, text = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in codes)
        image, text = image - image.mean(axis=0), text - text.mean(axis=0)
        assert_allclose(value, (image * text).sum(axis=1).mean())
        turns, upper = np.linalg.qr(rng.normal(size=(4000, 8, 8)))
        turns *= np.sign(np.einsum("nii->ni", upper))[:, None]  # to be uniform
        cosines = np.einsum("ij,nji->n", image.T @ text / len(image), turns)
        assert_allclose(bound, 1.28 * np.std(cosines), rtol=0.05)

    def test_narrow_codes_of_one_space_and_codes_of_a_retriever_are_of_one(self):
        for width in (1, 2, 3):
            Z = np.random.default_rng(100).normal(size=(60, width))
            names = [finding.name for finding in diagnose(Z, 2 * Z).findings]
            assert "not of one joint model" not in names
        args = _two_spaces(np.random.default_rng(100))
        args["estimator"] = CosineRetriever().fit(**args)
        assert diagnose(**args).findings[0].name == "no better than chance"

    def test_score_is_that_of_the_metrics_beside_that_of_random_orders(self):
        rng = np.random.default_rng(100)
        centres, y = rng.normal(size=(7, 8)), np.arange(70) % 7
        Z_img, Z_txt = (centres[y] + 0.5 * rng.normal(size=(70, 8)) for _ in range(2))
        for labels in (None, y):
            name = "mean average precision"
            value, bound = diagnose(Z_img, Z_txt, labels).measures[name]
            assert_allclose(value, cross_modal_score(Z_img, Z_txt, labels))
            orders = [rng.permutation(70) for _ in range(100)]
            scores = [cross_modal_score(Z_img, Z_txt[o], labels) for o in orders]
            assert np.quantile(scores, 0.8) < bound < 1.2 * max(scores)

    def test_table_holds_them(self):
        diagnosis = diagnose(**_gap(np.random.default_rng(100)))
        frame = diagnosis.to_frame()
        assert list(frame.columns) == ["value", "reference"]
        assert tuple(frame.loc["modality gap"]) == diagnosis.measures["modality gap"]
        assert repr(diagnosis).startswith("Diagnosis(['modality gap'")

    @pytest.mark.parametrize(
        "name",
        thorough_but(
            ["worse than the raw cosine"],
            ["worse than the raw cosine", "no better than chance"],
        ),
    )
    def test_figure_has_four_axes(self, name):
        plt = pytest.importorskip("matplotlib.pyplot")
        figure = diagnose(**DEFECTS[name](np.random.default_rng(100))).plot()
        assert len(figure.axes) == 4
        assert figure.get_suptitle().startswith(name)
        figure.draw_without_rendering()
        plt.close(figure)


class TestInput:
    def test_forms_are_the_same(self):
        X_img, X_txt, y = make_paired_modalities(200, random_state=100)
        cca = CCARetriever(3, n_image_features=20).fit(np.hstack([X_img, X_txt]), y)
        codes = cca.transform_image(X_img), cca.transform_text(X_txt)
        expected = diagnose(*codes, y).measures
        stacked = np.hstack([X_img, X_txt])
        for args, more in (
            ((stacked, y), {"train": stacked}),
            ((ImageTextPairs(X_img, X_txt), y), {}),
        ):
            measures = diagnose(*args, estimator=cca, **more).measures
            assert_allclose(
                [measures[name] for name in expected], list(expected.values())
            )

    @pytest.mark.parametrize(
        "kind", [pd.DataFrame, torch.tensor, np.float32], ids=["frame", "tensor", "f32"]
    )
    def test_takes_what_holds_numbers(self, kind):
        args = {k: kind(v) for k, v in _gap(np.random.default_rng(100)).items()}
        assert diagnose(**args).findings[0].name == "modality gap"

    def test_raw_texts_and_sparse_features(self):
        rng = np.random.default_rng(100)
        words = rng.integers(0, 12, size=(120, 6))
        texts = np.array([" ".join(f"word{w}" for w in row) for row in words])
        X_img = np.array([np.bincount(row, minlength=12) for row in words], dtype=float)
        X_img += 0.1 * rng.normal(size=X_img.shape)
        texts[110] = texts[5]
        text = make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0))
        pipe = make_pipeline(ModalityTransformer(text=text), CCARetriever(6))
        pairs = ImageTextPairs(X_img, texts)
        pipe.fit(pairs[:60])
        diagnosis = diagnose(pairs[60:], estimator=pipe, train=pairs[:60])
        assert diagnosis.measures["texts that the training part has, too"][0] == 1
        sides = sparse.csr_array(X_img.round()), sparse.csr_array(X_img.round())
        cosine = CosineRetriever().fit(*sides)
        assert "mean average precision, raw cosine" in (
            diagnose(*sides, estimator=cosine, train=sides).measures
        )

    def test_unlabelled_pairs_are_left_out_of_scores(self):
        X_img, X_txt, y = make_paired_modalities(200, random_state=100)
        labels = y.astype(float)
        labels[100:] = np.nan
        ridge = RidgeRetriever().fit(X_img, X_txt, y)
        half = diagnose(X_img, X_txt, labels, estimator=ridge).measures
        first = diagnose(X_img[:100], X_txt[:100], y[:100], estimator=ridge).measures
        name = "mean average precision"
        assert_allclose(half[name], first[name])

    def test_several_labels(self):
        Z_img, Z_txt = _clean(np.random.default_rng(100))
        y = np.eye(5, dtype=int)[np.arange(240) % 5]
        y[:, 0] |= y[:, 3]
        for labels in (y, sparse.csr_array(y)):
            value, _ = diagnose(Z_img, Z_txt, labels).measures["mean average precision"]
            assert_allclose(value, cross_modal_score(Z_img, Z_txt, y))

    def test_constant_codes_are_a_finding_not_an_error(self):
        diagnosis = diagnose(np.ones((20, 4)), np.ones((20, 4)))
        names = [finding.name for finding in diagnosis.findings]
        assert names[0] == "collapsed rank"
        assert "no better than chance" in names

    def test_what_is_wrong_is_said(self):
        Z_img, Z_txt = _clean(np.random.default_rng(100), n=40)
        with pytest.raises(ValueError, match=r"10 pairs or more.*Got 9"):
            diagnose(Z_img[:9], Z_txt[:9])
        with pytest.raises(ValueError, match="same number of rows"):
            diagnose(Z_img, Z_txt[1:])
        with pytest.raises(ValueError, match=r"X_img and X_txt must.*fit a retriever"):
            diagnose(Z_img, Z_txt[:, 1:])
        with pytest.raises(ValueError, match="both modalities"):
            diagnose(ImageTextPairs(image=Z_img))
        with pytest.raises(ValueError, match="one label per row"):
            diagnose(Z_img, Z_txt, np.arange(39))
        with pytest.raises(ValueError, match="one id per row"):
            diagnose(Z_img, Z_txt, groups=np.arange(39))
        with pytest.raises(ValueError, match="codes of the same space"):
            diagnose(Z_img, Z_txt, train=(Z_img[:, :5], Z_txt[:, :5]))
        with pytest.raises(TypeError, match="train must be ImageTextPairs"):
            diagnose(Z_img, Z_txt, train=Z_img)
        with pytest.raises(ValueError, match=r"X_img must be finite.*NaN"):
            diagnose(np.full_like(Z_img, np.nan), Z_txt)
        with pytest.raises(ValueError, match="at least two classes"):
            diagnose(Z_img, Z_txt, np.zeros(40))
        with pytest.raises(ValueError, match=r"groups must hold at least two.*Got one"):
            diagnose(Z_img, Z_txt, groups=np.zeros(40))
        with pytest.raises(ValueError, match=r"labels of 10 pairs or more.*Got 3"):
            diagnose(Z_img, Z_txt, np.where(np.arange(40) < 3, np.arange(40), -1))
        with pytest.raises(TypeError, match=r"by its name.*CCARetriever\(\) as X_img"):
            diagnose(CCARetriever(), Z_img, Z_txt)
        with pytest.raises(TypeError, match="must be a fitted retriever"):
            diagnose(Z_img, Z_txt, estimator=CCARetriever)
        with pytest.raises(ValueError, match="not fitted"):
            diagnose(Z_img, Z_txt, estimator=CCARetriever())


def test_a_finding_shows_its_advice():
    finding = Finding("hubness", 0.25, "Few texts are near all.", "hubness='csls'")
    assert finding.rows == ()
    assert str(finding).endswith("near all.\n    hubness='csls'")


def test_hubs_are_corrected_in_the_gallery_that_has_them():
    codes = _hubs(np.random.default_rng(100))
    swapped = {"X_img": codes["X_txt"], "X_txt": codes["X_img"]}
    advice = {
        "From image to text": ("text=X_txt,", "hubness_queries=X_train_img"),
        "From text to image": ("image=X_img,", "hubness_queries=X_train_txt"),
    }
    said = []
    for finding in (diagnose(**case).findings[0] for case in (codes, swapped)):
        (direction,) = (way for way in advice if way in finding.message)
        assert all(part in finding.advice for part in advice[direction])
        said.append(direction)
    assert sorted(said) == sorted(advice)


@pytest.mark.thorough
def test_real_embeddings(shared_data):
    with np.load(shared_data / "clip" / "coco500.npz") as data:
        X_img, X_txt = data["X_img"], data["X_txt"]
    names = [finding.name for finding in diagnose(X_img, X_txt).findings]
    assert names == ["modality gap", "hubness"]
    fitted = CCARetriever(alpha=1.0).fit(X_img[:250], X_txt[:250])
    found = diagnose(X_img[250:], X_txt[250:], estimator=fitted).findings
    assert [finding.name for finding in found] == ["worse than the raw cosine"]
    with np.load(shared_data / "clip" / "flickr8k_captions.npz") as data:
        pairs, groups = (data["X_img"], data["X_txt"]), data["image_id"]
    assert diagnose(*pairs).findings[0].name == "repeated items"
    names = [finding.name for finding in diagnose(*pairs, groups=groups).findings]
    assert names[0] == "modality gap"
