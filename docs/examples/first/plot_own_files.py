"""
Your own data from files
========================

Features mostly come as files: a matrix of numbers here, sparse counts of words there,
labels in a table. This is the whole way: read, split, train, rank, save, load again.
"""

# %%
# Three files
# -----------
# Written here so that the example is complete. Yours exist already: only the *order* of
# rows matters, row *i* of both matrices must be one pair.

import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse

from sklearn_xmodal.datasets import load_unicode_glyphs

folder = Path(tempfile.mkdtemp())
glyphs = load_unicode_glyphs()
np.save(folder / "photos.npy", glyphs.image)
sparse.save_npz(folder / "captions.npz", sparse.csr_matrix(glyphs.text))
kinds = glyphs.target_names[glyphs.target]
(folder / "kinds.csv").write_text("kind\n" + "\n".join(kinds), encoding="utf-8")
print(*sorted(path.name for path in folder.iterdir()))

# %%
# Read
# ----
# A memory map reads rows when they are needed. Sparse text stays sparse.

import pandas as pd

X_img = np.load(folder / "photos.npy", mmap_mode="r")
X_txt = sparse.load_npz(folder / "captions.npz")
y = pd.read_csv(folder / "kinds.csv")["kind"].to_numpy(dtype=str)

print(X_img.shape, X_txt.shape, len(set(y)), "classes")

# %%
# Train and rank
# --------------
# The text goes through a truncated SVD inside the Pipeline, fitted on training rows.

from sklearn.decomposition import TruncatedSVD
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer

train, test = train_test_split(np.arange(len(y)), stratify=y, random_state=0)
pairs = ImageTextPairs(X_img, X_txt)
pipe = make_pipeline(
    ModalityTransformer(text=TruncatedSVD(100, random_state=0)), CCARetriever(64)
)
pipe.fit(pairs[train], y[train])
print(f"mAP {pipe.score(pairs[test], y[test]):.3f}")

# %%
# Save and load
# -------------
# A file without pickle: it holds arrays and parameters, and runs no code when it is
# read. The same command line program does all of this without any code: ``python -m
# sklearn_xmodal --image photos.npy --text captions.npz --labels kinds.csv``.

import sklearn_xmodal

sklearn_xmodal.save(pipe, folder / "pipe.xmodal")
again = sklearn_xmodal.load(folder / "pipe.xmodal")

# %%
# Look
# ----
# The five captions that fit a few pictures best, by the model from the file. Blue ones
# are of the class of the picture.

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import RetrievedItemsDisplay

RetrievedItemsDisplay.from_estimator(
    again,
    pairs[test],
    y=y[test],
    images=255 - glyphs.images[test],
    texts=[glyphs.texts[i] for i in test],
    queries=5,
    k=5,
    random_state=1,
)
plt.show()
