"""Features of texts as they are: their words are counted."""

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_xmodal.cli._errors import told
from sklearn_xmodal.pairs import ImageTextPairs, ModalityTransformer


def count_words(X_img, texts, where):
    """Return what counts the words of texts, and the pairs with counts, CSR.

    What words are worth is learnt behind it, on training parts alone: a word that these
    do not hold has no weight.
    """
    # A word may be one letter or digit, as in "size 4" and in Chinese.
    words = CountVectorizer(dtype=np.float64, token_pattern=r"(?u)\b\w+\b")
    counter = ModalityTransformer(text=words)
    with told(where):
        return counter, counter.fit_transform(ImageTextPairs(X_img, list(texts)))
