"""
Type words, see emoji
=====================

A person types a few words, a gallery of pictures answers. The vectorizer that turns
words into numbers is a step of the Pipeline, so the index takes plain strings; and
the pictures are of emoji that the model has never read of.
"""

# %%
# From strings to codes
# ---------------------
# :class:`~sklearn_xmodal.ImageTextPairs` may hold raw strings. Whatever follows is
# fitted on training pairs alone: which words there are, how rare each of them is, and
# the common space. Half of the emoji, with all drawings of each, are kept for the
# gallery.

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.datasets import load_emoji_pairs

emoji = load_emoji_pairs()
pairs = ImageTextPairs(emoji.image, emoji.texts)  # names and keywords, as strings
splitter = GroupShuffleSplit(1, test_size=0.5, random_state=0)
train, gallery = next(splitter.split(emoji.image, groups=emoji.groups))

words = ModalityTransformer(text=TfidfVectorizer(sublinear_tf=True))
pipe = make_pipeline(words, CCARetriever(100, alpha=1)).fit(pairs[train])

# %%
# A gallery of pictures
# ---------------------
# Only pictures go in. The names come along as payload, to be shown beside what is
# found; the search does not see them.

from sklearn_xmodal import RetrievalIndex

index = RetrievalIndex(pipe, image=emoji.image[gallery], payload=emoji.names[gallery])
print(index)

# %%
# Ask
# ---
# Nobody has to spell a name as Unicode does. Words that training has not met are
# ignored. The last query fails: no two musical instruments look alike, and the few of
# the training part do not say what others are.

queries = [
    "cat smiling",
    "sad face",
    "red fruit",
    "clock at night",
    "square",
    "a man at work",
    "musical instrument",
]
vocabulary = pipe[0].text_transformer_.vocabulary_
for query in queries:
    unknown = [word for word in query.split() if word not in vocabulary]
    print(f"{query!r}: unknown {unknown}")

scores, ids = index.search(text=queries, k=8)

# %%
# Each row is one query with its first eight pictures and their cosines. Under every
# picture stands the name that the model did not know. Drawings: Fluent Emoji
# (Microsoft), Noto Emoji (Google), Twemoji (Twitter and contributors).

import textwrap

import matplotlib.pyplot as plt

figure, axes = plt.subplots(
    len(queries), 1 + ids.shape[1], figsize=(9.5, 1.35 * len(queries)),
    width_ratios=[2, *[1] * ids.shape[1]], layout="constrained",
)  # fmt: skip
pictures = emoji.images[gallery]
for row, query, found, cosines in zip(axes, queries, ids, scores, strict=True):
    row[0].text(0, 0.5, textwrap.fill(query, 16), va="center", fontsize=11)
    row[0].set(ylim=(0, 1))
    for ax, item, cosine, name in zip(
        row[1:], found, cosines, index.get_payload(found), strict=True
    ):
        ax.imshow(pictures[item])
        ax.set_title(f"{cosine:.2f}", fontsize=8, color="0.4", pad=2)
        ax.text(
            0.5, -0.05, textwrap.fill(name, 17, max_lines=2, placeholder="..."),
            fontsize=5.5, ha="center", va="top", transform=ax.transAxes,
        )  # fmt: skip
for ax in axes.flat:
    ax.set_axis_off()
plt.show()
