"""
The joint space, and who is taken for whom
==========================================

Two pictures of one model: where images and texts of a class lie in the common space,
and which classes stand among the best items for a query of another.
"""

# %%
# A model of ten classes
# ----------------------
# Upper halves of digits are the images, lower halves stand for the texts.

from sklearn.model_selection import train_test_split

from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import load_digits_halves

X_img, X_txt, y = load_digits_halves(return_X_y=True)
X_img, Q_img, X_txt, Q_txt, y, y_test = train_test_split(
    X_img, X_txt, y, stratify=y, random_state=0
)
msln = MSLNRetriever(target_classes="seen", max_steps=300, random_state=0)
msln.fit(X_img, X_txt, y)
print(f"mAP {msln.score(Q_img, Q_txt, y_test):.3f}")

# %%
# The joint space
# ---------------
# Unit codes of both modalities, reduced together to two dimensions by PCA. A good space
# has one cluster per class, with both modalities inside; a gap between the modalities
# would show as two separate clouds. Two dimensions hide much: classes that overlap here
# may be apart in the others.

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import JointEmbeddingDisplay, RetrievalConfusionDisplay

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
JointEmbeddingDisplay.from_estimator(msln, Q_img, Q_txt, y_test, ax=ax)
plt.show()

# %%
# Who is taken for whom
# ---------------------
# Rows are the classes of the queries, columns those of the ten best items. The upper
# half of a digit must find lower halves: what two digits share there is what the model
# takes for the same.

figure, ax = plt.subplots(figsize=(6.5, 5.5), layout="constrained")
RetrievalConfusionDisplay.from_estimator(
    msln, Q_img, Q_txt, y_test, k=10, direction="image_to_text", ax=ax
)
plt.show()
