"""The metrics agree with scikit-learn and trec_eval where these say the same."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import (
    average_precision_score,
    ndcg_score,
    top_k_accuracy_score,
)

from sklearn_xmodal.metrics import (
    hit_rate_at_k_score,
    mean_average_precision_score,
    mean_reciprocal_rank_score,
    ndcg_at_k_score,
    precision_at_k_score,
    r_precision_score,
    recall_at_k_score,
)
from tests.conftest import thorough_but

CUTOFFS = [1, 3, 10, 50]


def _draw(seed, n_queries=6, max_gallery=40):
    """Relevance and scores without ties, all or half or none of them negative."""
    rng = np.random.default_rng(seed)
    shape = n_queries, rng.integers(2, max_gallery)
    y_true = rng.random(shape) < rng.uniform(0.05, 0.8)
    y_true[np.arange(n_queries), rng.integers(shape[1], size=n_queries)] = True
    order = rng.permuted(np.tile(np.arange(shape[1]), (n_queries, 1)), axis=1)
    return y_true, order - rng.choice([0, shape[1] // 2, shape[1]])


def _trec_eval(y_true, y_score, measures):
    """One value per query and measure."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    qrel = {
        f"q{i}": {f"d{j}": int(value) for j, value in enumerate(row)}
        for i, row in enumerate(y_true)
    }
    run = {
        f"q{i}": {f"d{j}": float(value) for j, value in enumerate(row)}
        for i, row in enumerate(y_score)
    }
    result = pytrec_eval.RelevanceEvaluator(qrel, measures).evaluate(run)
    return {
        name: np.array([result[f"q{i}"][name] for i in range(len(y_true))])
        for name in next(iter(result.values()))
    }


@pytest.mark.parametrize("seed", thorough_but(range(10), range(100)))
def test_metrics_equal_trec_eval(seed):
    y_true, y_score = _draw(seed)
    cuts = ",".join(map(str, CUTOFFS))
    families = ["P", "recall", "success", "ndcg_cut", "map_cut"]
    want = _trec_eval(
        y_true,
        y_score,
        {
            "map",
            "ndcg",
            "recip_rank",
            "Rprec",
            *(f"{name}.{cuts}" for name in families),
        },
    )

    def check(name, function, **options):
        got = function(y_true, y_score, average=False, **options)
        assert_allclose(got, want[name], rtol=1e-9, atol=1e-12, err_msg=name)

    check("map", mean_average_precision_score)
    check("ndcg", ndcg_at_k_score)
    check("recip_rank", mean_reciprocal_rank_score)
    check("Rprec", r_precision_score)
    for k in CUTOFFS:
        check(f"P_{k}", precision_at_k_score, k=k)
        check(f"recall_{k}", recall_at_k_score, k=k)
        check(f"success_{k}", hit_rate_at_k_score, k=k)
        check(f"ndcg_cut_{k}", ndcg_at_k_score, k=k)
        check(f"map_cut_{k}", mean_average_precision_score, k=k, denominator="relevant")


@pytest.mark.parametrize("k", [None, *CUTOFFS])
@pytest.mark.parametrize("levels", [None, 2, 5])
def test_ndcg_equals_scikit_learn_with_and_without_ties(levels, k):
    for seed in range(30):
        y_true, y_score = _draw(seed)
        if levels is not None:
            y_score = y_score % levels - 1
        want = ndcg_score(y_true, y_score, k=k)
        assert_allclose(ndcg_at_k_score(y_true, y_score, k=k), want, rtol=1e-9)


def test_average_precision_equals_scikit_learn_without_ties():
    for seed in range(100):
        y_true, y_score = _draw(seed)
        got = mean_average_precision_score(y_true, y_score, average=False)
        rows = zip(y_true, y_score, strict=True)
        want = [average_precision_score(*row) for row in rows]
        assert_allclose(got, want, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_hit_rate_equals_top_k_accuracy_with_one_relevant_item(k):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y_score = rng.normal(size=(20, 8))
        y = rng.integers(8, size=20)
        want = top_k_accuracy_score(y, y_score, k=k, labels=np.arange(8))
        y_true = np.eye(8)[y]
        assert_allclose(hit_rate_at_k_score(y_true, y_score, k=k), want)
        assert_allclose(recall_at_k_score(y_true, y_score, k=k), want)
