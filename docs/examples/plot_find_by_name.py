"""
Find a glyph by its name
========================

A person types a few words, a gallery of pictures answers. The vectorizer that turns
words into numbers is a step of the Pipeline, so the index takes plain strings; and
the pictures are ones whose names the model has never read.
"""

# %%
# From strings to codes
# ---------------------
# :class:`~sklearn_xmodal.ImageTextPairs` may hold raw strings. Whatever follows is
# fitted on training pairs alone: which words there are, how rare each of them is, and
# the common space.

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.datasets import load_unicode_glyphs

glyphs = load_unicode_glyphs()
pairs = ImageTextPairs(glyphs.image, glyphs.texts)
train, gallery, _, pictures, _, names = train_test_split(
    pairs, glyphs.images, glyphs.texts, test_size=0.5, random_state=0
)

words_and_digits = TfidfVectorizer(token_pattern="[a-z]+|[0-9]", sublinear_tf=True)
pipe = make_pipeline(
    ModalityTransformer(text=words_and_digits), CCARetriever(150, alpha=1)
)
pipe.fit(train)

# %%
# A gallery of pictures
# ---------------------
# Only pictures go in. The names come along as payload, to be shown beside what is
# found; the search does not see them.

from sklearn_xmodal import RetrievalIndex

index = RetrievalIndex(pipe, image=gallery.image, payload=names)
print(index)

# %%
# Ask
# ---
# Nobody has to spell a name as Unicode does. Words that training has not met are
# ignored: "heart" in the last query may well be one.

queries = [
    "letter o with diaeresis",
    "capital letter a with acute",
    "arrow to the right",
    "dots 1 2 3",
    "light horizontal and vertical",
    "smiling",
    "queen of hearts",
]
vocabulary = pipe[0].text_transformer_.vocabulary_
for query in queries:
    unknown = [word for word in query.split() if word not in vocabulary]
    print(f"{query!r}: unknown {unknown}")

scores, ids = index.search(text=queries, k=8)

# %%
# Each row is one query with its first eight pictures and their cosines. Under every
# picture stands the name that the model did not know.

import textwrap

import matplotlib.pyplot as plt

figure, axes = plt.subplots(
    len(queries), 1 + ids.shape[1], figsize=(9.5, 1.35 * len(queries)),
    width_ratios=[2, *[1] * ids.shape[1]], layout="constrained",
)  # fmt: skip
for row, query, found, cosines in zip(axes, queries, ids, scores, strict=True):
    row[0].text(0, 0.5, textwrap.fill(query, 16), va="center", fontsize=11)
    row[0].set(ylim=(0, 1))
    for ax, item, cosine, name in zip(
        row[1:], found, cosines, index.get_payload(found), strict=True
    ):
        ax.imshow(255 - pictures[item], cmap="gray")
        ax.set_title(f"{cosine:.2f}", fontsize=8, color="0.4", pad=2)
        ax.text(
            0.5, -0.05, textwrap.fill(name, 17, max_lines=2, placeholder="..."),
            fontsize=5.5, ha="center", va="top", transform=ax.transAxes,
        )  # fmt: skip
for ax in axes.flat:
    ax.set_axis_off()
plt.show()
