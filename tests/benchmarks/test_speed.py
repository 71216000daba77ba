"""The speed benchmark runs on a tiny case and writes what it says."""

import csv
import json
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks import (
    _speed_cca,
    _speed_devices,
    _speed_encoders,
    _speed_kcca,
    _speed_many,
    _speed_metrics,
    _speed_msln,
    _speed_search,
    _speed_training,
    speed,
)
from benchmarks._timing import limited
from sklearn_xmodal import AdapterRetriever, MSLNRetriever, RetrievalIndex
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep._layers import StackedLinear
from sklearn_xmodal.deep._msln_network import MSLNLoss, MSLNModule


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    argv = "metrics --sizes 60 --relevance 3 pairs --subset 60 --repeats 1 --out"
    speed.main([*argv.split(), str(out)])
    return out


@pytest.mark.thorough
def test_tools_agree_on_the_value(results):
    with (results / "speed_metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for relevance in ("3", "pairs"):
        values = {
            row["tool"]: float(row["value"])
            for row in rows
            if row["relevance"] == relevance and row["value"]
        }
        assert len(values) >= 5
        np.testing.assert_allclose(
            list(values.values()), values["sklearn_xmodal"], rtol=1e-4
        )


@pytest.mark.thorough
def test_table_and_environment_are_written(results):
    table = (results / "speed_metrics.md").read_text()
    assert "### 60 x 60, pairs" in table
    record = json.loads((results / "speed_metrics_environment.json").read_text())
    assert record["python"]


def test_ratios_are_taken_within_a_case():
    rows = [
        {"relevance": "3", "n_queries": 4, "tool": tool, "seconds": seconds}
        for tool, seconds in [(_speed_metrics.LIMIT, 2.0), (_speed_metrics.OURS, 3.0)]
    ]
    got = _speed_metrics.add_ratios(rows)
    assert [row["by_yardstick"] for row in got] == [1.0, 1.5]


def test_help_names_the_parts(capsys):
    with pytest.raises(SystemExit, match="0"):
        speed.main(["--help"])
    assert "metrics" in capsys.readouterr().out


def test_adapters_of_few_pairs_are_timed_beside_moments(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks._speed_adapter._RETRIEVERS", (AdapterRetriever(),))
    argv = "adapter --pairs 6 --width 20 --repeats 1 --out"
    speed.main([*argv.split(), str(tmp_path)])
    lines = (tmp_path / "speed_adapter.csv").read_text().splitlines()
    (row,) = csv.DictReader(lines)
    ratio = float(row["seconds_by_moments"]) / float(row["seconds"])
    assert float(row["ratio"]) == pytest.approx(ratio, rel=1e-3)
    assert (
        "| `AdapterRetriever()` | 6 | 2 x 20 |"
        in (tmp_path / "speed_adapter.md").read_text()
    )


@pytest.fixture(scope="module")
def cca_results(tmp_path_factory):
    out = tmp_path_factory.mktemp("cca")
    argv = (
        "cca --rows 100 200 --widths 12 15 --n-components 3 --mapped-rows 500 "
        "--mapped-width 12 --part 200 --repeats 2 --out"
    )
    speed.main([*argv.split(), str(out)])
    return out


class TestCCA:
    @pytest.fixture
    def rows(self, cca_results):
        with (cca_results / "speed_cca.csv").open() as file:
            return list(csv.DictReader(file))

    @pytest.mark.thorough
    def test_every_tool_has_its_rows(self, rows):
        tools = [row["tool"] for row in rows]
        for name in (_speed_cca.LIMIT, _speed_cca.OURS, "scikit-learn CCA"):
            assert tools.count(name) == 4
        assert tools[-1] == f"{_speed_cca.OURS}, partial_fit"

    @pytest.mark.thorough
    def test_tools_find_the_same_correlations(self, rows):
        for n in ("100", "200"):
            values = [
                float(row["mean_correlation"])
                for row in rows
                if row["mean_correlation"] and row["n_samples"] == n
            ]
            for width_values in np.array(values).reshape(2, -1):
                np.testing.assert_allclose(width_values, width_values[0], atol=0.01)

    @pytest.mark.thorough
    def test_table_and_picture_are_written(self, cca_results):
        table = (cca_results / "speed_cca.md").read_text()
        assert "| 500 | 2 x 12 | sklearn" in table
        assert (cca_results / "speed_cca.png").stat().st_size > 5000

    @pytest.mark.thorough
    def test_scikit_learn_is_stopped_at_the_limit(self, tmp_path):
        argv = (
            "cca --rows 20000 --widths 100 --sklearn-limit 1 --mapped-rows --repeats 1 "
            "--n-components 10 --out"
        )
        speed.main([*argv.split(), str(tmp_path)])
        with (tmp_path / "speed_cca.csv").open() as file:
            rows = {row["tool"]: row for row in csv.DictReader(file)}
        row = rows[_speed_cca.SCIKIT_LEARN]
        assert (row["seconds"], row["is_stopped"]) == ("1", "True")
        assert row["mean_correlation"] == ""
        ratio = float(row["by_ours"])
        assert ratio == pytest.approx(
            1 / float(rows[_speed_cca.OURS]["seconds"]), rel=1e-4
        )
        table = (tmp_path / "speed_cca.md").read_text()
        assert f"| {_speed_cca.SCIKIT_LEARN} | > 1 | > " in table
        assert f"| > {ratio:.3g} |" in table

    def test_a_child_that_fails_is_an_error(self):
        with pytest.raises(RuntimeError, match=r"scikit_learn must end .* exit code 1"):
            limited(_speed_cca.scikit_learn, (5, 2, 9), 10)

    def test_parts_of_the_files_are_the_pairs(self, tmp_path):
        paths = _speed_cca.write_pairs(tmp_path, 25, 4, 10)
        X, Y = _speed_cca.read_part(paths, 20, 5, 4)
        expected = _speed_cca.make_pairs(5, 4, seed=(0, 20))
        np.testing.assert_array_equal(X, expected[0].astype(np.float32))
        np.testing.assert_array_equal(Y, expected[1].astype(np.float32))


@pytest.fixture(scope="module")
def kcca_results(tmp_path_factory):
    out = tmp_path_factory.mktemp("kcca")
    argv = (
        "kcca --sizes 60 --alphas 10 --peer-max 0 --rows 300 --score-size 150 "
        "--landmarks 30 --repeats 1 --out"
    )
    speed.main([*argv.split(), str(out)])
    return out


class TestKCCA:
    def test_every_case_has_its_rows(self, kcca_results):
        with (kcca_results / "speed_kcca.csv").open() as file:
            rows = list(csv.DictReader(file))
        tools = [(row["case"], row["tool"]) for row in rows]
        assert tools[:2] == [
            ("exact", _speed_kcca.LIMIT),
            ("exact", _speed_kcca.OURS),
        ]
        assert tools[-2:] == [
            ("memory-mapped", "Nystroem, uniform, 30"),
            ("memory-mapped", "random Fourier features, 30"),
        ]
        scores = {r["tool"]: float(r["by_ours"]) for r in rows if r["case"] == "score"}
        assert scores.pop("sklearn_xmodal, exact") == 1
        fourier = scores.pop("random Fourier features, 30")
        assert min(scores.values()) > 0.8 > fourier > 0.1  # chance is near 0.05
        assert len(scores) == 2

    def test_table_is_written(self, kcca_results):
        table = (kcca_results / "speed_kcca.md").read_text()
        assert "### Exact" in table
        assert "| 300 | 10 | Nystroem, uniform, 30 |" in table


class TestDevices:
    @pytest.mark.thorough
    def test_every_case_has_its_row(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_speed_devices.torch.cuda, "is_available", lambda: False)
        small = {"batch_size": 16, "hidden_layer_sizes": (8,), "n_components": 4}
        monkeypatch.setitem(_speed_devices._SIZES, _speed_devices.LARGE, small)
        argv = "devices --steps 64 --large-cpu-steps 8 --out"
        speed.main([*argv.split(), str(tmp_path)])
        with (tmp_path / "speed_devices.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [(r["size"], r["tool"], r["networks"]) for r in rows] == [
            (_speed_devices.DEFAULT, _speed_devices.BARE, "1"),
            (_speed_devices.DEFAULT, _speed_msln.OURS, "1"),
            (_speed_devices.DEFAULT, _speed_msln.OURS, "3"),
            (_speed_devices.LARGE, _speed_msln.OURS, "1"),
        ]
        assert all(float(row["ms_per_step"]) > 0 for row in rows)
        assert "| ms per step |" in (tmp_path / "speed_devices.md").read_text()

    def test_a_step_is_the_median_of_the_second_half(self):
        assert _speed_devices.per_step([0, 9, 10, 12, 15, 19]) == 3


class TestEncoders:
    @pytest.fixture
    def rows(self, tmp_path):
        argv = "encoders --pairs 100 --n-components 3 --steps 1 --repeats 1 --out"
        speed.main([*argv.split(), str(tmp_path)])
        table = (tmp_path / "speed_encoders.md").read_text()
        assert f"| CCARetriever | {_speed_encoders.ALONE} | " in table
        with (tmp_path / "speed_encoders.csv").open() as file:
            return list(csv.DictReader(file))

    @pytest.mark.thorough
    def test_a_lone_encoder_is_lighter_than_its_retriever(self, rows):
        assert [row["model"] for row in rows] == [
            *["MSLNRetriever"] * 3,
            *["CCARetriever"] * 3,
        ]
        for limit, alone, whole in (rows[:3], rows[3:]):
            assert limit["tool"] == _speed_encoders.LIMIT
            assert (alone["by_encoder"], alone["tool"]) == ("1", _speed_encoders.ALONE)
            # Twice and more, wherever this runs: torch or scikit-learn is loaded.
            assert float(whole["by_encoder"]) > 2
            assert float(whole["file_kib"]) > float(alone["file_kib"])

    def test_a_fresh_process_says_what_it_took(self):
        seconds, resident = _speed_encoders.fresh("")
        assert seconds > 0
        assert resident is None or resident > 1

    def test_a_process_that_fails_is_an_error(self):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            _speed_encoders.fresh("1 / 0")


@pytest.mark.thorough
def test_ways_to_train_on_a_file_have_one_loss(tmp_path):
    argv = "training --sizes 400 --width 8 --retrievers ContrastiveRetriever --out"
    speed.main([*argv.split(), str(tmp_path)])
    with (tmp_path / "speed_training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["way"] for row in rows] == [*_speed_training.WAYS]
    losses = [float(row["loss"]) for row in rows]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)
    assert all(float(row["seconds"]) > 0 for row in rows)


def few_pairs():
    return make_paired_modalities(20, random_state=0)


class TestMSLN:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls, tmp_path_factory):
        out = tmp_path_factory.mktemp("msln")
        short = partial(MSLNRetriever, max_steps=3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_speed_msln, "MSLNRetriever", short)
            patch.setattr(_speed_msln, "_SHORT", 1)
            patch.setattr(_speed_msln, "_LONG", 2)
            patch.setattr(_speed_msln, "DEFAULT_FITS", {"small": few_pairs})
            argv = "msln --pairs 300 --width 8 --rows 400 --repeats 1 --out"
            speed.main([*argv.split(), str(out)])
        assert "/ yardstick" in (out / "speed_msln.md").read_text()
        with (out / "speed_msln.csv").open() as file:
            return list(csv.DictReader(file))

    def test_every_tool_has_its_row(self, rows):
        tools = [row["tool"] for row in rows]
        assert tools.count(_speed_msln.OURS) == 3
        assert tools.count(_speed_msln.BARE) == 1
        assert {row["rows"] for row in rows} == {"300", "400", "20"}

    def test_a_default_fit_has_its_time(self, rows):
        (row,) = (row for row in rows if row["case"] == "small")
        assert float(row["fit_seconds"]) > 0
        assert row["n_steps"] == "3"

    def test_the_bare_loop_does_the_same_arithmetic(self):
        # Same weights, no dropout: the two losses must be one.
        width, n = 6, 20
        rng = np.random.default_rng(0)
        image, text = torch.from_numpy(rng.normal(size=(2, n, width)).astype("f4"))
        target = torch.from_numpy(rng.integers(10, size=n))
        with torch.random.fork_rng(devices=[]):
            bare = _speed_msln.BareNet(width).eval()
        module = MSLNModule(
            width,
            width,
            np.eye(10),
            multi_label=False,
            n_members=1,
            n_inputs=None,
            n_components=64,
            n_contrastive_components=64,
            hidden_layer_sizes=(256,),
            discriminator_layer_sizes=(64,),
            activation="relu",
            code_activation="identity",
            dropout=0.5,
            input_dropout=0.2,
            init_seed=0,
            dropout_seed=0,
            device="cpu",
            precision="float32",
            decoder_layer_sizes=(128,),
            skip_connection=True,
            locked="text",
        ).eval()
        ours = [m for m in module.modules() if isinstance(m, StackedLinear)]
        skips = [bare.image_encoder.skip, bare.text_encoder.skip]
        theirs = [m for m in bare.modules() if isinstance(m, torch.nn.Linear)]
        theirs = [m for m in theirs if m not in skips] + skips
        with torch.no_grad():
            for one, other in zip(ours, theirs, strict=True):
                one.weight.copy_(other.weight.T[None])
                one.bias.copy_(other.bias[None, None])
        weights = {"correlation": 0.1, "reconstruction": 0.1, "adversarial": 0.1}
        weights |= {"classification": 1.0, "contrastive": 0.3}
        loss = MSLNLoss(
            **{f"{k}_weight": w for k, w in weights.items()}, temperature=0.1
        )
        total, _ = loss(module(image, text, target), target)
        expected = _speed_msln.bare_loss(bare, image, text, target, 0.0)
        torch.testing.assert_close(total[0], expected)


class TestMany:
    def test_tools_find_the_same(self):
        query, gallery = _speed_search.make_codes(5, 300, 8, 4)
        index = RetrievalIndex(vectors=gallery)
        tools = _speed_many.tools(index, query, gallery, 200)
        found = {name: tool() for name, tool in tools.items()}
        for ids in found.values():
            np.testing.assert_array_equal(ids, found[_speed_many.OURS])

    def test_every_tool_has_its_ratio(self, tmp_path):
        argv = "many --n-items 300 --n-queries 5 --k 2 200 --repeats 1 --out"
        speed.main([*argv.split(), str(tmp_path)])
        with (tmp_path / "speed_many.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["k"] for row in rows] == ["2"] * 4 + ["200"] * 4
        assert [row["by_ours"] for row in rows if row["tool"] == _speed_many.OURS] == [
            "1",
            "1",
        ]
        assert (
            "| 200 | sklearn_xmodal, exact |"
            in (tmp_path / "speed_many.md").read_text()
        )


class TestSearch:
    @pytest.fixture
    def rows(self, tmp_path):
        pytest.importorskip("faiss")
        argv = (
            "search --sizes 500 900 --n-queries 20 --n-components 8 --n-classes 5 "
            "--ef-search 20 --nprobe 2 --repeats 1 --out"
        )
        speed.main([*argv.split(), str(tmp_path)])
        assert (
            "| 900 | faiss IndexFlatIP |" in (tmp_path / "speed_search.md").read_text()
        )
        assert (tmp_path / "speed_search.png").stat().st_size > 5000
        with (tmp_path / "speed_search.csv").open() as file:
            return list(csv.DictReader(file))

    def test_every_tool_has_its_rows(self, rows):
        assert [row["n_gallery"] for row in rows] == ["500"] * 4 + ["900"] * 4
        assert [row["tool"] for row in rows[:2]] == [
            _speed_search.LIMIT,
            _speed_search.OURS,
        ]

    def test_exact_searches_find_the_same(self, rows):
        for row in rows:
            if row["tool"] in (_speed_search.LIMIT, _speed_search.OURS):
                assert row["recall"] == "1"
            assert 0 < float(row["recall"]) <= 1


def test_tables_are_read_by_all_tools(tmp_path):
    argv = "tables --rows 30 --columns 4 --repeats 1 --out"
    speed.main([*argv.split(), str(tmp_path)])
    with (tmp_path / "speed_tables.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["tool"] for row in rows] == [
        "pandas.read_csv",
        "the command",
        "numpy.loadtxt",
    ]
    assert all(float(row["seconds"]) > 0 for row in rows)


@pytest.mark.thorough
def test_ways_to_fit_a_file_agree(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    pytest.importorskip("distributed")
    monkeypatch.setattr("benchmarks._speed_scale._GROUP", 300)
    argv = "scale --sizes 600 1500 --width 8 --retrievers RidgeRetriever --out"
    speed.main([*argv.split(), str(tmp_path)])
    with (tmp_path / "speed_scale.csv").open() as file:
        rows = list(csv.DictReader(file))
    fits = [row for row in rows if row["difference"]]
    assert len(fits) == 2 * 4
    assert len(rows) - len(fits) == 2 * 6  # stages after a fit
    assert all(float(row["difference"]) < 1e-10 for row in fits)
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert [row["slope"] != "" for row in rows] == [False] * 10 + [True] * 10
    assert "4 processes, merge" in (tmp_path / "speed_scale.md").read_text()
