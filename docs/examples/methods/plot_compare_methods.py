"""
CCA, kernel CCA and MSLN on the same splits
===========================================

Scores move from split to split, but those of different methods move together. A paired
comparison uses that: it looks at differences within splits, and its interval allows for
training sets that overlap.
"""

# %%
# Five splits
# -----------
# The left half of a digit plays the image, the right half the text. 600 pairs for
# training, 600 for the test, drawn five times. Every method gets the same splits.

from sklearn.model_selection import StratifiedShuffleSplit

from sklearn_xmodal import ImageTextPairs
from sklearn_xmodal.datasets import load_digits_halves

digits = load_digits_halves()
pairs = ImageTextPairs(digits.image, digits.text)
cv = StratifiedShuffleSplit(5, train_size=600, test_size=600, random_state=0)

# %%
# Three methods
# -------------
# CCA and kernel CCA learn from pairs alone. Their ridge is chosen in every training
# part anew, from three values each. MSLN learns from pairs and labels, with its
# defaults but for fewer steps, since a page like this has to be quick. So the
# comparison is between what labels teach and what can be had without them; only where
# pairs have labels is it one between methods to choose from.

from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_xmodal import CCARetriever, KCCARetriever, MSLNRetriever

methods = {
    "CCA": GridSearchCV(CCARetriever(), {"alpha": [0.01, 0.1, 1]}, cv=3),
    "KCCA": GridSearchCV(KCCARetriever(), {"alpha": [0.1, 1, 10]}, cv=3),
    "MSLN": MSLNRetriever(target_classes="seen", max_steps=200, random_state=0),
}
scores = {
    name: cross_val_score(method, pairs, digits.target, cv=cv)
    for name, method in methods.items()
}
for name, values in scores.items():
    print(f"{name:<5} {values.mean():.3f} +- {values.std(ddof=1):.3f}", values.round(3))

# %%
# Differences with intervals
# --------------------------
# Training sets that overlap make scores of different splits depend on each other. With
# the sizes of both parts the variance is corrected for that (Nadeau and Bengio, 2003).

from itertools import combinations

from sklearn_xmodal.metrics import paired_comparison

comparisons = {
    f"{b} - {a}": paired_comparison(scores[b], scores[a], n_train=600, n_test=600)
    for a, b in combinations(methods, 2)
}
for name, comparison in comparisons.items():
    print(name, comparison, sep=": ")

# %%
# On the left one line per split: they hardly cross, so a difference is better known
# than either score. On the right the mean differences with their 95 % intervals.

import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4), width_ratios=[1, 1.2], layout="constrained"
)
left.plot(list(scores), list(scores.values()), "o-", color="0.5", markersize=5)
left.set(ylabel="mAP of both directions, one line per split", ylim=(0, 1))
left.margins(x=0.2)

for place, comparison in enumerate(comparisons.values()):
    low, high = comparison.confidence_interval
    right.plot([low, high], [place, place], color="#0072B2", linewidth=3)
    right.plot(comparison.mean_difference, place, "o", color="#0072B2", markersize=8)
    right.text(high, place + 0.12, f"{comparison.mean_difference:+.3f}", ha="right")
right.axvline(0, color="k", linestyle=":")
right.set_yticks(range(len(comparisons)), comparisons)
right.set(xlabel="Difference of mAP with 95 % interval", ylim=(-0.5, 2.5))
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
