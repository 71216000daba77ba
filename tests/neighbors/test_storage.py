"""Vectors in fewer bytes: what they lose, and that nothing else changes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.datasets import load_unicode_glyphs
from sklearn_xmodal.persistence import InvalidFileError
from tests.conftest import thorough_but
from tests.neighbors.oracles import all_scores, make_codes, top_k, unit
from tests.neighbors.rewriting import rewrite

SMALL = ("float16", "int8", "binary")
#: Storage -> bytes per value that every search reads, and the least recall@10.
BARS = {"float16": (2, 0.995), "int8": (1, 0.98), "binary": (1 / 8, 0.9)}


@pytest.fixture(scope="module")
def glyphs():
    """Codes of real pairs: texts to search by, and a gallery of images."""
    X_img, X_txt, _ = load_unicode_glyphs(return_X_y=True)
    retriever = CCARetriever(40, alpha=1).fit(X_img[::4], X_txt[::4])
    return (
        unit(retriever.transform_text(X_txt[1::21])),
        unit(retriever.transform_image(X_img)),
    )


def _searched(index):
    """Return the array that every search reads."""
    is_binary = index.storage == "binary"
    return index._engine.bits if is_binary else index._gallery.vectors.codes


@pytest.mark.parametrize("storage", SMALL)
def test_real_codes_are_found_in_a_share_of_the_bytes(glyphs, storage):
    query, gallery = glyphs
    index = RetrievalIndex(vectors=gallery, storage=storage)
    n_bytes, least = BARS[storage]
    assert _searched(index).nbytes == n_bytes * gallery.size
    # By the definition: items that score as much as the tenth.
    scores = query.astype(float) @ gallery.T.astype(float)
    found = index.search(vectors=query, k=10).ids
    tenth = np.sort(scores, axis=1)[:, [-10]]
    assert np.mean(np.take_along_axis(scores, found, axis=1) >= tenth) >= least


@pytest.mark.parametrize("storage", SMALL)
def test_scores_are_those_of_the_vectors_as_they_are_held(storage):
    query, gallery = make_codes(0, 6, 150, 11)
    index = RetrievalIndex(vectors=gallery, storage=storage)
    index.search(vectors=query)
    scores, ids = index.search(vectors=query, k=150)
    expected_scores, expected_ids = top_k(all_scores(query, index.vectors), 150)
    assert_array_equal(ids, expected_ids)
    assert_array_equal(scores, np.clip(expected_scores, -1, 1))


def test_values_are_rounded_to_the_nearest_of_256_steps_of_their_column():
    _, gallery = make_codes(1, 1, 300, 7)
    index = RetrievalIndex(vectors=gallery, storage="int8")
    step = (gallery.max(axis=0) - gallery.min(axis=0)) / 255
    error = np.abs(index.vectors - gallery)
    assert (error <= step / 2 + 1e-6).all()
    assert (error > step / 4).any()
    half = RetrievalIndex(vectors=gallery, storage="float16")
    assert_array_equal(half.vectors, gallery.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("storage", SMALL)
def test_results_do_not_depend_on_threads_or_batches(glyphs, storage):
    query, gallery = glyphs
    query = np.tile(query, (6, 1))[:530]  # more than one batch
    index = RetrievalIndex(vectors=gallery[:900], storage=storage)
    expected = index.search(vectors=query, k=5)
    index.n_jobs = 3
    for part in (slice(None), slice(7, 8), slice(100, 131)):
        found = index.search(vectors=query[part], k=5)
        assert_array_equal(found.ids, expected.ids[part])
        assert_array_equal(found.scores, expected.scores[part])


@pytest.mark.parametrize("storage", SMALL)
def test_filters_leave_the_others(storage):
    _, gallery = make_codes(2, 1, 400, 16)
    labels = np.arange(400) % 4
    index = RetrievalIndex(vectors=gallery, labels=labels, storage=storage)
    own = np.array([8, 12, 16])
    found = index.search(
        vectors=gallery[own], k=5, labels=[0], exclude=[4], ids_query=own
    )
    assert (found.ids % 4 == 0).all()
    assert not np.isin(found.ids, [4]).any()
    assert not (found.ids == own[:, None]).any()
    alone = RetrievalIndex(vectors=index.vectors[::4], ids=range(0, 400, 4))
    best = alone.search(
        vectors=gallery[own], k=5, exclude=[4], ids_query=own
    )  # of 99 items all but binary read all
    if storage != "binary":
        assert_array_equal(found.ids, best.ids)
    else:
        assert np.mean(np.isin(found.ids, best.ids)) > 0.9


@pytest.mark.parametrize("storage", SMALL)
def test_items_come_and_go(storage):
    _, gallery = make_codes(3, 1, 300, 12)
    index = RetrievalIndex(vectors=gallery[:100], storage=storage)
    index.add(vectors=gallery[100:103])
    index.add(vectors=gallery[103:])
    index.remove(range(0, 300, 3))
    kept = np.arange(300) % 3 > 0
    assert_allclose(index.vectors, gallery[kept], atol=0.01)
    ids = index.search(vectors=gallery[[4, 200]], k=1).ids
    assert_array_equal(ids.ravel(), [4, 200])
    index.remove(index.ids)
    index.add(vectors=gallery[:50], ids=range(50))
    assert_array_equal(index.search(vectors=gallery[:50], k=1).ids.ravel(), range(50))


def test_ranges_widen_for_what_lies_outside_and_nothing_is_cut():
    _, gallery = make_codes(4, 1, 200, 5)
    index = RetrievalIndex(vectors=np.ones((1, 5)), storage="int8")  # no range at all
    for start in range(0, 200, 20):
        index.add(vectors=gallery[start : start + 20])
    assert_allclose(index.vectors[1:], gallery, atol=0.02)
    assert_allclose(index.vectors[0], 5**-0.5, atol=0.02)


def test_more_candidates_find_more():
    query, gallery = make_codes(5, 50, 2000, 16)
    index = RetrievalIndex(
        vectors=gallery, storage="binary", index_params={"oversampling": 1}
    )
    few = index.recall(vectors=query)
    index.set_index_params(oversampling=20)
    assert few < 0.5 < 0.9 < index.recall(vectors=query)
    index.set_index_params(oversampling=200)
    assert index.recall(vectors=query) == 1


@pytest.mark.parametrize("storage", thorough_but(["binary"], SMALL))
def test_hubness_is_corrected(storage):
    rng = np.random.default_rng(6)
    query, gallery = (unit(1 + rng.normal(size=(n, 24))) for n in (40, 500))
    options = {"hubness": "csls", "hubness_queries": query[20:]}
    plain = RetrievalIndex(vectors=gallery, **options).search(vectors=query[:20])
    small = RetrievalIndex(vectors=gallery, storage=storage, **options)
    found = small.search(vectors=query[:20])
    shares = [np.isin(a, b).mean() for a, b in zip(plain.ids, found.ids, strict=True)]
    assert np.mean(shares) > 0.8
    assert_allclose(found.scores[:, 0], plain.scores[:, 0], atol=0.03)


@pytest.mark.parametrize("mmap_mode", ["r", None])
@pytest.mark.parametrize("storage", SMALL)
def test_files_hold_them_small(tmp_path, storage, mmap_mode):
    query, gallery = make_codes(7, 5, 3000, 32)
    index = RetrievalIndex(vectors=gallery, storage=storage)
    path = tmp_path / "index.xmodal"
    index.save(path)
    n_bytes = {"float16": 2, "int8": 1, "binary": 1 + 1 / 8}[storage] * gallery.size
    assert n_bytes < path.stat().st_size < n_bytes + 70_000  # and the ids
    again = RetrievalIndex.load(path, mmap_mode=mmap_mode)
    codes = again._gallery.vectors.codes
    assert isinstance(codes, np.memmap) == (mmap_mode == "r")
    assert repr(again) == repr(index)
    for side in (index, again):
        side.add(vectors=gallery[:10])
    for a, b in zip(index.search(vectors=query), again.search(vectors=query),
                    strict=True):  # fmt: skip
        assert_array_equal(a, b)


def test_repr_tells_the_bytes():
    gallery = np.eye(40)
    assert "storage" not in repr(RetrievalIndex(vectors=gallery))
    assert "storage='int8': 1.6 kB)" in repr(
        RetrievalIndex(vectors=gallery, storage="int8")
    )
    assert "storage='binary': 200 bytes searched, 1.6 kB for candidates" in repr(
        RetrievalIndex(vectors=gallery, storage="binary")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"storage": "int4"}, "'storage' parameter"),
        ({"storage": "binary", "backend": "faiss"}, "is of backend"),
        ({"storage": "int8", "index_params": {"oversampling": 2}}, "are of backend"),
        ({"storage": "binary", "index_params": {"nprobe": 2}}, "must be among"),
        ({"storage": "binary", "index_params": {"oversampling": 0}}, "at least 1"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RetrievalIndex(vectors=np.eye(3), **arguments)


def _set(name, place, value):
    def change(state, tensors):
        (key,) = (k for k in tensors if k.endswith(name))
        tensors[key] = np.array(tensors[key])
        tensors[key][place] = value

    return change


def _cut(name):
    def change(state, tensors):
        (key,) = (k for k in tensors if k.endswith(name))
        tensors[key] = np.array(tensors[key])[:-1]

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set(".ranges", (1, 0), -1),
        _set(".ranges", (0, 0), np.nan),
        _set(".ranges", (1, 1), 1),  # 255 steps of it are longer than any vector
        _set("['rotation']", (0, 0), np.inf),
        _cut("['bits']"),
        _cut("['scale']"),
        lambda state, tensors: state.update(storage="float16"),
        lambda state, tensors: state.update(storage="float32"),
        lambda state, tensors: state.update(storage="int8"),
        lambda state, tensors: state.update(storage="int4"),
    ],
)
def test_files_that_no_index_wrote_are_refused(tmp_path, change):
    path = tmp_path / "index.xmodal"
    _, gallery = make_codes(8, 1, 30, 9)
    RetrievalIndex(vectors=gallery, storage="binary").save(path)
    RetrievalIndex.load(path)
    rewrite(path, change)
    with pytest.raises(InvalidFileError):
        RetrievalIndex.load(path)


class TestProductQuantisation:
    @pytest.fixture(autouse=True)
    def faiss(self):
        return pytest.importorskip("faiss")

    def _index(self, gallery, **params):
        options = {"backend": "faiss", "index_type": "ivfpq", "storage": "int8"}
        return RetrievalIndex(vectors=gallery, index_params=params or None, **options)

    @pytest.mark.thorough
    def test_finds_real_codes(self, glyphs):
        query, gallery = glyphs
        index = self._index(gallery)
        assert index.recall(vectors=query) > 0.9
        scores = query.astype(float) @ gallery.T.astype(float)
        found = index.search(vectors=query).ids
        tenth = np.sort(scores, axis=1)[:, [-10]]
        assert np.mean(np.take_along_axis(scores, found, axis=1) >= tenth) > 0.9
        assert "42 kB searched, 168 kB for candidates" in repr(index)

    def test_comes_back_from_its_file_and_goes_on(self, tmp_path):
        query, gallery = make_codes(9, 20, 700, 10)
        index = self._index(gallery[:600], nlist=3, nprobe=2, M=4, oversampling=3)
        index.save(tmp_path / "index.xmodal")
        again = RetrievalIndex.load(tmp_path / "index.xmodal")
        for side in (index, again):
            side.add(vectors=gallery[600:])
            side.remove([0, 5])
        for a, b in zip(index.search(vectors=query), again.search(vectors=query),
                        strict=True):  # fmt: skip
            assert_array_equal(a, b)
        labelled = again.search(vectors=query, exclude=range(0, 700, 2))
        assert (labelled.ids % 2 == 1).all()

    def test_of_few_items(self):
        for n in (1, 2, 3, 20):
            _, gallery = make_codes(n, 1, n, 6)
            found = self._index(gallery).search(vectors=gallery, k=n)
            assert_array_equal(found.ids[:, 0], range(n))
            assert found.ids.shape == (n, n)

    @pytest.mark.parametrize(
        "change",
        [
            _cut("['codebook']"),
            _cut("['rotation']"),
            _set("['centroids']", (0, 0), np.nan),
        ],
    )
    def test_files_that_no_index_wrote_are_refused(self, tmp_path, change):
        path = tmp_path / "index.xmodal"
        _, gallery = make_codes(8, 1, 30, 8)
        self._index(gallery, nlist=2).save(path)
        rewrite(path, change)
        with pytest.raises(InvalidFileError):
            RetrievalIndex.load(path)
