"""Files that were written once are read for ever, and give what they gave."""

import inspect
import shutil
from importlib import import_module

import pytest
import sklearn
from packaging.version import Version
from sklearn.base import BaseEstimator

import sklearn_xmodal
from sklearn_xmodal import feature_extraction, load
from sklearn_xmodal.neighbors._backends import INDEX_PARAMS
from sklearn_xmodal.neighbors._storage import DTYPES
from sklearn_xmodal.persistence import InvalidFileError, read_card
from sklearn_xmodal.persistence._container import open_file, read_header
from sklearn_xmodal.persistence._files import KINDS
from sklearn_xmodal.persistence._objects import OTHERS, PACKAGES, find_class
from tests.conftest import ALL_RETRIEVERS
from tests.persistence import golden
from tests.persistence.describe import assert_as_described

pytestmark = [
    # Both say that versions differ, which they do for ever after the next release.
    pytest.mark.filterwarnings("ignore:The file was written by sklearn_xmodal"),
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.InconsistentVersionWarning",
    ),
]
PATHS = sorted([*golden.FOLDER.glob("*/*.xmodal"), *golden.FOLDER.glob("*/*.index")])
#: What a file holds, or is expected to be -> package that it needs.
#: Attributes of earlier versions.
GONE = {"representation_"}
#: Settings of networks that later versions have; older files say that they do without.
NEW_SETTINGS = {"skip_connection", "decoder_layer_sizes"}
#: Old file -> answer of its that is a better one today: with means of all pairs so
#: far, where they were those of the last ones.
BETTER = {"MSLNRetriever-partial-fit": "later"}
EXTRAS = {
    "scikit-learn": "skops",
    "DataFrame": "pandas",
    "faiss": "faiss",
    "BagOfVisualWords": "skimage",
    "HOGTransformer": "skimage",
    "LocalBinaryPatternTransformer": "skimage",
}


def _id(path):
    return path.relative_to(golden.FOLDER).as_posix()


def _model_files(path):
    return sorted(path.glob("retriever-*")) if path.is_dir() else [path]


def _names_in(node):
    """Yield the types, classes and backends in a document or a description."""
    if isinstance(node, dict):
        yield from (node[k] for k in ("type", "class", "backend") if k in node)
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _names_in(item)


def _held_in(path):
    """Return the types and classes of a file, or of the retriever in a folder."""
    names = set()
    for file in _model_files(path):
        with open_file(file) as opened:
            names |= set(_names_in(read_header(opened).document["object"]))
    return names


def _skip_where_it_cannot_be_read(path):
    names = _held_in(path)
    for name in sorted({*names, *_names_in(golden.expected_of(path))} & set(EXTRAS)):
        pytest.importorskip(EXTRAS[name])
    if "scikit-learn" not in names:
        return
    # Newer versions of scikit-learn read what older ones wrote, with a warning.
    for file in _model_files(path):
        version = read_card(file)["versions"]["scikit-learn"]
        if Version(sklearn.__version__) < Version(version):
            pytest.skip(f"holds objects of scikit-learn {version}, which is newer")


def _forget_what_is_gone(described):
    """Drop attributes that later versions do not have; codes say what they held.

    And old spellings of parameters, which tests/utils/test_old_spellings.py compares.
    """
    if described["class"] == "RetrievalIndex":  # which has encoders in its place
        described.pop("retriever", None)
    for node in _nodes_in(described):
        for name in node.get("attributes", {}).keys() & GONE:
            del node["attributes"][name]
        if "parameters" in node:
            old = getattr(find_class(node["class"]), "_old_spellings", {})
            for name in node["parameters"].keys() & old.keys():
                del node["parameters"][name]


def _forget_new_settings(described):
    for node in _nodes_in(described):
        advanced = node.get("parameters", {}).get("advanced")
        if advanced is not None:
            kept = [pair for pair in advanced["dict"] if pair[0] not in NEW_SETTINGS]
            node["parameters"]["advanced"] = {"dict": kept} if kept else None


def _nodes_in(node):
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _nodes_in(item)


def _check(path, original=None):
    """Raise an error unless a file gives what another one, or itself, once gave."""
    expected = golden.expected_of(path if original is None else original)
    found = golden.found_in(load(path), golden.queries_of(expected))
    _forget_what_is_gone(expected["object"])
    for part in (expected, found):
        _forget_new_settings(part["object"])
    described = expected["object"]
    is_network = described["class"] == "NetworkEncoder"
    is_network |= "net_" in described.get("attributes", ())
    precision = "float32" if is_network else "float64"
    for answers in (found["answers"], expected["answers"]):
        better = BETTER.get(path.stem)
        answers["dict"] = [entry for entry in answers["dict"] if entry[0] != better]
    for part, described in found.items():
        assert_as_described(expected[part], described, part, precision)


@pytest.mark.parametrize("path", PATHS, ids=_id)
def test_golden_file_is_and_gives_what_it_was_and_gave(path):
    _skip_where_it_cannot_be_read(path)
    _check(path)


def _names_of(kind):
    folder, suffix = golden.FORMATS[kind]
    return {path.stem for path in (golden.FOLDER / folder).glob(f"*{suffix}")}


@pytest.mark.parametrize("kind", golden.TABLES)
def test_every_line_of_the_tables_has_a_file_in_the_format_of_today(kind):
    missing = sorted(set(golden.TABLES[kind]) - _names_of(kind))
    assert not missing, "run python -m tests.persistence.golden"


def test_every_file_has_what_is_expected_of_it_beside_it():
    described = {path.with_suffix("") for path in golden.FOLDER.glob("*/*.json")}
    assert described == {path.with_suffix("") for path in PATHS}


def test_every_public_estimator_has_a_golden_file():
    packages = sklearn_xmodal, feature_extraction
    public = [getattr(package, n) for package in packages for n in package.__all__]
    names = {
        obj.__name__
        for obj in public
        if inspect.isclass(obj) and issubclass(obj, BaseEstimator)
    }
    needed = (names | set(ALL_RETRIEVERS)) - {"BaseRetriever"}
    assert needed <= {name.partition("-")[0] for name in _names_of("models")}


def test_everything_that_a_file_may_hold_is_in_a_golden_file():
    held = set().union(*map(_held_in, PATHS))
    public = {name for package in PACKAGES for name in import_module(package).__all__}
    classes = {name for name in {*public, *OTHERS} if find_class(name)}
    missing = sorted({*classes, *KINDS} - held)
    assert not missing, "give tests/persistence/golden_models.py a line that has it"


def test_every_backend_has_a_golden_index():
    objects = [golden.expected_of(p)["object"] for p in PATHS if p.suffix == ".index"]
    found = {(obj["backend"], obj["index_type"]) for obj in objects}
    assert found == {("exact", "flat"), *(("faiss", name) for name in INDEX_PARAMS)}
    assert {obj.get("storage", "float32") for obj in objects} == set(DTYPES)


@pytest.fixture
def copy_of(path):
    """Copy a file, as golden ones are written, to the path of the test."""

    def copy(name, kind="models"):
        original = path.with_name(f"original-{name}")
        golden.write(original, *golden.TABLES[kind][name]())
        shutil.copy(original, path)
        _check(path, original)
        return original

    return copy


def test_an_array_that_changed_a_little_is_noticed(path, copy_of, rewrite):
    original = copy_of("CCARetriever")

    def change(tensors):
        tensors["CCARetriever.image_encoder_.weights"] *= 1 + 1e-6
        return tensors

    rewrite(path, tensors=change)
    with pytest.raises(AssertionError, match=r"answers\.dict\[0\]"):
        _check(path, original)


@pytest.mark.parametrize("change", ["missing", "unknown", "renamed"])
@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("CCARetriever", "alpha_"),
        ("CCARetriever-partial-fit", "moments"),
        ("KCCARetriever", "text_encoder_"),
        ("MSLNRetriever-partial-fit", "variates"),
        ("MSLNRetriever-partial-fit", "net"),
    ],
)
def test_a_state_with_other_entries_is_refused(
    name, entry, change, path, copy_of, rewrite
):
    copy_of(name)

    def changed(document):
        state = dict(document["object"]["state"])
        if change != "unknown":
            value = state.pop(entry)
        if change == "renamed":
            state[f"{entry}2"] = value
        if change == "unknown":
            state[f"{entry}2"] = 1
        document["object"]["state"] = state
        return document

    rewrite(path, document=changed)
    with pytest.raises(InvalidFileError, match=entry):
        load(path)


def test_a_parameter_of_another_value_is_noticed(path, copy_of, rewrite):
    original = copy_of("KCCARetriever")

    def change(document):
        document["object"]["parameters"]["degree"] = 4
        return document

    rewrite(path, document=change)
    with pytest.raises(AssertionError, match="degree: not 3 but 4"):
        _check(path, original)


def test_an_index_without_two_of_its_items_is_noticed(copy_of):
    whole, rest = (copy_of(name, "indexes") for name in ("exact", "exact-removed"))
    with pytest.raises(AssertionError, match=r"object\.ids"):
        _check(rest, whole)


def test_files_that_are_there_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    lines = {
        name: golden.TABLES["models"][name] for name in ("CCARetriever", "ViewsModel")
    }
    monkeypatch.setattr(golden, "TABLES", {"models": lines})
    there = golden.path_of("models", "CCARetriever")
    there.parent.mkdir()
    there.write_bytes(b"old")
    assert golden.write_missing() == [golden.path_of("models", "ViewsModel")]
    assert there.read_bytes() == b"old"
