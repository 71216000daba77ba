"""Pairs that come in batches are one fit, read once."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from torch.utils.data import DataLoader, TensorDataset

from sklearn_xmodal import CCARetriever, ImageTextPairs, MvDARetriever, RidgeRetriever
from tests.conftest import thorough_but
from tests.cross_decomposition.test_merge import ALL, N, assert_same, by_name, draw

SIZES = (0, 1, 70, 3, 0, 200, 26)  # the first ones alone are no fit


def batches(columns=4):
    """Yield each batch once, as a database cursor does."""
    data, start = draw(), 0
    for size in SIZES:
        yield tuple(A[start : start + size] for A in data[:columns])
        start += size
    assert start == N


@pytest.mark.parametrize("est", thorough_but(ALL[:1] + ALL[4:7], ALL), ids=by_name)
def test_are_one_fit(est):
    X_img, X_txt, y, weights = draw()
    expected = clone(est).fit(X_img, X_txt, y, sample_weight=weights)
    got = clone(est).fit_batches(batches())
    assert_same(got, expected)
    assert_same(got.fit_batches(batches()), expected)  # anew
    more = clone(est).fit(*(np.concatenate([A, A[:9]]) for A in draw()))
    assert_same(got.partial_fit(*(A[:9] for A in draw())), more)


def _frames():
    for X_img, X_txt, y, weights in batches():
        yield {
            "y": pd.Series(y),
            "X_img": pd.DataFrame(X_img, columns=list("abcdefg")),
            "X_txt": sparse.csr_array(X_txt),
            "sample_weight": weights,
        }


def _arrow():
    pa = pytest.importorskip("pyarrow")
    for X_img, X_txt, y, weights in batches():
        columns = [
            pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])
            for X in (X_img, X_txt)
        ]
        columns += [pa.array(y), pa.array(weights)]
        batch = pa.record_batch(columns, names=["a", "b", "c", "d"])
        yield [batch[name] for name in "abcd"]


FORMS = {
    "arrow": _arrow,
    "lists": lambda: [list(batch) for batch in batches()],
    "pairs": lambda: [(ImageTextPairs(*b[:2]), *b[2:]) for b in batches()],
    "dicts": _frames,
    "function": lambda: batches,
    "loader": lambda: DataLoader(
        TensorDataset(*map(torch.from_numpy, draw())),
        batch_size=64,
        shuffle=True,
        generator=torch.Generator(),  # and not the global one
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_come_in_any_form(name):
    X_img, X_txt, y, weights = draw()
    image = pd.DataFrame(X_img, columns=list("abcdefg")) if name == "dicts" else X_img
    expected = CCARetriever(3).fit(image, X_txt, y, sample_weight=weights)
    got = CCARetriever(3).fit_batches(FORMS[name]())
    for Z, codes in zip(
        got.transform(image, X_txt), expected.transform(image, X_txt), strict=True
    ):
        np.testing.assert_allclose(Z, codes, rtol=0, atol=1e-10)
    assert_array_equal(got.classes_, expected.classes_)


def test_may_be_stacked_or_without_labels():
    X_img, X_txt, y, _ = draw()
    expected = CCARetriever(3).fit(X_img, X_txt)
    stacked = np.hstack([X_img, X_txt])
    for some in ([stacked[:90], stacked[90:]], [(stacked[:90], y[:90]), stacked[90:]]):
        est = CCARetriever(3, n_image_features=7).fit_batches(some)
        np.testing.assert_allclose(
            est.transform(stacked), np.hstack(expected.transform(X_img, X_txt))
        )
    one = CCARetriever(3).fit_batches([ImageTextPairs(X_img, X_txt)])
    assert_same(one, expected)


class TestErrors:
    @pytest.mark.parametrize(
        ("wrong", "error", "match"),
        [
            (lambda X, Y, y: (X,), TypeError, r"\(X_img, X_txt, y, sample.*Got 1 it"),
            (
                lambda X, Y, y: X,
                TypeError,
                r"Got a ndarray\. All pairs at once are",
            ),
            (lambda X, Y, y: pd.DataFrame(X), TypeError, "Of a table give the columns"),
            (lambda X, Y, y: (b"12", b"1"), TypeError, "Got bytes as X_img: read numb"),
            (lambda X, Y, y: (X, Y, y, y, y), TypeError, "Got 5 items"),
            (lambda X, Y, y: {"image": X}, TypeError, r"keys X_img,.* Got \['image'\]"),
            (lambda X, Y, y: (X[:, 1:], Y), ValueError, "6 features, but CCARetr"),
            (lambda X, Y, y: (X[1:], Y), ValueError, "299 image rows and 300 text"),
            (lambda X, Y, y: (X * np.nan, Y), ValueError, "must be finite"),
            (lambda X, Y, y: (X, Y, y.astype(str)), ValueError, "must be of one kind"),
            (lambda X, Y, y: (X, Y, y, -y - 1.0), ValueError, "must be at least 0"),
        ],
    )
    def test_name_the_batch_and_lose_nothing(self, wrong, error, match):
        X_img, X_txt, y, _ = draw()
        est = CCARetriever(3).fit(X_img, X_txt, y)
        before = est.image_encoder_
        with pytest.raises(error, match=match) as info:
            est.fit_batches([(X_img, X_txt, y), wrong(X_img, X_txt, y)])
        assert info.value.__notes__ == ["In batch 1 of fit_batches, from 0."]
        assert est.image_encoder_ is before
        assert_same(est, CCARetriever(3).fit(X_img, X_txt, y))

    def test_of_what_is_no_fit(self):
        X_img, X_txt, y, _ = draw()
        with pytest.raises(ValueError, match=r"batch with pairs\. Got none: a gener"):
            CCARetriever().fit_batches([(X_img[:0], X_txt[:0])])
        with pytest.raises(ValueError, match=r"2 pairs that count\. Got 1 pair"):
            CCARetriever().fit_batches([(X_img[:1], X_txt[:1])])
        for wrong in (0.5, "pairs.parquet", X_img, {"X_img": X_img}):
            with pytest.raises(TypeError, match=r"returns one\. Got .* are for fit"):
                CCARetriever().fit_batches(wrong)
        with pytest.raises(ValueError, match="at least two classes"):
            MvDARetriever().fit_batches([(X_img[y == 1], X_txt[y == 1], y[y == 1])])
        with pytest.raises(ValueError, match="requires y to be passed"):
            RidgeRetriever().fit_batches([(X_img, X_txt)])

    def test_of_the_source_pass_through(self):
        def broken():
            yield from batches()
            raise OSError("connection lost")

        est = CCARetriever(3)
        with pytest.raises(OSError, match="connection lost"):
            est.fit_batches(broken())
        assert not hasattr(est, "n_features_in_")


PARQUET = """
    import sys
    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    from pathlib import Path
    from sklearn_xmodal import CCARetriever
    from sklearn_xmodal.datasets import make_paired_modalities

    path, n, width = sys.argv[1], int(sys.argv[2]), 64
    kind = pa.list_(pa.float32(), width)
    schema = pa.schema({"image": kind, "text": kind, "label": pa.string()})

    def columns(seed):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((10_000, width), dtype=np.float32)
        T = X + rng.standard_normal((10_000, width), dtype=np.float32)
        arrays = [pa.FixedSizeListArray.from_arrays(A.ravel(), width) for A in (X, T)]
        return [*arrays, pa.array(np.where(X[:, 0] > 0, "cat", "dog"))]

    with pq.ParquetWriter(path, schema) as writer:
        for seed in range(n // 10_000):
            writer.write_batch(pa.record_batch(columns(seed), schema=schema))

    def resident():
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    before, most = resident(), [0.0]

    def batches():
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for part in file.iter_batches(10_000):
                most.append(resident() - before)
                yield part["image"], part["text"], part["label"]

    cca = CCARetriever(10).fit_batches(batches())
    assert cca._moments.n_samples == n
    assert cca.classes_.tolist() == ["cat", "dog"]
    print(max(most))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("n", [50_000, 1_000_000])  # of 512 bytes
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_parquet_is_read_in_bounded_memory(n, tmp_path):
    pytest.importorskip("pyarrow")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PARQUET), tmp_path / "pairs", str(n)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 200  # MiB, however many there are
