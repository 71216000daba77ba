"""Hubness corrections follow their formulas; smoothing averages neighbours."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.neighbors import _hubness, correct_hubness
from tests.conftest import SEEDS
from tests.neighbors.oracles import make_codes, unit

KINDS = ("csls", "nnn", "inverted_softmax", "dynamic_inverted_softmax")


def _cosines(seed, n_references=30):
    """Queries, gallery and references, and all cosines that a formula needs."""
    query, gallery = make_codes(seed, 12, 50, 5)
    references, _ = make_codes(seed + 100, n_references, 1, 5)
    exact = [Z.astype(np.float64) for Z in (query, gallery, references)]
    return query, gallery, references, exact[0] @ exact[1].T, exact[2] @ exact[1].T


def _csls(cosines, with_references, k):
    """Score as Conneau et al. (2018), equation 3, write it."""
    r_gallery = np.sort(with_references, axis=0)[-k:].mean(axis=0)
    r_query = np.sort(cosines, axis=1)[:, -k:].mean(axis=1)
    return 2 * cosines - r_query[:, None] - r_gallery


def _inverted_softmax(cosines, with_references, beta):
    """Score as Smith et al. (2017), equation 11, write it."""
    return np.exp(beta * cosines) / np.exp(beta * with_references).sum(axis=0)


def _nnn(cosines, with_references, k, alpha):
    """Score as Chowdhury et al. (2024), section 3, write it."""
    scores = np.empty_like(cosines)
    for item in range(cosines.shape[1]):
        nearest = sorted(with_references[:, item], reverse=True)[:k]
        scores[:, item] = cosines[:, item] - alpha * sum(nearest) / k
    return scores


def _querybank(cosines, with_references, beta):
    """Score as Bogolin et al. (2022), equations 4 and 5, write it, and say which."""
    activated = {int(row.argmax()) for row in with_references}
    is_activated = np.array([int(row.argmax()) in activated for row in cosines])
    softmax = _inverted_softmax(cosines, with_references, beta)
    return np.where(is_activated[:, None], softmax, cosines), is_activated


def _searched(query, gallery, references, k=50, **options):
    """Scores and ids of an index, and the index."""
    index = RetrievalIndex(vectors=gallery, hubness_queries=references, **options)
    return *index.search(vectors=query, k=k), index


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("k", "alpha"), [(1, 0.25), (4, 1.5), (30, 0.0)])
def test_nnn_is_its_formula(seed, k, alpha):
    query, gallery, references, cosines, with_references = _cosines(seed)
    options = {"n_hubness_neighbors": k, "hubness_weight": alpha}
    scores, ids, _ = _searched(query, gallery, references, hubness="nnn", **options)
    published = _nnn(cosines, with_references, k, alpha)
    assert_array_equal(ids, np.argsort(-published, axis=1))
    assert_allclose(scores, np.take_along_axis(published, ids, axis=1), atol=1e-6)
    corrected = correct_hubness(cosines, with_references, "nnn", **options)
    assert_allclose(corrected, published, rtol=1e-12)


def test_csls_is_nnn_of_weight_one_half():
    query, gallery, references, _, _ = _cosines(0)
    csls, _, _ = _searched(query, gallery, references, hubness="csls")
    nnn, _, _ = _searched(query, gallery, references, hubness="nnn", hubness_weight=0.5)
    assert csls.tobytes() == nnn.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beta", [1.0, 20.0])
def test_dynamic_inverted_softmax_is_its_formula(seed, beta):
    query, gallery, references, cosines, with_references = _cosines(seed)
    options = {"inverse_temperature": beta}
    kind = "dynamic_inverted_softmax"
    scores, ids, _ = _searched(query, gallery, references, hubness=kind, **options)
    published, is_activated = _querybank(cosines, with_references, beta)
    assert 0 < is_activated.sum() < len(query)
    assert_array_equal(ids, np.argsort(-published, axis=1))
    found = np.take_along_axis(published, ids, axis=1)
    found[is_activated] = (np.log(found[is_activated]) + np.log(30)) / beta
    assert_allclose(scores, found, atol=1e-6)
    corrected = correct_hubness(cosines, with_references, kind, **options)
    found = np.take_along_axis(corrected, ids, axis=1)
    assert_allclose(scores, found, atol=1e-6)
    assert_array_equal(corrected[~is_activated], cosines[~is_activated])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 4, 30])
def test_csls_ranks_as_its_formula(seed, k):
    query, gallery, references, cosines, with_references = _cosines(seed)
    index = RetrievalIndex(
        vectors=gallery,
        hubness="csls",
        hubness_queries=references,
        n_hubness_neighbors=k,
    )
    scores, ids = index.search(vectors=query, k=50)
    published = _csls(cosines, with_references, k)
    assert_array_equal(ids, np.argsort(-published, axis=1))
    # Half of it, but for one number per query.
    found = np.take_along_axis(published, ids, axis=1)
    assert_allclose(np.diff(scores), np.diff(found) / 2, atol=1e-6)
    corrected = correct_hubness(cosines, with_references, "csls", n_hubness_neighbors=k)
    assert_allclose(np.diff(corrected), np.diff(published) / 2, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beta", [0.5, 30.0, 100.0])
def test_inverted_softmax_ranks_as_its_formula(seed, beta):
    query, gallery, references, cosines, with_references = _cosines(seed)
    index = RetrievalIndex(
        vectors=gallery,
        hubness="inverted_softmax",
        hubness_queries=references,
        inverse_temperature=beta,
    )
    scores, ids = index.search(vectors=query, k=50)
    published = np.log(_inverted_softmax(cosines, with_references, beta)) / beta
    found = np.take_along_axis(published, ids, axis=1)
    assert (np.diff(found) <= 1e-6).all()
    # The same, but for one number.
    assert_allclose(scores - found, np.full(ids.shape, np.log(30) / beta), atol=1e-6)
    corrected = correct_hubness(
        cosines, with_references, "inverted_softmax", inverse_temperature=beta
    )
    assert_allclose(scores, np.take_along_axis(corrected, ids, axis=1), atol=1e-6)


def test_inverted_softmax_takes_any_temperature():
    query, gallery, references, cosines, with_references = _cosines(0)
    for beta, nearness in [
        (1e308, with_references.max(0)),
        (1e9, with_references.max(0)),
        (1e-6, with_references.mean(0)),
        (1e-300, with_references.mean(0)),
    ]:
        index = RetrievalIndex(
            vectors=gallery,
            hubness="inverted_softmax",
            hubness_queries=references,
            inverse_temperature=beta,
        )
        scores, ids = index.search(vectors=query, k=50)
        expected = np.take_along_axis(cosines - nearness, ids, axis=1)
        assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hub_loses_its_lead(kind):
    # One item lies between all queries; each query has an item of its own.
    own = np.eye(6) + 0.3
    hub = np.ones((1, 6))
    query = np.eye(6) + 0.9
    gallery = np.vstack([hub, own])
    plain = RetrievalIndex(vectors=gallery).search(vectors=query, k=1)
    assert_array_equal(plain.ids.ravel(), np.zeros(6))
    index = RetrievalIndex(
        vectors=gallery, hubness=kind, hubness_queries=query, n_hubness_neighbors=3
    )
    assert_array_equal(index.search(vectors=query, k=1).ids.ravel(), np.arange(1, 7))


def test_references_are_of_the_other_modality(pair):
    X_img, X_txt, _ = pair
    retriever = CCARetriever(3).fit(X_img, X_txt)
    index = RetrievalIndex(retriever, text=X_txt, hubness="csls", hubness_queries=X_img)
    other = RetrievalIndex(
        vectors=retriever.transform_text(X_txt),
        hubness="csls",
        hubness_queries=retriever.transform_image(X_img),
    )
    got = index.search(image=X_img)
    expected = other.search(vectors=retriever.transform_image(X_img))
    assert_array_equal(got.ids, expected.ids)
    with pytest.raises(ValueError, match="image features must have the 7 features"):
        RetrievalIndex(retriever, text=X_txt, hubness="csls", hubness_queries=X_txt)


@pytest.mark.parametrize("kind", KINDS)
def test_added_items_are_corrected_like_those_from_the_start(kind):
    query, gallery, references, _, _ = _cosines(0)
    options = {"hubness": kind, "hubness_queries": references}
    whole = RetrievalIndex(vectors=gallery, **options)
    parts = RetrievalIndex(vectors=gallery[:20], **options)
    parts.add(vectors=gallery[20:])
    expected, got = whole.search(vectors=query), parts.search(vectors=query)
    assert_array_equal(got.ids, expected.ids)
    assert_allclose(got.scores, expected.scores, atol=1e-6)
    assert parts.n_components == 5
    assert_array_equal(parts.vectors, gallery)


def test_the_nearest_of_the_references_are_known_after_changes():
    # Repeated items, so that others take the place of a nearest that is removed.
    query, gallery = make_codes(0, 12, 60, 3, n_distinct=15)
    references, _ = make_codes(1, 20, 1, 3)
    options = {"hubness": "dynamic_inverted_softmax", "hubness_queries": references}
    index = RetrievalIndex(vectors=gallery[:10], **options)
    rng, rows = np.random.default_rng(100), list(range(10))
    for n_new, n_removed in [(20, 12), (5, 0), (1, 24), (25, 3), (0, 1)]:
        if n_new:
            new = rng.integers(len(gallery), size=n_new).tolist()
            index.add(vectors=gallery[new])
            rows += new
        gone = rng.choice(len(rows), n_removed, replace=False).tolist()
        index.remove(index.ids[gone])
        rows = [row for i, row in enumerate(rows) if i not in gone]
        assert len(index) == len(rows)
        if not rows:
            index.remove([])
            continue
        fresh = RetrievalIndex(vectors=gallery[rows], **options)
        assert_array_equal(index._hubness.nearest, fresh._hubness.nearest)
        got, expected = (i.search(vectors=query, k=5) for i in (index, fresh))
        assert got.scores.tobytes() == expected.scores.tobytes()
    assert len(index) == 21


@pytest.mark.parametrize("kind", KINDS)
def test_filters_take_items_out_of_the_ranking_of_all(kind):
    query, gallery, references, _, _ = _cosines(0)
    scores, ids, index = _searched(query, gallery, references, hubness=kind)
    left = set(range(1, 50, 3))
    mask = np.array([i in left for i in range(50)])
    got = index.search(vectors=query, k=50, mask=mask)
    expected = [[i for i in row if i in left] for row in ids.tolist()]
    assert_array_equal(got.ids, expected)
    kept = np.isin(ids, list(left))
    assert_array_equal(got.scores.ravel(), scores[kept])


@pytest.mark.parametrize("kind", KINDS)
def test_faiss_batches_and_threads_rank_as_exact_search_does(kind, monkeypatch):
    query, gallery, references, _, _ = _cosines(0)
    options = {"hubness": kind, "n_hubness_neighbors": 3}
    scores, ids, index = _searched(query, gallery, references, 10, **options)
    one_by_one = [index.search(vectors=query[[i]]) for i in range(len(query))]
    monkeypatch.setattr(_hubness, "_HELD_SCORES", 60)
    threads, _, _ = _searched(query, gallery, references, 10, n_jobs=2, **options)
    for got in (np.vstack([one.scores for one in one_by_one]), threads):
        assert got.tobytes() == scores.tobytes()
    pytest.importorskip("faiss")
    options["backend"] = "faiss"
    flat = _searched(query, gallery, references, 10, **options)
    assert flat[0].tobytes() == scores.tobytes()
    assert_array_equal(flat[1], ids)
    assert flat[2].recall(vectors=query) == 1


def test_recall_counts_queries_that_a_graph_corrects_wrongly():
    pytest.importorskip("faiss")
    query, gallery = make_codes(1, 80, 2000, 12)
    references, _ = make_codes(2, 900, 1, 12)
    kind = "dynamic_inverted_softmax"
    poor = {"M": 2, "efConstruction": 2, "efSearch": 1}
    _, ids, graph = _searched(
        query,
        gallery,
        references,
        5,
        hubness=kind,
        backend="faiss",
        index_type="hnsw",
        index_params=poor,
    )
    cosines = query.astype(float) @ gallery.T.astype(float)
    with_references = references.astype(float) @ gallery.T.astype(float)
    corrected = correct_hubness(cosines, with_references, kind)
    best = np.argsort(-corrected, axis=1)[:, :5]
    shares = [len(set(a) & set(b)) / 5 for a, b in zip(ids, best, strict=True)]
    assert 0 < graph.recall(vectors=query, k=5) < 0.9
    assert_allclose(graph.recall(vectors=query, k=5), np.mean(shares))


def test_too_few_references_are_refused():
    with pytest.raises(ValueError, match="Got 10 for 3"):
        correct_hubness(np.eye(4), np.eye(4)[:3], "nnn")
    with pytest.raises(ValueError, match="Got 10 for 3"):
        RetrievalIndex(vectors=np.eye(4), hubness="csls", hubness_queries=np.eye(4)[:3])
    for bad in (np.full((12, 4), np.nan), np.ones(4), np.empty((0, 4))):
        with pytest.raises(ValueError, match="hubness_queries must be"):
            RetrievalIndex(vectors=np.eye(4), hubness="csls", hubness_queries=bad)
    with pytest.raises(ValueError, match="4 columns"):
        RetrievalIndex(vectors=np.eye(4), hubness="csls", hubness_queries=np.eye(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": None}, "'kind' parameter of correct_hubness"),
        ({"kind": "qb-norm"}, "dynamic_inverted_softmax"),
        ({"hubness_weight": -0.1}, "'hubness_weight' parameter of correct_hubness"),
        ({"hubness_weight": 1e39}, "'hubness_weight' parameter"),
        ({"n_hubness_neighbors": 2.0}, "'n_hubness_neighbors' parameter"),
        ({"inverse_temperature": np.nan}, "'inverse_temperature' parameter"),
        ({"reference_scores": np.ones((3, 5))}, "Got 4 and 5 columns"),
        ({"reference_scores": np.ones(4)}, "reference_scores"),
        ({"scores": [[np.nan] * 4]}, "scores contains NaN"),
    ],
)
def test_bad_input_of_score_matrices_is_named(change, message):
    good = {"scores": np.eye(4), "reference_scores": np.eye(4), "kind": "csls"}
    arguments = {**good, "n_hubness_neighbors": 2, **change}
    with pytest.raises(ValueError, match=message):
        correct_hubness(**arguments)


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_score_matrices_of_any_numbers_are_corrected(dtype):
    scores = np.array([[3, -1, 2], [0, 5, -7]], dtype=dtype)
    expected = [[3 - 0.75 * 3, -1 - 0.75 * 5, 2 - 0.75 * 2]]
    expected += [[0 - 0.75 * 3, 5 - 0.75 * 5, -7 - 0.75 * 2]]
    got = correct_hubness(scores, scores, "nnn", n_hubness_neighbors=1)
    assert_array_equal(got, expected)
    assert got.dtype == np.float64
    assert_array_equal(scores, np.array([[3, -1, 2], [0, 5, -7]]))


class TestSmoothing:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_vectors_are_means_over_neighbours_in_feature_space(self, pair, seed):
        X_img, X_txt, _ = pair
        retriever = CCARetriever(3).fit(X_img, X_txt)
        rows = np.random.default_rng(seed).choice(60, 40, replace=False)
        index = RetrievalIndex(retriever, text=X_txt[rows], n_smoothing_neighbors=4)
        features = unit(X_txt[rows]).astype(np.float64)
        near = np.argsort(-features @ features.T, axis=1)[:, :5]
        codes = unit(retriever.transform_text(X_txt[rows])).astype(np.float64)
        assert_allclose(index.vectors, codes[near].mean(axis=1), atol=1e-6)

    def test_sparse_features_have_the_neighbours_of_dense_ones(self, pair, monkeypatch):
        X_img, X_txt, _ = pair
        X_txt = np.maximum(X_txt, 0) + 0.01
        retriever = CCARetriever(3).fit(X_img, X_txt)
        dense = RetrievalIndex(retriever, text=X_txt, n_smoothing_neighbors=3)
        monkeypatch.setattr(_hubness, "_HELD_VALUES", 20)
        thin = RetrievalIndex(
            retriever, text=sparse.csr_array(X_txt), n_smoothing_neighbors=3
        )
        assert_allclose(thin.vectors, dense.vectors, atol=1e-6)

    def test_ready_vectors_are_their_own_features(self):
        _, gallery = make_codes(0, 1, 30, 4)
        index = RetrievalIndex(vectors=gallery, n_smoothing_neighbors=29)
        mean = np.tile(gallery.mean(axis=0), (30, 1))
        assert_allclose(index.vectors, mean, atol=1e-6)

    def test_scores_are_mean_cosines_of_the_neighbourhood(self):
        query, gallery = make_codes(0, 6, 40, 4)
        index = RetrievalIndex(vectors=gallery, n_smoothing_neighbors=2)
        near = np.argsort(-gallery @ gallery.T, axis=1)[:, :3]
        expected = np.sort((query @ gallery.T)[:, near].mean(axis=2))[:, ::-1]
        assert_allclose(index.search(vectors=query, k=40).scores, expected, atol=1e-6)

    def test_such_a_gallery_cannot_be_added_to(self):
        index = RetrievalIndex(vectors=np.eye(3), n_smoothing_neighbors=1)
        with pytest.raises(ValueError, match="smoothed gallery cannot be added to"):
            index.add(vectors=np.eye(3))
        assert len(index) == 3
