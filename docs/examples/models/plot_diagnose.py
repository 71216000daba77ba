"""
What ails these embeddings?
===========================

Vectors of a joint model, such as CLIP's, can disappoint for many reasons. One call
looks for the usual ones, names the most severe first and says what to do. Here two
things are wrong on purpose: images and texts lie around different points, and a few
captions are of other pictures.
"""

# %%
# Vectors with two defects
# ------------------------
# In place of a file of CLIP vectors: what both modalities mean, noise of either, and a
# gap between them.

import numpy as np
from sklearn.preprocessing import normalize

rng = np.random.default_rng(0)
n, p = 500, 64
meaning, gap = rng.normal(size=(n, p)), rng.normal(size=p)
X_img = normalize(meaning + 0.6 * rng.normal(size=(n, p)) + 0.8 * gap)
X_txt = normalize(meaning + 0.6 * rng.normal(size=(n, p)) - 0.8 * gap)

swapped = rng.permutation(n)[:25]
X_txt[swapped] = X_txt[np.roll(swapped, 1)]

# %%
# The diagnosis
# -------------
# Findings come with a line of code each; below them is what was measured, beside what
# it would be if nothing were wrong.

from sklearn_xmodal.inspection import diagnose

diagnosis = diagnose(X_img, X_txt)
print(diagnosis)

# %%
# The figure has four parts. Cosines of two images are higher than those of an image
# with its own text: that is the gap. Scores of pairs lie in two heaps, and the left one
# is where wrong pairs lie. Singular values do not break off: codes have not collapsed.

import matplotlib.pyplot as plt

diagnosis.plot()
plt.show()

# %%
# What the advice does
# --------------------
# Pairs that look swapped go, the others are centred, and nothing is left to be found.

from sklearn_xmodal import CosineRetriever

mismatched = next(f for f in diagnosis.findings if f.name == "mismatched pairs")
print("wrongly named:", sorted(set(mismatched.rows) - set(swapped.tolist())))
print("missed:", sorted(set(swapped.tolist()) - set(mismatched.rows)))

kept = np.setdiff1d(np.arange(n), mismatched.rows)
centred = CosineRetriever(center=True).fit(X_img[kept], X_txt[kept])
print(diagnose(X_img[kept], X_txt[kept], estimator=centred).findings)
