"""Queries of one modality in a gallery of both, each left out of its own ranking."""

import numpy as np
from scipy.sparse import csr_array

from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._own import CostsOfOthers, RelevanceOfOthers
from sklearn_xmodal.metrics._engine._relevance import make_relevance
from sklearn_xmodal.metrics._engine._scoring import score_per_query
from sklearn_xmodal.utils._validation import as_labels


def score_among_both(metric, pairs, modality, **options):
    """Value of a metric for every item of a modality, (n_queries,).

    `pairs` are `CodePairs`, of which images come first in the gallery.
    """
    Z_img, Z_txt = pairs.codes["image_to_text"]
    n_images, n_texts = len(Z_img), len(Z_txt)
    y = np.arange(n_texts) if pairs.y is None else as_labels(pairs.y, "y")
    y = csr_array(y) if y.ndim == 2 else y
    texts = np.arange(n_texts)
    images = texts if pairs.pictures is None else pairs.pictures.first
    own = np.arange(n_images)
    query, rows = Z_img, images
    if modality == "text":
        own, query, rows = n_images + texts, Z_txt, texts
    n_gallery = n_images + n_texts
    y_gallery = y[np.concatenate([images, texts])]
    relevance = make_relevance(y[rows], y_gallery, len(query), n_gallery, ("y", "y"))
    relevance = RelevanceOfOthers(relevance, own)
    costs = CostsOfOthers(CosineCosts(query, np.vstack([Z_img, Z_txt])), own)
    return score_per_query([metric], costs, relevance, **options)[0]
