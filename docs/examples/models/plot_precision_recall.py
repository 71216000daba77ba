"""
Reading precision-recall curves
===============================

One number hides where a ranking is right. The curve shows it: how many of the items
down to some rank are relevant, while more and more of the relevant ones are found.
"""

# %%
# Two methods, two directions
# ---------------------------
# The left end is the top of the ranking, which people look at; the right end is the
# last relevant item, however deep it lies. The line below is a random ranking.

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from sklearn_xmodal import CCARetriever, SemanticMatchingRetriever
from sklearn_xmodal.datasets import load_digits_halves
from sklearn_xmodal.metrics import RetrievalPrecisionRecallDisplay

X_img, X_txt, y = load_digits_halves(return_X_y=True)
X_img, Q_img, X_txt, Q_txt, y, y_test = train_test_split(
    X_img, X_txt, y, stratify=y, random_state=0
)
cca = CCARetriever(16, alpha=1).fit(X_img, X_txt)
matching = SemanticMatchingRetriever().fit(X_img, X_txt, y)

figure, axes = plt.subplots(
    1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained"
)
directions = ("image_to_text", "text_to_image")
for ax, direction in zip(axes, directions, strict=True):
    for name, retriever in (("CCA", cca), ("semantic matching", matching)):
        RetrievalPrecisionRecallDisplay.from_estimator(
            retriever, Q_img, Q_txt, y_test, direction=direction, name=name, ax=ax,
            plot_chance_level=retriever is matching,
        )  # fmt: skip
    ax.set_title(direction.replace("_", " "))
    ax.set_ylim(0, 1.02)
plt.show()

# %%
# Codes that say nothing
# ----------------------
# A model that gives every item the same code has no ranking: all scores are equal. What
# such a model gets depends on how a tool orders ties. If it keeps the order of the
# gallery, and the gallery happens to be sorted by class, the score is an accident. Here
# tied items count with their mean over all orders, so a collapsed model gets the chance
# level.

import numpy as np

from sklearn_xmodal.metrics import (
    chance_level,
    mean_average_precision_score,
    relevance_from_labels,
)

relevant = relevance_from_labels(y_test[y_test == 0], np.sort(y_test))
same = np.ones(relevant.shape)
by_ties = {
    "mean over all orders": mean_average_precision_score(relevant, same),
    "order of the gallery": mean_average_precision_score(relevant, same, ties="stable"),
    "chance": chance_level(y_test[y_test == 0], y_test),
}
for name, value in by_ties.items():
    print(f"{name}: {value:.3f}")
