"""Fetchers give what the files hold: made-up files, and the real ones."""

import inspect
import io
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import savemat

from sklearn_xmodal.datasets import (
    _ccv,
    _mfeat,
    _pascal_sentence,
    _wikipedia,
    fetch_ccv,
    fetch_emoji,
    fetch_mfeat,
    fetch_pascal_sentence,
    fetch_wikipedia,
    load_digits_halves,
)

FETCHERS = (
    fetch_ccv,
    fetch_emoji,
    fetch_mfeat,
    fetch_pascal_sentence,
    fetch_wikipedia,
)
WORDS = [
    "art", "biology", "geography", "history", "literature", "media", "music",
    "royalty", "sport", "warfare", "zero", "one", "two", "three", "four", "five",
    "six", "seven", "eight", "nine",
]  # fmt: skip
fetchers = pytest.mark.parametrize("fetch", FETCHERS, ids=lambda f: f.__name__)


def mat(**variables):
    buffer = io.BytesIO()
    savemat(buffer, variables)
    return buffer.getvalue()


def same(a, b):
    """Whether a float32 array has the values of another one."""
    assert a.dtype == np.float32
    assert_array_equal(a, np.asarray(b, dtype=np.float32))


@pytest.fixture
def glove(replace_glove):
    """Vectors of the words that name classes of all sets."""
    vectors = np.random.default_rng(9).normal(size=(len(WORDS), 25))
    replace_glove(WORDS, vectors)
    return dict(zip(WORDS, vectors, strict=True))


class TestWikipedia:
    N = 2173, 693

    @pytest.fixture
    def arrays(self, replace_file, glove):
        rng = np.random.default_rng(0)
        n_train, n_test = self.N
        a = {
            f"{name}_{part}": rng.random((n, width))
            for part, n in (("tr", n_train), ("te", n_test))
            for name, width in (("I", 4), ("T", 3), ("T_tfidf", 5))
        }
        a["X1"] = rng.random((6, n_train + n_test))
        a["X2"] = rng.random((7, n_train + n_test))
        a["labels"] = rng.integers(1, 11, n_train + n_test)
        replace_file(_wikipedia, "_FEATURES", mat(**a))
        # The same names as in the other file, but other numbers.
        wrong = {name: a[name] + 1 for name in ("I_tr", "I_te", "T_tr", "T_te")}
        replace_file(_wikipedia, "_TFIDF", mat(**{**a, **wrong}))
        replace_file(_wikipedia, "_DENSE", mat(data={"X1": a["X1"], "X2": a["X2"]}))
        lines = [f"text-{i}\timage{i}\t{k}\n" for i, k in enumerate(a["labels"])]
        replace_file(_wikipedia, "_TRAIN", "".join(lines[:n_train]).encode())
        replace_file(_wikipedia, "_TEST", "".join(lines[n_train:]).encode())
        names = "\n".join(WORDS[:10])
        replace_file(_wikipedia, "_CATEGORIES", f"{names}\n".encode())
        return a

    @pytest.mark.parametrize(
        ("image", "text"), [("sift", "lda"), ("dense", "tfidf"), ("sift", "dense")]
    )
    def test_views_are_those_of_the_files(self, arrays, tmp_path, image, text):
        X_img, X_txt, y = fetch_wikipedia(
            image=image, text=text, data_home=tmp_path, return_X_y=True
        )
        views = {
            "sift": np.vstack([arrays["I_tr"], arrays["I_te"]]),
            "dense": arrays["X1"].T,
        }
        same(X_img, views[image])
        views = {
            "lda": np.vstack([arrays["T_tr"], arrays["T_te"]]),
            "tfidf": np.vstack([arrays["T_tfidf_tr"], arrays["T_tfidf_te"]]),
            "dense": arrays["X2"].T,
        }
        same(X_txt, views[text])
        assert_array_equal(y, arrays["labels"] - 1)

    def test_only_what_is_needed_is_downloaded(self, arrays, server, tmp_path):
        fetch_wikipedia(data_home=tmp_path, return_X_y=True)
        names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
        assert names == [
            "raw_features.mat",
            "testset_txt_img_cat.list",
            "trainset_txt_img_cat.list",
        ]
        assert len(server.requests) == 3

    def test_subsets_are_the_parts_of_the_official_split(self, arrays, tmp_path):
        whole, train, test = (
            fetch_wikipedia(subset=subset, data_home=tmp_path)
            for subset in ("all", "train", "test")
        )
        same(train.image, arrays["I_tr"])
        same(test.text, arrays["T_te"])
        for key in ("image", "text", "target", "image_ids", "text_ids"):
            assert_array_equal(np.concatenate([train[key], test[key]]), whole[key])
        assert test.text_ids[0] == "text-2173"
        assert test.image_ids[0] == "image2173"

    def test_class_embeddings_are_the_vectors_of_the_names(
        self, arrays, glove, tmp_path
    ):
        bunch = fetch_wikipedia(data_home=tmp_path)
        assert list(bunch.target_names) == WORDS[:10]
        same(bunch.class_embeddings, [glove[name] for name in bunch.target_names])


class TestMfeat:
    @pytest.fixture
    def tables(self, replace_file, glove):
        rng = np.random.default_rng(0)
        digits = rng.integers(0, 10, 30)
        tables = {}
        for width, name in enumerate(_mfeat._FILES, start=2):
            tables[name] = rng.normal(size=(30, width)).round(6)
            rows = np.column_stack([tables[name], digits])
            text = io.StringIO()
            np.savetxt(text, rows, "%.9g", delimiter=",", header="0,1", comments="")
            content = text.getvalue().encode()
            replace_file(_mfeat, "_FILES", content, key=name)
        return tables, digits

    @pytest.mark.parametrize(("image", "text"), [("pix", "fou"), ("zer", "mor")])
    def test_views_are_those_of_the_files(self, tables, tmp_path, image, text):
        bunch = fetch_mfeat(image=image, text=text, data_home=tmp_path)
        same(bunch.image, tables[0][image])
        same(bunch.text, tables[0][text])
        assert_array_equal(bunch.target, tables[1])
        assert bunch.target.dtype == np.int64

    def test_class_embeddings_are_the_vectors_of_the_names(
        self, tables, glove, tmp_path
    ):
        bunch = fetch_mfeat(data_home=tmp_path)
        assert list(bunch.target_names[[0, 9]]) == ["zero", "nine"]
        same(bunch.class_embeddings, [glove[name] for name in bunch.target_names])

    def test_one_set_twice_is_refused(self):
        with pytest.raises(ValueError, match="must be different feature sets"):
            fetch_mfeat(image="kar", text="kar")


class TestCCV:
    @pytest.fixture
    def views(self, replace_file):
        rng = np.random.default_rng(0)
        X = np.empty((1, 3), dtype=object)
        X[0] = [rng.random((40, 5)) for _ in range(3)]
        Y = rng.integers(1, 21, (40, 1)).astype(np.uint8)
        replace_file(_ccv, "_FILE", mat(X=X, Y=Y))
        return X[0], Y.ravel()

    @pytest.mark.parametrize(("image", "text"), [(1, 2), (2, 0)])
    def test_views_are_those_of_the_file(self, views, tmp_path, image, text):
        bunch = fetch_ccv(image=image, text=text, data_home=tmp_path)
        same(bunch.image, views[0][image])
        same(bunch.text, views[0][text])
        assert_array_equal(bunch.target, views[1].astype(int) - 1)
        assert (len(bunch.target_names), bunch.target.dtype) == (20, np.int64)

    def test_one_view_twice_is_refused(self):
        with pytest.raises(ValueError, match="must be different views"):
            fetch_ccv(image=0, text=0)


def voc_pickle(vectors):
    """Bytes of an array as NumPy 1 on Python 3.6 pickled it."""
    content = pickle.dumps(np.asarray(vectors, np.float32), protocol=3)
    content = content.replace(b"numpy._core", b"numpy.core")
    return content.replace(b"\x89\x88\x87", b"K\x00K\x01\x87", 1)


class TestPascalSentence:
    @pytest.fixture
    def mdlcw(self, replace_file):
        rng = np.random.default_rng(0)
        a = {}
        for part, n in (("train", 6), ("test", 4)):
            a[f"{part}_x1"] = rng.random((n, 3))
            a[f"{part}_x2"] = rng.random((n, 2))
            a[f"{part}_y"] = np.eye(20, dtype=np.uint8)[rng.integers(0, 20, n)]
        replace_file(_pascal_sentence, "_MDLCW", mat(**a))
        return a

    @pytest.fixture
    def dscmr(self, replace_file):
        rng = np.random.default_rng(0)
        a = {
            "test_img": rng.random((8, 3), dtype=np.float32),
            "test_txt": rng.random((8, 2), dtype=np.float32),
            "test_img_lab": np.array([[0, 5, 19, 18, 1, 2, 3, 4]]).T,
            "train_txt": rng.random((5, 2), dtype=np.float32),
            "train_img_lab": np.array([[19, 0, 7, 7, 18]]).T,
            "vectors": rng.random((20, 6), dtype=np.float32),
        }
        for name in _pascal_sentence._DSCMR:
            replace_file(_pascal_sentence, "_DSCMR", mat(**{name: a[name]}), key=name)
        replace_file(_pascal_sentence, "_VOC_VECTORS", voc_pickle(a["vectors"]))
        return a

    @pytest.mark.parametrize("subset", ["all", "train", "test"])
    def test_mdlcw_is_that_of_the_file(self, mdlcw, tmp_path, subset):
        parts = ["train", "test"] if subset == "all" else [subset]
        bunch = fetch_pascal_sentence(subset=subset, data_home=tmp_path)
        same(bunch.image, np.vstack([mdlcw[f"{part}_x2"] for part in parts]))
        same(bunch.text, np.vstack([mdlcw[f"{part}_x1"] for part in parts]))
        indicator = np.vstack([mdlcw[f"{part}_y"] for part in parts])
        assert_array_equal(np.eye(20)[bunch.target], indicator)
        assert "class_embeddings" not in bunch

    def test_dscmr_is_that_of_the_files(self, dscmr, tmp_path):
        bunch = fetch_pascal_sentence(version="dscmr", data_home=tmp_path)
        same(bunch.image, dscmr["test_img"])
        same(bunch.text, dscmr["test_txt"])
        same(bunch.unpaired_text, dscmr["train_txt"])
        same(bunch.class_embeddings, dscmr["vectors"])

    def test_labels_of_dscmr_are_shifted_to_the_voc_classes(self, dscmr, tmp_path):
        bunch = fetch_pascal_sentence(version="dscmr", data_home=tmp_path)
        assert list(bunch.target) == [1, 6, 0, 19, 2, 3, 4, 5]
        assert list(bunch.unpaired_target) == [0, 1, 8, 8, 19]
        assert bunch.target_names[0] == "aeroplane"
        assert list(bunch.target_names) == sorted(bunch.target_names)

    def test_no_pickle_is_run(self, dscmr, tmp_path, replace_file):
        class Trap:
            def __reduce__(self):
                return pytest.fail, ("the pickle was run",)

        values = np.zeros((20, 6), np.float32).tobytes()
        content = pickle.dumps([Trap(), values], protocol=3)
        replace_file(_pascal_sentence, "_VOC_VECTORS", content)
        bunch = fetch_pascal_sentence(version="dscmr", data_home=tmp_path)
        assert bunch.class_embeddings.shape == (20, 6)

    def test_training_part_of_dscmr_is_refused(self, dscmr, tmp_path):
        with pytest.raises(ValueError, match='subset must be "test" or "all" for vers'):
            fetch_pascal_sentence(version="dscmr", subset="train", data_home=tmp_path)


WRONG = (
    ("data_home", 3),
    ("download_if_missing", "yes"),
    ("return_X_y", 2),
    ("n_retries", -1),
    ("n_retries", 1.5),
    ("delay", -0.1),
    ("image", "pixels"),
    ("text", "words"),
    ("subset", "half"),
    ("version", "3"),
)


class TestOptions:
    @fetchers
    def test_absent_files_are_an_error_without_download(self, fetch, tmp_path):
        with pytest.raises(FileNotFoundError, match="download_if_missing=False"):
            fetch(data_home=tmp_path, download_if_missing=False)
        assert list(tmp_path.iterdir()) == []

    @fetchers
    def test_the_environment_names_the_folder(self, fetch, tmp_path, monkeypatch):
        monkeypatch.setenv("SKLEARN_XMODAL_DATA", str(tmp_path / "mine"))
        with pytest.raises(FileNotFoundError, match="mine"):
            fetch(download_if_missing=False)

    @pytest.mark.parametrize(
        ("fetch", "option", "value"),
        [
            (fetch, option, value)
            for fetch in FETCHERS
            for option, value in WRONG
            if option in inspect.signature(fetch).parameters
        ],
    )
    def test_wrong_values_are_named(self, fetch, option, value):
        message = f"The '{option}' parameter of {fetch.__name__} must be"
        with pytest.raises(ValueError, match=message):
            fetch(**{option: value})

    @fetchers
    def test_retries_and_delay_reach_the_download(
        self, fetch, server, tmp_path, monkeypatch
    ):
        waits = []
        monkeypatch.setattr("time.sleep", waits.append)
        with pytest.raises(OSError, match=r"in 3 attempts.*404"):
            fetch(data_home=tmp_path, n_retries=2, delay=0.25)
        assert waits == [0.25, 0.25]


@fetchers
def test_descriptions_state_licence_and_source(fetch):
    descr = inspect.unwrap(fetch).__globals__["_DESCR"]
    assert "**Licence**" in descr
    assert ".. [1] " in descr
    for number in range(1, descr.count("\n.. [") + 1):
        if f".. [{number}]" in descr:
            assert f"[{number}]_" in descr


# --- the real files ---------------------------------------------------------------

#: Fetcher calls that give the data sets of the benchmark.
CALLS = {
    "wiki": (fetch_wikipedia, {}),
    "wiki100": (fetch_wikipedia, {"image": "dense", "text": "dense"}),
    "wikitf": (fetch_wikipedia, {"image": "dense", "text": "tfidf"}),
    "pascal": (fetch_pascal_sentence, {}),
    "pascal100": (fetch_pascal_sentence, {"version": "dscmr"}),
    "mfeat": (fetch_mfeat, {}),
    "mfeat-kz": (fetch_mfeat, {"image": "kar", "text": "zer"}),
    "ccv": (fetch_ccv, {}),
}
#: Name -> sizes of the classes that the descriptions state, smallest and largest.
SIZES = {
    "wiki": (172, 451),
    "pascal": (13, 116),
    "pascal100": (5, 5),
    "mfeat": (200, 200),
    "ccv": (105, 707),
}


class TestRealFiles:
    @pytest.mark.parametrize("name", CALLS)
    def test_give_the_arrays_of_the_benchmark(self, name, shared_data):
        from benchmarks import _datasets

        fetch, options = CALLS[name]
        X_img, X_txt, y = fetch(
            **options, data_home=shared_data, download_if_missing=False, return_X_y=True
        )
        pairs, labels = _datasets.load(name, shared_data)
        same(X_img, pairs.image)
        same(X_txt, pairs.text)
        assert_array_equal(y, labels)
        assert y.dtype == labels.dtype

    @pytest.mark.parametrize("name", SIZES)
    def test_have_the_classes_of_the_description(self, name, shared_data):
        fetch, options = CALLS[name]
        y = fetch(
            **options, data_home=shared_data, download_if_missing=False, return_X_y=True
        )[2]
        counts = np.bincount(y)
        assert (counts.min(), counts.max()) == SIZES[name]

    @pytest.mark.parametrize(
        ("fetch", "file"),
        [
            (fetch_wikipedia, "wikipedia/wikipedia.npz"),
            (fetch_mfeat, "mfeat/mfeat.npz"),
        ],
        ids=["wikipedia", "mfeat"],
    )
    def test_give_class_embeddings_and_names(self, fetch, file, shared_data):
        bunch = fetch(data_home=shared_data, download_if_missing=False)
        with np.load(shared_data / file) as archive:
            assert_array_equal(bunch.class_embeddings, archive["class_embeddings"])
            assert_array_equal(bunch.target_names, archive["target_names"])

    def test_split_of_wikipedia_is_the_official_one(self, shared_data):
        options = {"data_home": shared_data, "download_if_missing": False}
        train = fetch_wikipedia(subset="train", **options)
        test = fetch_wikipedia(subset="test", **options)
        with np.load(shared_data / "wikipedia" / "wikipedia.npz") as archive:
            for part, name in ((train, "train_idx"), (test, "test_idx")):
                rows = archive[name]
                assert_array_equal(part.image, archive["X_img_sift"][rows])
                assert_array_equal(part.text_ids, archive["text_ids"][rows])
                assert_array_equal(part.image_ids, archive["image_ids"][rows])

    def test_dscmr_is_whole_when_its_word_vectors_come_by_the_network(
        self, shared_data, tmp_path, server
    ):
        with np.load(shared_data / "pascal_sentence" / "pascal_dscmr100.npz") as a:
            archive = dict(a)
        # The original file, bit by bit: its pinned checksum holds.
        content = voc_pickle(archive["class_embeddings"])
        server.put(_pascal_sentence._VOC_VECTORS, content)
        for file in _pascal_sentence._DSCMR.values():
            server.put(file, (shared_data / file.path).read_bytes())
        bunch = fetch_pascal_sentence(version="dscmr", data_home=tmp_path, n_retries=0)
        for key, name in (
            ("class_embeddings", "class_embeddings"),
            ("target_names", "target_names"),
            ("unpaired_text", "X_txt_unpaired"),
            ("unpaired_target", "y_txt_unpaired"),
        ):
            assert_array_equal(bunch[key], archive[name])


class TestDigitsHalves:
    def test_halves_make_the_pictures(self):
        bunch = load_digits_halves()
        halves = [bunch[side].reshape(-1, 8, 4) for side in ("image", "text")]
        assert_array_equal(np.concatenate(halves, axis=2), bunch.images)

    def test_are_those_of_the_benchmark(self):
        from benchmarks import _datasets

        pairs, labels = _datasets.load("digits", None)
        X_img, X_txt, y = load_digits_halves(return_X_y=True)
        assert_array_equal(X_img, pairs.image)
        assert_array_equal(X_txt, pairs.text)
        assert_array_equal(y, labels)

    def test_sizes_are_those_of_the_description(self):
        bunch = load_digits_halves()
        counts = np.bincount(bunch.target)
        assert f":Pairs: {counts.sum()}\n" in bunch.DESCR
        assert f"with {counts.min()} to {counts.max()} pairs" in bunch.DESCR
