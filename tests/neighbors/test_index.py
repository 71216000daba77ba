"""What users ask of an index, whatever searches inside."""

import copy
import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    RetrievalIndex,
)
from sklearn_xmodal.datasets import make_paired_modalities
from tests.conftest import SEEDS
from tests.neighbors.oracles import all_scores, make_codes, top_k, unit

FAISS = [
    {"backend": "faiss", "index_type": kind, "index_params": params}
    for kind, params in [
        ("flat", None),
        ("hnsw", {"M": 16, "efSearch": 400}),
        ("ivf", {"nlist": 4, "nprobe": 4}),
    ]
]
BACKENDS = [{}, *FAISS]


def _name(backend):
    return backend.get("index_type", "exact")


def _add(**arguments):
    arguments = {"vectors": np.eye(2), "labels": [7, 8], **arguments}
    return lambda index: index.add(**arguments)


@pytest.fixture(params=BACKENDS, ids=_name)
def backend(request):
    """Keyword arguments of every backend, set to find everything."""
    if request.param:
        pytest.importorskip("faiss")
    return request.param


@pytest.fixture
def fitted(pair):
    return CCARetriever(3).fit(*pair[:2])


class TestSearch:
    @pytest.mark.parametrize("query", ["image", "text"])
    @pytest.mark.parametrize("gallery", ["image", "text"])
    def test_either_modality_finds_items_of_either(
        self, make_retriever, gallery, query
    ):
        from sklearn_xmodal.datasets import make_paired_modalities

        widths = {"n_image_features": 15, "n_text_features": 15}
        X_img, X_txt, y = make_paired_modalities(
            60, n_classes=3, random_state=0, **widths
        )
        retriever = make_retriever().fit(X_img, X_txt, y)
        X = {"image": X_img, "text": X_txt}
        codes = {
            "image": unit(retriever.transform_image(X_img)),
            "text": unit(retriever.transform_text(X_txt)),
        }
        index = RetrievalIndex(retriever, **{gallery: X[gallery]})
        scores, ids = index.search(**{query: X[query]}, k=7)
        expected = top_k(all_scores(codes[query], codes[gallery]), 7)
        np.testing.assert_allclose(scores, expected[0], atol=1e-6)
        # Other rounding may swap near ties; none are as near as this in most rows.
        assert (ids == expected[1]).all(axis=1).mean() > 0.9

    @pytest.mark.parametrize("seed", SEEDS)
    def test_backends_agree_with_all_pairs(self, backend, seed):
        query, gallery = make_codes(seed, 20, 300, 6)
        index = RetrievalIndex(vectors=5 * gallery, **backend)
        scores, ids = index.search(vectors=query / 3, k=10)
        expected = top_k(all_scores(query, gallery), 10)
        np.testing.assert_allclose(scores, expected[0], atol=1e-6)
        assert_array_equal(ids, expected[1])
        assert scores.dtype == np.float32
        assert ids.dtype == np.int64

    def test_scores_of_backends_are_the_same_bytes(self, backend):
        query, gallery = make_codes(0, 20, 300, 6)
        expected = RetrievalIndex(vectors=gallery).search(vectors=query)
        got = RetrievalIndex(vectors=gallery, **backend).search(vectors=query)
        assert got.scores.tobytes() == expected.scores.tobytes()
        assert got.ids.tobytes() == expected.ids.tobytes()

    def test_k_beyond_the_gallery_gives_all_of_it(self, backend):
        query, gallery = make_codes(0, 3, 50, 4)
        scores, ids = RetrievalIndex(vectors=gallery, **backend).search(
            vectors=query, k=1000
        )
        assert scores.shape == ids.shape == (3, 50)
        assert_array_equal(np.sort(ids), np.tile(np.arange(50), (3, 1)))
        assert (np.diff(scores) <= 0).all()

    def test_scores_are_never_above_one(self):
        query, _ = make_codes(0, 200, 1, 3)
        scores, _ = RetrievalIndex(vectors=query).search(vectors=query, k=1)
        np.testing.assert_allclose(scores, 1, atol=1e-7)
        assert scores.max() <= 1

    def test_equal_items_come_in_gallery_order(self):
        index = RetrievalIndex(vectors=[[1, 0], [2, 0], [0, 1], [3, 0]], ids=[*"dcba"])
        assert_array_equal(index.search(vectors=[[1, 0]], k=3).ids, [["d", "c", "a"]])

    def test_threads_change_no_byte(self, backend):
        query, gallery = make_codes(0, 1500, 200, 6)
        one = RetrievalIndex(vectors=gallery, **backend).search(vectors=query)
        two = RetrievalIndex(vectors=gallery, n_jobs=2, **backend).search(vectors=query)
        assert one.scores.tobytes() == two.scores.tobytes()
        assert one.ids.tobytes() == two.ids.tobytes()

    def test_a_query_of_zeros_scores_zero_with_all(self, backend):
        _, gallery = make_codes(0, 1, 50, 4)
        index = RetrievalIndex(vectors=gallery, **backend)
        assert_array_equal(
            index.search(vectors=np.zeros((1, 4)), k=5).scores, [[0] * 5]
        )

    def test_many_threads_get_the_bytes_of_one(self, backend):
        query, gallery = make_codes(0, 40, 400, 6)
        index = RetrievalIndex(vectors=gallery, **backend)
        expected = [index.search(vectors=q[None]).scores.tobytes() for q in query]
        got = [None] * len(query)

        def work(i):
            got[i] = index.search(vectors=query[i : i + 1]).scores.tobytes()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(query))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == expected

    def test_searches_beside_changes_see_whole_galleries(self, backend):
        # Items come and go in twos; a search must never see one of two.
        _, gallery = make_codes(0, 1, 40, 3)
        index = RetrievalIndex(vectors=gallery, ids=range(100, 140), **backend)
        pair = np.array([[1.0, 0, 0], [1.0, 0, 0]])
        done, wrong = threading.Event(), []

        def look():
            while not done.is_set():
                ids = index.search(vectors=[[1.0, 0, 0]], k=42).ids[0].tolist()
                if (0 in ids) != (1 in ids) or len(ids) not in (40, 42):
                    wrong.append(ids)

        readers = [threading.Thread(target=look) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for _ in range(30):
                index.add(vectors=pair, ids=[0, 1])
                index.remove([0, 1])
        finally:  # or else the readers would go on after an error, without end
            done.set()
        for reader in readers:
            reader.join()
        assert wrong == []


class TestRetrievers:
    def test_a_pipeline_encodes_through_its_steps(self, pair):
        pairs = ImageTextPairs(*pair[:2])
        pipe = make_pipeline(
            ModalityTransformer(image=StandardScaler()), CCARetriever(3)
        )
        pipe.fit(pairs)
        index = RetrievalIndex(pipe, text=pair[1])
        codes = pipe.transform(pairs)
        expected = top_k(all_scores(unit(codes.image), unit(codes.text)), 5)
        scores, ids = index.search(image=pair[0], k=5)
        np.testing.assert_allclose(scores, expected[0], atol=1e-6)
        assert (ids == expected[1]).mean() > 0.98

    def test_of_a_search_the_best_estimator_encodes(self, pair):
        X_img, X_txt, y = pair
        grid = GridSearchCV(CCARetriever(2), {"alpha": [0.1, 10]}, cv=2)
        grid.fit(ImageTextPairs(X_img, X_txt), y)
        index = RetrievalIndex(grid, text=X_txt)
        best = RetrievalIndex(grid.best_estimator_, text=X_txt)
        assert index.retriever is grid.best_estimator_
        assert_array_equal(index.vectors, best.vectors)

    def test_raw_strings_are_searched_through_a_vectorizer(self):
        texts = ["red cat", "blue dog", "red dog", "blue cat", "old dog", "old cat"]
        X_img = CountVectorizer().fit_transform(texts).toarray()
        X_img = X_img + 0.01 * np.random.default_rng(0).normal(size=X_img.shape)
        pipe = make_pipeline(
            ModalityTransformer(text=CountVectorizer()), CCARetriever(3, alpha=0.1)
        ).fit(ImageTextPairs(X_img, texts))
        index = RetrievalIndex(pipe, image=X_img, ids=texts)
        assert index.search(text=["dog, blue"], k=1).ids.tolist() == [["blue dog"]]

    def test_sparse_queries_and_galleries_are_those_of_dense_ones(self, pair):
        X_img, X_txt, _ = pair
        X_txt = np.maximum(X_txt, 0)
        retriever = CCARetriever(3).fit(X_img, sparse.csr_array(X_txt))
        dense = RetrievalIndex(retriever, text=X_txt)
        thin = RetrievalIndex(retriever, text=sparse.csr_array(X_txt))
        np.testing.assert_allclose(thin.vectors, dense.vectors, atol=1e-6)
        got = thin.search(text=sparse.coo_array(X_txt), k=1)
        np.testing.assert_allclose(got.scores, 1, atol=1e-6)

    def test_data_frames_keep_their_columns(self, pair):
        pd = pytest.importorskip("pandas")
        frames = [
            pd.DataFrame(X, columns=[f"{name}{i}" for i in range(X.shape[1])])
            for X, name in zip(pair, ("i", "t"), strict=False)
        ]
        retriever = CCARetriever(3).fit(*frames).set_output(transform="pandas")
        index = RetrievalIndex(retriever, text=frames[1], ids=frames[1].index)
        assert index.search(image=frames[0].iloc[:4]).ids.shape == (4, 10)
        with pytest.raises(ValueError, match="columns of the image features must be"):
            index.search(image=frames[0].iloc[:, ::-1])

    def test_batches_do_not_change_the_codes(self, fitted, pair, monkeypatch):
        from sklearn_xmodal.neighbors import _encoding

        whole = RetrievalIndex(fitted, text=pair[1]).vectors
        monkeypatch.setattr(_encoding, "_BATCH_SIZE", 7)
        parts = RetrievalIndex(fitted, text=pair[1]).vectors
        np.testing.assert_allclose(parts, whole, atol=1e-6)

    def test_progress_is_shown_when_asked_for(self, fitted, pair, capsys):
        RetrievalIndex(fitted, text=pair[1]).search(image=pair[0])
        assert capsys.readouterr().err == ""
        RetrievalIndex(fitted, text=pair[1], verbose=1).search(image=pair[0])
        assert capsys.readouterr().err.count("0/60") >= 3  # gallery, queries, search


class TestFilters:
    @pytest.fixture
    def data(self):
        query, gallery = make_codes(3, 8, 120, 5)
        labels = np.array(["cat", "dog", "eel"])[np.arange(120) % 3]
        return query, gallery, labels, [f"item{i}" for i in range(120)]

    def _expected(self, data, allowed, k):
        query, gallery, _, ids = data
        scores = np.where(allowed, all_scores(query, gallery), -np.inf)
        return np.array(ids, dtype=object)[top_k(scores, k)[1]]

    def test_mask(self, data, backend):
        query, gallery, labels, ids = data
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=labels, **backend)
        mask = np.random.default_rng(0).random(120) < 0.2
        got = index.search(vectors=query, k=6, mask=mask).ids
        assert_array_equal(got, self._expected(data, mask, 6))

    def test_labels(self, data, backend):
        query, gallery, labels, ids = data
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=labels, **backend)
        got = index.search(vectors=query, k=6, labels={"dog", "eel", "gnu"}).ids
        assert_array_equal(got, self._expected(data, labels != "cat", 6))

    def test_exclude(self, data, backend):
        query, gallery, labels, ids = data
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=labels, **backend)
        best = index.search(vectors=query, k=1).ids.ravel()
        got = index.search(vectors=query, k=6, exclude=[*best, "unknown"]).ids
        assert_array_equal(got, self._expected(data, ~np.isin(ids, list(best)), 6))

    def test_all_at_once_leave_what_passes_all(self, data, backend):
        query, gallery, labels, ids = data
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=labels, **backend)
        mask = np.arange(120) < 9
        got = index.search(
            vectors=query, k=6, mask=mask, labels=["cat"], exclude=["item3"]
        ).ids
        assert_array_equal(np.sort(got.astype(str)), [["item0", "item6"]] * 8)

    def test_that_let_nothing_through_are_named(self, data):
        query, gallery, labels, ids = data
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=labels)
        with pytest.raises(ValueError, match="Got labels and exclude that"):
            index.search(vectors=query, labels=["gnu"], exclude=["item0"])

    @pytest.mark.parametrize(
        ("filters", "message"),
        [
            ({"mask": [True, False]}, r"shape \(120,\). Got bool of shape \(2,\)"),
            ({"mask": np.zeros(120)}, "Got float64 of shape"),
            ({"labels": "cat"}, "labels must be a list or an array. Got 'cat'"),
            ({"labels": [["cat"]]}, "labels must be hashable"),
            ({"exclude": "item0"}, "put a single one into a list"),
        ],
    )
    def test_of_the_wrong_form_are_refused(self, data, filters, message):
        query, gallery, labels, ids = data
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=labels)
        with pytest.raises((ValueError, TypeError), match=message):
            index.search(vectors=query, **filters)

    def test_labels_need_labels(self, data):
        with pytest.raises(ValueError, match="index built with labels"):
            RetrievalIndex(vectors=data[1]).search(vectors=data[0], labels=["cat"])


class TestChanges:
    def test_added_items_are_found(self, backend):
        query, gallery = make_codes(0, 10, 200, 6)
        whole = RetrievalIndex(vectors=gallery, **backend).search(vectors=query)
        index = RetrievalIndex(vectors=gallery[:90], **backend)
        for start, stop in [(90, 91), (91, 150), (150, 200)]:
            index.add(vectors=gallery[start:stop])
        assert len(index) == 200
        got = index.search(vectors=query)
        assert_array_equal(got.ids, whole.ids)
        assert got.scores.tobytes() == whole.scores.tobytes()

    @pytest.mark.parametrize("n_removed", [1, 60, 150])
    def test_removed_items_are_not_found(self, backend, n_removed):
        query, gallery = make_codes(0, 10, 200, 6)
        gone = np.random.default_rng(0).choice(200, n_removed, replace=False)
        left = np.setdiff1d(np.arange(200), gone)
        index = RetrievalIndex(vectors=gallery, payload=range(200), **backend)
        index.remove(gone)
        assert len(index) == 200 - n_removed
        assert [i in index for i in (gone[0], left[0])] == [False, True]
        expected = top_k(all_scores(query, gallery[left]), 10)
        got = index.search(vectors=query)
        assert_array_equal(got.ids, left[expected[1]])
        assert_array_equal(index.get_payload(got.ids), got.ids)

    def test_a_long_history_ends_as_what_is_left(self, backend):
        rng = np.random.default_rng(0)
        query, gallery = make_codes(0, 5, 400, 4)
        index = RetrievalIndex(
            vectors=gallery[:20], ids=range(20), labels=np.arange(20) % 3, **backend
        )
        there, last = list(range(20)), 20
        for _ in range(25):
            n = int(rng.integers(1, 12))
            new = list(range(last, last + n))
            index.add(vectors=gallery[new], ids=new, labels=np.array(new) % 3)
            there, last = there + new, last + n
            gone = rng.choice(there, size=int(rng.integers(1, 10)), replace=False)
            index.remove(gone)
            there = [i for i in there if i not in gone]
        assert_array_equal(index.ids, there)
        assert_array_equal(index.labels, np.array(there) % 3)
        for labels in (None, [1]):
            ok = np.array(there) % 3 == 1 if labels else np.ones(len(there), dtype=bool)
            scores = np.where(ok, all_scores(query, gallery[there]), -np.inf)
            got = index.search(vectors=query, k=5, labels=labels)
            assert_array_equal(got.ids, np.array(there)[top_k(scores, 5)[1]])

    def test_an_emptied_index_can_be_filled_again(self, backend):
        query, gallery = make_codes(0, 3, 60, 4)
        index = RetrievalIndex(vectors=gallery, **backend)
        index.remove(index.ids)
        assert len(index) == 0
        with pytest.raises(ValueError, match="must hold items to be searched"):
            index.search(vectors=query)
        index.add(vectors=gallery)
        expected = top_k(all_scores(query, gallery), 3)[1] + 60
        assert_array_equal(index.search(vectors=query, k=3).ids, expected)

    def test_row_numbers_are_never_given_twice(self):
        index = RetrievalIndex(vectors=np.eye(3))
        index.remove([2])
        index.add(vectors=np.eye(3)[:2])
        assert_array_equal(index.ids, [0, 1, 3, 4])

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            (
                lambda i: i.remove(["b", "x"]),
                KeyError,
                "unknown id, the first is 'x'",
            ),
            (lambda i: i.remove(["b", "b"]), ValueError, "must be distinct"),
            (lambda i: i.remove("b"), TypeError, "put a single one into a list"),
            (
                _add(ids=["x", "b"]),
                ValueError,
                "first is 'b'. Remove these",
            ),
            (_add(ids=["x", "x"]), ValueError, "must be distinct. Got 'x' more than"),
            (_add(ids=["x"]), ValueError, "Got 1 for 2 items"),
            (_add(ids=[[1], [2]]), TypeError, "hashable"),
            (_add(ids={"x", "y"}), TypeError, "has no order"),
            (_add(ids={"x": 1, "y": 2}), TypeError, "keys would be taken"),
            (_add(ids=[1, np.nan]), ValueError, "must not be NaN"),
            (
                _add(labels=None),
                ValueError,
                "for all items or for none",
            ),
            (_add(payload=[1, 2]), ValueError, "The gallery has none. Got some"),
            (_add(vectors=np.eye(3)[:2]), ValueError, "has 2 columns. Got 3"),
            (_add(vectors=[[1, np.nan], [1, 2]]), ValueError, "contains NaN"),
            (_add(vectors=None), ValueError, "Either features .* or vectors must be"),
            (
                _add(vectors=None, text=[[1]]),
                ValueError,
                "of the gallery, vectors",
            ),
        ],
    )
    def test_that_are_refused_change_nothing(self, change, error, message, backend):
        index = RetrievalIndex(
            vectors=[[1, 0], [0, 1], [1, 1], [1, 2]],
            ids=[*"abcd"],
            labels=[0, 1, 2, 3],
            **{**backend, "index_params": None} if backend else {},
        )
        before = index.search(vectors=[[3, 2]])
        with pytest.raises(error, match=message):
            change(index)
        after = index.search(vectors=[[3, 2]])
        assert_array_equal(index.ids, [*"abcd"])
        assert_array_equal(index.labels, [0, 1, 2, 3])
        assert_array_equal(after.ids, before.ids)
        assert "x" not in index

    def test_features_are_added_through_the_retriever(self, fitted, pair):
        index = RetrievalIndex(fitted, text=pair[1][:20])
        index.add(text=pair[1][20:])
        np.testing.assert_allclose(
            index.vectors, RetrievalIndex(fitted, text=pair[1]).vectors, atol=1e-6
        )
        with pytest.raises(ValueError, match="of the gallery, text"):
            index.add(image=pair[0])


class TestIds:
    def test_any_hashable_kind_comes_back_as_it_was(self):
        ids = [3, "three", (1, ("a", None)), None, 2.5, frozenset({1}), b"x"]
        index = RetrievalIndex(vectors=np.eye(7), ids=ids, payload=range(7))
        found = index.search(vectors=np.eye(7), k=1).ids.ravel()
        assert found.tolist() == ids
        assert [type(i) for i in found] == [type(i) for i in ids]
        assert index.get_payload(found).tolist() == list(range(7))
        assert all(i in index for i in ids)

    def test_scalars_of_numpy_become_those_of_python(self):
        index = RetrievalIndex(vectors=np.eye(3), ids=np.array(["a", "b", "c"]))
        assert type(index.search(vectors=[[1, 0, 0]], k=1).ids[0, 0]) is str
        assert np.str_("b") in index
        assert ["b"] not in index
        index.remove(np.array(["b"]))
        assert len(index) == 2

    def test_integers_beside_others_stay_integers(self):
        index = RetrievalIndex(vectors=np.eye(2))
        index.add(vectors=[[1, 1]], ids=["x"])
        assert index.search(vectors=[[1, 0]], k=3).ids.tolist() == [[0, "x", 1]]

    def test_integers_too_large_for_numpy_are_kept(self):
        index = RetrievalIndex(vectors=np.eye(2), ids=[2**70, 1])
        assert index.search(vectors=[[1, 0]], k=1).ids.tolist() == [[2**70]]


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({}, ValueError, "Either features .* or vectors must be given. Got none"),
            (
                {"text": 0, "image": 0, "vectors": 0},
                ValueError,
                "Got image and text and vectors",
            ),
            ({"vectors": np.empty((0, 3))}, ValueError, r"at least one row.*\(0, 3\)"),
            ({"vectors": [1.0, 2.0]}, ValueError, r"must be a matrix .* shape \(2,\)"),
            ({"vectors": [[1, np.inf]]}, ValueError, "vectors contains infinity"),
            ({"vectors": [["a", "b"]]}, ValueError, "could not convert string"),
            ({"vectors": np.eye(2) * 1j}, ValueError, "Complex data not supported"),
            ({"vectors": sparse.eye(3)}, TypeError, "must be dense"),
            ({"text": [[1.0]]}, TypeError, "text needs an index with a retriever"),
            ({"backend": "annoy"}, ValueError, "'backend' parameter .* Got 'annoy'"),
            ({"index_type": "hnsw"}, ValueError, 'are of backend="faiss"'),
            ({"index_params": {}}, ValueError, 'are of backend="faiss"'),
            ({"hubness": "csls"}, ValueError, "measured with hubness_queries"),
            ({"hubness_queries": np.eye(3)}, ValueError, "hubness_queries are of hubn"),
            ({"n_hubness_neighbors": 0}, ValueError, "'n_hubness_neighbors' parameter"),
            ({"inverse_temperature": 0}, ValueError, "'inverse_temperature' parameter"),
            ({"n_smoothing_neighbors": 3}, ValueError, "Got 3 for 3 items"),
            ({"ids": [1, 1, 2]}, ValueError, "must be distinct. Got 1"),
            ({"labels": [1]}, ValueError, "labels must have one entry per item. Got 1"),
            ({"payload": "abc"}, TypeError, "payload must be a list or an array"),
            ({"n_jobs": "two"}, ValueError, "'n_jobs' parameter"),
        ],
    )
    def test_of_the_constructor_that_are_wrong_are_named(
        self, arguments, error, message
    ):
        if not {"vectors", "image", "text"} & set(arguments) and arguments:
            arguments = {"vectors": np.eye(3), **arguments}
        with pytest.raises(error, match=message):
            RetrievalIndex(**arguments)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({}, ValueError, "Either features .* or vectors must be given. Got none"),
            ({"image": 1, "vectors": 1}, ValueError, "Got image and vectors"),
            ({"k": 0}, ValueError, "'k' parameter .* Got 0"),
            ({"k": 2.0}, ValueError, "'k' parameter .* Got 2.0"),
            ({"image": np.ones((1, 6))}, ValueError, "7 features of fit. Got 6"),
            ({"image": [np.nan] * 7}, ValueError, "Got a 1D array"),
            ({"image": [[np.nan] * 7]}, ValueError, "image features must be finite"),
            ({"image": np.empty((0, 7))}, ValueError, "at least one row"),
            ({"text": "a dog"}, ValueError, "must have rows. Got a scalar"),
            ({"vectors": np.ones((1, 4))}, ValueError, "has 3 columns. Got 4"),
            ({"vectors": ImageTextPairs([[1]])}, TypeError, "come as a dict, {'image'"),
            ({"vectors": ([[1]], [[1]])}, TypeError, "one matrix. Got tuple; codes of"),
            ({"image": ImageTextPairs([[1]])}, TypeError, "use its side, pairs.image"),
        ],
    )
    def test_of_a_search_that_are_wrong_are_named(
        self, arguments, error, message, fitted, pair
    ):
        index = RetrievalIndex(fitted, text=pair[1])
        if arguments.keys() <= {"k"} and arguments:
            arguments = {"image": pair[0], **arguments}
        with pytest.raises(error, match=message):
            index.search(**arguments)

    @pytest.mark.parametrize(
        ("retriever", "error", "message"),
        [
            (CCARetriever(), NotFittedError, "not fitted"),
            (CCARetriever, TypeError, "must be a fitted retriever"),
            (np.eye(3), TypeError, "Ready codes go into vectors"),
            (
                StandardScaler().fit(np.eye(3)),
                TypeError,
                "Got StandardScaler",
            ),
        ],
        ids=["unfitted", "class", "matrix", "scaler"],
    )
    def test_only_fitted_retrievers_encode(self, retriever, error, message, pair):
        with pytest.raises(error, match=message):
            RetrievalIndex(retriever, text=pair[1])

    def test_a_search_must_have_kept_its_best(self, pair):
        grid = GridSearchCV(CCARetriever(2), {"alpha": [0.1]}, cv=2, refit=False)
        grid.fit(ImageTextPairs(*pair[:2]), pair[2])
        with pytest.raises(TypeError, match="fitted with refit=True"):
            RetrievalIndex(grid, text=pair[1])

    def test_payload_must_be_there_to_be_asked_for(self):
        with pytest.raises(ValueError, match="index built with payload"):
            RetrievalIndex(vectors=np.eye(2)).get_payload([0])
        index = RetrievalIndex(vectors=np.eye(2), payload=["a", "b"])
        with pytest.raises(KeyError, match="unknown id, the first is 7"):
            index.get_payload([0, 7])

    def test_inputs_are_left_alone(self, fitted, pair):
        vectors = np.asfortranarray(np.random.default_rng(0).normal(size=(30, 3)))
        before = vectors.copy()
        vectors.flags.writeable = False
        ids, payload = list(range(30)), [{} for _ in range(30)]
        index = RetrievalIndex(fitted, vectors=vectors, ids=ids, payload=payload)
        index.add(vectors=vectors, ids=range(30, 60), payload=payload)
        index.search(vectors=vectors)
        assert_array_equal(vectors, before)
        assert ids == list(range(30))
        assert len(payload) == 30

    def test_vectors_cannot_be_written_to(self):
        with pytest.raises(ValueError, match="read-only"):
            RetrievalIndex(vectors=np.eye(2)).vectors[0] = 1


def test_an_index_says_what_it_is(fitted, pair):
    assert repr(RetrievalIndex(fitted, text=pair[1])) == (
        "RetrievalIndex(60 items, 3 columns of text codes, backend='exact')"
    )


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda index: pickle.loads(pickle.dumps(index))],
    ids=["deepcopy", "pickle"],
)
def test_copies_answer_alike_and_stand_alone(duplicate, backend):
    query, gallery = make_codes(0, 5, 100, 4)
    index = RetrievalIndex(vectors=gallery, **backend)
    index.remove([3])
    other = duplicate(index)
    index.remove([5])
    assert_array_equal(
        other.search(vectors=query, exclude=[5]).ids, index.search(vectors=query).ids
    )
    assert 5 in other


class TestMessages:
    @pytest.mark.parametrize(
        "call",
        [
            lambda index, X: index.search(X),
            lambda index, X: index.search(X, k=3),
            lambda index, X: index.recall(X),
            lambda index, X: index.add(X),
            lambda index, X: index.add(X, [1, 2]),
            lambda index, X: RetrievalIndex(index.retriever, X),
        ],
        ids=["search", "search k", "recall", "add", "add ids", "build"],
    )
    def test_data_without_a_name_are_told_which(self, call, fitted, pair):
        index = RetrievalIndex(fitted, text=pair[1])
        with pytest.raises(
            TypeError, match=r"image=X, text=X, or vectors=X.*Got ndarr"
        ):
            call(index, pair[0])

    def test_default_ids_that_are_taken_must_be_given(self, tmp_path):
        index = RetrievalIndex(vectors=np.eye(3), ids=[10, 3, 4])
        message = (
            r"without, they count on from 3, .* Got 2 known ids, the first is 3\.$"
        )
        with pytest.raises(ValueError, match=message):
            index.add(vectors=np.eye(3))
        assert_array_equal(index.ids, [10, 3, 4])

    @pytest.mark.parametrize("n_rows", [5, 9000])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_bad_values_of_vectors_are_told_by_their_row(self, n_rows, value):
        vectors = np.ones((n_rows, 2))
        vectors[n_rows - 2, 1] = value
        index = RetrievalIndex(vectors=np.eye(2))
        message = f"1 bad value, the first in row {n_rows - 2}\\."
        for call in (index.search, index.recall, index.add, RetrievalIndex):
            with pytest.raises(ValueError, match=message):
                call(vectors=vectors)
        assert len(index) == 2

    def test_rows_of_features_are_counted_from_their_batch(self, fitted, pair):
        X_img = np.tile(pair[0], (150, 1))
        X_img[8195, 0] = np.nan
        index = RetrievalIndex(fitted, text=pair[1])
        message = "the first in row 8195"
        for X in (X_img, sparse.csr_array(X_img)):
            with pytest.raises(ValueError, match=message):
                index.search(image=X)


def test_a_pipeline_over_stacked_matrices_is_refused():
    X_img, X_txt, y = make_paired_modalities(60, random_state=0)
    X = np.hstack([X_img, X_txt])
    pipe = make_pipeline(
        StandardScaler(), CCARetriever(2, n_image_features=X_img.shape[1])
    ).fit(X, y)
    with pytest.raises(ValueError, match="Put the steps into a ModalityTransformer"):
        RetrievalIndex(pipe, text=X_txt)


def test_a_single_query_is_told_how_to_be_a_matrix():
    X_img, X_txt, y = make_paired_modalities(60, random_state=0)
    index = RetrievalIndex(CCARetriever(2).fit(X_img, X_txt, y), text=X_txt)
    message = r"1D array of shape \(\d+,\).*reshape\(1, -1\)"
    with pytest.raises(ValueError, match=message):
        index.search(image=X_img[0])
