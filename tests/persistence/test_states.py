"""A class says what its files hold, in which version, and nothing else is taken."""

import os
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import sklearn_xmodal
from sklearn_xmodal import (
    CCARetriever,
    ModalityTransformer,
    MSLNRetriever,
    load,
    save,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.encoders import Chain, LinearEncoder
from sklearn_xmodal.encoders._network import InputMap
from sklearn_xmodal.persistence import (
    InvalidFileError,
    _migrations,
    read_card,
)
from sklearn_xmodal.persistence._objects import OTHERS, PACKAGES, find_class
from sklearn_xmodal.utils._entries import check_entries
from tests.conftest import ALL_RETRIEVERS, of_one_width

PUBLIC = {n for package in PACKAGES for n in import_module(package).__all__}


class Shelf(BaseEstimator):
    """What an estimator of the package may look like."""

    _fitted = ("rows_", "image_encoder_", "both_")

    def __init__(self, size=3):
        self.size = size

    def fit(self, X):
        self.rows_ = np.asarray(X)
        return self


class Cupboard(Shelf):
    """One that says its state."""

    _file_version = 3

    def fit(self, X):
        self._rows = np.asarray(X)
        return self

    def _get_file_state(self):
        return {"rows": self._rows}

    def _set_file_state(self, state, version):
        assert version == self._file_version
        check_entries(state, ["rows"])
        self._rows = state["rows"]


@pytest.fixture(autouse=True)
def furniture(monkeypatch):
    """Let both be public classes of the package."""
    for cls in (Shelf, Cupboard):
        monkeypatch.setattr(cls, "__module__", "sklearn_xmodal.furniture")
        monkeypatch.setattr(sklearn_xmodal, cls.__name__, cls, raising=False)
    names = [*sklearn_xmodal.__all__, "Cupboard", "Shelf"]
    monkeypatch.setattr(sklearn_xmodal, "__all__", names)


def _change(rewrite, path, change):
    """Change the node of the object in a file."""

    def changed(document):
        change(document["object"])
        return document

    rewrite(path, changed)


def test_state_is_what_was_fitted(path):
    save(Shelf(2).fit([[1.0]]), path)
    loaded = load(path)
    assert (loaded.size, loaded.rows_.tolist()) == (2, [[1.0]])


@pytest.mark.parametrize("name", ["_rows", "rows"])
def test_nothing_beside_it_is_lost_in_silence(name, path):
    shelf = Shelf().fit([[1.0]])
    setattr(shelf, name, 3)
    with pytest.raises(TypeError, match=f"Shelf must hold nothing but .* Got {name} b"):
        save(shelf, path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["_rows", "rows", "fit", "__class__", "a b_", "dir_"])
def test_other_names_are_refused(name, path, rewrite, monkeypatch):
    monkeypatch.setattr(Shelf, "dir_", 3, raising=False)
    save(Shelf().fit([[1.0]]), path)
    _change(rewrite, path, lambda node: node["state"].update({name: 1}))
    with pytest.raises(InvalidFileError, match=f"Got something else: Shelf.{name}"):
        load(path)


def test_a_class_says_its_state(path):
    save(make_pipeline(Cupboard(2).fit([[1.0]])), path)
    loaded = load(path)[0]
    assert (loaded.size, loaded._rows.tolist()) == (2, [[1.0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update(more=1), r"Missing are \[\], unknown \['more'\]"),
        (
            lambda state: state.update(rows_=state.pop("rows")),
            r"Missing are \['rows'\]",
        ),
    ],
)
def test_entries_that_are_unknown_or_missing_are_refused(
    change, message, path, rewrite
):
    save(Cupboard().fit([[1.0]]), path)
    _change(rewrite, path, lambda node: change(node["state"]))
    with pytest.raises(InvalidFileError, match=message):
        load(path)


def test_parameters_that_are_unknown_are_refused(path, rewrite):
    save(Shelf(), path)
    _change(rewrite, path, lambda node: node["parameters"].update(width=3))
    with pytest.raises(InvalidFileError, match="Shelf with a parameter 'width'"):
        load(path)


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None])
def test_versions_that_are_none_are_refused(version, path, rewrite):
    save(Cupboard().fit([[1.0]]), path)
    _change(rewrite, path, lambda node: node.update(version=version))
    with pytest.raises(InvalidFileError, match=r"version .* of a Cupboard"):
        load(path)


def test_newer_versions_are_named(path, rewrite):
    save(Cupboard().fit([[1.0]]), path)
    newer = {"version": 4, "state": {"rows": {"type": "a kind of value to come"}}}
    _change(rewrite, path, lambda node: node.update(newer))
    rewrite(path, tensors=lambda tensors: {})
    with pytest.raises(
        InvalidFileError, match=r"a Cupboard of version 3.*Got 4: a new"
    ):
        load(path)


def test_older_versions_are_brought_up_step_by_step(path, rewrite, monkeypatch):
    save(Cupboard().fit([[1.0]]), path)

    def older(node):
        node["version"] = 1
        node["state"] = {"columns": node["state"]["rows"]}
        node["parameters"] = {"width": 7}

    _change(rewrite, path, older)
    with pytest.raises(InvalidFileError, match="version 1 of a Cupboard"):
        load(path)
    first = lambda parameters, state: ({"size": parameters["width"]}, state)  # noqa: E731
    second = lambda parameters, state: (parameters, {"rows": state["columns"].T})  # noqa: E731
    monkeypatch.setitem(_migrations.MIGRATIONS, ("Cupboard", 1), first)
    monkeypatch.setitem(_migrations.MIGRATIONS, ("Cupboard", 2), second)
    loaded = load(path)
    assert (loaded.size, loaded._rows.tolist()) == (7, [[1.0]])


def test_there_is_a_way_from_every_version():
    classes = {n: found for n in {*PUBLIC, *OTHERS} if (found := find_class(n))}
    versions = {n: getattr(found, "_file_version", 1) for n, found in classes.items()}
    needed = {(n, v) for n, version in versions.items() for v in range(1, version)}
    assert needed <= set(_migrations.MIGRATIONS)
    # Classes of format 1, which no file of another class can say to be of.
    oldest = {n for n, version in _migrations.MIGRATIONS if version == 0}
    assert oldest <= set(classes)


def test_output_containers_are_kept(path, rewrite):
    save(ModalityTransformer().set_output(transform="pandas"), path)
    assert load(path)._sklearn_output_config == {"transform": "pandas"}
    for output in ({"type": "dict", "items": [["transform", 1]]}, 3, ["transform"]):
        _change(rewrite, path, lambda node, o=output: node.update(output=o))
        with pytest.raises(InvalidFileError, match=r"the output|do not fit"):
            load(path)


@pytest.mark.parametrize(
    "name", ["BaseRetriever", "ImageTextPairs", "load", "os", "__version__", "sklearn"]
)
def test_only_public_classes_of_models_may_be_named(name, path, rewrite):
    save(Shelf(), path)
    _change(rewrite, path, lambda node: node.update({"class": name}))
    with pytest.raises(InvalidFileError, match=f"an object of class '{name}'"):
        load(path)


def test_no_private_module_is_named_by_a_string():
    folder = Path(_migrations.__file__).parent
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()
             if path.suffix == ".py"}  # fmt: skip
    private = re.compile(r"""["'][\w.]*sklearn_xmodal[\w.]*\._\w""")
    assert [name for name, text in texts.items() if private.search(text)] == []
    assert private.search('"sklearn_xmodal.deep._state"')


def test_attributes_that_are_not_of_a_retriever_are_named(path, pair):
    retriever = CCARetriever(2).fit(*pair)
    retriever.note_ = "mine"
    with pytest.raises(TypeError, match=r"CCARetriever must hold .* Got note_ beside"):
        save(retriever, path)


class TestEncoders:
    @pytest.fixture
    def line(self):
        weights = np.arange(6.0).reshape(3, 2)
        return LinearEncoder(mean=np.ones(3), weights=weights)

    def test_a_lone_one_survives(self, line, path):
        save(line, path, card={"of": "images"})
        loaded = load(path)
        assert type(loaded) is LinearEncoder
        assert_array_equal(loaded.weights, line.weights)
        card = read_card(path)
        assert (card["class"], card["of"]) == ("LinearEncoder", "images")

    def test_those_inside_of_others_survive(self, line, path):
        last = LinearEncoder(mean=np.zeros(2), weights=np.ones((2, 1)))
        save(Chain(steps=[line, last]), path)
        X = np.ones((1, 3)) * [1, 2, 3]
        assert_array_equal(load(path)(X), last(line(X)))

    def test_those_in_the_state_of_estimators_survive(self, line, path):
        shelf = Shelf().fit([[1.0]])
        shelf.image_encoder_, shelf.both_ = line, (line, None)
        save(shelf, path)
        loaded = load(path)
        assert loaded.image_encoder_ is loaded.both_[0]

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ({"kind": "os"}, "an encoder of kind 'os'"),
            ({"kind": ["linear"]}, "do not fit"),
            ({"version": 0}, "version 0 of a 'linear' encoder"),
            ({"version": 3}, r"a 'linear' encoder of version 1 at most\. Got 3"),
            ({"state": {}}, "must have the entries .*feature_names_in_"),
            ({"state": {"feature_names_in_": None}}, "must have the entries"),
        ],
    )
    def test_forged_ones_are_refused(self, entries, message, line, path, rewrite):
        save(line, path)
        _change(rewrite, path, lambda node: node.update(entries))
        with pytest.raises(InvalidFileError, match=message):
            load(path)

    def test_parts_of_encoders_are_no_models(self, path):
        part = InputMap(mean=np.ones(2), components=None, scale=1.0)
        with pytest.raises(TypeError, match=r"obj must be an estimator.*Got InputMap"):
            save(part, path)

    def test_classes_of_the_same_kind_from_elsewhere_are_refused(self, line, path):
        own = type("Line", (LinearEncoder,), {})
        with pytest.raises(TypeError, match=r"Got Line"):
            save(own(mean=line.mean, weights=line.weights), path)


#: Neither of these can be imported where this has run.
BARE = textwrap.dedent(
    """
    import sys

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("torch", "sklearn", "skorch", "skops"):
                raise ImportError(f"{name} is not there")

    sys.meta_path.insert(0, Blocker())
    from pathlib import Path

    import numpy as np
    from sklearn_xmodal import load, save

    folder = Path(sys.argv[1])
    X = np.load(folder / "X.npy")
    for path in folder.glob("*.xmodal"):
        encoder = load(path)
        np.save(path.with_suffix(".npy"), encoder(X))
        save(encoder, path.with_suffix(".again"))
    assert not {"torch", "sklearn", "skorch", "skops"} & set(sys.modules)
    """
)


def test_encoders_need_neither_torch_nor_scikit_learn(tmp_path):
    X, T, y = make_paired_modalities(300, random_state=0)
    np.save(tmp_path / "X.npy", T)
    fitted = {
        name: make().fit(*of_one_width(name, X, T), y)
        for name, make in ALL_RETRIEVERS.items()
        if name != "ViewsRetriever"  # a model of another package
    }
    # Codes of three steps are close to their mean, which magnifies rounding.
    fitted["MSLNRetriever"] = MSLNRetriever(max_steps=60, random_state=0).fit(X, T, y)
    for name, retriever in fitted.items():
        save(retriever.text_encoder_, tmp_path / f"{name}.xmodal")
    root = str(Path(sklearn_xmodal.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, retriever in fitted.items():
        found = np.load(tmp_path / f"{name}.npy")
        expected = retriever.transform_text(T)
        assert_allclose(found, expected, rtol=0, atol=1e-6, err_msg=name)
        assert_array_equal(load(tmp_path / f"{name}.again")(T), found)
