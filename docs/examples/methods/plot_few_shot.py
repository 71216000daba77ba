"""
Few-shot adaptation: when does fitting pay?
===========================================

Vectors of a joint model (CLIP, SigLIP) can be compared as they are. With a few pairs
of one's own one may adapt them: in closed form, by contrastive training of a small
residual, or from scratch as two unrelated feature sets. How many pairs does each of
these need before it beats doing nothing?
"""

# %%
# A joint space, and a domain that it knows less well
# ---------------------------------------------------
# Generated in place of ``np.load("clip.npz")``: images and texts share a meaning of 64
# dimensions, some of them noisier than others, there is a gap between the modalities,
# and in this domain the model confuses some dimensions of the texts.

import numpy as np
from sklearn.preprocessing import normalize

rng = np.random.default_rng(0)
n, p = 1000, 64
meaning, gap = rng.normal(size=(n, p)), rng.normal(size=p)
noise = np.linspace(0.3, 1.8, p)
confusion = np.eye(p) + 0.1 * rng.normal(size=(p, p))
X_img = normalize(meaning + noise * rng.normal(size=(n, p)) + gap)
X_txt = normalize(meaning @ confusion + noise * rng.normal(size=(n, p)) - gap)
few, test = np.arange(400), np.arange(400, n)

# %%
# Recall@1 over the number of pairs
# ---------------------------------
# Every method sees the same first pairs, and searches the same 600 others.
# :class:`~sklearn_xmodal.AdapterRetrieverCV` chooses its dials inside these pairs, and
# :class:`~sklearn_xmodal.ContrastiveAdapterRetriever` the share of what it learnt.

from sklearn_xmodal import (
    AdapterRetriever,
    AdapterRetrieverCV,
    CCARetriever,
    ContrastiveAdapterRetriever,
    CosineRetriever,
)
from sklearn_xmodal.metrics import cross_modal_score

methods = {
    "cosine": CosineRetriever(),
    "adapter": AdapterRetriever(),
    "adapter, CV": AdapterRetrieverCV(),
    "adapter, trained": ContrastiveAdapterRetriever(random_state=0),
    "CCA": CCARetriever(alpha=1),
}
numbers = [25, 50, 100, 200, 400]
recall = {name: [] for name in methods}
for n_pairs in numbers:
    train = few[:n_pairs]
    for name, method in methods.items():
        method.fit(X_img[train], X_txt[train])
        codes = method.transform(X_img[test], X_txt[test])
        score = cross_modal_score(*codes, metric="hit_rate_at_k", k=1)
        recall[name].append(score)
for name, scores in recall.items():
    print(f"{name:17}", *(f"{score:.2f}" for score in scores))

# %%
# What the picture says
# ---------------------
# The cosine needs nothing and stays where it is. Adapters start from it, around a part
# of the means, which closes the gap and is most of what they gain here: the one whose
# dials are chosen takes more of the means away. The trained one goes on learning as
# pairs come in. CCA forgets the space that came with the vectors, and takes hundreds of
# pairs to find one as good.

import matplotlib.pyplot as plt

styles = {
    "cosine": ("black", "--", ""),
    "adapter": ("#56B4E9", "-", "o"),
    "adapter, CV": ("#0072B2", "-", "s"),
    "adapter, trained": ("#009E73", "-", "^"),
    "CCA": ("#D55E00", "-", "v"),
}
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, scores in recall.items():
    color, line, marker = styles[name]
    ax.plot(numbers, scores, color=color, ls=line, marker=marker, label=name)
ax.set(
    xscale="log",
    xlabel="training pairs",
    ylabel="recall@1 among 600 test pairs",
    ylim=(0, None),
)
ax.set_xticks(numbers, [str(number) for number in numbers], minor=False)
ax.minorticks_off()
ax.legend()
plt.show()
