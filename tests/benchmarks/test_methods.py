"""Methods that the benchmarks have from the package."""

from benchmarks._methods import METHODS
from sklearn_xmodal.protocols import ALL_METHODS


def test_methods_of_one_name_are_those_of_the_package_but_for_labels():
    own = {name for name in ALL_METHODS if METHODS.get(name) is not ALL_METHODS[name]}
    assert own == {"cca-cv", "contrastive-adapter", "contrastive"}
    # The names are those of recorded rows.
    titles = [method.title for method in METHODS.values()]
    assert len(set(titles)) == len(titles)
