"""ASIF against a dense reference, and anchors that come and go."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from sklearn_xmodal import ASIFRetriever, ImageTextPairs, RetrievalIndex, load, save
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.encoders import AnchorEncoder
from sklearn_xmodal.metrics import cross_modal_score


def reference(X, anchors, k, p):
    """Return the codes by the words of the paper, one item at a time."""
    codes = []
    for x in X:
        similarity = [a @ x / np.linalg.norm(a) / np.linalg.norm(x) for a in anchors]
        nearest = np.argsort(similarity)[::-1][:k]
        z = np.zeros(len(anchors))
        for j in nearest:
            z[j] = max(similarity[j], 0) ** p
        codes.append(z / np.linalg.norm(z))
    return np.array(codes)


@pytest.fixture
def data():
    """Return 40 pairs as anchors and 15 that are new, of both modalities."""
    X_img, X_txt, _ = make_paired_modalities(
        55, n_classes=3, n_image_features=9, n_text_features=7, random_state=0
    )
    return X_img[:40], X_txt[:40], X_img[40:], X_txt[40:]


@pytest.mark.parametrize(("k", "p"), [(1, 1), (7, 4), (7, 0.5), (30, 8), (100, 2)])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_codes_are_those_of_the_reference(data, k, p, form):
    A, B, X, T = (np.where(abs(side) > 0.5, side, 0) for side in data)
    asif = ASIFRetriever(n_neighbors=k, power=p).fit(form(A), form(B))
    assert_allclose(asif.transform_image(form(X)), reference(X, A, k, p), atol=1e-13)
    assert_allclose(asif.transform_text(T), reference(T, B, k, p), atol=1e-13)


def test_codes_with_negative_similarities_are_those_of_the_reference(data):
    A, B, X, T = data
    k = 35  # more than have a positive cosine
    assert ((X @ A.T > 0).sum(axis=1) < k).any()
    Z_img, Z_txt = ASIFRetriever(n_neighbors=k).fit(A, B).transform(X, T)
    assert_allclose(Z_img, reference(X, A, k, 5), atol=1e-13)
    assert_allclose(Z_txt, reference(T, B, k, 5), atol=1e-13)
    assert (Z_img >= 0).all()


def test_codes_of_clip_features_are_those_of_the_reference(shared_data):
    clip = np.load(shared_data / "clip" / "coco500.npz")
    for X in (clip["X_img"], clip["X_txt"]):
        asif = ASIFRetriever(n_neighbors=100).fit(X[:250], X[:250])
        expected = reference(X[250:300].astype(float), X[:250].astype(float), 100, 5)
        assert_allclose(asif.transform_text(X[250:300]), expected, atol=1e-6)


def test_graphs_of_sparse_anchors_take_dense_features(data):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    A, B, X, _ = data
    for k in (6, 100):
        asif = ASIFRetriever(n_neighbors=k).fit(sparse.csr_array(A), B)
        graph = asif.image_encoder_.to_onnx().SerializeToString()
        session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        (codes,) = session.run(["codes"], {"features": X.astype("f4")})
        assert_allclose(codes, reference(X, A, k, 5), atol=1e-5)


def test_equal_anchors_count_alike(data):
    A, B, X, _ = data
    lengths = np.tile([1.0, 3.3, 0.7], len(A))[:, None]  # so that roundings differ
    A = np.repeat(A, 3, axis=0) * lengths  # a picture with three texts
    B = np.random.default_rng(0).normal(size=(len(A), 5))
    Z = ASIFRetriever(n_neighbors=4).fit(A, B).transform_image(X)
    assert ((Z > 0).sum(axis=1) == 6).all()  # the fourth has two that equal it
    assert_allclose(Z[:, ::3], Z[:, 1::3], atol=1e-13)
    assert_allclose(Z[:, ::3], Z[:, 2::3], atol=1e-13)


def test_items_far_from_all_anchors_have_a_code_of_zeros(data):
    A, B, *_ = data
    A = np.abs(A)
    Z = ASIFRetriever().fit(A, B).transform_image(np.array([-A[0], 0 * A[0], A[0]]))
    assert_array_equal(Z.any(axis=1), [False, False, True])


@pytest.mark.parametrize("scale", [1e-140, 1e140])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_the_scale_of_an_item_is_of_no_account(data, scale, form):
    A, B, X, _ = data
    expected = ASIFRetriever(n_neighbors=5).fit(A, B).transform_image(X)
    asif = ASIFRetriever(n_neighbors=5).fit(form(A * scale), B)
    assert_allclose(asif.transform_image(form(X / scale)), expected, atol=1e-12)


def test_a_large_power_leaves_the_nearest_anchor(data):
    A, B, X, _ = data
    Z = ASIFRetriever(power=1e6).fit(A, B).transform_image(X)
    assert_allclose(Z, reference(X, A, 1, 1), atol=1e-13)


def test_codes_are_of_the_type_of_the_features(data):
    A, B, X, T = data
    asif = ASIFRetriever(n_neighbors=5).fit(A, B)
    low = asif.transform_image(X.astype("f4"))
    assert low.dtype == np.float32
    assert_allclose(low, asif.transform_image(X), atol=1e-5)
    narrow = ASIFRetriever(n_neighbors=5).fit(A.astype("f4"), B.astype("f4"))
    assert_allclose(narrow.transform_text(T), asif.transform_text(T), atol=1e-5)


def test_blocks_of_rows_give_the_same(data):
    A, B, X, _ = data
    asif = ASIFRetriever(n_neighbors=5).fit(A, B)
    with config_context(working_memory=2e-3):  # one row
        assert_allclose(asif.transform_image(X), reference(X, A, 5, 5), atol=1e-13)


def test_similarities_of_zero_power_are_refused_as_are_weights(data):
    A, B, *_ = data
    with pytest.raises(ValueError, match="power"):
        ASIFRetriever(power=0).fit(A, B)
    with pytest.raises(TypeError, match="sample_weight"):
        ASIFRetriever().fit(A, B, sample_weight=np.ones(len(A)))
    assert not get_tags(ASIFRetriever()).target_tags.required


def test_index_and_score_rank_by_the_codes(data):
    A, B, X, T = data
    asif = ASIFRetriever(n_neighbors=5).fit(A, B)
    codes = [reference(X, A, 5, 5), reference(T, B, 5, 5)]
    assert asif.score(X, T) == pytest.approx(cross_modal_score(*codes))
    scores, _ = RetrievalIndex(asif, text=T).search(image=X, k=1)
    assert_allclose(scores[:, 0], (codes[0] @ codes[1].T).max(axis=1), atol=1e-6)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("modality", ["image", "text"])
def test_anchors_of_one_direction_are_refused(data, form, modality):
    A, B, *_ = data
    sides = {"image": A, "text": B}
    lengths = np.arange(1.0, 41)[:, None]
    one = lengths * sides[modality][:1]
    with pytest.raises(ValueError, match=f"The {modality} features must vary.* 40 p"):
        ASIFRetriever().fit(*{**sides, modality: form(one)}.values())
    one[39] = sides[modality][39]
    mixed = {**sides, modality: form(one)}
    asif = ASIFRetriever().fit(*mixed.values())
    with pytest.raises(ValueError, match=f"The {modality} features must vary.* 39 p"):
        asif.remove_pairs(39)
    assert asif.n_components_ == 40


class TestPairsComeAndGo:
    @pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
    def test_adding_gives_the_fit_to_all(self, data, form):
        A, B, X, T = data
        whole = ASIFRetriever(n_neighbors=6).fit(form(A), form(B))
        parts = ASIFRetriever(n_neighbors=6).fit(form(A[:20]), form(B[:20]))
        assert parts.add_pairs(form(A[20:39]), form(B[20:39])) is parts
        parts.add_pairs(A[39:], B[39:])
        for one, other in zip(
            parts.transform(X, T), whole.transform(X, T), strict=True
        ):
            assert_allclose(one, other, atol=1e-14)
        assert sparse.issparse(parts.image_anchors_) == (form is not np.asarray)

    def test_sparse_pairs_go_to_dense_ones(self, data):
        A, B, X, _ = data
        asif = ASIFRetriever().fit(A[:20], B[:20])
        asif.add_pairs(sparse.csr_matrix(A[20:]), sparse.csr_matrix(B[20:]))
        assert_allclose(asif.transform_image(X), reference(X, A, 150, 5), atol=1e-13)

    @pytest.mark.parametrize(
        ("rows", "gone"),
        [
            ([3, 0, 39], [0, 3, 39]),
            (np.isin(np.arange(40), [0, 3, 39]), [0, 3, 39]),
            (5, [5]),
            ([], []),
            (range(38), range(38)),
        ],
    )
    @pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
    def test_removing_gives_the_fit_without(self, data, rows, gone, form):
        A, B, X, T = data
        asif = ASIFRetriever(n_neighbors=6).fit(form(A), form(B)).remove_pairs(rows)
        left = [row for row in range(40) if row not in gone]
        without = ASIFRetriever(n_neighbors=6).fit(form(A[left]), form(B[left]))
        assert_array_equal(asif.transform_image(X), without.transform_image(X))
        assert_array_equal(asif.transform_text(T), without.transform_text(T))

    def test_in_every_form_of_pairs(self, data):
        A, B, X, _ = data
        pairs, stacked = ImageTextPairs(A, B), np.hstack([A, B])
        expected = reference(X, A, 150, 5)
        of_pairs = ASIFRetriever().fit(pairs[:20]).add_pairs(pairs[20:])
        assert_allclose(of_pairs.transform_image(X), expected, atol=1e-13)
        of_one = ASIFRetriever(n_image_features=9).fit(stacked[:20])
        of_one.add_pairs(stacked[20:])
        assert_allclose(of_one.transform_image(X), expected, atol=1e-13)

    def test_names_of_columns_stay_and_are_checked(self, data):
        pd = pytest.importorskip("pandas")
        A, B, *_ = data
        A, B = pd.DataFrame(A).add_prefix("a"), pd.DataFrame(B).add_prefix("b")
        asif = ASIFRetriever().fit(A[:20], B[:20]).add_pairs(A[20:], B[20:])
        assert list(asif.image_encoder_.feature_names_in_) == list(A.columns)
        with pytest.raises(ValueError, match="columns of the image features"):
            asif.add_pairs(A.iloc[:, ::-1], B)
        with pytest.raises(ValueError, match="index"):
            asif.add_pairs(A, B[::-1])
        assert asif.n_components_ == 40

    @pytest.mark.parametrize(
        ("rows", "error", "message"),
        [
            ([40], ValueError, "from 0 to 39. Got 40"),
            ([-1], ValueError, "from 0 to 39. Got -1"),
            ([1, 1, 2], ValueError, "Got 3 rows, 2 of them different"),
            (range(39), ValueError, "At least 2 pairs must be left.* Got 39 of 40"),
            ([True, False], ValueError, "40 values, one per pair. Got 2"),
            ([1.0], TypeError, "integers, or a mask.* Got float64"),
            ("all", TypeError, "integers, or a mask"),
            (None, TypeError, "integers, or a mask"),
            ([[1, 2]], TypeError, r"Got shape \(1, 2\)"),
        ],
    )
    def test_rows_that_do_not_fit_change_nothing(self, data, rows, error, message):
        A, B, *_ = data
        asif = ASIFRetriever().fit(A, B)
        before = dict(vars(asif))
        with pytest.raises(error, match=message):
            asif.remove_pairs(rows)
        assert vars(asif) == before

    @pytest.mark.parametrize(
        ("sides", "message"),
        [
            (lambda A, B: (A, B[:3]), "Got 40 image rows and 3 text rows"),
            (lambda A, B: (B, A), "features"),
            (lambda A, B: (A, np.where(np.eye(40, 7), np.nan, B)), "NaN"),
            (lambda A, B: (A, None), "no text side"),
            (lambda A, B: (A[:0], B[:0]), "minimum of 1 is required"),
            (lambda A, B: (ImageTextPairs(text=B),), "image features must be given"),
        ],
    )
    def test_pairs_that_do_not_fit_change_nothing(self, data, sides, message):
        A, B, *_ = data
        asif = ASIFRetriever().fit(A, B)
        before = dict(vars(asif))
        with pytest.raises(ValueError, match=message):
            asif.add_pairs(*sides(A, B))
        assert vars(asif) == before

    def test_needs_a_fit(self, data):
        with pytest.raises(NotFittedError):
            ASIFRetriever().add_pairs(*data[:2])
        with pytest.raises(NotFittedError):
            ASIFRetriever().remove_pairs([0])

    def test_goes_on_from_a_file(self, data, tmp_path):
        A, B, X, _ = data
        save(ASIFRetriever(n_neighbors=6).fit(A[:20], B[:20]), tmp_path / "a.xmodal")
        asif = load(tmp_path / "a.xmodal").add_pairs(A[20:], B[20:]).remove_pairs(0)
        assert isinstance(asif.image_encoder_, AnchorEncoder)
        assert_allclose(asif.transform_image(X), reference(X, A[1:], 6, 5), atol=1e-13)
