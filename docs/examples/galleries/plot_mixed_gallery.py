"""
One gallery of images and texts
===============================

What was drawn and what was written about it, in one ranking. Vectors of a joint model
keep the two apart, so that a text finds texts only, until the mean of each modality is
taken away. And queries of both: "like this picture, but ...".
"""

# %%
# Vectors with a gap
# ------------------
# A stand-in for the vectors of a joint model such as CLIP: codes of glyphs and of their
# names. CCA leaves no gap between the modalities; models that were trained with a
# contrastive loss do, so one as wide as theirs is put in by hand.

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.datasets import load_unicode_glyphs
from sklearn_xmodal.metrics import mixed_gallery_score, modality_gap_score

glyphs = load_unicode_glyphs()
pairs = ImageTextPairs(glyphs.image, glyphs.texts)
train, test, _, pictures, _, names = train_test_split(
    pairs, glyphs.images, glyphs.texts, test_size=0.5, random_state=0
)
words = TfidfVectorizer(token_pattern="[a-z]+|[0-9]", sublinear_tf=True)
model = make_pipeline(ModalityTransformer(text=words), CCARetriever(150, alpha=1))
model.fit(train)
gap = 0.45 * normalize(np.random.default_rng(0).normal(size=(1, 150)))


def encode_images(X):
    return normalize(model.transform(ImageTextPairs(image=X)).image) + gap


def encode_texts(X):
    return normalize(model.transform(ImageTextPairs(text=X)).text) - gap


Z = {"image": encode_images(test.image), "text": encode_texts(test.text)}
found = mixed_gallery_score(*Z.values(), metric="hit_rate_at_k", k=10)
print(f"gap {modality_gap_score(*Z.values()):.2f}")
print(f"the other half is among the first ten: {found:.0%}")

# %%
# Two clouds, and one
# -------------------
# The same vectors in two dimensions, as they are and around the mean of each modality.

import matplotlib.pyplot as plt

from sklearn_xmodal import RetrievalIndex
from sklearn_xmodal.metrics import JointEmbeddingDisplay

ids = {"image": range(len(names)), "text": [f"name {i}" for i in range(len(names))]}
raw, centred = (
    RetrievalIndex(vectors=Z, ids=ids, center=center) for center in (False, True)
)
print(centred)
halves = np.split(centred.vectors, 2)
found = mixed_gallery_score(*halves, metric="hit_rate_at_k", k=10)
print(f"gap {modality_gap_score(*halves):.2f}")
print(f"the other half is among the first ten: {found:.0%}")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
for ax, index, title in zip(axes, (raw, centred), ("raw", "centred"), strict=True):
    halves = np.split(index.vectors, 2)
    JointEmbeddingDisplay.from_predictions(*halves, ax=ax)
    ax.set_title(title)
plt.show()

# %%
# A text asks
# -----------
# Raw, all answers are texts. Centred, pictures stand among them.

import textwrap


def draw(rows, found):
    """Draw what each query, a title, has found: pictures, and names in words."""
    n_found = found.shape[1]
    _, axes = plt.subplots(
        len(rows), 1 + n_found, figsize=(9.5, 1.15 * len(rows)), squeeze=False,
        width_ratios=[1.6, *[1] * n_found], layout="constrained",
    )  # fmt: skip
    for row, title, items in zip(axes, rows, found, strict=True):
        row[0].text(0, 0.5, textwrap.fill(title, 16), va="center", fontsize=10)
        row[0].set_axis_off()
        for ax, item in zip(row[1:], items, strict=True):
            ax.set(xticks=[], yticks=[], box_aspect=1)
            ax.spines[:].set_color("0.8")
            if isinstance(item, str):
                name = textwrap.fill(names[int(item.split()[1])], 12)
                ax.set_facecolor("#eef3fa")
                ax.text(0.5, 0.5, name, fontsize=7, ha="center", va="center")
            else:
                ax.imshow(255 - pictures[item], cmap="gray")


query = {"text": encode_texts(["capital letter o with diaeresis"])}
answers = [index.search(vectors=query, k=8).ids[0] for index in (raw, centred)]
draw(["raw", "centred"], np.array(answers))
plt.show()

# %%
# Like this one
# -------------
# A picture of the gallery is the query. It is its own best answer, unless its id is
# given. With ``modality`` the answer is texts alone, or pictures.

one = names.tolist().index("capital letter e with acute")
query = {"image": Z["image"][[one]]}
answers = {
    "all": {},
    "without itself": {"ids_query": [one]},
    "texts": {"ids_query": [one], "modality": "text"},
}
found = [centred.search(vectors=query, k=8, **how).ids[0] for how in answers.values()]
draw(answers, np.array(found))
plt.show()

# %%
# ... but with something else
# ---------------------------
# Of a picture and a text together the mean of the two codes is asked. The weights lead
# from one to the other; halfway, the letter is that of the words, and the accents are
# those of the picture.

query = {"image": Z["image"][[one]], "text": encode_texts(["small letter o"])}
shares = (0.2, 0.4, 0.5, 0.6, 0.8)
options = {"ids_query": [one], "modality": "image", "k": 8}
found = [
    centred.search(vectors=query, weights=(1 - w, w), **options).ids[0] for w in shares
]
draw([f'{w:.0%} "small letter o"' for w in shares], np.array(found))
plt.show()
