"""Tables with an index: rows that belong together have the same one."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    RidgeRetriever,
)
from sklearn_xmodal.metrics import (
    cross_modal_score,
    generalized_retrieval_score,
    get_retrieval_scorer,
    mean_average_precision_score,
    paired_comparison,
    retrieval_report,
    retrieval_score,
)
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    class_disjoint_train_test_split,
)
from sklearn_xmodal.neighbors import RetrievalIndex
from sklearn_xmodal.protocols import split_pairs
from tests.conftest import ALL_RETRIEVERS, RETRIEVERS, of_one_width, thorough_but

NAMES = [f"item{i}" for i in range(60)]
BACKWARDS = NAMES[::-1]


@pytest.fixture
def tables(pair):
    """Two tables and labels of one index, and the same rows the other way round."""
    X_img, X_txt, y = pair
    image, text = pd.DataFrame(X_img, NAMES), pd.DataFrame(X_txt, NAMES)
    return image, text, pd.Series(y, NAMES)


def _refused(first, second):
    return pytest.raises(
        ValueError,
        match=f"Rows of {first} and {second} belong together.* in another order: row 0 "
        f"is 'item0' in {first} and 'item59' in {second}. Pass {second}.loc",
    )


@pytest.mark.parametrize("name", thorough_but(["CCARetriever"], ALL_RETRIEVERS))
def test_fit_and_score_refuse_another_order(name, tables):
    image, text, y = tables
    image, text = of_one_width(name, image, text)
    retriever = ALL_RETRIEVERS[name]()
    with _refused("X_img", "X_txt"):
        retriever.fit(image, text.loc[BACKWARDS], y)
    with _refused("X_img", "y"):
        retriever.fit(image, text, y.loc[BACKWARDS])
    retriever.fit(image, text, y)
    with _refused("X_img", "X_txt"):
        retriever.score(image, text.loc[BACKWARDS], y)
    with _refused("X_txt", "y"):
        retriever.score(image.to_numpy(), text, y.loc[BACKWARDS])


def test_the_advice_leads_to_the_right_pairs(tables):
    image, text, y = tables
    expected = CCARetriever(3).fit(image, text, y).score(image, text, y)
    shuffled, labels = text.loc[BACKWARDS], y.loc[BACKWARDS]
    X = image, shuffled.loc[image.index], labels.loc[image.index]
    assert CCARetriever(3).fit(*X).score(*X) == expected
    position = [x.reset_index(drop=True) for x in (image, shuffled, labels)]
    CCARetriever(3).fit(*position)


def test_every_form_of_input_refuses_another_order(tables):
    image, text, y = tables
    late, labels = text.loc[BACKWARDS], y.loc[BACKWARDS]
    with _refused("image", "text"):
        ImageTextPairs(image, late)
    pairs = ImageTextPairs(image, text.to_numpy())
    with _refused("pairs.image", "y"):
        CCARetriever(3).fit(pairs, labels)
    with _refused("pairs.image", "y"):
        ModalityTransformer().fit(pairs, labels)
    stacked = pd.concat([image, text], axis=1)
    with _refused("X", "y"):
        CCARetriever(3, n_image_features=7).fit(stacked, labels)
    with _refused("X_img", "X_txt"):
        CCARetriever(3).partial_fit(image, late)
    with _refused("X_img", "sample_weight"):
        CCARetriever(3).fit(image, text, sample_weight=abs(labels) + 1)
    with _refused("X_img", "sample_weight"):
        CCARetriever(3).partial_fit(image, text, sample_weight=abs(labels) + 1)


def test_weights_go_with_whatever_has_an_index(tables):
    image, text, y = tables
    weights = (abs(y) + 1).loc[BACKWARDS]
    X_img, X_txt, numbers = image.to_numpy(), text.to_numpy(), y.to_numpy()
    late = {"sample_weight": weights}
    ridge = RidgeRetriever().fit(X_img, X_txt, numbers)
    msln = RETRIEVERS["MSLNRetriever"]()
    for call in (ridge.fit, ridge.score, msln.partial_fit, ModalityTransformer().fit):
        with _refused("X_txt", "sample_weight"):
            call(X_img, text, numbers, **late)
        with _refused("y", "sample_weight"):
            call(X_img, X_txt, y, **late)
        with _refused("pairs.text", "sample_weight"):
            call(ImageTextPairs(X_img, text), numbers, **late)
    for scoring in ("map", ["map", "mrr"]):
        score = get_retrieval_scorer(scoring)
        with _refused("X", "sample_weight"):
            score(ridge, ImageTextPairs(image, text), numbers, **late)
        with _refused("X", "y"):
            score(ridge, ImageTextPairs(image, text), y.loc[BACKWARDS])
    codes, others = image.iloc[:, :6].to_numpy(), text.to_numpy()
    with _refused("y", "sample_weight"):
        cross_modal_score(codes, others, y, **late)
    with _refused("y_query", "sample_weight"):
        retrieval_score(codes, others, y, numbers, **late)
    with _refused("y", "sample_weight"):
        generalized_retrieval_score(codes, others, y, [0], **late)
    with _refused("Z_img", "y"):
        generalized_retrieval_score(image.iloc[:, :6], others, y.loc[BACKWARDS], [0])


@pytest.mark.parametrize("scoring", ["map", ["map", "mrr"]])
def test_scorers_refuse_another_order_of_partly_labelled_pairs(tables, scoring):
    image, text, y = tables
    codes = SimpleNamespace(image=image.iloc[:, :6], text=text.loc[BACKWARDS])
    estimator = SimpleNamespace(transform=lambda pairs: codes)
    partly = np.where(np.arange(60) % 3, y, -1)
    with _refused("Z_img", "Z_txt"):
        get_retrieval_scorer(scoring)(estimator, None, partly)


def test_metrics_splitters_and_the_index_refuse_another_order(tables):
    image, text, y = tables
    codes, late, labels = image.iloc[:, :6], text.loc[BACKWARDS], y.loc[BACKWARDS]
    with _refused("Z_query", "y_query"):
        retrieval_score(codes, text, labels, y)
    with _refused("Z_query", "Z_gallery"):
        retrieval_score(codes, late)
    with _refused("Z_img", "Z_txt"):
        cross_modal_score(codes, late, y.to_numpy())
    with _refused("Z_img", "y"):
        retrieval_report(codes, text, labels)
    with _refused("scores_a", "scores_b"):
        paired_comparison(y, labels)
    relevant = pd.DataFrame(np.eye(60), NAMES, NAMES)
    with _refused("y_true", "y_score"):
        mean_average_precision_score(relevant, relevant.loc[BACKWARDS])
    with _refused("y_true.T", "y_score.T"):
        mean_average_precision_score(relevant, relevant[BACKWARDS])
    with _refused("X", "y"):
        next(ClassDisjointKFold(3).split(image, labels))
    with _refused(r"arrays\[0\]", r"arrays\[1\]"):
        class_disjoint_train_test_split(image, late, y=y.to_numpy())
    with _refused(r"arrays\[0\]", "y"):
        class_disjoint_train_test_split(image, y=labels)
    with _refused("X", "y"):
        split_pairs(ImageTextPairs(image, text), labels)
    for name in ("ids", "labels", "payload"):
        with _refused("vectors", name):
            RetrievalIndex(vectors=codes, **{name: labels})
    index = RetrievalIndex(vectors=codes, ids=pd.Series(NAMES, NAMES))
    assert index.ids.tolist() == NAMES
    with _refused("vectors", "ids"):
        index.add(vectors=codes, ids=pd.Series(BACKWARDS, BACKWARDS))


@pytest.mark.parametrize(
    "other",
    [
        pd.RangeIndex(60),
        pd.Index([*NAMES[:-1], "new"]),
        pd.Index(["item0"] * 60),
        pd.MultiIndex.from_product([range(6), range(10)]),
        pd.date_range("2020", periods=60),
    ],
    ids=["range", "one other", "repeated", "levels", "dates"],
)
def test_another_index_is_refused_with_the_first_difference(tables, other):
    image, text, _ = tables
    other_text = text.set_axis(other)
    row = next(i for i in range(60) if other[i] != NAMES[i])
    with pytest.raises(ValueError, match=rf"another index: row {row} .*reset_index"):
        CCARetriever(3).fit(image, other_text)


def test_equal_indexes_and_those_of_one_side_are_no_matter(tables):
    image, text, y = tables
    expected = CCARetriever(3).fit(image, text, y).transform_text(text)
    for change in (
        lambda x: x.reset_index(drop=True),
        lambda x: x.set_axis(pd.Index(np.arange(60.0))),
        lambda x: x.set_axis(["same"] * 60),
        lambda x: x.set_axis(pd.CategoricalIndex(NAMES)),
    ):
        # The index of images as it was, or changed alike.
        args = change(image), change(text), change(y)
        assert_allclose(CCARetriever(3).fit(*args).transform_text(text), expected)
    mixed = image, text.set_axis(pd.Index(NAMES, dtype="category")), y
    assert_allclose(CCARetriever(3).fit(*mixed).transform_text(text), expected)
    alone = image.to_numpy(), text.loc[NAMES], y.tolist()
    assert_allclose(CCARetriever(3).fit(*alone).transform_text(text), expected)
    train = ClassDisjointKFold(3).split(image, y.to_numpy())
    assert_array_equal(next(train)[0], next(ClassDisjointKFold(3).split(image, y))[0])
