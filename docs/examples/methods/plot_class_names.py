"""
Unseen classes with names
=========================

Of classes that training never saw, the names are often known. Where texts are vectors
of sentences, a name is a text like any other, and every code can say how much its item
is like each of them.
"""

# %%
# Half of the kinds of emoji are unseen
# -------------------------------------
# Texts are names and keywords of emoji as vectors of MiniLM, and so are the names of
# their kinds ("animal bird"), which come with the data. CCA is trained on pairs of 44
# kinds, and never hears of the other 45.

import numpy as np

from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.datasets import load_emoji_pairs
from sklearn_xmodal.protocols import split_pairs

emoji = load_emoji_pairs()
pairs, y = ImageTextPairs(emoji.image, emoji.text), emoji.target
train, test = split_pairs(pairs, y, "extendable", random_state=0)
cca = CCARetriever(alpha=1).fit(pairs[train])
print(f"without names: mAP {cca.score(pairs[test], y[test]):.3f}")

# %%
# Names, when training is over
# ----------------------------
# :class:`~sklearn_xmodal.VocabularyRetriever` gets the trained model as it is, and the
# names of the kinds that will be searched for. The names of all 89 do nearly as well.

from sklearn.frozen import FrozenEstimator

from sklearn_xmodal import VocabularyRetriever

trained = FrozenEstimator(cca)
unseen = np.unique(y[test])
for told, kinds in {"unseen": unseen, "all": np.unique(y)}.items():
    names = emoji.class_embeddings[kinds]
    named = VocabularyRetriever(trained, vocabulary=names).fit(pairs[train])
    print(f"names of {told} kinds: mAP {named.score(pairs[test], y[test]):.3f}")

# %%
# Which kinds gain
# ----------------
# Mean average precision of the queries of each unseen kind, both directions. A name
# helps where texts speak of what it says: of flags, fruit, mammals. Nobody calls a red
# square "geometric", and a name that fits no text is no help.

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import retrieval_score

kinds = emoji.class_embeddings[unseen]
named = VocabularyRetriever(trained, vocabulary=kinds).fit(pairs[train])


def precision_by_kind(retriever):
    codes = retriever.transform(pairs[test])
    sides = (codes.image, codes.text), (codes.text, codes.image)
    return np.mean(
        [
            [retrieval_score(q[y[test] == k], g, [k] * sum(y[test] == k), y[test])
             for k in unseen]
            for q, g in sides
        ],
        axis=0,
    )  # fmt: skip


without, with_names = precision_by_kind(cca), precision_by_kind(named)
order = np.argsort(with_names - without)
print(f"{np.sum(with_names > without)} of {len(unseen)} kinds gain")

GREY, GREEN, RED = "#999999", "#009E73", "#D55E00"
figure, ax = plt.subplots(figsize=(7, 8.5), layout="constrained")
places = np.arange(len(unseen))
colours = np.where(with_names > without, GREEN, RED)[order]
ax.hlines(places, without[order], with_names[order], colors=colours)
ax.scatter(without[order], places, s=18, color=GREY, label="without names")
ax.scatter(with_names[order], places, s=18, color=colours)
ax.scatter([], [], s=18, color=GREEN, label="with names, better")
ax.scatter([], [], s=18, color=RED, label="with names, worse")
ax.set_yticks(places, emoji.target_names[unseen][order], fontsize=8)
ax.set(xlabel="mAP of the queries of a kind", xlim=(0, 1), ylim=(-1, len(unseen)))
ax.grid(axis="x", alpha=0.3)
ax.legend(loc="lower right")
plt.show()
