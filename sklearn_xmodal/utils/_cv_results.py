"""The table of a search by cross-validation, in scikit-learn's form."""

import numpy as np
from scipy.stats import rankdata


def cv_results(scores):
    """Return the columns of `cv_results_` for scores (n_candidates, n_splits).

    "split0_test_score" and so on, "mean_test_score", "std_test_score" and
    "rank_test_score", 1 for the best; nan is the worst.
    """
    mean = scores.mean(axis=1)
    ranks = rankdata(-np.where(np.isnan(mean), -np.inf, mean), method="min")
    splits = {f"split{j}_test_score": scores[:, j] for j in range(scores.shape[1])}
    return {
        **splits,
        "mean_test_score": mean,
        "std_test_score": scores.std(axis=1),
        "rank_test_score": ranks.astype(np.int32),
    }
