"""What a file says of its model can be read without loading it."""

import datetime
import json

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_xmodal
from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    SemanticMatchingRetriever,
    load,
    save,
)
from sklearn_xmodal.persistence import InvalidFileError, _card, _files, read_card


def test_card_tells_sizes_classes_and_versions(pair, path):
    X_img, X_txt, y = pair
    labels = np.array(["ant", "bee", "cow"])[y]
    save(CCARetriever(3).fit(X_img, X_txt, labels), path)
    card = read_card(path)
    versions = card.pop("versions")
    created = datetime.datetime.fromisoformat(card.pop("created"))
    assert card == {
        "class": "CCARetriever",
        "n_image_features": 7,
        "n_text_features": 6,
        "n_features_in": 13,
        "n_components": 3,
        "n_classes": 3,
        "classes": ["ant", "bee", "cow"],
    }
    assert created.tzinfo == datetime.UTC
    assert versions["sklearn_xmodal"] == sklearn_xmodal.__version__
    assert versions["numpy"] == np.__version__
    assert {"python", "scipy", "scikit-learn", "torch", "skorch"} <= set(versions)


def test_card_of_an_unfitted_model_has_no_sizes(path):
    save(CCARetriever(3), path)
    assert set(read_card(path)) == {"class", "created", "versions"}


def test_card_of_a_pipeline_tells_of_its_last_step(pair, path):
    X_img, X_txt, y = pair
    pipe = make_pipeline(
        "passthrough",
        ModalityTransformer(image=StandardScaler()),
        SemanticMatchingRetriever(),
    )
    save(pipe.fit(ImageTextPairs(X_img, X_txt), y), path)
    card = read_card(path)
    assert card["steps"] == [
        "passthrough",
        "ModalityTransformer",
        "SemanticMatchingRetriever",
    ]
    assert (card["class"], card["n_classes"]) == ("Pipeline", 3)


def test_own_entries_are_kept_as_plain_values(path):
    own = {
        "scores": {"mAP": np.float64(0.5), "seen": np.float32(0.25), "k": np.int64(3)},
        "tuned": np.True_,
        "notes": ["für alle", None, (1, 2.5)],
        "failed": float("nan"),
    }
    save(CCARetriever(), path, card=own)
    card = read_card(path)
    assert card["scores"] == {"mAP": 0.5, "seen": 0.25, "k": 3}
    assert card["tuned"] is True
    assert card["notes"] == ["für alle", None, [1, 2.5]]
    assert card["failed"] == "nan"
    json.dumps(card, allow_nan=False)


def test_many_classes_are_counted_only(path, monkeypatch):
    monkeypatch.setattr(_card, "_MOST_CLASSES", 2)
    retriever = CCARetriever()
    retriever.classes_ = np.arange(3)
    save(retriever, path)
    card = read_card(path)
    assert card["n_classes"] == 3
    assert "classes" not in card


@pytest.mark.parametrize(
    ("card", "error", "message"),
    [
        ({"class": "X"}, ValueError, r"card must have other names.*Got class\."),
        ({"a": {1: 2}}, TypeError, r"card\['a'\] must be of strings.*Got dict"),
        ({"a": [np.ones(2)]}, TypeError, r"card\['a'\]\[0\] must be .*Got ndarray"),
    ],
)
def test_entries_that_have_no_place_are_refused(card, error, message, path):
    with pytest.raises(error, match=message):
        save(CCARetriever(), path, card=card)
    assert not path.exists()


def test_arrays_are_not_read_for_the_card(path, monkeypatch):
    save(CCARetriever(), path)

    def fail(*args):
        raise AssertionError("read")

    monkeypatch.setattr(_files, "read_tensors", fail)
    assert read_card(path)["class"] == "CCARetriever"


def test_files_of_other_versions_are_read_with_a_warning(path, rewrite):
    save(CCARetriever(5), path)

    def older(document):
        document["card"]["versions"]["sklearn_xmodal"] = "0.0.1"
        return document

    rewrite(path, older)
    with pytest.warns(UserWarning, match=r"written by sklearn_xmodal 0\.0\.1, and"):
        assert load(path).n_components == 5


def test_parameters_that_are_newer_than_a_file_have_their_defaults(path, rewrite):
    save(CCARetriever(5), path)

    def without(document):
        del document["object"]["parameters"]["component_power"]
        return document

    rewrite(path, without)
    assert load(path).component_power == 1.0


@pytest.mark.parametrize("card", [None, [1], "card"])
def test_a_file_without_a_card_is_refused(card, path, rewrite):
    save(CCARetriever(), path)
    rewrite(path, lambda d: {**d, "card": card})
    with pytest.raises(InvalidFileError, match="Got something else: no card"):
        read_card(path)


def test_only_estimators_are_saved(path):
    for obj in (np.ones(3), {"a": CCARetriever()}, CCARetriever):
        with pytest.raises(TypeError, match="obj must be an estimator"):
            save(obj, path)


def test_an_estimator_that_holds_itself_is_refused(path):
    retriever = CCARetriever()
    retriever.alpha = [1.0]
    retriever.alpha.append(retriever.alpha)
    with pytest.raises(ValueError, match="must not be nested without end"):
        save(retriever, path)


def test_safetensors_reads_the_same_arrays(pair, path):
    numpy = pytest.importorskip("safetensors.numpy")
    X_img, X_txt, y = pair
    retriever = CCARetriever(3).fit(X_img, X_txt, y)
    save(retriever, path)
    tensors = numpy.load_file(path)
    name = "CCARetriever.canonical_correlations_"
    assert tensors[name].tobytes() == retriever.canonical_correlations_.tobytes()


def test_the_same_model_gives_the_same_bytes(pair, path, monkeypatch):
    class Clock:
        @staticmethod
        def now(zone):
            return datetime.datetime(2024, 5, 6, tzinfo=zone)

    monkeypatch.setattr(_card, "datetime", Clock)
    X_img, X_txt, y = pair
    contents = set()
    for _ in range(2):
        save(CCARetriever(3).fit(X_img, X_txt, y), path)
        contents.add(path.read_bytes())
    assert len(contents) == 1
