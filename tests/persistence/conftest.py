"""Files for the tests: there and back, whole ones, and changed ones."""

import numpy as np
import pytest

from sklearn_xmodal import CCARetriever, load, save
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.persistence import _container
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


@pytest.fixture
def rewrite():
    """Change the document of a file, or its tensors, and set the checksums right."""

    def change(path, document=lambda d: d, tensors=lambda t: t, version=None):
        with path.open("rb") as file:
            header = _container.read_header(file)
            arrays = _container.read_tensors(file, header)
        with path.open("wb") as file, pytest.MonkeyPatch.context() as patch:
            patch.setattr(_container, "FORMAT_VERSION", version or header.version)
            _container.write(file, document(header.document), tensors(arrays))

    return change


@pytest.fixture
def path(tmp_path):
    """Place of the file under test."""
    return tmp_path / "model.xmodal"


@pytest.fixture(scope="session")
def small():
    """Return 30 pairs with labels of strings."""
    X_img, X_txt, y = make_paired_modalities(
        30, n_classes=3, n_image_features=6, n_text_features=6, random_state=0
    )
    return X_img, X_txt, np.array(["a", "b", "c"], object)[y]


@pytest.fixture(scope="session")
def whole(small, tmp_path_factory):
    """Bytes of a small file."""
    path = tmp_path_factory.mktemp("whole") / "model"
    save(CCARetriever(1).fit(*small), path)
    return path.read_bytes()
