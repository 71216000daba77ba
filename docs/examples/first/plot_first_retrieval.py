"""
A first retrieval
=================

Put in words and get pictures, or the other way round. A retriever learns one
common space from pairs; the cosine of two codes in this space says how well a
picture and a text fit together, and that is all there is to ranking.
"""

# %%
# Pairs
# -----
# Drawings of emoji by three artists, and the names and keywords of the emoji. Both are
# reduced to numbers by networks that know nothing of each other, one for pictures and
# one for sentences. Row *i* of both is of the same emoji, and the kind of thing that it
# shows is its class.

from sklearn_xmodal.datasets import load_emoji_pairs

emoji = load_emoji_pairs()
print("images", emoji.image.shape, "texts", emoji.text.shape)
print(*emoji.texts[600:603], sep="\n")

# %%
# A quarter of the emoji is kept for the test, with all drawings of each: otherwise
# training would have read the names that the test asks for.

from sklearn.model_selection import GroupShuffleSplit

splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
train, test = next(splitter.split(emoji.image, emoji.target, emoji.groups))

# %%
# Learn
# -----
# Canonical correlation analysis finds directions in which images and texts vary
# together. It needs pairs, no labels, and takes seconds.

from sklearn_xmodal import CCARetriever

cca = CCARetriever(100, alpha=1).fit(emoji.image[train], emoji.text[train])
X_img_test, X_txt_test = emoji.image[test], emoji.text[test]
print(cca.transform_image(X_img_test).shape, cca.transform_text(X_txt_test).shape)

# %%
# Score
# -----
# `score` ranks all test texts for every test image and all test images for every test
# text, counts items of the same class as right, and returns the mean average
# precision. It means little without the score of a random ranking.

from sklearn_xmodal.metrics import chance_level

y_test = emoji.target[test]
print(f"mAP {cca.score(X_img_test, X_txt_test, y_test):.3f}")
print(f"chance {chance_level(y_test, y_test):.3f}")

# %%
# Look
# ----
# Six names and the drawings that are closest to each, of a right kind or not. Drawings:
# Fluent Emoji (Microsoft), Noto Emoji (Google), Twemoji (Twitter and contributors).

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import RetrievedItemsDisplay

RetrievedItemsDisplay.from_estimator(
    cca,
    X_img_test,
    X_txt_test,
    emoji.target_names[y_test],
    images=emoji.images[test],
    texts=emoji.names[test],
    direction="text_to_image",
    queries=6,
    k=6,
    random_state=0,
)
plt.show()
