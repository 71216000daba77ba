"""
Classes that training never saw
===============================

The same test items are searched twice: by models that were trained on pairs of their
classes, and by models that were not. Most of what labels teach is gone in the second
case. What stays is what holds across classes.
"""

# %%
# One gallery, two trainings
# --------------------------
# Scores of different galleries cannot be compared, so the test items are the same in
# both cases. Half of the 24 families of glyphs are set aside. Half of their pairs are
# the test; the other half may be used for training in one case and not in the other.
# Both trainings have the same number of pairs.

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_xmodal.datasets import load_unicode_glyphs
from sklearn_xmodal.model_selection import class_disjoint_train_test_split

glyphs = load_unicode_glyphs()
X_img, X_txt, y = glyphs.image, glyphs.text, glyphs.target

rows = np.arange(len(y))
others, set_aside, *_ = class_disjoint_train_test_split(
    rows, y=y, test_size=0.5, random_state=0
)
same_classes, test = train_test_split(
    set_aside, test_size=0.5, stratify=y[set_aside], random_state=0
)
fewer_others, _ = train_test_split(
    others, train_size=len(others) - len(same_classes), random_state=0
)
training = {
    "seen": np.concatenate([fewer_others, same_classes]),
    "unseen": others,
}
for case, train in training.items():
    shared = np.intersect1d(y[train], y[test]).size
    print(f"{case}: {len(train)} pairs, {shared} classes shared with the test")

# %%
# Three methods
# -------------
# CCA looks at pairs alone. Semantic matching looks at labels alone: it compares
# probabilities of training classes, even for items of none of them. MSLN looks at both,
# and is told which kind of classes will be searched for.

from sklearn_xmodal import CCARetriever, MSLNRetriever, SemanticMatchingRetriever

methods = {
    "CCA": lambda case: CCARetriever(100, alpha=1),
    "semantic matching": lambda case: SemanticMatchingRetriever(),
    "MSLN": lambda case: MSLNRetriever(
        target_classes=case,
        n_estimators=1,  # the default, 3, is a little better and takes longer
        random_state=0,
    ),
}
codes = {}
for name, make in methods.items():
    for case, train in training.items():
        retriever = make(case).fit(X_img[train], X_txt[train], y[train])
        codes[name, case] = retriever.transform(X_img[test], X_txt[test])

# %%
# What falls
# ----------

from sklearn_xmodal.metrics import chance_level, cross_modal_score

score = {key: cross_modal_score(*Z, y[test]) for key, Z in codes.items()}
chance = chance_level(y[test], y[test])
print(f"{'mAP':<18}  seen  unseen")
for name in methods:
    print(f"{name:<18} {score[name, 'seen']:.3f}   {score[name, 'unseen']:.3f}")
print(f"{'chance':<18} {chance:.3f}   {chance:.3f}")

# %%

import matplotlib.pyplot as plt

BLUE, ORANGE = "#0072B2", "#E69F00"
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
places = np.arange(len(methods))
for case, colour, offset in (("seen", BLUE, -0.2), ("unseen", ORANGE, 0.2)):
    heights = [score[name, case] for name in methods]
    bars = ax.bar(
        places + offset,
        heights,
        0.38,
        color=colour,
        label=f"classes {case} in training",
    )
    ax.bar_label(bars, fmt="%.2f", padding=2)
ax.axhline(chance, color="k", linestyle=":", label=f"chance ({chance:.2f})")
ax.set_xticks(places, methods)
ax.set(ylabel="mAP of both directions")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()

# %%
# What stays
# ----------
# Class by class the picture is not so uniform. The report has the score of the queries
# of every class, and the chance level that belongs to it.

from sklearn_xmodal.metrics import retrieval_report


def by_class(Z):
    report = retrieval_report(*Z, glyphs.target_names[y[test]], output_dict=True)
    rows = [row for row in report["classes"] if row["metric"] == "map"]
    return {row["class"]: (row["mean"], row["chance"]) for row in rows}


figure, axes = plt.subplots(1, 3, figsize=(10, 4.5), sharey=True, layout="constrained")
order = sorted(by_class(codes["CCA", "unseen"]).items(), key=lambda item: item[1][0])
families = [family for family, _ in order]
for ax, name in zip(axes, methods, strict=True):
    seen, unseen = (by_class(codes[name, case]) for case in ("seen", "unseen"))
    for place, family in enumerate(families):
        ends = unseen[family][0], seen[family][0]
        ax.plot(ends, [place, place], color="0.75", linewidth=2, zorder=0)
        ax.scatter(ends[1], place, color=BLUE, label="seen" if place == 0 else None)
        ax.scatter(ends[0], place, color=ORANGE, label="unseen" if place == 0 else None)
        ax.scatter(
            unseen[family][1], place, color="k", marker="|", s=60,
            label="chance" if place == 0 else None,
        )  # fmt: skip
    ax.set(title=name, xlabel="mAP", xlim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_yticks(range(len(families)), families)
axes[0].legend(frameon=False, loc="lower right")
plt.show()
