"""Networks learn from pairs that come in batches, in bounded memory."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from torch.utils.data import DataLoader, TensorDataset

from sklearn_xmodal import (
    ACMRRetriever,
    ContrastiveAdapterRetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    ImageTextPairs,
    MSLNRetriever,
    load,
    save,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep._contrastive import pair_targets
from sklearn_xmodal.deep._from_batches import Reservoir
from sklearn_xmodal.deep.training import (
    EvenBatches,
    PairDataset,
    PreparedSide,
    ShuffledBatches,
    StreamedPairs,
)
from sklearn_xmodal.encoders._network import InputMap
from tests.conftest import thorough_but

N, BUFFER = 700, 300
SIZES = (0, 250, 1, 99, 0, 350)

MAKERS = {
    "MSLN": (MSLNRetriever, {"n_estimators": 1}),
    "contrastive": (ContrastiveRetriever, {}),
    "classes": (ContrastiveRetriever, {"positives": "classes"}),
    "locked": (ContrastiveRetriever, {"locked": "text"}),
    "DCCA": (DCCARetriever, {"batch_size": 128}),
    "ACMR": (ACMRRetriever, {}),
    "DSCMR": (DSCMRRetriever, {}),
    "adapter": (ContrastiveAdapterRetriever, {"cv": 2}),
}


def make(name, **params):
    cls, own = MAKERS[name]
    common = {"max_epochs": 2, "device": "cpu", "random_state": 0, **own, **params}
    if name != "adapter":
        small = {"n_components": 4, "hidden_layer_sizes": (16,)}
        common = {**small, **common}
    return cls(**common)


def draw(n=N, seed=100):
    """Return both modalities, labels and weights, of which some are 0."""
    X_img, X_txt, y = make_paired_modalities(
        n, n_image_features=8, n_text_features=8, n_classes=3, random_state=seed
    )
    return X_img, X_txt, y, np.arange(n) % 4 / 1.5


def batches(columns=4, data=None):
    """Yield batches once, as a database cursor does."""
    data, start = draw() if data is None else data, 0
    for size in SIZES:
        yield tuple(A[start : start + size] for A in data[:columns])
        start += size
    assert start == N


def assert_same_codes(got, expected, X_img=None, X_txt=None):
    if X_img is None:
        X_img, X_txt = draw()[:2]
    for Z, codes in zip(
        got.transform(X_img, X_txt), expected.transform(X_img, X_txt), strict=True
    ):
        assert_array_equal(Z, codes)


@pytest.mark.parametrize("name", thorough_but(["MSLN", "classes"], MAKERS))
def test_pairs_that_the_buffer_holds_are_those_of_fit(name):
    X_img, X_txt, y, weight = draw()
    y = np.where(np.arange(N) % 50 == 7, -1, y)
    data = X_img, X_txt, y, weight
    expected = make(name).fit(X_img, X_txt, y, sample_weight=weight)
    got = make(name).fit_batches(batches(data=data))  # a generator, read once
    assert_same_codes(got, expected)
    assert vars(got).get("n_unlabelled_") == vars(expected).get("n_unlabelled_")
    assert_array_equal(got.classes_, expected.classes_)
    assert "_stream" not in vars(got)


def _frames():
    for X_img, X_txt, y, _ in batches():
        columns = list("abcdefgh")
        yield {"X_img": pd.DataFrame(X_img, columns=columns), "X_txt": X_txt, "y": y}


FORMS = {
    "tables": _frames,
    "pairs": lambda: [(ImageTextPairs(*b[:2]), b[2]) for b in batches()],
    "sparse": lambda: [(a, sparse.csr_array(b), y) for a, b, y in batches(3)],
    "loader": DataLoader(
        TensorDataset(*map(torch.from_numpy, draw()[:3])),
        batch_size=90,
        generator=torch.Generator(),  # and not the global one
    ),
    "function": lambda: batches(3),
}


@pytest.mark.parametrize("name", thorough_but(["loader", "sparse"], FORMS))
@pytest.mark.parametrize("buffer_size", thorough_but([BUFFER], [BUFFER, N]))
def test_come_in_any_form(name, buffer_size):
    form = FORMS[name]
    got = make("contrastive").fit_batches(form, buffer_size=buffer_size)
    expected = make("contrastive").fit_batches(
        [b[:3] for b in batches()], buffer_size=buffer_size
    )
    X_img, X_txt = draw()[:2]
    if name == "tables":
        assert_array_equal(got.image_encoder_.feature_names_in_, list("abcdefgh"))
        X_img = pd.DataFrame(X_img, columns=list("abcdefgh"))
    # Products of sparse rows, and of batches cut elsewhere, are rounded otherwise.
    codes = got.transform(X_img, X_txt), expected.transform(*draw()[:2])
    for Z, other in zip(*codes, strict=True):
        assert_allclose(Z, other, rtol=0, atol=1e-3)


def test_bags_of_dask_are_read_part_by_part():
    pytest.importorskip("dask")
    from dask import bag

    parts = bag.from_sequence([b[:3] for b in batches()], npartitions=3)
    got = make("contrastive", max_epochs=1).fit_batches(parts, buffer_size=BUFFER)
    expected = make("contrastive", max_epochs=1)
    assert_same_codes(got, expected.fit_batches(lambda: batches(3), buffer_size=BUFFER))


class TestMorePairsThanTheBuffer:
    @pytest.mark.parametrize("name", thorough_but(["contrastive"], MAKERS))
    def test_train_as_well(self, name):
        X_img, X_txt, y, weight = draw(1400)
        train, test = slice(0, N), slice(N, None)
        data = tuple(A[train] for A in (X_img, X_txt, y, weight))
        long = {} if name == "adapter" else {"max_epochs": 20, "n_components": 8}
        whole = make(name, **long).fit(*data[:3], sample_weight=data[3])
        got = make(name, **long).fit_batches(
            lambda: batches(data=data), buffer_size=BUFFER
        )
        assert got.n_iter_ == whole.n_iter_
        n_steps = [[len(e["batches"]) for e in est.history_] for est in (whole, got)]
        assert n_steps[0] == n_steps[1]
        held_out = X_img[test], X_txt[test], y[test]
        # Of chance it is 1/3; seeds alone make a difference of .02.
        assert got.score(*held_out) > whole.score(*held_out) - 0.04
        assert whole.score(*held_out) > 0.45

    def test_are_read_as_often_as_said(self):
        n_passes = []

        def counted():
            n_passes.append(1)
            return batches()

        make("DCCA").fit_batches(counted, buffer_size=BUFFER)
        assert len(n_passes) == 1 + 2
        n_passes.clear()
        make("MSLN").fit_batches(counted, buffer_size=BUFFER)
        assert len(n_passes) == 1 + 2 + 2

    def test_all_count_in_classes_and_variates(self, tmp_path):
        X_img, X_txt, y, weight = draw()
        y = np.array(["a", "bb", "ccc"])[y].astype(object)
        y[::50] = None
        y[-12:] = [f"rare, and long {i}" for i in range(12)]  # not all are drawn
        data = X_img, X_txt, y, weight

        def read():
            return batches(data=data)

        est = make("MSLN", target_classes="unseen").fit_batches(read, buffer_size=300)
        counts = weight > 0
        labels = {label for label in y[counts] if label is not None}
        assert_array_equal(est.classes_, sorted(labels))
        assert len(labels) == 3 + 9
        assert est.n_unlabelled_ == sum(label is None for label in y[counts])
        moments = est._variates["canonical"]._moments
        x = np.hstack(
            [
                est._encoder(side).input_map.apply(X[counts])
                for side, X in (("image", X_img), ("text", X_txt))
            ]
        )
        expected = np.average(x, axis=0, weights=weight[counts])
        assert_allclose(moments.mean.high + moments.mean.low, expected, atol=1e-6)
        assert moments.n_samples == counts.sum()
        save(est, tmp_path / "msln.xmodal")
        again = load(tmp_path / "msln.xmodal")
        assert again._sample.n_seen == counts.sum()
        assert_same_codes(again, est)
        again.partial_fit(*(A[:9] for A in data[:3]))
        assert again._sample.n_seen == counts.sum() + 9

    @pytest.mark.parametrize("name", thorough_but(["classes"], ["classes", "MSLN"]))
    def test_may_have_several_labels(self, name):
        X_img, X_txt, y, _ = draw()
        indicator = pd.DataFrame(np.eye(3, dtype=int)[y], columns=["a", "b", "c"])
        indicator[::7] = -1
        parts = [(X_img[a], X_txt[a], indicator[a]) for a in (slice(9), slice(9, N))]
        est = make(name, max_epochs=1).fit_batches(parts, buffer_size=BUFFER)
        assert_array_equal(est.classes_, ["a", "b", "c"])
        assert est.n_unlabelled_ == 100
        parts[1] = (*parts[1][:2], parts[1][2][["b", "a", "c"]])
        with pytest.raises(ValueError, match=r"Got y of columns \['b', 'a', 'c'\]"):
            est.fit_batches(parts, buffer_size=BUFFER)

    def test_may_come_in_another_order_every_time(self):
        data = TensorDataset(*map(torch.from_numpy, draw()[:3]))
        loader = DataLoader(data, 64, shuffle=True, generator=torch.Generator())
        est = make("classes").fit_batches(loader, buffer_size=BUFFER)
        seen = np.concatenate([t for _, _, t in loader])
        assert not np.array_equal(seen, draw()[2])
        assert est.n_iter_ == 2

    def test_depend_on_random_state_alone(self):
        def fit(**params):
            est = make("contrastive", max_epochs=1, **params)
            return est.fit_batches(lambda: batches(3), buffer_size=BUFFER)

        once = fit()
        assert_same_codes(fit(), once)
        codes = [est.transform(*draw()[:2])[0] for est in (once, fit(random_state=1))]
        assert not np.allclose(*codes)

    def test_of_a_checkpoint_go_on_with_the_same_bytes(self, tmp_path):
        def fit(read=batches, **params):
            est = make("MSLN", target_classes="seen", **params)
            return est.fit_batches(read, buffer_size=BUFFER)

        expected, n_passes = fit(), []

        def dies_in_the_last_epoch():
            n_passes.append(1)
            for number, batch in enumerate(batches()):
                if (len(n_passes), number) == (4, 3):
                    raise ConnectionError
                yield batch

        with pytest.raises(ConnectionError):
            fit(dies_in_the_last_epoch, checkpoint_dir=tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["epoch-000001"]
        other = draw()[2]
        other[699] = other[699] - 1 if other[699] else 1  # which only the stream has
        data = (*draw()[:2], other, draw()[3])
        with pytest.raises(ValueError, match="is another's"):
            fit(lambda: batches(data=data), checkpoint_dir=tmp_path)
        got = fit(checkpoint_dir=tmp_path)
        weights = [est.net_.module_.state_dict() for est in (got, expected)]
        assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[1])
        assert got.n_iter_ == 2

    @pytest.mark.thorough
    def test_warm_starts_go_on_from_the_weights(self):
        est = make("MSLN", warm_start=True, max_epochs=1, lr=1e-9)
        before = est.fit_batches(batches, buffer_size=BUFFER).net_
        est.fit_batches(batches, buffer_size=BUFFER)
        for name, weight in est.net_.module_.state_dict().items():
            assert_allclose(weight, before.module_.state_dict()[name], atol=1e-6)

    def test_belong_together_with_an_item_in_common(self):
        X_img, X_txt = (X.copy() for X in draw(40)[:2])
        X_img[[3, 9, 20]] = X_img[5]
        X_txt[[9, 30]] = X_txt[31]
        sides = {"image": X_img, "text": X_txt}
        est = make("locked")
        keys = torch.from_numpy(est._streamed_targets(None, sides, 0))
        order = np.random.default_rng(100).permutation(40)
        got = est._batch_targets(keys[order]).numpy()
        expected = pair_targets({name: X[order] for name, X in sides.items()})
        assert_array_equal(got[:, None] == got, expected[:, None] == expected)
        assert len(set(got)) == 40 - 5


class _Stream:
    """Pairs whose numbers are in everything that they hold."""

    n_pairs, mean_weight, buffer_size = N, None, 100

    def read(self):
        start = 0
        for size in SIZES:
            number = np.arange(start, start + size)
            X = number[:, None] * 1.0
            yield {"image": X, "text": -X}, number, self.weights(number)
            start += size

    def weights(self, number):
        return None if self.mean_weight is None else number + 1.0

    def batch_targets(self, target):
        return target


def streamed(stream):
    plain = InputMap(mean=np.zeros(1), components=None, scale=1.0)
    sides = [PreparedSide(np.ones((5, 1)), plain, "cpu") for _ in range(2)]
    return StreamedPairs(PairDataset(*sides, np.arange(5)), stream)


class TestStreamedPairs:
    @pytest.mark.parametrize("batch_size", [1, 30, 101, 900])
    @pytest.mark.parametrize("kind", [ShuffledBatches, EvenBatches])
    def test_come_once_in_batches_of_the_same_sizes(self, kind, batch_size):
        chance = torch.Generator().manual_seed(100)
        got = list(kind(streamed(_Stream()), batch_size, chance))
        held = kind(_pairs_in_memory(), batch_size, chance)
        assert [len(t) for _, t in got] == [len(t) for _, t in held]
        target = torch.cat([t for _, t in got])
        assert_array_equal(np.sort(target), np.arange(N))
        for inputs, t in got:
            assert_array_equal(inputs["image"].ravel(), t)
            assert_array_equal(inputs["text"].ravel(), -t)
            assert torch.equal(inputs["target"], t)

    def test_are_drawn_from_a_buffer_at_random(self):
        chance = torch.Generator().manual_seed(100)
        data = streamed(_Stream())
        orders = [
            torch.cat([t for _, t in ShuffledBatches(data, 10, chance)]).numpy()
            for _ in range(40)
        ]
        place = np.argsort(orders, axis=1)  # of each pair, in each pass
        # The buffer holds 100: what comes in a step was in the first 100 + so many.
        assert (np.array(orders)[:, :10] < 100).all()
        assert (place >= np.arange(N) // 10 * 10 - 100).all()
        # A tenth of the buffer is taken at a step, any of it with the same chance, so
        # a pair of the first 100 waits for 9 steps on average.
        waits = place[:, :100] // 10
        assert waits.mean() == pytest.approx(9.0, abs=0.6)
        assert waits.mean(axis=0) == pytest.approx(9.0, abs=4 * 9.5 / 40**0.5)
        assert not np.array_equal(orders[0], orders[1])

    def test_blocks_and_weights_are_of_one_pass(self):
        stream = _Stream()
        stream.mean_weight = 2.0
        data, total = streamed(stream), 0.0
        for (image, text), weight in zip(
            data.blocks(), data.block_weights(), strict=True
        ):
            assert_array_equal(image, -text)
            assert_array_equal(image.ravel() + 1, weight)
            total += weight.sum()
        assert total == N * (N + 1) / 2
        for _, (target, weight) in data.batches([N], torch.Generator()):
            assert_array_equal(weight, (target + 1) / 2)


def _pairs_in_memory():
    plain = InputMap(mean=np.zeros(1), components=None, scale=1.0)
    sides = [PreparedSide(np.ones((N, 1)), plain, "cpu") for _ in range(2)]
    return PairDataset(*sides, np.arange(N))


@pytest.mark.parametrize("as_given", [np.asarray, sparse.csr_array])
def test_a_reservoir_draws_all_with_the_same_chance(as_given):
    reservoir, n, size = Reservoir(2000), 20_000, 2000
    for part in np.array_split(np.arange(n), 150):
        names = np.array([f"pair {i}" for i in part])  # which grow longer
        X = as_given(part[:, None] + 1.0)
        reservoir.add([X, names, None])
        part[:] = -1
    X, names, nothing = reservoir.rows()
    number = (X.toarray() if sparse.issparse(X) else X).ravel() - 1
    assert nothing is None
    assert len(set(number)) == size
    assert_array_equal(names, [f"pair {int(i)}" for i in number])
    # Of 20 parts of the stream, a twentieth each: chi-squared below its .9999 quantile.
    counts = np.bincount((number // 1000).astype(int), minlength=20)
    assert ((counts - 100) ** 2 / (100 * 0.9)).sum() < 51


class TestErrors:
    @pytest.mark.parametrize(
        ("wrong", "error", "match"),
        [
            (lambda X, T, y, w: (X[:, 1:], T, y, w), ValueError, "has 7 features, but"),
            (lambda X, T, y, w: (X[1:], T, y, w), ValueError, "the same number of row"),
            (lambda X, T, y, w: (X, T), ValueError, "no sample_weight, where the fir"),
            (lambda X, T, y, w: (X, T, y), ValueError, "label per pair and no sample_"),
            (lambda X, T, y, w: (X, T, np.eye(3)[y], w), ValueError, "y of 3 columns"),
            (lambda X, T, y, w: (X, T, y.astype(str), w), ValueError, "be of one kind"),
            (lambda X, T, y, w: (X, T, y, -w - 1), ValueError, "must be at least 0"),
            (lambda X, T, y, w: (X * np.nan, T, y, w), ValueError, "must be finite"),
            (lambda X, T, y, w: X, TypeError, "Got a ndarray"),
        ],
    )
    def test_name_the_batch_and_lose_nothing(self, wrong, error, match):
        est = make("contrastive", max_epochs=1).fit(*draw()[:3])
        before = vars(est).copy()
        with pytest.raises(error, match=match) as info:
            est.fit_batches([draw(), wrong(*draw())])
        assert "In batch 1 of fit_batches, from 0." in info.value.__notes__
        assert vars(est) == before

    def test_of_labels_that_only_a_later_pass_has(self):
        X_img, X_txt, y, _ = draw()
        passes = []

        def read(change):
            passes.append(1)
            yield X_img, X_txt, change(y) if len(passes) > 1 else y

        for change, match in [
            (lambda y: y + 1, "same labels whenever.* such as"),
            (lambda y: y.astype(str), "same labels whenever"),
        ]:
            passes.clear()
            with pytest.raises(ValueError, match=match):
                make("DSCMR").fit_batches(lambda c=change: read(c), buffer_size=300)

    def test_of_passes_that_differ(self):
        est = make("contrastive")
        for sizes, match in [
            ((700, 600), "Got 525 pairs in the first pass, and 450 in a"),
            ((600, 700), "Got 450 pairs in the first pass, and 525 or more, in a"),
            ((700, 0), "Got 525 pairs in the first pass, and 0 in a"),
        ]:
            read = iter([tuple(A[:size] for A in draw()) for size in sizes])
            with pytest.raises(ValueError, match=match):
                est.fit_batches(lambda read=read: [next(read)], buffer_size=300)
        exhausted = batches()
        with pytest.raises(ValueError, match="and 0 in a later one"):
            est.fit_batches(lambda: exhausted, buffer_size=300)
        assert vars(est).keys() == vars(make("contrastive")).keys()

    def test_of_what_cannot_be_read_twice_or_set_aside(self):
        with pytest.raises(ValueError, match=r"buffer_size=300 several.*Got a generat"):
            make("DCCA").fit_batches(batches(), buffer_size=300)
        with pytest.raises(ValueError, match="Got early_stopping=True, which must set"):
            make("MSLN", early_stopping=True).fit_batches(batches, buffer_size=300)
        make("MSLN", early_stopping=True, target_classes="seen").fit_batches(batches())

    def test_of_what_is_no_fit(self):
        X_img, X_txt, y, _ = draw()
        with pytest.raises(ValueError, match=r"batch with pairs\. Got none: a gener"):
            make("DCCA").fit_batches([(X_img[:0], X_txt[:0])])
        with pytest.raises(ValueError, match=r"2 pairs that count\. Got 1 pair\."):
            make("DCCA").fit_batches([(X_img[:1], X_txt[:1])])
        with pytest.raises(ValueError, match="Got 0 pairs, and 700 without a label"):
            make("DSCMR").fit_batches([(X_img, X_txt, np.full(N, -1))])
        with pytest.raises(ValueError, match="requires y to be passed"):
            make("MSLN").fit_batches([(X_img, X_txt)])
        with pytest.raises(ValueError, match="Got -1 and 1 alone"):
            make("MSLN").fit_batches([(X_img, X_txt, np.where(y, 1, -1))])
        with pytest.raises(ValueError, match=r"buffer_size.* in the range"):
            make("DCCA").fit_batches(batches, buffer_size=299)
        with pytest.raises(TypeError, match=r"function that returns one\. Got int"):
            make("DCCA").fit_batches(3)


PARQUET = """
    import sys
    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    from pathlib import Path
    from sklearn_xmodal import deep

    path, n, width = sys.argv[1], int(sys.argv[2]), 64
    make = getattr(deep, sys.argv[3])
    kind = pa.list_(pa.float32(), width)
    schema = pa.schema({"image": kind, "text": kind, "label": pa.string()})

    def draw(seed):
        rng = np.random.default_rng(seed)
        hidden = rng.standard_normal((10_000, 8), dtype=np.float32)
        noise = rng.standard_normal((2, 10_000, width), dtype=np.float32)
        mixing = np.random.default_rng(0).standard_normal((2, 8, width))
        X, T = (hidden @ mixing + noise).astype(np.float32)
        return X, T, np.where(hidden[:, 0] > 0, "cat", "dog")

    def columns(seed):
        *sides, y = draw(seed)
        arrays = [pa.FixedSizeListArray.from_arrays(A.ravel(), width) for A in sides]
        return [*arrays, pa.array(y)]

    with pq.ParquetWriter(path, schema) as writer:
        for seed in range(n // 10_000):
            writer.write_batch(pa.record_batch(columns(seed), schema=schema))

    def resident(what):
        status = Path("/proc/self/status").read_text()
        return int(status.split(what)[1].split()[0]) / 1024

    params = dict(n_components=8, batch_size=512, random_state=0, device="cpu")
    few = [A[:600] for A in draw(1000)]
    make(**params, max_epochs=1).fit(*few)  # what torch loads when it is used
    before = resident("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on

    def batches():
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for part in file.iter_batches(10_000):
                yield part["image"], part["text"], part["label"]

    est = make(**params, max_epochs=1).fit_batches(batches)
    more = resident("VmHWM:") - before
    assert est.classes_.tolist() == ["cat", "dog"]
    assert sum(b["train_batch_size"] for b in est.history_[0]["batches"]) == n
    print(more, est.score(*[A[:600] for A in draw(1001)[:2]]))
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "most"), [("ContrastiveRetriever", 150), ("MSLNRetriever", 300)]
)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_parquet_is_read_in_bounded_memory(name, most, tmp_path):
    pytest.importorskip("pyarrow")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PARQUET), tmp_path / "pairs", "200000",
         name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    more, score = map(float, done.stdout.split())
    assert 0 < more < most  # MiB at the peak, beside the interpreter
    assert score > 0.3  # the other half among 600, of chance 0.01
