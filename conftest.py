"""What holds for the tests and for the examples in docstrings alike."""

from tests.extras import skip_for_want_of_extra

pytest_runtest_setup = pytest_runtest_call = skip_for_want_of_extra
