"""Indexes that are trained for queries of another modality."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.neighbors._query_map import QueryMap
from sklearn_xmodal.persistence import InvalidFileError
from tests.conftest import thorough_but
from tests.neighbors.oracles import unit
from tests.neighbors.rewriting import rewrite


@pytest.fixture(autouse=True)
def faiss():
    return pytest.importorskip("faiss")


def _two_modalities(seed=0, n=1000, n_components=24):
    """Codes of a joint space with a gap: images, texts to learn from, other texts.

    What texts vary in is little of what images vary in.
    """
    rng = np.random.default_rng(seed)
    scale = np.linspace(2, 0.2, n_components)
    images = unit(rng.normal(size=(n, n_components)) * scale + 1)
    texts = rng.normal(size=(400, n_components)) * scale[::-1] - 1
    return images, *np.split(unit(texts), 2)


def _index(gallery, fit_queries, index_type="ivf", **params):
    return RetrievalIndex(
        vectors={"image": gallery},
        backend="faiss",
        index_type=index_type,
        index_params={"nlist": 16, "nprobe": 2} | params,
        fit_queries=fit_queries if fit_queries is None else {"text": fit_queries},
    )


@pytest.mark.parametrize(
    ("index_type", "gain", "params"),
    [
        pytest.param("ivf", 0.01, {}, marks=pytest.mark.thorough),
        ("ivfpq", 0.05, {"nlist": 1, "nprobe": 1, "M": 3, "oversampling": 1}),
    ],
)
def test_such_queries_find_more(index_type, gain, params):
    images, known, texts = _two_modalities(n=1500)
    plain = _index(images, None, index_type, **params).recall(vectors={"text": texts})
    fitted = _index(images, known, index_type, **params).recall(vectors={"text": texts})
    assert fitted > plain + gain


def test_scores_and_order_are_those_of_exact_search():
    images, known, texts = _two_modalities(n=200)
    exact = RetrievalIndex(vectors={"image": images})
    for index_type in ("ivf", "ivfpq"):
        index = _index(images, known, index_type, nprobe=16)
        if index_type == "ivfpq":
            index.set_index_params(oversampling=20)
        for a, b in zip(
            index.search(vectors={"text": texts}),
            exact.search(vectors={"text": texts}),
            strict=True,
        ):
            assert_array_equal(a, b)


def test_the_map_is_that_of_the_moments_of_queries():
    rng = np.random.default_rng(1)
    Q, X = rng.normal(size=(50, 6)), rng.normal(size=(9, 6)).astype(np.float32)
    learned = QueryMap.learned(Q)
    moments = sum(np.outer(q, q) for q in Q) / 50
    moments += np.trace(moments) / 6 * np.eye(6)
    fourth_power = np.linalg.matrix_power(learned.item_map.astype(float), 4)
    assert_allclose(fourth_power, moments, rtol=1e-5, atol=1e-5)
    query = Q[:4].astype(np.float32)
    products = learned.of_queries(query) @ learned.of_items(X).T
    assert_allclose(products, query @ X.T, atol=1e-5)


@pytest.mark.parametrize("index_type", thorough_but(["ivf"], ["ivf", "ivfpq"]))
def test_files_additions_and_removals_keep_what_was_learned(tmp_path, index_type):
    images, known, texts = _two_modalities(n=400)
    index = _index(images[:300], known, index_type)
    index.save(tmp_path / "index.xmodal")
    again = RetrievalIndex.load(tmp_path / "index.xmodal")
    for side in (index, again):
        side.add(vectors={"image": images[300:]})
        side.remove([1, 300])
    for a, b in zip(index.search(vectors=texts), again.search(vectors=texts),
                    strict=True):  # fmt: skip
        assert_array_equal(a, b)
    before = again._engine._map
    again.remove(range(2, 260))  # built anew
    assert again._engine._map is before
    assert again.recall(vectors=texts) > 0.5
    assert_array_equal(again.search(vectors=images[350:351], k=1).ids, [[350]])


def test_hubness_goes_along():
    images, known, texts = _two_modalities(n=600)
    index = RetrievalIndex(
        vectors=images, backend="faiss", index_type="ivf", fit_queries=known,
        index_params={"nlist": 4, "nprobe": 4}, hubness="csls", hubness_queries=known,
    )  # fmt: skip
    exact = RetrievalIndex(vectors=images, hubness="csls", hubness_queries=known)
    assert_array_equal(index.search(vectors=texts).ids, exact.search(vectors=texts).ids)


def test_features_are_encoded():
    rng = np.random.default_rng(2)
    X_img = rng.normal(size=(120, 6))
    X_txt = X_img[:, :5] + rng.normal(size=(120, 5))
    retriever = CCARetriever(3).fit(X_img, X_txt)
    options = {"backend": "faiss", "index_type": "ivf"}
    one = RetrievalIndex(retriever, image=X_img, fit_queries=X_txt, **options)
    codes = {side: getattr(retriever, f"transform_{side}")(X)
             for side, X in (("image", X_img), ("text", X_txt))}  # fmt: skip
    two = RetrievalIndex(
        vectors={"image": codes["image"]},
        fit_queries={"text": codes["text"]},
        **options,
    )
    assert_allclose(one._engine._map.item_map, two._engine._map.item_map, rtol=1e-6)


def test_recall_is_told_by_modality_of_items_and_queries():
    rng = np.random.default_rng(3)
    images, texts = (
        unit(rng.normal(size=(300, 12)) + 1),
        unit(rng.normal(size=(90, 12))),
    )
    index = RetrievalIndex(
        vectors={"image": images, "text": texts},
        backend="faiss",
        index_type="ivf",
        index_params={"nlist": 12, "nprobe": 1},
    )
    exact = RetrievalIndex(vectors={"image": images, "text": texts})
    for side in ("image", "text"):
        query = {"text": texts[:40]}
        a, b = (i.search(vectors=query, modality=side).ids for i in (index, exact))
        share = np.mean([np.isin(x, y).mean() for x, y in zip(a, b, strict=True)])
        assert index.recall(vectors=query, modality=side) == pytest.approx(share)
    with pytest.raises(ValueError, match="vectors alone"):
        RetrievalIndex(vectors=texts).recall(vectors=texts, modality="text")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fit_queries": np.eye(3)}, "Got a search by 'exact'"),
        ({"fit_queries": np.eye(3), "backend": "faiss"}, "search by 'flat'"),
        ({"fit_queries": np.eye(3), "storage": "binary"}, "search by 'binary'"),
        ({"fit_queries": np.eye(4), "backend": "faiss", "index_type": "ivf"},
         "3 columns. Got 4"),
        ({"fit_queries": {"sound": 1}, "backend": "faiss", "index_type": "ivf"},
         "fit_queries by modality"),
        ({"fit_queries": [[1, 2, np.nan]], "backend": "faiss", "index_type": "ivf"},
         "fit_queries contains NaN"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RetrievalIndex(vectors=np.eye(3), **arguments)


@pytest.mark.parametrize("value", [np.nan, None])
def test_files_that_no_index_wrote_are_refused(tmp_path, value):
    images, known, _ = _two_modalities(n=60)
    path = tmp_path / "index.xmodal"
    _index(images, known, nlist=2).save(path)

    def change(state, tensors):
        name = "RetrievalIndex.graph['query_map']"
        tensors[name] = np.array(tensors[name])
        if value is None:
            tensors[name] = tensors[name][:-1].copy()
        else:
            tensors[name][0, 0] = value

    rewrite(path, change)
    with pytest.raises(InvalidFileError):
        RetrievalIndex.load(path)
