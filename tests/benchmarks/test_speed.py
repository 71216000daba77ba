"""The speed benchmark runs on a tiny case and writes what it says."""

import csv
import json

import numpy as np
import pytest

from benchmarks import _speed_metrics, speed


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    argv = "metrics --sizes 60 --relevance 3 pairs --subset 60 --repeats 1 --out"
    speed.main([*argv.split(), str(out)])
    return out


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
