"""
What each loss of MSLN does
===========================

The network of MSLN is trained with several losses at once. Leaving out one at a time
says which of them a score depends on, and which it would not miss.
"""

# %%
# Without one loss at a time
# --------------------------
# Digits cut in two: the upper half is the image, the lower half stands for the text,
# and a half must find the other halves of its class. Five splits, the same for every
# variant. The code alone is scored, so that nothing stands in for a missing loss.

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

from sklearn_xmodal import ImageTextPairs, MSLNRetriever
from sklearn_xmodal.datasets import load_digits_halves

X_img, X_txt, y = load_digits_halves(return_X_y=True)
pairs = ImageTextPairs(X_img, X_txt)
splits = StratifiedShuffleSplit(5, train_size=600, test_size=500, random_state=0)

variants = {
    "all losses": {},
    "no correlation": {"correlation_weight": 0},
    "no reconstruction": {"reconstruction_weight": 0},
    "no adversary": {"adversarial_weight": 0},
    "no classification": {"classification_weight": 0},
}
scores = {
    name: cross_val_score(
        MSLNRetriever(
            target_classes="seen", block_weights={"code": 1}, n_estimators=1,
            max_steps=200, random_state=0, **changes,
        ),
        pairs, y, cv=splits,
    )
    for name, changes in variants.items()
}  # fmt: skip

# %%
# Differences within splits
# -------------------------
# What every loss adds to mAP: the score with it minus the score without it, split by
# split, with a corrected 95 % interval. An interval that holds zero says that these
# splits cannot tell the variants apart.

from sklearn_xmodal.metrics import paired_comparison

comparisons = {
    name.removeprefix("no "): paired_comparison(
        scores["all losses"], values, n_train=600, n_test=500
    )
    for name, values in scores.items()
    if name != "all losses"
}
for name, found in comparisons.items():
    print(f"{name}: {found}")

# %%

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
names = list(comparisons)
for place, found in enumerate(comparisons.values()):
    ax.plot(found.confidence_interval, [place, place], color="#0072B2", lw=3)
    ax.plot(found.mean_difference, place, "o", color="#0072B2")
ax.axvline(0, color="black", lw=0.8)
ax.set_yticks(np.arange(len(names)), names)
ax.invert_yaxis()
ax.set(xlabel="mAP that the loss adds, with 95 % interval")
plt.show()
