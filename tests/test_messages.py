"""What a newcomer's slips are told: what must hold, what was got, what to do."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.metrics import (
    get_retrieval_scorer,
    make_retrieval_scorer,
    retrieval_score,
)
from tests.labelled import draw

X, T, Y = draw(0)
PATHS = [f"pictures/{i}.jpg" for i in range(len(X))]
TEXTS = [f"words of {i}" for i in range(len(X))]
PICTURES = np.zeros((len(X), 4, 5, 3))
PAIRS = ImageTextPairs(X, T)
RAGGED = [[1.0], [1.0, 2.0]] * (len(X) // 2)
FEATURES = r"need features first.*feature_extraction"
VECTORIZER = r"ModalityTransformer\(text=TfidfVectorizer\(\)\)"


def fit(*arguments, **options):
    return CCARetriever(2, **options).fit(*arguments)


FITS = {
    "image alone": ((X,), ValueError, r"needs both.*Got no text side \(X_txt=None\)"),
    "text alone": ((None, T), ValueError, r"needs both.*no image side \(X_img=None"),
    "texts": ((X, TEXTS), ValueError, VECTORIZER),
    "texts in pairs": ((ImageTextPairs(X, TEXTS),), ValueError, VECTORIZER),
    "paths": ((PATHS, T), ValueError, rf"Got strings .*pictures/0\.jpg'.*{FEATURES}"),
    "paths as Path": (([*map(Path, PATHS)], T), TypeError, FEATURES),
    "pictures": ((PICTURES, T), ValueError, rf"a 4D array of shape.*{FEATURES}"),
    "ragged": ((RAGGED, T[: len(RAGGED)]), ValueError, "must have rows of equal"),
    "name of a file": (("X.npy", "T.npy"), TypeError, r"file. Got 'X\.npy' as X_img"),
    "path of a file": ((X, Path("T.npy")), TypeError, r"file. Got 'T\.npy' as X_txt"),
    "dict": (({"image": X, "text": T},), TypeError, r"a dict as X_img.*Pairs\(image="),
    "dict and labels": (({"image": X, "text": T}, Y), TypeError, "a dict as X_img"),
    "tuple": (((X, T),), TypeError, r"a tuple as X_img: .*Pairs\(image="),
    "list of two": (([X, T], Y), TypeError, r"a list of two as X_img: .*Pairs\(image="),
    "pairs second": ((X, PAIRS), TypeError, "Got ImageTextPairs.*go first"),
    "pairs twice": ((PAIRS, PAIRS), TypeError, "must be y when the first is ImageText"),
    "one label": ((X, T, 3), ValueError, "one label per row. Got a single int"),
    "labels as a dict": ((X, T, {1: 2}), ValueError, "Got a single dict"),
    "complex": ((X + 1j, T), ValueError, r"must be real.*: got complex128"),
    "dates": ((X.astype("M8[s]"), T), TypeError, "must be numbers. Got dates"),
    "no rows": ((X[:0], T[:0]), ValueError, "image features must have enough rows"),
    "masked": ((np.ma.masked_greater(X, 0), T), ValueError, "no masked values"),
}  # fmt: skip


@pytest.mark.parametrize("slip", FITS)
def test_what_fit_is_given(slip):
    arguments, error, message = FITS[slip]
    with pytest.raises(error, match=message) as caught:
        fit(*arguments)
    assert "must be an array of numbers" not in str(caught.value)
    assert len(str(caught.value)) < 450


def test_what_is_no_array_of_numbers_is_called_so():
    with pytest.raises(TypeError, match=r"must be an array of numbers\. Got"):
        CCARetriever(2).fit(X, T).image_encoder_(X.astype("M8[s]"))


def test_columns_of_strings_and_dates_are_named():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X).add_prefix("i")
    wrong = {
        "caption": TEXTS,
        "file": pd.Categorical(PATHS),
        "day": pd.Timestamp("2020-01-01"),
    }
    for name, values in wrong.items():
        table = frame.assign(**{name: values})
        with pytest.raises(
            (ValueError, TypeError), match=rf"numbers. Got column '{name}'"
        ):
            fit(table, T)
        stacked = pd.concat([table, pd.DataFrame(T).add_prefix("t")], axis=1)
        with pytest.raises((ValueError, TypeError), match=f"column '{name}'"):
            fit(stacked, n_image_features=X.shape[1] + 1)
    with pytest.raises(ValueError, match="columns 'caption', 'file' with values"):
        fit(frame.assign(caption=TEXTS, file=PATHS, digits=["1"] * len(X)), T)


EST = fit(X, T, Y)
TRANSFORMS = {
    "image alone": (lambda: EST.transform(X), r"images alone.* transform_image\("),
    "text alone": (lambda: EST.transform(None, T), r"texts alone.* transform_text\("),
    "labels": (lambda: EST.transform(X, Y), "labels are not needed"),
    "single items": (lambda: EST.transform(X[0], T[0]), r"X\.reshape\(1, -1\)"),
    "pairs for a side": (lambda: EST.transform_image(PAIRS), "take one side"),
    "none for a side": (lambda: EST.transform_text(None), "must be given"),
    "stacked": (lambda: EST.transform_image(np.hstack([X, T])), "the width of both"),
    "codes": (lambda: EST.score(*EST.transform(X, T), Y), r"width of codes"),
    "a query": (lambda: EST.transform_text(["a dog"]), VECTORIZER),
    "a path": (lambda: EST.transform_image("a.jpg"), FEATURES),
}  # fmt: skip


@pytest.mark.parametrize("slip", TRANSFORMS)
def test_what_transform_is_given(slip):
    call, message = TRANSFORMS[slip]
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert "must be an array of numbers" not in str(caught.value)


def test_one_modality_through_a_pipeline_is_told_its_way():
    pipe = make_pipeline(ModalityTransformer(), CCARetriever(2)).fit(PAIRS)
    with pytest.raises(
        ValueError, match=r"call transform\(ImageTextPairs\(image=X_img"
    ):
        pipe.transform(X)


@pytest.mark.parametrize("step", [StandardScaler(), PCA(2), TruncatedSVD(2)])
def test_a_transformer_of_one_matrix_is_sent_to_both_sides(step):
    with pytest.raises(
        TypeError, match=r"ModalityTransformer\(image=StandardScaler\(\)"
    ):
        make_pipeline(step, CCARetriever(2)).fit(PAIRS, Y)


@pytest.mark.parametrize("step", [TfidfVectorizer(), CountVectorizer()])
def test_a_vectorizer_is_sent_to_the_texts(step):
    with pytest.raises(TypeError, match=VECTORIZER):
        make_pipeline(step, CCARetriever(2)).fit(ImageTextPairs(X, TEXTS), Y)


def test_the_side_that_fails_is_noted():
    with pytest.raises(AttributeError) as caught:
        ModalityTransformer(text=TfidfVectorizer()).fit(PAIRS)
    assert "TfidfVectorizer, text= of a Modality" in caught.value.__notes__[0]


def test_sparse_matrices_that_are_dicts_are_no_dicts():
    tall, wide = sparse.dok_array(X), sparse.dok_matrix(T)
    expected = fit(sparse.csr_array(X), sparse.csr_array(T)).transform_image(X)
    assert fit(tall, wide).transform_image(X) == pytest.approx(expected)
    assert EST.image_encoder_(tall) == pytest.approx(EST.transform_image(X))
    assert ImageTextPairs(tall, wide).shape == PAIRS.shape


def test_pairs_of_a_dict_are_told_their_arguments():
    with pytest.raises(TypeError, match=r"keys \['image', 'text'\]: .*Pairs\(image="):
        ImageTextPairs({"image": X, "text": T})
    with pytest.raises(TypeError, match=r"must be an integer, .* Got ndarray\."):
        ImageTextPairs.from_stacked(X, T)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mAP", "Did you mean 'map'"),
        ("mean_average_precision", "Did you mean 'map'"),
        ("recall_at_10", "Did you mean 'recall@10'"),
        ("image_to_text_maps", "Did you mean 'image_to_text_map'"),
        ("accuracy", r"scikit-learn has for predictions\. Of rankings, 'hit_rate@1'"),
        ("r2", "scikit-learn has for predictions"),
        (3, r"Got 3\. get_retrieval_scorer_names"),
    ],
)
def test_names_of_scorers_lead_to_those_there_are(name, message):
    with pytest.raises(ValueError, match=message):
        get_retrieval_scorer(name)


def test_short_names_in_the_place_of_metrics_lead_to_these():
    with pytest.raises(ValueError, match="scorer; say metric='mean_average_precision'"):
        make_retrieval_scorer("map")
    with pytest.raises(ValueError, match="say metric='mean_average_precision_at_r'\\."):
        make_retrieval_scorer("mAP@R")
    with pytest.raises(ValueError, match="say metric='recall_at_k', k=10"):
        retrieval_score(X, X, Y, Y, metric="recall@10")


def test_codes_that_cannot_be_scored_are_told_why():
    bad = np.where(np.eye(len(X), X.shape[1]) > 0, np.nan, X)
    with pytest.raises(ValueError, match="Z_query must be finite"):
        retrieval_score(bad, X, Y, Y)
    with pytest.raises(TypeError, match="Z_query must be dense"):
        retrieval_score(sparse.csr_array(X), X, Y, Y)
    with pytest.raises(ValueError, match="Z_query must be a matrix, one row per item"):
        retrieval_score(X[0], X, Y, Y)
