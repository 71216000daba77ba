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
# 4,202 characters of a font: the image is a picture of the character, reduced to 388
# numbers, the text is what Unicode calls it, as counts of words. Row *i* of both
# describes the same character. The script or family that it belongs to is its class.

from sklearn_xmodal.datasets import load_unicode_glyphs

glyphs = load_unicode_glyphs()
print("images", glyphs.image.shape, "texts", glyphs.text.shape)
print(*glyphs.texts[600:603], sep="\n")

# %%
# A quarter of the pairs is kept for the test. scikit-learn's splitter takes them all
# at once: features, labels, and what we want to look at later.

from sklearn.model_selection import train_test_split

X_img, X_img_test, X_txt, X_txt_test, y, y_test, _, pictures, _, names = (
    train_test_split(
        glyphs.image, glyphs.text, glyphs.target, glyphs.images, glyphs.texts,
        stratify=glyphs.target, random_state=0,
    )
)  # fmt: skip

# %%
# Learn
# -----
# Canonical correlation analysis finds directions in which images and texts vary
# together. It needs pairs, no labels, and takes seconds.

from sklearn_xmodal import CCARetriever

cca = CCARetriever(100, alpha=1).fit(X_img, X_txt)
print(cca.transform_image(X_img_test).shape, cca.transform_text(X_txt_test).shape)

# %%
# Score
# -----
# `score` ranks all test texts for every test image and all test images for every test
# text, counts items of the same class as right, and returns the mean average
# precision. It means little without the score of a random ranking.

from sklearn_xmodal.metrics import chance_level

print(f"mAP {cca.score(X_img_test, X_txt_test, y_test):.3f}")
print(f"chance {chance_level(y_test, y_test):.3f}")

# %%
# Look
# ----
# Six names and the pictures that are closest to each. The family is not part of the
# name: from "letter" and "small" alone nobody could tell Greek from Latin.

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import RetrievedItemsDisplay

RetrievedItemsDisplay.from_estimator(
    cca,
    X_img_test,
    X_txt_test,
    glyphs.target_names[y_test],
    images=255 - pictures,  # ink is dark
    texts=names,
    direction="text_to_image",
    queries=6,
    k=6,
    random_state=0,
)
plt.show()
