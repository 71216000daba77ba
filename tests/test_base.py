"""The contract that every retriever keeps: forms, slips, containers, scores."""

import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.cross_decomposition._cosine import OneWidthRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import chance_level, cross_modal_score
from tests.conftest import RETRIEVERS, SEEDS

FORMS = ("arrays", "pairs", "stacked")
MODALITIES = ("image", "text")


def _call(form, X_img, X_txt):
    """Arguments of a method, and parameters of the retriever, for one form."""
    if form == "arrays":
        return (X_img, X_txt), {}
    if form == "pairs":
        return (ImageTextPairs(X_img, X_txt),), {}
    return (np.hstack([X_img, X_txt]),), {"n_image_features": X_img.shape[1]}


def _codes(output):
    """Image and text codes from any form of output."""
    if isinstance(output, tuple):
        return output
    if isinstance(output, ImageTextPairs):
        return output.image, output.text
    return np.hsplit(np.asarray(output), 2)


def _assert_same_codes(got, expected, **tolerance):
    for a, b in zip(_codes(got), _codes(expected), strict=True):
        assert_allclose(a, b, **{"rtol": 1e-10, "atol": 1e-12, **tolerance})


class TestForms:
    def test_all_three_give_identical_results(self, make_retriever, paired):
        X_img, X_txt, y = paired
        train, test = slice(0, 40), slice(40, None)
        results = []
        for form in FORMS:
            arguments, params = _call(form, X_img[train], X_txt[train])
            queries, _ = _call(form, X_img[test], X_txt[test])
            fitted = make_retriever(**params).fit(*arguments, y[train])
            codes = _codes(fitted.transform(*queries))
            again = (
                fitted.transform_image(X_img[test]),
                fitted.transform_text(X_txt[test]),
            )
            results.append((*codes, *again, fitted.score(*queries, y[test])))
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                assert_array_equal(a, b)

    @pytest.mark.parametrize("form", FORMS)
    def test_fit_transform_is_fit_then_transform(self, make_retriever, pair, form):
        *sides, y = pair
        arguments, params = _call(form, *sides)
        once = make_retriever(**params).fit_transform(*arguments, y)
        twice = make_retriever(**params).fit(*arguments, y).transform(*arguments)
        _assert_same_codes(once, twice, rtol=0, atol=0)

    @pytest.mark.parametrize(
        ("form", "kind"),
        [("arrays", tuple), ("pairs", ImageTextPairs), ("stacked", np.ndarray)],
    )
    def test_transform_answers_in_the_form_asked(
        self, make_retriever, pair, form, kind
    ):
        *sides, y = pair
        arguments, params = _call(form, *sides)
        fitted = make_retriever(**params)
        assert type(fitted.fit_transform(*arguments, y)) is kind
        assert type(fitted.transform(*arguments)) is kind

    def test_a_retriever_fitted_on_one_form_transforms_the_others(
        self, make_retriever, pair
    ):
        X_img, X_txt, y = pair
        fitted = make_retriever(n_image_features=7).fit(np.hstack([X_img, X_txt]), y)
        codes = fitted.transform(ImageTextPairs(X_img, X_txt))
        assert isinstance(codes, ImageTextPairs)
        _assert_same_codes(codes, fitted.transform(np.hstack([X_img, X_txt])))

    @pytest.mark.parametrize("keyword", [False, True], ids=["positional", "keyword"])
    @pytest.mark.parametrize("form", ["pairs", "stacked"])
    def test_labels_may_be_the_second_argument_or_a_keyword(
        self, make_retriever, pair, form, keyword
    ):
        *sides, y = pair
        arguments, params = _call(form, *sides)
        retriever = make_retriever(**params)
        if keyword:
            score = retriever.fit(*arguments, y=y).score(*arguments, y=y)
        else:
            score = retriever.fit(*arguments, y).score(*arguments, y)
        assert score == make_retriever().fit(*sides, y).score(*sides, y)

    def test_numbers_of_rows_and_columns_are_recorded(self, make_retriever, pair):
        fitted = make_retriever().fit(*pair)
        assert fitted.n_image_features_ == 7
        assert fitted.n_text_features_ == pair[1].shape[1]
        assert fitted.n_features_in_ == 7 + pair[1].shape[1]
        assert fitted.transform_image(pair[0]).shape == (60, fitted.n_components_)

    def test_one_row_of_one_modality_is_enough(self, make_retriever, pair):
        fitted = make_retriever().fit(*pair)
        both = fitted.transform(*pair[:2])
        one = fitted.transform_image(pair[0][:1]), fitted.transform_text(pair[1][:1])
        first = tuple(Z[:1] for Z in both)
        _assert_same_codes(one, first, rtol=1e-5, atol=1e-6)


class TestPipeline:
    @pytest.mark.parametrize("present", MODALITIES)
    def test_one_sided_pairs_go_through_alone(self, make_retriever, paired, present):
        X_img, X_txt, y = paired
        pipe = make_pipeline(
            ModalityTransformer(image=StandardScaler()), make_retriever()
        ).fit(ImageTextPairs(X_img, X_txt), y)
        both = pipe.transform(ImageTextPairs(X_img, X_txt))
        side = {"image": X_img, "text": X_txt}[present]
        alone = pipe.transform(ImageTextPairs(**{present: side}))
        assert_array_equal(getattr(alone, present), getattr(both, present))
        absent = MODALITIES[1 - MODALITIES.index(present)]
        assert getattr(alone, absent) is None

    def test_score_is_that_of_the_steps(self, make_retriever, paired):
        X_img, X_txt, y = paired
        pairs = ImageTextPairs(X_img, X_txt)
        pipe = make_pipeline(
            ModalityTransformer(image=StandardScaler()), make_retriever()
        )
        scaled = StandardScaler().fit_transform(X_img)
        expected = make_retriever().fit(scaled, X_txt, y).score(scaled, X_txt, y)
        assert pipe.fit(pairs, y).score(pairs, y) == pytest.approx(expected)

    def test_score_of_one_sided_pairs_is_refused(self, make_retriever, pair):
        fitted = make_retriever().fit(*pair)
        with pytest.raises(ValueError, match=r"score needs both .* image=None"):
            fitted.score(ImageTextPairs(text=pair[1]), pair[2])


class TestSlips:
    def test_labels_in_place_of_the_text(self, make_retriever, pair):
        X_img, X_txt, y = pair
        message = r"second argument of fit .* looks like labels: call fit\(X_img, X_txt"
        for labels in (y, y.tolist(), pd.Series(y), y.astype(str)):
            with pytest.raises(ValueError, match=message):
                make_retriever().fit(X_img, labels)
        with pytest.raises(ValueError, match=r"call score\(X_img, X_txt, y\)"):
            make_retriever().fit(X_img, X_txt, y).score(X_img, y)

    def test_different_numbers_of_rows(self, make_retriever, pair):
        X_img, X_txt, y = pair
        message = "Got 60 image rows and 59 text rows"
        with pytest.raises(ValueError, match=message):
            make_retriever().fit(X_img, X_txt[:-1], y)
        fitted = make_retriever().fit(*pair)
        with pytest.raises(ValueError, match=message):
            fitted.transform(X_img, X_txt[:-1])
        with pytest.raises(ValueError, match=message):
            fitted.score(X_img, X_txt[:-1], y)

    @pytest.mark.parametrize("n_image_features", [13, 14, 0, -2])
    def test_no_columns_left_for_a_modality(
        self, make_retriever, pair, n_image_features
    ):
        X = np.hstack(pair[:2])[:, :13]
        message = (
            f"at least one column .* Got n_image_features={n_image_features} for X "
            "with n_features=13"
        )
        with pytest.raises(ValueError, match=message):
            make_retriever(n_image_features=n_image_features).fit(X, pair[2])

    def test_text_missing_in_fit(self, make_retriever, pair):
        X_img, X_txt, y = pair
        for arguments in ((X_img,), (X_img, None, y)):
            with pytest.raises(ValueError, match=r"no text side \(X_txt=None\)"):
                make_retriever().fit(*arguments)
        with pytest.raises(ValueError, match=r"both modalities. Got .* text=None"):
            make_retriever().fit(ImageTextPairs(image=X_img), y)
        with pytest.raises(ValueError, match=r"both modalities. Got .* image=None"):
            make_retriever().fit(ImageTextPairs(text=X_txt), y)

    @pytest.mark.parametrize("wrong", [5, np.float64(5)], ids=repr)
    def test_something_without_rows(self, make_retriever, pair, wrong):
        message = f"matrix with one row per pair. Got {type(wrong).__name__}"
        with pytest.raises(TypeError, match=message):
            make_retriever().fit(wrong, pair[1], pair[2])
        with pytest.raises(TypeError, match=message):
            make_retriever().fit(pair[0], wrong, pair[2])

    def test_two_arrays_where_one_matrix_was_announced(self, make_retriever, pair):
        message = r"a stacked matrix \(n_image_features is set\).* Got three"
        with pytest.raises(TypeError, match=message):
            make_retriever(n_image_features=7).fit(*pair)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("modality", MODALITIES)
    @pytest.mark.parametrize(
        ("value", "word"),
        [
            (np.nan, "NaN"),
            pytest.param(np.inf, "infinity", marks=pytest.mark.thorough),
            pytest.param(-np.inf, "infin", marks=pytest.mark.thorough),
        ],
    )
    def test_values_that_are_not_finite(
        self, make_retriever, pair, form, modality, value, word
    ):
        X_img, X_txt, y = pair
        sides = {"image": X_img.copy(), "text": X_txt.copy()}
        sides[modality][5, 2] = value
        message = f"The {modality} features must be finite.* {word}.* row 5"
        arguments, params = _call(form, sides["image"], sides["text"])
        with pytest.raises(ValueError, match=message):
            make_retriever(**params).fit(*arguments, y)
        clean, params = _call(form, X_img, X_txt)
        fitted = make_retriever(**params).fit(*clean, y)
        with pytest.raises(ValueError, match=message):
            fitted.transform(*arguments)
        with pytest.raises(ValueError, match=message):
            getattr(fitted, f"transform_{modality}")(sides[modality])

    @pytest.mark.parametrize("form", ["arrays", "pairs", "stacked"])
    def test_nan_in_sparse_text(self, make_retriever, pair, form):
        X_img, X_txt, y = pair
        X_txt = sparse.csr_matrix(X_txt * (X_txt > 0))
        X_txt.data[3] = np.nan
        row = np.argwhere(np.isnan(X_txt.toarray()))[0, 0]
        message = f"The text features must be finite.* NaN.* 1 bad value.* row {row}"
        if form == "stacked":
            X = sparse.hstack([sparse.csr_matrix(X_img), X_txt]).tocsr()
            retriever, arguments = make_retriever(n_image_features=7), (X,)
        else:
            arguments, _ = _call(form, X_img, X_txt)
            retriever = make_retriever()
        with pytest.raises(ValueError, match=message):
            retriever.fit(*arguments, y)

    @pytest.mark.parametrize("scale", [1e200, 1e-200])
    def test_values_whose_squares_no_float_holds_are_refused(
        self, make_retriever, pair, scale
    ):
        X_img, X_txt, y = pair
        with pytest.raises(ValueError, match="The text features must have squares"):
            make_retriever().fit(X_img, X_txt * scale, y)

    def test_what_is_no_labels_is_refused(self, make_retriever, pair):
        X_img, X_txt, y = pair
        names = y.astype(float)
        names[3] = np.inf
        with pytest.raises(ValueError, match="Got 1 missing label, the first in row 3"):
            make_retriever().fit(X_img, X_txt, names)
        # The slip of text where y belongs.
        with pytest.raises(ValueError, match="second argument is y, not the text"):
            make_retriever().fit(ImageTextPairs(X_img, X_txt), X_txt)

    def test_labels_of_mixed_kinds_are_refused(self, make_retriever, pair):
        X_img, X_txt, y = pair
        mixed = y.astype(object)
        mixed[0] = "cat"
        with pytest.raises(
            ValueError, match=r"that can be sorted. Got .*str.*y\.astype"
        ):
            make_retriever().fit(X_img, X_txt, mixed)

    def test_many_classes_raise_no_warning(self, make_retriever, pair):
        X_img, X_txt, y = pair
        fitted = make_retriever().fit(X_img, X_txt, np.arange(len(y)))
        assert len(fitted.classes_) == len(y)

    def test_column_of_labels_is_taken_as_labels(self, make_retriever, pair):
        X_img, X_txt, y = pair
        fitted = make_retriever().fit(X_img, X_txt, y[:, None])
        expected = fitted.score(X_img, X_txt, y)
        assert fitted.score(X_img, X_txt, y[:, None]) == expected

    def test_tuple_between_pipeline_steps_is_told_what_to_be(
        self, make_retriever, pair
    ):
        X_img, X_txt, y = pair
        with pytest.raises(TypeError, match="in a Pipeline, pass ImageTextPairs"):
            make_retriever().fit((X_img, X_txt), y)

    def test_global_pandas_output_leaves_the_score_as_it_is(self, make_retriever, pair):
        X_img, X_txt, y = pair
        expected = make_retriever().fit(X_img, X_txt, y).score(X_img, X_txt, y)
        with config_context(transform_output="pandas"):
            fitted = make_retriever().fit(X_img, X_txt, y)
            assert fitted.score(X_img, X_txt, y) == expected
            assert hasattr(fitted.transform_image(X_img), "columns")

    def test_features_of_the_other_modality(self, make_retriever, pair):
        X_img, X_txt, y = pair
        fitted = make_retriever().fit(X_img, X_txt, y)
        with pytest.raises(ValueError, match=r"5 features.* the image modality"):
            fitted.transform_image(X_img[:, :5])
        if isinstance(fitted, OneWidthRetriever):  # nothing to tell them apart by
            return
        name = type(fitted).__name__
        message = (
            f"X has 7 features, but {name} is expecting 6 features as input for the "
            "text modality.* That is the width of the image features: use "
            "transform_image"
        )
        with pytest.raises(ValueError, match=message):
            fitted.transform_text(X_img)
        with pytest.raises(ValueError, match="the text features: use transform_text"):
            fitted.transform_image(X_txt)
        with pytest.raises(ValueError, match=r"5 features.* the image modality\.$"):
            fitted.transform_image(X_img[:, :5])
        with pytest.raises(ValueError, match="the text features: use transform_text"):
            fitted.transform(X_txt, X_img)

    def test_a_stacked_matrix_of_another_width(self, make_retriever, pair):
        X = np.hstack(pair[:2])
        fitted = make_retriever(n_image_features=7).fit(X, pair[2])
        n = X.shape[1]
        message = f"X has {n - 1} features, but .* expecting {n}"
        with pytest.raises(ValueError, match=message):
            fitted.transform(X[:, :-1])

    @pytest.mark.parametrize(
        "method",
        [
            "transform",
            "transform_image",
            "transform_text",
            "score",
            "get_feature_names_out",
        ],
    )
    def test_not_fitted(self, make_retriever, pair, method):
        sides = {"transform": pair[:2], "score": pair[:2], "get_feature_names_out": ()}
        arguments = sides.get(method, pair[:1])
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(make_retriever(), method)(*arguments)

    @pytest.mark.parametrize("form", ["pairs", "stacked"])
    def test_three_arguments_with_pairs_in_one_object(self, make_retriever, pair, form):
        X_img, X_txt, y = pair
        arguments, params = _call(form, X_img, X_txt)
        for method in ("fit", "fit_transform"):
            with pytest.raises(TypeError, match=r"at most two arguments .* Got three"):
                getattr(make_retriever(**params), method)(*arguments, X_txt, y)
        fitted = make_retriever(**params).fit(*arguments, y)
        with pytest.raises(TypeError, match="score takes at most two arguments"):
            fitted.score(*arguments, X_txt, y)

    @pytest.mark.parametrize("form", ["pairs", "stacked"])
    def test_text_beside_an_object_that_holds_it(self, make_retriever, pair, form):
        X_img, X_txt, y = pair
        arguments, params = _call(form, X_img, X_txt)
        fitted = make_retriever(**params).fit(*arguments, y)
        with pytest.raises(TypeError, match="transform takes one argument when"):
            fitted.transform(*arguments, X_txt)

    @pytest.mark.parametrize("form", FORMS)
    def test_labels_of_another_length(self, make_retriever, pair, form):
        X_img, X_txt, y = pair
        arguments, params = _call(form, X_img, X_txt)
        message = r"inconsistent numbers of samples: \[60, 59\]"
        with pytest.raises(ValueError, match=message):
            make_retriever(**params).fit(*arguments, y[:-1])
        fitted = make_retriever(**params).fit(*arguments, y)
        with pytest.raises(ValueError, match=message):
            fitted.score(*arguments, y[:-1])

    def test_one_pair_is_too_few(self, make_retriever, pair):
        X_img, X_txt, y = (part[:1] for part in pair)
        with pytest.raises(ValueError, match=r"minimum of 2 is required"):
            make_retriever().fit(X_img, X_txt, y)

    @pytest.mark.parametrize("modality", MODALITIES)
    def test_text_in_place_of_numbers(self, make_retriever, pair, modality):
        sides = {"image": pair[0], "text": pair[1]}
        sides[modality] = np.full(sides[modality].shape, "word")
        with pytest.raises(
            ValueError, match=r"could not convert string to float|dtype"
        ):
            make_retriever().fit(sides["image"], sides["text"], pair[2])


class TestFrames:
    @pytest.fixture
    def frames(self, pair):
        X_img, X_txt, y = pair
        image = pd.DataFrame(X_img).add_prefix("pixel")
        text = pd.DataFrame(X_txt).add_prefix("word")
        index = [f"item{i}" for i in range(len(y))]
        return image.set_axis(index), text.set_axis(index), pd.Series(y, index=index)

    def test_frames_give_what_arrays_give(self, make_retriever, pair, frames):
        expected = make_retriever().fit_transform(*pair)
        _assert_same_codes(make_retriever().fit_transform(*frames), expected)

    @pytest.mark.parametrize("form", ["arrays", "pairs"])
    @pytest.mark.parametrize("modality", MODALITIES)
    def test_columns_in_another_order_are_refused(
        self, make_retriever, frames, form, modality
    ):
        image, text, y = frames
        arguments = (image, text)
        if form == "pairs":
            arguments = (ImageTextPairs(image, text),)
        fitted = make_retriever().fit(*arguments, y)
        side = {"image": image, "text": text}[modality]
        message = f"columns of the {modality} features must be those seen in fit"
        with pytest.raises(ValueError, match=message):
            getattr(fitted, f"transform_{modality}")(side[side.columns[::-1]])

    def test_columns_of_a_stacked_frame_in_another_order_are_refused(
        self, make_retriever, frames
    ):
        X = frames[0].join(frames[1])
        fitted = make_retriever(n_image_features=7).fit(X, frames[2])
        assert fitted.feature_names_in_.tolist() == X.columns.tolist()
        with pytest.raises(ValueError, match="feature names should match those that"):
            fitted.transform(X[X.columns[::-1]])

    def test_set_output_pandas_in_all_forms(self, make_retriever, frames):
        image, text, y = frames
        stacked = image.join(text)
        plain = make_retriever().fit(image, text, y)
        name = type(plain).__name__.lower()
        image_names = [f"image_{name}{i}" for i in range(plain.n_components_)]
        text_names = [f"text_{name}{i}" for i in range(plain.n_components_)]

        expected = plain.transform(image, text)
        plain.set_output(transform="pandas")
        outputs = [
            plain.transform(image, text),
            _codes(plain.transform(ImageTextPairs(image, text))),
            (plain.transform_image(image), plain.transform_text(text)),
        ]
        for Z_img, Z_txt in outputs:
            _assert_same_codes((Z_img, Z_txt), expected)
            assert list(Z_img) == image_names
            assert list(Z_txt) == text_names
            assert Z_img.index.equals(image.index)

        one = make_retriever(n_image_features=7).set_output(transform="pandas")
        Z = one.fit_transform(stacked, y)
        assert list(Z) == image_names + text_names == list(one.get_feature_names_out())
        assert Z.index.equals(image.index)

    def test_set_output_pandas_with_sparse_text(self, make_retriever, pair):
        X_img, X_txt, y = pair
        fitted = make_retriever().set_output(transform="pandas")
        codes = fitted.fit_transform(X_img, sparse.csr_matrix(X_txt), y)
        assert [type(Z) for Z in codes] == [pd.DataFrame, pd.DataFrame]

    def test_set_output_default_and_none(self, make_retriever, pair):
        fitted = make_retriever().set_output(transform="pandas").fit(*pair)
        fitted.set_output(transform=None)
        assert isinstance(fitted.transform_image(pair[0]), pd.DataFrame)
        fitted.set_output(transform="default")
        assert isinstance(fitted.transform_image(pair[0]), np.ndarray)

    def test_set_output_survives_clone(self, make_retriever, pair):
        copy = clone(make_retriever().set_output(transform="pandas"))
        assert isinstance(copy.fit(*pair).transform_text(pair[1]), pd.DataFrame)

    def test_an_unknown_container_is_refused(self, make_retriever, pair):
        fitted = make_retriever().set_output(transform="spreadsheet").fit(*pair)
        with pytest.raises(ValueError, match=r"must be in .* got spreadsheet"):
            fitted.transform_image(pair[0])


class TestScore:
    def test_is_the_mean_of_both_directions(self, make_retriever, paired):
        X_img, X_txt, y = paired
        fitted = make_retriever().fit(X_img, X_txt, y)
        codes = fitted.transform(X_img, X_txt)
        for labels in (y, None):
            directions = [
                cross_modal_score(*codes, labels, direction=direction)
                for direction in ("image_to_text", "text_to_image")
            ]
            expected = np.mean(directions)
            assert fitted.score(X_img, X_txt, labels) == pytest.approx(expected)

    def test_agrees_with_a_textbook_loop(self, make_retriever, paired):
        X_img, X_txt, y = paired
        fitted = make_retriever().fit(X_img, X_txt, y)
        Z_img, Z_txt = (
            Z / np.linalg.norm(Z, axis=1, keepdims=True)
            for Z in fitted.transform(X_img, X_txt)
        )
        similarity = Z_img @ Z_txt.T
        precisions = []
        for scores in (*similarity, *similarity.T):
            relevant = y == y[len(precisions) % len(y)]
            hits = relevant[np.argsort(-scores, kind="stable")]
            at_rank = np.cumsum(hits) / np.arange(1, len(y) + 1)
            precisions.append(at_rank[hits].mean())
        # Float32 codes tie within 2^-22, which may swap neighbours of the loop.
        expected = pytest.approx(np.mean(precisions), abs=1e-4)
        assert fitted.score(X_img, X_txt, y) == expected

    def test_without_labels_only_the_pair_is_relevant(self, make_retriever, pair):
        X_img, X_txt, y = pair
        fitted = make_retriever().fit(X_img, X_txt, y)
        by_pair = fitted.score(X_img, X_txt)
        assert by_pair == fitted.score(X_img, X_txt, np.arange(len(y)))
        assert by_pair == fitted.score(ImageTextPairs(X_img, X_txt))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_beats_chance_on_separable_classes(self, make_retriever, seed):
        retriever = make_retriever()
        data = make_paired_modalities(90, n_classes=3, class_sep=4, random_state=seed)
        if isinstance(retriever, OneWidthRetriever):  # of a space that is shared
            data = data[0], data[0] ** 3, data[2]
        train, test = zip(*((part[:60], part[60:]) for part in data), strict=True)
        slow = {"max_epochs": 60, "hidden_layer_sizes": (32,)}
        known = set(retriever.get_params())
        retriever.set_params(**{k: v for k, v in slow.items() if k in known})
        chance = chance_level(test[2], test[2])
        assert retriever.fit(*train).score(*test) > chance + 0.3

    @pytest.mark.parametrize("dtype", ["str", "object"])
    def test_labels_may_be_strings(self, make_retriever, pair, dtype):
        X_img, X_txt, y = pair
        words = np.array(["cat", "dog", "emu"], dtype=dtype)[y]
        by_word = make_retriever().fit(X_img, X_txt, words)
        by_number = make_retriever().fit(X_img, X_txt, y)
        _assert_same_codes(
            by_word.transform(X_img, X_txt), by_number.transform(X_img, X_txt)
        )
        assert by_word.score(X_img, X_txt, words) == by_number.score(X_img, X_txt, y)

    def test_labels_may_be_an_indicator(self, make_retriever, pair):
        X_img, X_txt, y = pair
        indicator = np.eye(3, dtype=int)[y]
        indicator[::5, 0] = 1
        tags = get_tags(make_retriever()).target_tags
        needs_one_class = tags.required and not tags.multi_output
        fitted = make_retriever().fit(X_img, X_txt, y if needs_one_class else indicator)
        shared = indicator @ indicator.T > 0
        assert shared.sum() > (y == y[:, None]).sum()
        score = fitted.score(X_img, X_txt, indicator)
        codes = fitted.transform(X_img, X_txt)
        assert score == cross_modal_score(*codes, indicator)


class TestInputs:
    @pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array])
    @pytest.mark.parametrize("form", FORMS)
    def test_sparse_text_equals_dense_text(self, make_retriever, paired, form, make):
        X_img, X_txt, y = paired
        X_txt = X_txt * (X_txt > 0)
        dense, params = _call(form, X_img, X_txt)
        expected = make_retriever(**params).fit(*dense, y)
        if form == "stacked":
            arguments = (make(dense[0]),)
        else:
            arguments, _ = _call(form, X_img, make(X_txt))
        fitted = make_retriever(**params).fit(*arguments, y)
        tolerance = {"rtol": 1e-7, "atol": 1e-8}
        if hasattr(fitted, "net_"):  # works in float32
            tolerance = {"rtol": 1e-3, "atol": 1e-4}
        elif hasattr(fitted, "n_iter_"):  # ends where its solver stops
            tolerance = {"rtol": 0, "atol": 1e-5}
        _assert_same_codes(
            fitted.transform(*arguments), expected.transform(*dense), **tolerance
        )

    @pytest.mark.parametrize("form", FORMS)
    def test_read_only_data_are_accepted_and_not_written_to(
        self, make_retriever, pair, form
    ):
        parts = [part.copy() for part in pair]
        for part in parts:
            part.flags.writeable = False
        X_img, X_txt, y = parts
        arguments, params = _call(form, X_img, X_txt)
        if form == "stacked":
            arguments[0].flags.writeable = False
        before = [np.array(part) for part in parts]
        fitted = make_retriever(**params).fit(*arguments, y)
        fitted.transform(*arguments)
        fitted.score(*arguments, y)
        for part, copy in zip(parts, before, strict=True):
            assert_array_equal(part, copy)

    def test_read_only_sparse_data_are_accepted(self, make_retriever, pair):
        X_img, X_txt, y = pair
        X_txt = sparse.csr_matrix(X_txt)
        before = X_txt.copy()
        for array in (X_txt.data, X_txt.indices, X_txt.indptr):
            array.flags.writeable = False
        make_retriever().fit(X_img, X_txt, y).score(X_img, X_txt, y)
        assert_array_equal(X_txt.toarray(), before.toarray())

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_dtype_of_the_codes_is_that_of_the_data(self, make_retriever, pair, dtype):
        X_img, X_txt, y = pair[0].astype(dtype), pair[1].astype(dtype), pair[2]
        for Z in make_retriever().fit_transform(X_img, X_txt, y):
            assert Z.dtype == dtype

    @pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16, bool])
    def test_other_types_are_converted_to_float64(self, make_retriever, pair, dtype):
        X_img, X_txt, y = pair
        sides = [(4 * np.abs(X)).astype(np.uint8).astype(dtype) for X in (X_img, X_txt)]
        got = make_retriever().fit_transform(*sides, y)
        assert {Z.dtype for Z in got} == {np.dtype(np.float64)}
        floats = [X.astype(float) for X in sides]
        _assert_same_codes(got, make_retriever().fit_transform(*floats, y))

    def test_memory_order_and_strides_do_not_matter(self, make_retriever, pair):
        X_img, X_txt, y = pair
        expected = make_retriever().fit_transform(X_img, X_txt, y)
        wide = np.repeat(X_txt, 2, axis=1)[:, ::2]
        got = make_retriever().fit_transform(np.asfortranarray(X_img), wide, y)
        _assert_same_codes(got, expected, rtol=1e-4, atol=1e-6)


class TestState:
    def test_a_second_fit_forgets_the_first(self, make_retriever, paired):
        X_img, X_txt, y = paired
        n_less = X_img.shape[1] - X_txt.shape[1]  # none where there is but one width
        twice = make_retriever().fit(X_img[:30, :5], X_txt[:30, : 5 - n_less], y[:30])
        twice.fit(X_img, X_txt, y)
        once = make_retriever().fit(X_img, X_txt, y)
        assert set(vars(twice)) == set(vars(once))
        assert twice.n_features_in_ == X_img.shape[1] + X_txt.shape[1]
        _assert_same_codes(*(est.transform(X_img, X_txt) for est in (twice, once)))

    def test_a_fit_that_fails_leaves_everything_as_it_was(
        self, make_retriever, paired, monkeypatch
    ):
        X_img, X_txt, y = paired
        fitted, new = make_retriever().fit(X_img, X_txt, y), make_retriever()
        before = vars(fitted).copy()

        def fail(self, *args):
            raise MemoryError

        monkeypatch.setattr(type(fitted), "_fit", fail)
        for est in (fitted, new):
            with pytest.raises(MemoryError):
                est.fit(X_img[:, :6], X_txt[:, :6], np.roll(y, 1) + 7)
        assert vars(fitted) == before
        with pytest.raises(NotFittedError, match="not fitted yet"):
            new.transform_image(X_img)

    def test_a_second_fit_in_another_form_forgets_column_names(
        self, make_retriever, pair
    ):
        X_img, X_txt, y = pair
        frame = pd.DataFrame(np.hstack([X_img, X_txt])).add_prefix("c")
        retriever = make_retriever(n_image_features=7).fit(frame, y)
        retriever.set_params(n_image_features=None).fit(X_img, X_txt, y)
        assert not hasattr(retriever, "feature_names_in_")

    def test_two_fits_agree(self, make_retriever, paired):
        first, second = (make_retriever().fit_transform(*paired) for _ in range(2))
        _assert_same_codes(first, second, rtol=0, atol=0)

    def test_pickle_and_joblib_give_the_same_codes(
        self, make_retriever, paired, tmp_path
    ):
        X_img, X_txt, y = paired
        fitted = make_retriever().fit(X_img, X_txt, y)
        joblib.dump(fitted, tmp_path / "retriever")
        copies = pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "retriever")
        for copy in copies:
            _assert_same_codes(
                copy.transform(X_img, X_txt), fitted.transform(X_img, X_txt), atol=0
            )
            assert repr(copy.get_params()) == repr(fitted.get_params())

    @pytest.mark.parametrize("name", ["CCARetriever", "MSLNRetriever"])
    def test_pickle_does_not_hold_the_training_data(self, name, pair):
        # At most 300 rows of them, the landmarks of MSLN.
        few, many = (
            RETRIEVERS[name]().fit(*(np.concatenate([part] * n) for part in pair))
            for n in (10, 30)
        )
        grown = len(pickle.dumps(many)) - len(pickle.dumps(few))
        assert grown < 0.2 * 20 * (pair[0].nbytes + pair[1].nbytes)

    def test_clone_is_not_fitted_and_fits_alike(self, make_retriever, pair):
        fitted = make_retriever().fit(*pair)
        copy = clone(fitted)
        with pytest.raises(NotFittedError, match="not fitted yet"):
            copy.transform_image(pair[0])
        _assert_same_codes(
            copy.fit(*pair).transform(*pair[:2]), fitted.transform(*pair[:2])
        )

    def test_names_of_the_codes_count_up_per_modality(self, make_retriever, pair):
        fitted = make_retriever().fit(*pair)
        names = fitted.get_feature_names_out()
        assert len(set(names)) == len(names) == 2 * fitted.n_components_
        assert re.fullmatch(r"image_[a-z]+0", names[0])
        assert re.fullmatch(r"text_[a-z]+\d+", names[-1])


def test_raw_strings_are_told_to_take_a_vectorizer():
    X_img = make_paired_modalities(20, random_state=0)[0]
    texts = np.array([f"word{i}" for i in range(20)])
    for strings in (texts, texts[:, None]):
        with pytest.raises((ValueError, TypeError)) as error:
            CCARetriever().fit(ImageTextPairs(X_img, strings))
        assert "TfidfVectorizer" in str(error.value)
