"""
Class embeddings
================

Vectors of classes can take the place of plain labels. What that is worth depends on the
method: where both modalities are mapped *onto* the vectors, their geometry is all there
is; in MSLN they only help the decoders.
"""

# %%
# Three kinds of vectors
# ----------------------
# Generated pairs of twelve classes. The classes have true positions in a common space,
# which the generator hands out. A third of the classes is held out for the test.

import numpy as np

from sklearn_xmodal import MSLNRetriever, RidgeRetriever, SemanticAutoencoderRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.model_selection import class_disjoint_train_test_split

X_img, X_txt, y, positions = make_paired_modalities(
    1200, n_classes=12, n_shared=6, class_sep=1.0, noise=1.0, random_state=0,
    return_class_vectors=True,
)  # fmt: skip
img_train, img_test, txt_train, txt_test, y_train, y_test = (
    class_disjoint_train_test_split(X_img, X_txt, y, y=y, random_state=0)
)[:6]

rng = np.random.default_rng(0)
labels = np.unique(y)
vectors = {
    "one-hot": None,
    "true positions": dict(zip(labels, positions, strict=True)),
    "random": dict(zip(labels, rng.standard_normal(positions.shape), strict=True)),
}

# %%
# Three methods
# -------------
# All are trained on pairs of the same classes and search among pairs of the others.

methods = {
    "Ridge": RidgeRetriever,
    "semantic autoencoder": SemanticAutoencoderRetriever,
    "MSLN": lambda **params: MSLNRetriever(
        target_classes="unseen", max_steps=200, random_state=0, **params
    ),
}
score = {
    (method, kind): make(class_embeddings=found)
    .fit(img_train, txt_train, y_train)
    .score(img_test, txt_test, y_test)
    for method, make in methods.items()
    for kind, found in vectors.items()
}

# %%
# The scores
# ----------
# With few classes in training, the true positions span fewer directions than one-hot
# vectors, and the first two methods lose by that. MSLN hardly notices what it is given.

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import chance_level

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
places = np.arange(len(methods))
colours = ["#0072B2", "#E69F00", "#999999"]
for offset, kind, colour in zip((-0.27, 0, 0.27), vectors, colours, strict=True):
    heights = [score[method, kind] for method in methods]
    bars = ax.bar(places + offset, heights, 0.26, color=colour, label=kind)
    ax.bar_label(bars, fmt="%.2f", padding=2)
ax.axhline(chance_level(y_test, y_test), color="black", ls=":", label="chance")
ax.set_xticks(places, list(methods))
ax.set(ylabel="mAP, classes that training never saw", ylim=(0, 1.15))
ax.legend(ncols=4, loc="upper center")
plt.show()
