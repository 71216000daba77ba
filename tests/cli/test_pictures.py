"""What is to be read on the sheets of retrieved pairs."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_xmodal.cli._pictures import _sheet, _style_of
from sklearn_xmodal.protocols import ALL_METHODS


@pytest.mark.parametrize("longest", [6, 18, 30])
def test_classes_below_pictures_are_whole(longest):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    names = np.array(["m" * longest, "short", "w" * (longest - 1)])
    data = SimpleNamespace(
        y=names[np.arange(30) % 3],
        pictures=rng.random((30, 8, 8)),
        texts=np.array([f"text {i}" for i in range(30)]),
    )
    run = SimpleNamespace(
        method="CCA",
        protocol="standard",
        test_rows=np.arange(30),
        codes=rng.normal(size=(2, 30, 4)),
    )
    shown = [text.get_text() for axes in _sheet(run, data).axes for text in axes.texts]
    assert not [text for text in shown if "\N{HORIZONTAL ELLIPSIS}" in text]
    assert {*names} <= set(shown)


def test_no_two_methods_look_alike():
    titles = [method.title for method in ALL_METHODS.values()]
    styles = _style_of(titles)
    assert list(dict.fromkeys(titles)) == titles
    assert len(set(styles.values())) == len(titles)
    # A method looks the same whichever others are beside it, if it is a usual one.
    assert _style_of(["CCA", "MSLN"]) == {t: styles[t] for t in ("CCA", "MSLN")}
