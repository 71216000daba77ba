"""The method that docs/user_guide/own_method.md writes keeps the whole contract."""

import importlib
import re
import sys

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from tests.labelled import draw, draw_indicator


@pytest.fixture
def global_generators_stay_as_they_are():
    """Replace the fixture of the same name: some of scikit-learn's checks shuffle."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.fixture
def code(repository_root):
    page = (repository_root / "docs" / "user_guide" / "own_method.md").read_text(
        encoding="utf-8"
    )
    return re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)


@pytest.fixture
def method(code, tmp_path, monkeypatch):
    (tmp_path / "own_method.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("own_method").VotesRetriever
    del sys.modules["own_method"]


def test_it_takes_under_forty_lines(code):
    assert len(code.splitlines()) < 40


@pytest.mark.usefixtures("global_generators_stay_as_they_are")
def test_checks_of_scikit_learn_hold(method):
    results = check_estimator(
        method(n_image_features=1),
        expected_failed_checks={"check_fit_score_takes_y": "the other modality"},
        on_skip=None,
        on_fail=None,
    )
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    assert failed == []
    assert len(results) > 40


def test_codes_are_votes(method):
    X, T, y = draw()
    est = method(n_neighbors=3).fit(X, T, y)
    Z = est.transform_text(T)
    distances = np.linalg.norm(T[:, None] - T, axis=2)
    for row, votes in zip(distances, Z, strict=True):
        expected = np.bincount(y[np.argsort(row)[:3]], minlength=4) / 3
        np.testing.assert_allclose(votes, expected)


def test_errors_come_with_the_contract(method):
    X, T, y = draw()
    with pytest.raises(ValueError, match="one class per pair"):
        method().fit(X, T, draw_indicator(0, y))
    with pytest.raises(ValueError, match="VotesRetriever requires y"):
        method().fit(X, T)
