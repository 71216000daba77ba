"""ImageTextPairs, and ModalityTransformer, which works on each side alone."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample, shuffle

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    KernelPairs,
    ModalityTransformer,
    encoder_of,
)
from tests.conftest import RETRIEVERS, SEEDS

N = 12
IMAGE = np.arange(N * 3, dtype=float).reshape(N, 3)
TEXT = -np.arange(N * 2, dtype=float).reshape(N, 2)
STRINGS = np.array([f"a {word} of text {i}" for i, word in enumerate("abcdefghijkl")])

# What a side may be, as a function of a matrix.
SIDES = {
    "ndarray": np.asarray,
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "DataFrame": lambda X: pd.DataFrame(X).add_prefix("c"),
}
# Ways to ask for rows 1, 4 and 7.
KEYS = {
    "slice": slice(1, 8, 3),
    "list": [1, 4, 7],
    "array": np.array([1, 4, 7]),
    "unsigned": np.array([1, 4, 7], dtype=np.uint8),
    "mask": np.isin(np.arange(N), [1, 4, 7]),
    "list mask": np.isin(np.arange(N), [1, 4, 7]).tolist(),
    "negative": [-11, -8, -5],
    "with ellipsis": (np.array([1, 4, 7]), ...),
}


def _dense(side):
    return side.toarray() if sparse.issparse(side) else np.asarray(side)


def _assert_equal(pairs, image, text):
    for side, expected in ((pairs.image, image), (pairs.text, text)):
        if expected is None:
            assert side is None
        else:
            assert_array_equal(_dense(side), expected)


class TestConstruction:
    @pytest.mark.parametrize("kind", SIDES)
    def test_sides_are_kept_as_they_are(self, kind):
        image, text = SIDES[kind](IMAGE), SIDES[kind](TEXT)
        pairs = ImageTextPairs(image, text)
        assert pairs.image is image
        assert pairs.text is text

    @pytest.mark.parametrize("to_format", [sparse.csc_matrix, sparse.coo_array])
    def test_other_sparse_formats_become_csr(self, to_format):
        pairs = ImageTextPairs(IMAGE, to_format(TEXT))
        assert pairs.text.format == "csr"
        assert_array_equal(pairs.text.toarray(), TEXT)

    def test_lists_become_arrays(self):
        pairs = ImageTextPairs(IMAGE.tolist(), STRINGS.tolist())
        assert_array_equal(pairs.image, IMAGE)
        assert_array_equal(pairs.text, STRINGS)

    @pytest.mark.parametrize("missing", ["image", "text"])
    def test_one_side_may_be_missing(self, missing):
        sides = {"image": IMAGE, "text": TEXT, missing: None}
        pairs = ImageTextPairs(**sides)
        assert getattr(pairs, missing) is None
        assert len(pairs) == N
        assert pairs[:2].shape == (2, 2 if missing == "image" else 3)

    def test_shape_counts_the_columns_of_both_sides(self):
        assert ImageTextPairs(IMAGE, sparse.csr_matrix(TEXT)).shape == (N, 5)
        assert ImageTextPairs(np.zeros((N, 4, 4)), STRINGS).shape == (N, 17)

    def test_both_sides_missing_is_refused(self):
        with pytest.raises(ValueError, match="at least one side"):
            ImageTextPairs()

    def test_different_row_counts_are_refused_with_both_numbers(self):
        message = "same number of rows.* Got 12 image rows and 1 text row"
        with pytest.raises(ValueError, match=message):
            ImageTextPairs(IMAGE, TEXT[:1])

    def test_a_scalar_side_is_refused(self):
        with pytest.raises(ValueError, match=r"text side must have rows. Got a scalar"):
            ImageTextPairs(IMAGE, 3.0)

    def test_rows_of_unequal_length_are_refused(self):
        with pytest.raises(ValueError, match="image side must have rows of equal"):
            ImageTextPairs([[1.0, 2.0], [3.0]], TEXT[:2])

    def test_pairs_inside_pairs_are_refused(self):
        with pytest.raises(TypeError, match=r"image must be a matrix. Got ImageText"):
            ImageTextPairs(ImageTextPairs(IMAGE, TEXT), TEXT)

    def test_there_is_no_room_for_labels(self):
        with pytest.raises(AttributeError, match="no attribute"):
            ImageTextPairs(IMAGE, TEXT).target = np.zeros(N)


class TestSlicing:
    @pytest.mark.parametrize("kind", SIDES)
    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
    def test_rows_of_both_sides_are_taken_and_types_kept(self, kind, key):
        image, text = SIDES[kind](IMAGE), SIDES[kind](TEXT)
        taken = ImageTextPairs(image, text)[key]
        _assert_equal(taken, IMAGE[[1, 4, 7]], TEXT[[1, 4, 7]])
        assert type(taken.image) is type(image)
        assert type(taken.text) is type(text)

    def test_the_sides_may_differ_in_type(self):
        pairs = ImageTextPairs(SIDES["DataFrame"](IMAGE), STRINGS)[[2, 0]]
        assert_array_equal(pairs.image.index, [2, 0])
        assert_array_equal(pairs.text, STRINGS[[2, 0]])

    def test_a_series_of_strings_is_taken_by_position(self):
        strings = pd.Series(STRINGS, index=np.arange(N)[::-1])
        assert ImageTextPairs(text=strings)[[0, 1]].text.tolist() == list(STRINGS[:2])

    @pytest.mark.parametrize("kind", SIDES)
    @pytest.mark.parametrize("key", [[], slice(0, 0)], ids=["list", "slice"])
    def test_no_rows_is_a_valid_answer(self, kind, key):
        pairs = ImageTextPairs(SIDES[kind](IMAGE), SIDES[kind](TEXT))[key]
        assert pairs.shape == (0, 5)

    def test_slices_of_dense_sides_are_views(self):
        pairs = ImageTextPairs(IMAGE, TEXT)[2:5]
        assert np.shares_memory(pairs.image, IMAGE)
        assert np.shares_memory(pairs.text, TEXT)

    @pytest.mark.parametrize("key", [3, np.int64(3), -1], ids=repr)
    def test_a_single_integer_is_refused(self, key):
        with pytest.raises(TypeError, match=rf"single integer {key}; use pairs\[\["):
            ImageTextPairs(IMAGE, TEXT)[key]

    def test_columns_are_refused(self):
        with pytest.raises(TypeError, match=r"by rows only. Got 2 indices"):
            ImageTextPairs(IMAGE, TEXT)[:, 0]

    def test_iteration_is_refused(self):
        with pytest.raises(TypeError, match="not iterable"):
            list(ImageTextPairs(IMAGE, TEXT))

    def test_conversion_to_one_array_is_refused(self):
        pairs = ImageTextPairs(IMAGE, TEXT)
        with pytest.raises(TypeError, match=r"not an array.* pairs\.to_stacked\(\)"):
            np.asarray(pairs)
        with pytest.raises(TypeError, match=r"by ModalityTransformer\(image=Stand"):
            StandardScaler().fit(pairs)

    def test_a_row_that_is_not_there_is_an_index_error(self):
        with pytest.raises(IndexError, match="must be from 0 to 11"):
            ImageTextPairs(IMAGE, TEXT)[[N]]


class TestStacking:
    @pytest.mark.parametrize("kind", SIDES)
    def test_round_trip_gives_the_same_sides_and_types(self, kind):
        X = SIDES[kind](np.hstack([IMAGE, TEXT]))
        pairs = ImageTextPairs.from_stacked(X, 3)
        _assert_equal(pairs, IMAGE, TEXT)
        again = pairs.to_stacked()
        assert_array_equal(_dense(again), np.hstack([IMAGE, TEXT]))
        assert sparse.issparse(again) == sparse.issparse(X)
        assert hasattr(again, "columns") == hasattr(X, "columns")

    def test_dense_blocks_are_views(self):
        X = np.hstack([IMAGE, TEXT])
        pairs = ImageTextPairs.from_stacked(X, 3)
        assert np.shares_memory(pairs.image, X)
        assert np.shares_memory(pairs.text, X)

    def test_a_sparse_side_makes_the_stack_sparse(self):
        X = ImageTextPairs(IMAGE, sparse.csr_array(TEXT)).to_stacked()
        assert X.format == "csr"
        assert_array_equal(X.toarray(), np.hstack([IMAGE, TEXT]))

    def test_equal_column_names_on_both_sides_survive(self):
        frame = pd.DataFrame(TEXT, columns=["a", "b"])
        X = ImageTextPairs(frame, 2 * frame).to_stacked()
        assert_array_equal(X, np.hstack([TEXT, 2 * TEXT]))

    def test_frames_are_stacked_by_position_where_the_index_repeats(self):
        index = np.zeros(N)
        image, text = pd.DataFrame(IMAGE, index), pd.DataFrame(TEXT, index)
        X = ImageTextPairs(image.add_prefix("i"), text.add_prefix("t")).to_stacked()
        assert_array_equal(X, np.hstack([IMAGE, TEXT]))

    @pytest.mark.parametrize("n_image_features", [0, -1, 5, 6])
    def test_a_side_without_columns_is_refused(self, n_image_features):
        message = f"at least one column .* Got n_image_features={n_image_features} for"
        with pytest.raises(ValueError, match=message):
            ImageTextPairs.from_stacked(np.hstack([IMAGE, TEXT]), n_image_features)

    def test_a_single_column_of_values_is_refused(self):
        with pytest.raises(ValueError, match=r"matrix of shape .* Got shape \(12,\)"):
            ImageTextPairs.from_stacked(np.arange(N), 1)

    @pytest.mark.parametrize("missing", ["image", "text"])
    def test_a_missing_side_cannot_be_stacked(self, missing):
        pairs = ImageTextPairs(**{"image": IMAGE, "text": TEXT, missing: None})
        with pytest.raises(
            ValueError, match=f"two matrices. Got {missing} features None"
        ):
            pairs.to_stacked()


class TestRepr:
    @pytest.mark.parametrize(
        ("image", "text", "expected"),
        [
            (IMAGE, TEXT, "image=(12, 3) float64, text=(12, 2) float64"),
            (
                SIDES["DataFrame"](IMAGE),
                sparse.csr_matrix(TEXT),
                "image=(12, 3) DataFrame, text=(12, 2) float64 sparse",
            ),
            (None, STRINGS, f"image=None, text=(12,) {STRINGS.dtype}"),
            (None, pd.Series(STRINGS), "image=None, text=(12,) Series"),
        ],
        ids=["arrays", "frame and sparse", "strings", "series"],
    )
    def test_names_shapes_and_types(self, image, text, expected):
        assert repr(ImageTextPairs(image, text)) == f"ImageTextPairs({expected})"

    def test_does_not_grow_with_the_data(self):
        big = ImageTextPairs(np.zeros((10_000, 300)), np.zeros((10_000, 500)))
        assert len(repr(big)) < 80


class TestTools:
    @pytest.mark.parametrize("kind", SIDES)
    def test_pickle_and_joblib_keep_values_and_types(self, kind, tmp_path):
        pairs = ImageTextPairs(SIDES[kind](IMAGE), SIDES[kind](TEXT))
        joblib.dump(pairs, tmp_path / "pairs")
        copies = pickle.loads(pickle.dumps(pairs)), joblib.load(tmp_path / "pairs")
        for copy in copies:
            _assert_equal(copy, IMAGE, TEXT)
            assert type(copy.image) is type(pairs.image)

    @pytest.mark.parametrize("kind", SIDES)
    @pytest.mark.parametrize("seed", SEEDS)
    def test_train_test_split_keeps_pairs_together(self, kind, seed):
        pairs = ImageTextPairs(SIDES[kind](IMAGE), SIDES[kind](TEXT))
        y = np.arange(N) % 2
        train, test, y_train, y_test = train_test_split(
            pairs, y, test_size=4, stratify=y, random_state=seed
        )
        for part, labels in ((train, y_train), (test, y_test)):
            rows = (_dense(part.image)[:, 0] / 3).astype(int)
            _assert_equal(part, IMAGE[rows], TEXT[rows])
            assert_array_equal(labels, y[rows])
        assert (len(train), len(test)) == (8, 4)
        assert y_test.sum() == 2

    @pytest.mark.parametrize("tool", [shuffle, resample])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_shuffle_and_resample_keep_pairs_together(self, tool, seed):
        pairs = ImageTextPairs(IMAGE, sparse.csr_matrix(TEXT))
        drawn, rows = tool(pairs, np.arange(N), random_state=seed)
        _assert_equal(drawn, IMAGE[rows], TEXT[rows])


def _three_forms(**params):
    """The transformer, and calls that hand it the same pairs in each form."""
    plain = ModalityTransformer(**params)
    stacked = ModalityTransformer(n_image_features=3, **params)
    return {
        "arrays": (plain, (IMAGE, TEXT)),
        "pairs": (plain, (ImageTextPairs(IMAGE, TEXT),)),
        "stacked": (stacked, (np.hstack([IMAGE, TEXT]),)),
    }


def _sides_of(output):
    if isinstance(output, tuple):
        return output
    if isinstance(output, ImageTextPairs):
        return output.image, output.text
    return output[:, :3], output[:, 3:]


class TestModalityTransformer:
    @pytest.mark.parametrize("form", ["arrays", "pairs", "stacked"])
    @pytest.mark.parametrize("method", ["fit_transform", "fit then transform"])
    def test_applies_each_transformer_to_its_side(self, form, method):
        transformer, arguments = _three_forms(image=StandardScaler())[form]
        if method == "fit_transform":
            output = transformer.fit_transform(*arguments)
        else:
            output = transformer.fit(*arguments).transform(*arguments)
        image, text = _sides_of(output)
        assert_allclose(image, StandardScaler().fit_transform(IMAGE))
        assert_array_equal(text, TEXT)

    @pytest.mark.parametrize(
        ("form", "kind"),
        [("arrays", tuple), ("pairs", ImageTextPairs), ("stacked", np.ndarray)],
    )
    def test_answers_in_the_form_it_was_asked_in(self, form, kind):
        transformer, arguments = _three_forms()[form]
        assert type(transformer.fit_transform(*arguments)) is kind

    def test_leaves_the_given_transformers_unfitted(self):
        scaler = StandardScaler()
        ModalityTransformer(image=scaler).fit(IMAGE, TEXT)
        assert not hasattr(scaler, "mean_")

    def test_hands_labels_to_both_transformers(self):
        class Recorder(StandardScaler):
            def fit(self, X, y=None):
                self.y_ = y
                return super().fit(X)

        y = np.arange(N)
        fitted = ModalityTransformer(image=Recorder(), text=Recorder())
        fitted.fit(ImageTextPairs(IMAGE, TEXT), y)
        assert fitted.image_transformer_.y_ is y
        assert fitted.text_transformer_.y_ is y

    @pytest.mark.parametrize("kind", [list, np.asarray, pd.Series])
    def test_turns_raw_strings_beside_dense_images_into_features(self, kind):
        pairs = ImageTextPairs(IMAGE, kind(STRINGS))
        text = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
        for transformer, width in ((TfidfVectorizer(), 4), (text, 2)):
            codes = ModalityTransformer(text=transformer).fit_transform(pairs)
            assert codes.image is pairs.image
            assert codes.text.shape[0] == N
            assert codes.text.shape[1] >= width

    def test_sparse_text_stays_sparse(self):
        pairs = ImageTextPairs(IMAGE, STRINGS)
        codes = ModalityTransformer(text=TfidfVectorizer()).fit_transform(pairs)
        assert sparse.issparse(codes.text)
        assert isinstance(codes.image, np.ndarray)

    def test_raw_strings_in_the_two_array_form_are_sent_to_the_container(self):
        transformer = ModalityTransformer(text=TfidfVectorizer())
        with pytest.raises(ValueError, match="Raw texts go into ImageTextPairs"):
            transformer.fit(IMAGE, STRINGS)

    @pytest.mark.parametrize("present", ["image", "text"])
    def test_projects_one_side_where_the_other_is_missing(self, present):
        fitted = ModalityTransformer(image=StandardScaler(), text=PCA(1))
        both = fitted.fit(IMAGE, TEXT).transform(ImageTextPairs(IMAGE, TEXT))
        side = {"image": IMAGE, "text": TEXT}[present]
        alone = fitted.transform(ImageTextPairs(**{present: side}))
        assert_array_equal(getattr(alone, present), getattr(both, present))
        assert sum(s is None for s in (alone.image, alone.text)) == 1

    def test_parameters_of_the_transformers_can_be_set(self):
        transformer = ModalityTransformer(image=StandardScaler(), text=PCA())
        transformer.set_params(image__with_mean=False, text__n_components=1)
        image, text = transformer.fit_transform(IMAGE, TEXT)
        assert_allclose(image, IMAGE / IMAGE.std(axis=0))
        assert text.shape == (N, 1)
        assert transformer.set_params(text="passthrough").text == "passthrough"

    @pytest.mark.parametrize("transformer", ["drop", None, 3])
    def test_something_else_than_a_transformer_is_refused(self, transformer):
        with pytest.raises(ValueError, match=r"'image' parameter .* must be"):
            ModalityTransformer(image=transformer).fit(IMAGE, TEXT)

    def test_not_fitted_says_so(self):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ModalityTransformer().transform(IMAGE, TEXT)

    @pytest.mark.parametrize("missing", ["image", "text"])
    def test_fit_needs_both_sides(self, missing):
        pairs = ImageTextPairs(**{"image": IMAGE, "text": TEXT, missing: None})
        with pytest.raises(ValueError, match=f"both modalities. Got .* {missing}=None"):
            ModalityTransformer().fit(pairs)

    def test_labels_in_place_of_the_text_are_refused(self):
        with pytest.raises(ValueError, match=r"looks like labels: call fit\(X_img, X_"):
            ModalityTransformer().fit(IMAGE, np.arange(N))

    @pytest.mark.parametrize("able", [True, False])
    def test_tags_follow_the_transformers(self, able):
        image = SimpleImputer() if able else PCA()
        tags = ModalityTransformer(image=image).__sklearn_tags__()
        assert tags.input_tags.allow_nan is able

    def test_missing_values_reach_an_imputer(self):
        image = IMAGE.copy()
        image[0, 0] = np.nan
        imputer = ModalityTransformer(image=SimpleImputer())
        filled, _ = imputer.fit_transform(image, TEXT)
        assert filled[0, 0] == IMAGE[1:, 0].mean()

    def test_checks_the_parameters_of_both(self):
        X = np.random.default_rng(0).normal(size=(20, 4))
        with pytest.raises(ValueError, match="'svd_solver' parameter of PCA"):
            ModalityTransformer(text=PCA(svd_solver="none")).fit(X, X)


class TestNamesAndFrames:
    def test_names_carry_the_modality(self):
        frame = SIDES["DataFrame"](IMAGE)
        fitted = ModalityTransformer(text=PCA(1)).fit(frame, TEXT)
        names = fitted.get_feature_names_out()
        assert names.tolist() == ["image__c0", "image__c1", "image__c2", "text__pca0"]

    def test_names_of_a_stacked_input_are_divided(self):
        stacked = pd.DataFrame(np.hstack([IMAGE, TEXT]), columns=list("abcde"))
        fitted = ModalityTransformer(n_image_features=3).fit(stacked)
        expected = ["image__a", "image__b", "image__c", "text__d", "text__e"]
        assert fitted.get_feature_names_out().tolist() == expected
        nameless = ModalityTransformer(n_image_features=3).fit(stacked.to_numpy())
        assert nameless.get_feature_names_out(list("abcde")).tolist() == expected

    @pytest.mark.parametrize("form", ["arrays", "pairs", "stacked"])
    def test_pandas_output_in_every_form(self, form):
        params = {"image": StandardScaler(), "text": PCA(2)}
        transformer, arguments = _three_forms(**params)[form]
        expected = transformer.fit_transform(*arguments)
        frames = transformer.set_output(transform="pandas").transform(*arguments)
        for got, want in zip(
            [frames] if form == "stacked" else _sides_of(frames),
            [expected] if form == "stacked" else _sides_of(expected),
            strict=True,
        ):
            assert isinstance(got, pd.DataFrame)
            assert_array_equal(got, want)

    def test_pandas_output_of_passthrough(self):
        transformer = ModalityTransformer().set_output(transform="pandas")
        image, text = transformer.fit_transform(IMAGE, TEXT)
        assert isinstance(image, pd.DataFrame)
        assert isinstance(text, pd.DataFrame)

    def test_pandas_output_reaches_through_a_pipeline(self):
        pipe = make_pipeline(
            ModalityTransformer(image=StandardScaler(), text=PCA(2)), CCARetriever(2)
        ).set_output(transform="pandas")
        rng = np.random.default_rng(0)
        pairs = ImageTextPairs(rng.normal(size=(N, 3)), rng.normal(size=(N, 2)))
        codes = pipe.fit(pairs).transform(pairs)
        assert list(codes.image) == ["image_ccaretriever0", "image_ccaretriever1"]
        assert list(codes.text) == ["text_ccaretriever0", "text_ccaretriever1"]
        scaled = pipe[0].transform(pairs)
        assert list(scaled.text) == ["pca0", "pca1"]


class TestKernelPairs:
    @pytest.fixture
    def kernels(self):
        rng = np.random.default_rng(0)
        return KernelPairs(rng.normal(size=(6, 6)), rng.normal(size=(6, 6)))

    def test_look_like_one_square_matrix(self, kernels):
        assert kernels.shape == (6, 6)
        assert KernelPairs(text=kernels.text).shape == (6, 6)
        assert repr(kernels) == "KernelPairs(image=(6, 6) float64, text=(6, 6) float64)"

    @pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
    def test_are_cut_by_rows_and_columns(self, kernels, kind):
        rows, columns = [5, 0], [1, 2, 4]
        cut = KernelPairs(kind(kernels.image), kernels.text)[np.ix_(rows, columns)]
        assert isinstance(cut.image, type(kind(kernels.image)))
        assert_array_equal(_dense(cut.image), kernels.image[np.ix_(rows, columns)])
        assert_array_equal(cut.text, kernels.text[np.ix_(rows, columns)])

    def test_are_cut_by_rows_like_other_pairs(self, kernels):
        some = kernels[[4, 1]]
        assert isinstance(some, KernelPairs)
        assert some.shape == (2, 6)
        assert_array_equal(some.image, kernels.image[[4, 1]])
        assert KernelPairs(image=kernels.image)[np.ix_([0], [1, 2])].text is None

    @pytest.mark.parametrize("text", [np.ones((6, 5)), np.ones((6, 6, 1))])
    def test_need_matrices_of_one_shape(self, kernels, text):
        with pytest.raises(
            ValueError, match=r"kernel matrices of the same items.* Got"
        ):
            KernelPairs(kernels.image, text)


class TestTwoArraysInAPipeline:
    MESSAGE = r"must be given pairs.* step 'standardscaler' has seen the images alone"

    @pytest.mark.parametrize("name", ["KCCARetriever", "RidgeRetriever"])
    def test_steps_that_see_the_images_alone_are_refused(self, name, pair):
        image, text, y = pair
        pipe = make_pipeline(StandardScaler(), RETRIEVERS[name]())
        with pytest.raises(ValueError, match=self.MESSAGE):
            pipe.fit(image, text)
        search = GridSearchCV(pipe, {}, cv=2, error_score="raise")
        with pytest.raises(ValueError, match=self.MESSAGE):
            search.fit(image, text)
        pipe.steps[-1][1].fit(image, text, y)
        pipe.steps[0][1].fit(image)
        with pytest.raises(ValueError, match=self.MESSAGE):
            pipe.score(image, text)

    def test_an_inner_pipeline_is_one_too(self, pair):
        image, text, _ = pair
        inner = make_pipeline("passthrough", CCARetriever(2))
        pipe = make_pipeline(StandardScaler(), inner)
        with pytest.raises(ValueError, match=self.MESSAGE):
            pipe.fit(image, text)

    def test_nothing_before_the_retriever_is_fine(self, pair):
        image, text, _ = pair
        pipe = make_pipeline("passthrough", None, CCARetriever(2)).fit(image, text)
        assert pipe.score(image, text) == pipe[-1].score(image, text)

    def test_steps_of_pairs_are_as_before(self, pair):
        image, text, _ = pair
        scaled = ModalityTransformer(image=StandardScaler(), text=StandardScaler())
        pipe = make_pipeline(scaled, CCARetriever(2)).fit(ImageTextPairs(image, text))
        expected = pipe.transform(ImageTextPairs(image, text)).text
        # Put together by hand, from a retriever that was fitted to arrays.
        sides = scaled.transform(image, text)
        by_hand = make_pipeline(scaled, CCARetriever(2).fit(*sides))
        for whole in (pipe, by_hand):
            assert_allclose(encoder_of(whole, "text")(text), expected)
