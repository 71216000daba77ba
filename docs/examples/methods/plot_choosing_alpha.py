"""
Choosing alpha, from CCA to PLS
===============================

The ridge `alpha` leads from canonical correlation analysis, which trusts small
directions as much as large ones, to partial least squares, which follows variance.
:class:`~sklearn_xmodal.CCARetrieverCV` tries a whole path at the price of little more
than one fit.
"""

# %%
# A path on the training part
# ---------------------------
# The second moments of every fold are computed once; each `alpha` costs one
# decomposition of them.

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from sklearn_xmodal import CCARetriever, CCARetrieverCV, ImageTextPairs, PLSRetriever
from sklearn_xmodal.datasets import load_digits_halves

X_img, X_txt, y = load_digits_halves(return_X_y=True)
pairs = ImageTextPairs(X_img, X_txt)
train, test, y_train, y_test = train_test_split(pairs, y, stratify=y, random_state=0)

alphas = np.logspace(-3, 4, 15)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
cca = CCARetrieverCV(16, alphas=alphas, cv=folds).fit(train, y_train)
print(f"chosen alpha {cca.alpha_:.3g}, test mAP {cca.score(test, y_test):.3f}")

# %%
# The curve
# ---------
# The mean over folds with its standard deviation, and the test part for comparison,
# which the choice has not seen. With a large ridge the directions are those of PLS; the
# score is not quite that of :class:`~sklearn_xmodal.PLSRetriever`, which only projects,
# while CCA brings every direction to unit variance and weights it by its correlation.

import matplotlib.pyplot as plt

mean = cca.cv_results_["mean_test_score"]
std = cca.cv_results_["std_test_score"]
on_test = [CCARetriever(16, alpha=a).fit(train).score(test, y_test) for a in alphas]
pls = PLSRetriever(16).fit(train).score(test, y_test)

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
ax.fill_between(alphas, mean - std, mean + std, color="#0072B2", alpha=0.2, lw=0)
ax.plot(alphas, mean, color="#0072B2", label="five folds of the training part")
ax.plot(alphas, on_test, color="#D55E00", label="test part")
ax.axhline(pls, color="#D55E00", ls=":", label="test part, PLS")
ax.axvline(cca.alpha_, color="black", lw=0.8)
ax.annotate(
    " chosen", (cca.alpha_, 0.02), xycoords=("data", "axes fraction"), ha="left"
)
ax.set(xscale="log", xlabel="alpha, relative to the mean variance", ylabel="mAP")
ax.legend()
plt.show()
