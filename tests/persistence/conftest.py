"""A way to the file and back."""

import pytest

from sklearn_xmodal import load, save
from tests.persistence.compare import assert_same


@pytest.fixture
def round_trip(tmp_path):
    """Save and load an object, and check that every attribute is as it was."""

    def there_and_back(obj):
        save(obj, tmp_path / "model.xmodal")
        loaded = load(tmp_path / "model.xmodal")
        assert_same(obj, loaded)
        return loaded

    return there_and_back
