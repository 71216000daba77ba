import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.utils import _sklearn_compat
from sklearn_xmodal.utils._sklearn_compat import in_output_container

Z = np.arange(6.0).reshape(3, 2)


def _names():
    return ["a", "b"]


def test_every_name_it_promises_is_there():
    promised = _sklearn_compat.__all__
    # Constants first, as ruff has them.
    assert promised == sorted(promised, key=lambda name: (not name.isupper(), name))
    assert [name for name in promised if not hasattr(_sklearn_compat, name)] == []


class TestOutputContainer:
    def test_default_is_the_array_itself_and_needs_no_names(self):
        def fail():
            raise AssertionError("names were asked for")

        assert in_output_container(Z, Z, fail, CCARetriever()) is Z

    def test_setting_of_the_estimator_gives_a_frame(self):
        estimator = CCARetriever().set_output(transform="pandas")
        frame = in_output_container(Z, Z, _names, estimator)
        assert list(frame) == ["a", "b"]
        assert_array_equal(frame, Z)

    def test_global_setting_gives_a_frame(self):
        with config_context(transform_output="pandas"):
            frame = in_output_container(Z, Z, _names, CCARetriever())
        assert isinstance(frame, pd.DataFrame)

    def test_setting_of_the_estimator_wins(self):
        estimator = CCARetriever().set_output(transform="default")
        with config_context(transform_output="pandas"):
            assert in_output_container(Z, Z, _names, estimator) is Z

    def test_index_of_the_input_is_kept(self):
        X = pd.DataFrame(Z, index=list("xyz"))
        estimator = CCARetriever().set_output(transform="pandas")
        assert list(in_output_container(Z, X, _names, estimator).index) == list("xyz")


@pytest.mark.parametrize("value", [-1, "many", 1.5])
def test_constraints_are_checked_before_the_data(value):
    with pytest.raises(ValueError, match=r"'n_components' parameter .* must be an int"):
        CCARetriever(value).fit("neither", "data")
