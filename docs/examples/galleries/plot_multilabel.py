"""
Several labels per pair
=======================

A photograph shows more than one thing. Labels are then a table of zeros and ones, and
two items are relevant to each other where they share at least one label.
"""

# %%
# Labels as a table
# -----------------
# Generated pairs, five labels, about two per pair.

import numpy as np

from sklearn_xmodal.datasets import make_paired_multilabel

X_img, X_txt, Y = make_paired_multilabel(900, random_state=0)
train, test = slice(600), slice(600, None)
print(Y[:3], f"{Y.sum(axis=1).mean():.2f} labels per pair", sep="\n")

# %%
# The same estimators
# -------------------
# Those that learn from labels predict each label by itself; CCA does not look at them.

from sklearn_xmodal import CCARetriever, MSLNRetriever, SemanticMatchingRetriever
from sklearn_xmodal.metrics import chance_level

retrievers = {
    "CCA": CCARetriever(8),
    "semantic matching": SemanticMatchingRetriever(),
    "MSLN": MSLNRetriever(target_classes="seen", max_steps=200, random_state=0),
}
for name, retriever in retrievers.items():
    retriever.fit(X_img[train], X_txt[train], Y[train])
    print(f"{name}: mAP {retriever.score(X_img[test], X_txt[test], Y[test]):.3f}")
print(f"chance: {chance_level(Y[test], Y[test]):.3f}")

# %%
# How much do neighbours share?
# -----------------------------
# Relevance is all or nothing. The Jaccard index of the label sets is finer: what share
# of all labels of two items do they have in common? Its mean over the best k texts
# falls from those that fit to the mean of the gallery.

import matplotlib.pyplot as plt
from sklearn.metrics.pairwise import cosine_similarity

labels = Y[test].astype(float)
common = labels @ labels.T
union = labels.sum(axis=1)[:, None] + labels.sum(axis=1) - common
jaccard = common / np.maximum(union, 1)

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
ranks = np.arange(1, jaccard.shape[1] + 1)
for name, retriever in retrievers.items():
    similarity = cosine_similarity(
        retriever.transform_image(X_img[test]), retriever.transform_text(X_txt[test])
    )
    order = np.argsort(-similarity, axis=1, kind="stable")
    ranked = np.take_along_axis(jaccard, order, axis=1)
    ax.plot(ranks, (ranked.cumsum(axis=1) / ranks).mean(axis=0), label=name)
ax.axhline(jaccard.mean(), color="black", ls=":", label="all texts")
ax.set(
    xscale="log",
    xlabel="best k texts for an image",
    ylabel="mean Jaccard index of labels",
)
ax.legend()
plt.show()
