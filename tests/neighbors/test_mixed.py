"""Galleries of images and texts in one, queries of both, and queries in the gallery."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal import CCARetriever, CosineRetriever, RetrievalIndex
from sklearn_xmodal.persistence import InvalidFileError
from tests.conftest import thorough_but
from tests.neighbors.oracles import all_scores, make_codes, top_k, unit
from tests.neighbors.rewriting import rewrite

EXACT, FLAT = {}, {"backend": "faiss"}
SIDES = ("image", "text")


@pytest.fixture(params=[EXACT, FLAT], ids=["exact", "flat"])
def backend(request):
    """Keyword arguments of both backends that find the same bytes."""
    if request.param:
        pytest.importorskip("faiss")
    return request.param


def _draw(seed=100, sizes=(70, 90), n_components=5):
    """Codes of two modalities around two points, with rows that tie."""
    rng = np.random.default_rng(seed)
    codes = {}
    for name, n, gap in zip(SIDES, sizes, (2, -2), strict=True):
        Z = rng.normal(size=(n, n_components)) + gap
        Z[n // 2 :] = Z[rng.integers(3, size=n - n // 2)]
        codes[name] = Z
    ids = {"image": [f"i{i}" for i in range(sizes[0])], "text": list(range(sizes[1]))}
    labels = {name: [i % 3 for i in range(len(Z))] for name, Z in codes.items()}
    payload = {name: [{"of": i} for i in ids[name]] for name in SIDES}
    return codes, {"ids": ids, "labels": labels, "payload": payload}


def _both_ways(codes, more, **params):
    """Return one index of both modalities, and two of one each by their modality."""
    mixed = RetrievalIndex(vectors=codes, **more, **params)
    alone = {
        name: RetrievalIndex(
            vectors={name: codes[name]},
            **{key: of[name] for key, of in more.items()},
            **params,
        )
        for name in SIDES
    }
    return mixed, alone


def _assert_same_answers(mixed, alone, queries):
    for name, index in alone.items():
        passes = mixed.modalities == name
        mask = np.arange(len(mixed)) % 4 > 0
        some = [*index.ids[:5].tolist(), "not there"]
        for query in queries:
            for options in (
                {},
                {"k": 1},
                {"k": 10**6},
                {"labels": [0, 2]},
                {"exclude": some},
                {"mask": mask},
                {"mask": mask, "labels": [1], "exclude": some, "k": 4},
            ):
                own = dict(options)
                if "mask" in own:
                    own["mask"] = mask[passes]
                got = mixed.search(**query, modality=name, **options)
                expected = index.search(**query, **own)
                assert got.scores.tobytes() == expected.scores.tobytes()
                assert got.ids.tolist() == expected.ids.tolist()


class TestModality:
    @pytest.mark.parametrize(
        "params",
        thorough_but([{"center": True}], [{}, {"center": True}, {"hubness": "csls"}]),
    )
    def test_answers_are_the_bytes_of_two_indexes(self, backend, params, tmp_path):
        codes, more = _draw()
        others, _ = _draw(101, (20, 30))
        if "center" in params:
            params = {"center": others}
        if "hubness" in params:
            params = {**params, "hubness_queries": others}
        indexes = _both_ways(codes, more, **params, **backend)
        queries = [
            {"vectors": {"image": others["image"][:6]}},
            {"vectors": {"text": others["text"][:6].astype(np.float32)}},
            {"vectors": {"image": np.rint(others["image"][:6]).astype(int)}},
        ]
        _assert_same_answers(*indexes, queries)

        mixed, alone = indexes
        new, belongs = _draw(102, (5, 7))
        belongs["ids"] = {"image": list("abcde"), "text": list(range(100, 107))}
        mixed.add(vectors=new, **belongs)
        for name, index in alone.items():
            index.add(vectors=new[name], **{k: of[name] for k, of in belongs.items()})
        _assert_same_answers(mixed, alone, queries)
        for index, ids in (
            (mixed, ["i3", "a", 5, 101]),
            (alone["image"], ["i3", "a"]),
            (alone["text"], [5, 101]),
        ):
            index.remove(ids)
        _assert_same_answers(mixed, alone, queries)

        for index in (mixed, *alone.values()):
            index.save(tmp_path / "index")
            loaded = RetrievalIndex.load(tmp_path / "index", mmap_mode=None)
            assert_array_equal(loaded.modalities, index.modalities)
            if index is mixed:
                _assert_same_answers(loaded, alone, queries)
                assert repr(loaded) == repr(mixed)
                loaded.add(vectors={"text": [[1] * 5]}, ids=["new"], labels=[0],
                           payload=[None])  # fmt: skip
                assert loaded.modalities[-1] == "text"

    @pytest.mark.parametrize("params", [{}, {"n_smoothing_neighbors": 2}])
    def test_features_go_through_the_retriever(self, pair, params):
        X_img, X_txt, _ = pair
        X_txt = sparse.csr_array(np.maximum(X_txt, 0))
        retriever = CCARetriever(3).fit(X_img, X_txt)
        gallery = {"image": X_img[:40], "text": X_txt[:50]}
        mixed = RetrievalIndex(retriever, **gallery, **params)
        alone = {
            name: RetrievalIndex(retriever, **{name: X}, **params)
            for name, X in gallery.items()
        }
        assert_array_equal(
            mixed.vectors, np.vstack([index.vectors for index in alone.values()])
        )
        for query in ({"image": X_img[40:]}, {"text": X_txt[50:]}):
            found = mixed.search(**query, modality="text", k=5)
            expected = alone["text"].search(**query, k=5)
            assert found.scores.tobytes() == expected.scores.tobytes()
            assert_array_equal(found.ids, expected.ids + 40)
        assert_array_equal(mixed.modalities, ["image"] * 40 + ["text"] * 50)

    def test_without_it_both_are_in_one_ranking(self, backend):
        codes, more = _draw()
        index = RetrievalIndex(vectors=codes, ids=more["ids"], **backend)
        gallery = unit(np.vstack([codes["image"], codes["text"]]))
        query = unit(codes["image"][:4] + codes["text"][:4])
        scores, found = top_k(all_scores(query, gallery), 12)
        got = index.search(vectors=query, k=12)
        assert_array_equal(got.scores, scores)
        assert_array_equal(got.ids, index.ids[found])

    def test_is_known_of_one_modality_too(self):
        codes, _ = _draw()
        index = RetrievalIndex(vectors={"text": codes["text"]})
        assert set(index.modalities) == {"text"}
        assert index.search(vectors=codes["text"], modality="text").ids.shape == (
            90,
            10,
        )
        with pytest.raises(
            ValueError, match="Got modality that together let none of 90"
        ):
            index.search(vectors=codes["text"], modality="image")
        unknown = RetrievalIndex(vectors=codes["text"])
        assert unknown.modalities is None
        with pytest.raises(ValueError, match="This one has vectors alone"):
            unknown.search(vectors=codes["text"], modality="text")
        with pytest.raises(ValueError, match=r"'modality' parameter .* Got 'images'"):
            index.search(vectors=codes["text"], modality="images")

    def test_one_may_be_taken_out_and_come_back(self, backend):
        codes, more = _draw()
        index = RetrievalIndex(vectors=codes, **more, **backend)
        index.remove(more["ids"]["image"])
        assert set(index.modalities) == {"text"}
        index.add(
            vectors={"image": codes["image"]},
            **{key: of["image"] for key, of in more.items()},
        )
        assert_array_equal(index.modalities, ["text"] * 90 + ["image"] * 70)
        alone = RetrievalIndex(vectors=codes["image"], ids=more["ids"]["image"])
        got, expected = (
            i.search(vectors=codes["text"], k=8, **options)
            for i, options in ((index, {"modality": "image"}), (alone, {}))
        )
        assert got.scores.tobytes() == expected.scores.tobytes()
        assert_array_equal(got.ids, expected.ids)


class TestItems:
    def test_row_numbers_go_on_from_images_to_texts(self):
        index = RetrievalIndex(vectors={"text": np.eye(3)[:2], "image": np.eye(3)})
        assert index.ids.tolist() == [0, 1, 2, 3, 4]
        assert index.modalities.tolist() == ["image"] * 3 + ["text"] * 2
        index.add(vectors={"image": np.eye(3)[:1], "text": np.eye(3)[:1]})
        assert index.modalities[-2:].tolist() == ["image", "text"]
        assert index.ids.tolist() == list(range(7))
        assert repr(index) == (
            "RetrievalIndex(7 items, 3 columns of image and text codes, "
            "backend='exact')"
        )

    def test_payload_and_labels_stay_with_their_items(self):
        codes, more = _draw()
        index = RetrievalIndex(vectors=codes, **more)
        ids = [i for name in SIDES for i in more["ids"][name]]
        assert index.ids.tolist() == ids
        assert [p["of"] for p in index.get_payload(ids)] == ids
        assert index.labels.tolist() == [
            v for of in more["labels"].values() for v in of
        ]

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"ids": [*range(4)]}, ValueError, "ids of items of both .* Got list"),
            (
                {"ids": {"image": [1, 2]}},
                ValueError,
                r"the keys of .*\['image'\]",
            ),
            ({"ids": {"image": [1, 2], "text": [2, 3]}}, ValueError, "distinct. Got 2"),
            (
                {"ids": {"image": [1], "text": [2, 3]}},
                ValueError,
                r"ids\['image'\] must",
            ),
            ({"ids": {"image": {1, 2}, "text": [3, 4]}}, TypeError, "has no order"),
            (
                {"ids": {"image": "ab", "text": [3, 4]}},
                TypeError,
                r"ids\['image'\] must",
            ),
            ({"labels": [0] * 4}, ValueError, "labels of items of both modalities"),
            ({"payload": {"a": 1}}, ValueError, r"payload by modality .*\['a'\]"),
            (
                {"vectors": {}},
                ValueError,
                r"vectors by modality must be a dict .* \[\]",
            ),
            ({"vectors": {"picture": np.eye(2)}}, ValueError, r"Got \['picture'\]"),
            (
                {"vectors": {"image": np.eye(2), "text": np.eye(3)}},
                ValueError,
                "has 2 columns. Got 3",
            ),
            (
                {"vectors": {"image": np.eye(2), "text": [[np.nan, 1]]}},
                ValueError,
                r"vectors\['text'\] contains NaN",
            ),
            ({"image": np.eye(2)}, ValueError, "Got image and vectors"),
            ({"n_smoothing_neighbors": 2}, ValueError, "each modality.*Got 2 for 2"),
            ({"center": "mean"}, ValueError, "a bool or a dict .* Got 'mean'"),
            ({"center": 0.5}, ValueError, "a bool or a dict"),
            ({"center": {"image": np.eye(2)}}, ValueError, r"Got \['image'\]"),
            (
                {"center": True, "vectors": np.eye(2)},
                ValueError,
                "modality of every item",
            ),
            (
                {"center": True, "vectors": {"text": np.eye(2)}},
                ValueError,
                "must hold both. Got text alone",
            ),
            (
                {"center": {"image": np.eye(2), "text": np.eye(2)[:1]}},
                ValueError,
                "at least two items of each modality.*Got 1 text",
            ),
            (
                {"center": {"image": np.eye(3), "text": np.eye(3)}},
                ValueError,
                "has 2 columns. Got 3",
            ),
            (
                {"hubness": "csls", "hubness_queries": np.eye(2)},
                ValueError,
                "must say their own.*Got ndarray",
            ),
            (
                {"hubness": "csls", "hubness_queries": {"sound": np.eye(2)}},
                ValueError,
                r"hubness_queries by modality .*\['sound'\]",
            ),
        ],
    )
    def test_that_are_refused_are_named(self, change, error, message):
        vectors = {"image": np.eye(2), "text": np.eye(2)}
        with pytest.raises(error, match=message):
            RetrievalIndex(**{"vectors": vectors, **change})

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            (
                {"vectors": np.eye(2)},
                ValueError,
                "image or text. Got vectors. .* a dict",
            ),
            ({"ids": ["x", "y"]}, ValueError, "ids of items of both"),
            ({"ids": {"image": [0], "text": ["y"]}}, ValueError, "known id.* is 0"),
            ({"ids": {"image": ["x"], "text": ["x"]}}, ValueError, "distinct. Got 'x'"),
            (
                {"labels": {"image": [0], "text": [1]}},
                ValueError,
                "The gallery has none",
            ),
            (
                {"vectors": {"image": [[1, 0]], "text": [[1, 0, 0]]}},
                ValueError,
                "has 2 columns. Got 3",
            ),
            ({"vectors": None, "text": [[1]]}, TypeError, "needs an index with a retr"),
        ],
    )
    def test_that_are_wrong_change_nothing(self, change, error, message):
        index = RetrievalIndex(vectors={"image": np.eye(2), "text": np.eye(2)})
        before = index.search(vectors=[[3, 2]])
        new = {"image": [[1, 0]], "text": [[0, 1]]}
        with pytest.raises(error, match=message):
            index.add(**{"vectors": new, **change})
        after = index.search(vectors=[[3, 2]])
        assert index.ids.tolist() == [0, 1, 2, 3]
        assert index.modalities.tolist() == ["image"] * 2 + ["text"] * 2
        assert_array_equal(after.ids, before.ids)

    @pytest.mark.parametrize("gallery", [{"text": np.eye(2)}, np.eye(2)])
    def test_of_another_modality_are_refused(self, gallery):
        index = RetrievalIndex(vectors=gallery)
        taken = "text" if isinstance(gallery, dict) else "vectors"
        with pytest.raises(
            ValueError, match=rf"gallery, {taken}. Got vectors\['image'"
        ):
            index.add(vectors={"image": np.eye(2)})
        index.add(vectors=np.eye(2))
        assert len(index) == 4

    def test_tables_keep_rows_together(self):
        pd = pytest.importorskip("pandas")
        codes = pd.DataFrame(np.eye(3), index=[*"abc"])
        names = pd.Series([*"xyz"], index=[*"abc"])
        vectors = {"image": codes, "text": codes.loc[[*"cba"]]}
        ids = {"image": names, "text": ["p", "q", "r"]}
        index = RetrievalIndex(vectors=vectors, ids=ids)
        assert index.ids.tolist() == [*"xyzpqr"]
        with pytest.raises(ValueError, match="another order"):
            RetrievalIndex(vectors=vectors, ids={**ids, "text": names + "!"})
        with pytest.raises(ValueError, match="another order"):
            index.search(vectors=vectors)
        with pytest.raises(ValueError, match="another order"):
            index.search(vectors=codes, ids_query=names[::-1])

    def test_tensors_are_taken(self):
        torch = pytest.importorskip("torch")
        codes, _ = _draw()
        tensors = {k: torch.tensor(Z, dtype=torch.bfloat16) for k, Z in codes.items()}
        arrays = {k: Z.float().numpy() for k, Z in tensors.items()}
        one, other = (
            RetrievalIndex(vectors=Z, center=Z).search(vectors=Z, k=3, weights=(1, 3))
            for Z in (
                {k: Z[:50] for k, Z in tensors.items()},
                {k: Z[:50] for k, Z in arrays.items()},
            )
        )
        assert one.scores.tobytes() == other.scores.tobytes()


class TestCentring:
    def test_means_of_unit_codes_are_taken_away(self):
        codes, _ = _draw()
        index = RetrievalIndex(vectors=codes, center=True)
        means = {k: unit(Z).astype(np.float64).mean(axis=0) for k, Z in codes.items()}
        centred = {k: unit(unit(Z) - means[k]) for k, Z in codes.items()}
        assert_allclose(
            index.vectors, np.vstack([centred[k] for k in SIDES]), atol=1e-6
        )
        others, _ = _draw(101)
        for name in SIDES:
            query = unit(unit(others[name]) - means[name])
            scores = index.search(vectors={name: others[name]}, k=160).scores
            expected, _ = top_k(all_scores(query, index.vectors), 160)
            assert_allclose(scores, expected, atol=1e-6)

    def test_means_stay_when_items_come_and_go(self):
        codes, _ = _draw()
        others, _ = _draw(101)
        index = RetrievalIndex(vectors=codes, center=True)
        index.remove(range(10))
        index.add(vectors={"text": others["text"]})
        reference = RetrievalIndex(vectors={"text": others["text"]}, center=codes)
        got = index.vectors[-90:]
        assert_array_equal(got, reference.vectors)

    def test_is_that_of_the_retriever_where_codes_are_of_unit_length(self):
        codes, _ = _draw(sizes=(80, 80))
        X = [unit(codes[name]) for name in SIDES]
        cosine = CosineRetriever(center=True).fit(*X)
        raw = CosineRetriever().fit(*X)
        expected = RetrievalIndex(cosine, image=X[0], text=X[1])
        for center in (True, dict(zip(SIDES, X, strict=True))):
            got = RetrievalIndex(raw, image=X[0], text=X[1], center=center)
            assert_allclose(got.vectors, expected.vectors, atol=1e-5)

    def test_codes_that_are_the_mean_have_no_direction(self):
        codes = {"image": [[3, 1]] * 4, "text": [[0, 1], [1, 0]]}
        index = RetrievalIndex(vectors=codes, center=True)
        assert_array_equal(index.vectors[:4], np.zeros((4, 2)))
        assert_array_equal(index.search(vectors={"image": [[6, 2]]}).scores, [[0] * 6])

    def test_codes_have_to_say_their_modality(self):
        codes, _ = _draw()
        index = RetrievalIndex(vectors=codes, center=True)
        with pytest.raises(ValueError, match="center must say their modality"):
            index.search(vectors=codes["image"])

    def test_finds_the_picture_of_a_text_of_coco(self, shared_data):
        data = np.load(shared_data / "clip" / "coco500.npz")
        Z = {"image": data["X_img"][:250], "text": data["X_txt"][:250]}
        n = np.arange(250)
        shares = {}
        for center in (False, True):
            index = RetrievalIndex(vectors=Z, center=center)
            found = index.search(vectors={"text": Z["text"]}, ids_query=n + 250).ids
            shares[center] = (found == n[:, None]).any(axis=1).mean()
        assert shares[False] == 0
        assert shares[True] >= 0.45


class TestHubness:
    @pytest.mark.parametrize("kind", ["csls", "inverted_softmax"])
    def test_references_of_both_count_together(self, kind):
        codes, _ = _draw()
        others, _ = _draw(101, (20, 30))
        both = [np.vstack([Z[name] for name in SIDES]) for Z in (codes, others)]
        mixed = RetrievalIndex(vectors=codes, hubness=kind, hubness_queries=others)
        plain = RetrievalIndex(vectors=both[0], hubness=kind, hubness_queries=both[1])
        got, expected = (i.search(vectors=both[1], k=20) for i in (mixed, plain))
        assert got.scores.tobytes() == expected.scores.tobytes()
        assert_array_equal(got.ids, expected.ids)

    def test_is_measured_around_the_means_of_a_centred_index(self):
        codes, _ = _draw()
        others, _ = _draw(101, (20, 30))
        centred = RetrievalIndex(vectors=others, center=codes)
        around = RetrievalIndex(vectors=codes, center=True)
        options = {"hubness": "csls", "n_hubness_neighbors": 5}
        got = RetrievalIndex(
            vectors=codes, center=True, hubness_queries=others, **options
        ).search(vectors={"text": others["text"]}, k=20)
        expected = RetrievalIndex(
            vectors=around.vectors, hubness_queries=centred.vectors, **options
        ).search(vectors=centred.vectors[20:], k=20)
        assert_allclose(got.scores, expected.scores, atol=1e-6)
        assert (got.ids == expected.ids).mean() > 0.9


class TestFusedQueries:
    @pytest.mark.parametrize("weights", [None, (0.3, 0.7), (3, 7), (0, 2)])
    def test_are_weighted_means_of_unit_codes(self, backend, weights):
        codes, _ = _draw()
        index = RetrievalIndex(vectors=codes, **backend)
        image, text = 7 * codes["image"][:9], codes["text"][:9] / 7
        a, b = weights or (1, 1)
        expected = unit(a * unit(image).astype(float) + b * unit(text).astype(float))
        got = index.search(vectors={"image": image, "text": text}, weights=weights)
        scores, found = top_k(all_scores(expected, index.vectors), 10)
        assert_allclose(got.scores, scores, atol=1e-6)
        assert (got.ids == found).mean() > 0.9
        assert index.recall(vectors={"image": image, "text": text}) == 1

    def test_features_are_fused_as_codes(self, pair):
        X_img, X_txt, _ = pair
        retriever = CCARetriever(3).fit(X_img, X_txt)
        index = RetrievalIndex(
            retriever, image=X_img, center={"image": X_img, "text": X_txt}
        )
        codes = {
            "image": retriever.transform_image(X_img[:5]),
            "text": retriever.transform_text(X_txt[:5]),
        }
        got = index.search(image=X_img[:5], text=X_txt[:5], weights=(1, 2))
        expected = index.search(vectors=codes, weights=(1, 2))
        assert_allclose(got.scores, expected.scores, atol=1e-6)

    def test_that_cancel_score_zero(self):
        index = RetrievalIndex(vectors=np.eye(2))
        opposite = {"image": [[1, 2]], "text": [[-2, -4]]}
        assert_array_equal(index.search(vectors=opposite).scores, [[0, 0]])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"n_texts": 1}, "Got 3 images and 1 text. Repeat"),
            ({"n_texts": 2}, "Got 3 images and 2 texts"),
            ({"weights": (1,)}, r"weights must be two numbers.*Got \(1,\)"),
            ({"weights": 0.5}, "weights must be two numbers.*Got 0.5"),
            ({"weights": (-1, 2)}, "at least 0"),
            ({"weights": (0, 0)}, "not both 0"),
            ({"weights": (1, np.nan)}, "weights must be two numbers"),
            ({"weights": ("a", "b")}, "weights must be two numbers"),
            ({"weights": {"image": 1, "text": 1}}, "weights must be two numbers"),
            ({"weights": (1, 1), "n_texts": None}, "weights are of queries of both"),
        ],
    )
    def test_that_are_wrong_are_refused(self, arguments, message):
        index = RetrievalIndex(vectors=np.eye(4))
        arguments = dict(arguments)
        n_texts = arguments.pop("n_texts", 3)
        vectors = {"image": np.ones((3, 4))}
        if n_texts:
            vectors["text"] = np.ones((n_texts, 4))
        with pytest.raises(ValueError, match=message):
            index.search(vectors=vectors, **arguments)


class TestQueriesInTheGallery:
    @pytest.mark.parametrize("k", [1, 7, 10**6])
    def test_each_is_left_out_of_its_own_answer(self, backend, k):
        _, gallery = make_codes(100, 1, 60, 4, n_distinct=15)
        ids = [f"item {i}" for i in range(60)]
        index = RetrievalIndex(vectors=gallery, ids=ids, labels=range(60), **backend)
        asked = [3, 59, 0, 3]
        for options in ({}, {"mask": np.arange(60) < 50}, {"exclude": ["item 3"]}):
            got = index.search(
                vectors=gallery[asked],
                ids_query=[ids[i] for i in asked],
                k=k,
                **options,
            )
            excluded = options.get("exclude", [])
            options = {key: v for key, v in options.items() if key != "exclude"}
            for row, i in enumerate(asked):
                expected = index.search(
                    vectors=gallery[[i]], exclude=[*excluded, ids[i]], k=k, **options
                )
                # As many as every query has: one less than those that are no item here.
                n = got.ids.shape[1]
                assert n >= min(k, expected.ids.shape[1] - 1)
                assert got.ids[row].tolist() == expected.ids[0, :n].tolist()
                assert got.scores[row].tobytes() == expected.scores[0, :n].tobytes()

    @pytest.mark.parametrize("kind", ["hnsw", "ivf"])
    def test_approximate_indexes_leave_it_out_too(self, kind):
        pytest.importorskip("faiss")
        _, gallery = make_codes(100, 1, 200, 4)
        index = RetrievalIndex(vectors=gallery, backend="faiss", index_type=kind)
        found = index.search(vectors=gallery, ids_query=range(200), k=5).ids
        assert found.shape == (200, 5)
        assert (found != np.arange(200)[:, None]).all()

    def test_those_that_are_not_lose_nothing(self, backend):
        query, gallery = make_codes(100, 6, 40, 4)
        index = RetrievalIndex(vectors=gallery, **backend)
        expected = index.search(vectors=query, k=40)
        got = index.search(vectors=query, k=40, ids_query=[None, -1, "x", 99, 1.5, ()])
        assert got.scores.tobytes() == expected.scores.tobytes()
        one = index.search(vectors=query, k=40, ids_query=[None, 7, "x", 99, 1.5, ()])
        assert one.ids.shape == (6, 39)
        assert_array_equal(one.ids[0], expected.ids[0, :39])

    def test_a_fused_query_is_one_item(self):
        codes, _ = _draw()
        index = RetrievalIndex(vectors=codes, center=True)
        asked = {"image": codes["image"][:2], "text": codes["text"][:2]}
        found = index.search(vectors=asked, ids_query=[0, 1], k=159).ids
        assert_array_equal(np.sort(found[0]), range(1, 160))

    def test_wrong_ones_are_named(self):
        index = RetrievalIndex(vectors=np.eye(3))
        for ids, error, message in (
            ([0], ValueError, "Got 1 for 3 rows of queries"),
            ({0, 1, 2}, TypeError, "has no order"),
            (0, TypeError, "ids_query must be a list or an array"),
            ([[0], [1], [2]], TypeError, "ids_query must be hashable"),
        ):
            with pytest.raises(error, match=message):
                index.search(vectors=np.eye(3), ids_query=ids)
        with pytest.raises(ValueError, match="left beside the query itself"):
            index.search(
                vectors=np.eye(3), ids_query=[0, 1, 2], mask=[True, False, False]
            )


def _instead(name, value):
    """Return a change of a file that puts another array into the place of one."""

    def forge(_, tensors):
        name_in_file = f"RetrievalIndex.{name}"
        assert name_in_file in tensors, list(tensors)
        tensors[name_in_file] = value

    return forge


class TestFiles:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "index.xmodal"

    def test_a_retriever_may_come_later(self, pair, path):
        X_img, X_txt, _ = pair
        retriever = CCARetriever(3).fit(X_img, X_txt)
        index = RetrievalIndex(retriever, image=X_img, text=X_txt, center=True)
        index.save(path, include_retriever=False)
        bare = RetrievalIndex.load(path)
        with pytest.raises(TypeError, match="image needs an index with a retriever"):
            bare.search(image=X_img)
        loaded = RetrievalIndex.load(path, retriever=retriever)
        got, expected = (i.search(text=X_txt, image=X_img) for i in (loaded, index))
        assert got.scores.tobytes() == expected.scores.tobytes()

    @pytest.mark.parametrize(
        "forge",
        [
            lambda state, _: state.update(is_text=None),
            lambda state, _: state.update(modality="text"),
            lambda state, _: state.update(modality="sound"),
            _instead("is_text", np.ones(9, bool)),
            _instead("is_text", np.ones(160, "f4")),
            _instead("means['image']", np.full(5, np.nan)),
            _instead("means['image']", np.full(5, 9.0)),
            _instead("means['text']", np.zeros(4)),
            _instead("means['text']", np.zeros(5, "f4")),
        ],
    )
    def test_forged_ones_are_refused(self, path, forge):
        RetrievalIndex(vectors=_draw()[0], center=True).save(path)
        RetrievalIndex.load(path, mmap_mode=None)
        rewrite(path, forge)
        with pytest.raises(InvalidFileError, match=r"(do not fit|of type|refers to)"):
            RetrievalIndex.load(path, mmap_mode=None)
