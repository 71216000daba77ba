"""A test that lacks an extra is skipped; any other import that fails is a fault."""

import tomllib

import pytest

from tests.extras import EXTRA_OF, absent_extra, skip_for_want_of_extra


def fail(module, cause=None):
    """Return the error of an import, as Python raises it."""
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    error.__cause__ = cause
    return error


@pytest.fixture
def without_faiss(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_absent_extra_is_named(without_faiss):
    assert absent_extra(fail("faiss")) == 'needs faiss: pip install ".[faiss]"'
    assert absent_extra(fail("faiss.contrib")) == 'needs faiss: pip install ".[faiss]"'


def test_absent_extra_is_found_below_the_error_of_the_package(without_faiss):
    error = ImportError("search needs faiss")
    error.__cause__ = fail("faiss")
    assert absent_extra(error) is not None


@pytest.mark.parametrize("module", ["sklearn_xmodal.nosuch", "numpyy", None])
def test_modules_of_no_extra_are_faults(module, without_faiss):
    assert absent_extra(fail(module)) is None


def test_a_module_that_is_there_and_does_not_import_is_a_fault(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert absent_extra(fail("faiss.nosuch")) is None


def test_extras_are_those_of_the_package(repository_root):
    with (repository_root / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)["project"]["optional-dependencies"]
    assert set(EXTRA_OF.values()) <= set(declared)


@pytest.mark.parametrize(
    ("module", "outcome"),
    [
        ("faiss", pytest.skip.Exception),
        ("sklearn_xmodal.nosuch", ModuleNotFoundError),
    ],
)
def test_tests_are_skipped_for_want_of_an_extra_only(module, outcome, without_faiss):
    hook = skip_for_want_of_extra(item=None)
    next(hook)
    with pytest.raises(outcome, match=module):
        hook.throw(fail(module))
