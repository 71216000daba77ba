"""How much of the features a method is to see, by what they tell of the classes.

The principal components beyond the first 128 are noise in some data, and tell classes
apart in others; nothing in their variances says which. What does is how well a linear
classifier of the first 128, or of the first 256, predicts pairs that it was not fitted
to: ridge regression of the classes' indicators has these predictions in closed form,
from one fit (D. M. Allen, "The relationship between variable selection and data
augmentation and a method for prediction", Technometrics 16, 1974).
"""

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD

from sklearn_xmodal.utils._linalg import stable_eigh
from sklearn_xmodal.utils._row_keys import row_keys
from sklearn_xmodal.utils._validation import is_labelled

USUAL_COMPONENTS, MANY_COMPONENTS = 128, 256

# Share of what 128 explain that 256 must add. Chosen on development splits: 256 in
# place of 128 did harm where they explained no more (Pascal sentences), and good where
# they explained clearly more (emoji, glyphs, pictograms).
_LEAST_GAIN = 0.03
# That many pairs tell enough.
_MOST_ROWS = 4096
# Of the mean variance of the first components.
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)


def worthwhile_components(X_img, X_txt, y, rng):
    """Return 256 if so many principal components tell classes better, else 128.

    Features are (n, p), dense or sparse, labels (n,) or an indicator (n, c). Pairs
    without a label do not count, copies once, and 4,096 at most.
    """
    sides = [X for X in (X_img, X_txt) if X.shape[1] > USUAL_COMPONENTS]
    if not sides:
        return USUAL_COMPONENTS
    rows = np.flatnonzero(is_labelled(y))
    if len(rows) > _MOST_ROWS:
        rows = np.sort(rng.choice(rows, _MOST_ROWS, replace=False))
    rows = rows[_first_of_equal(X_img[rows], X_txt[rows])]
    if len(rows) <= 2 * USUAL_COMPONENTS:  # nothing to fit 256 to
        return USUAL_COMPONENTS
    indicator = _indicator(y[rows])
    usual = many = 0.0
    for X in sides:
        x = _main_components(X[rows], rng)
        usual += _explained_share(x[:, :USUAL_COMPONENTS], indicator)
        many += _explained_share(x, indicator)
    is_better = many > (1 + _LEAST_GAIN) * max(usual, 0.0)
    return MANY_COMPONENTS if is_better else USUAL_COMPONENTS


def _first_of_equal(X_img, X_txt):
    keys = [a + b for a, b in zip(row_keys(X_img), row_keys(X_txt), strict=True)]
    return np.sort(np.unique(keys, return_index=True)[1])


def _indicator(y):
    if y.ndim == 2:
        return y.astype(np.float64)
    classes, places = np.unique(y, return_inverse=True)
    return np.eye(len(classes))[places]


def _main_components(X, rng):
    """Return the rows in their main directions, (n, 256) or fewer."""
    n_directions = min(MANY_COMPONENTS, X.shape[1], X.shape[0] - 1)
    seed = int(rng.randint(2**31 - 1))
    if sparse.issparse(X):
        x = TruncatedSVD(n_directions, random_state=seed).fit_transform(X)
    else:
        x = PCA(n_directions, random_state=seed).fit_transform(X.astype(np.float64))
    return x - x.mean(axis=0)


def _explained_share(x, indicator):
    """Return the share of the indicators' variance that is predicted, leaving one out.

    The best of a few ridges. (n, k) centred, (n, c).
    """
    n_rows = len(x)
    goal = indicator - indicator.mean(axis=0)
    variances, V = stable_eigh(x.T @ x)
    along = x @ V
    products = along.T @ goal
    unit = variances[: min(64, len(variances))].mean()
    shares = []
    for ridge in _RIDGES:
        shrunk = np.maximum(variances, 0.0) + ridge * unit
        leverage = (along**2 / shrunk).sum(axis=1) + 1 / n_rows
        error = (goal - along @ (products / shrunk[:, None])) / (1 - leverage)[:, None]
        shares.append(1 - (error**2).sum() / (goal**2).sum())
    return max(shares)
