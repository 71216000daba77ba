"""Codes of queries and galleries: taken from estimators, validated, and paired."""

import numpy as np

from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._relevance import PairRelevance, make_relevance
from sklearn_xmodal.metrics._engine._scoring import score_per_query
from sklearn_xmodal.utils._containers import check_same_index
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import (
    check_labels,
    check_not_signs,
    check_numbers,
    check_sample_weight,
    check_some_labelled,
    is_labelled,
)


def split_codes(codes):
    """Image and text codes from whatever form `transform` answers in."""
    is_table = hasattr(codes, "columns")  # a column may be called "image"
    if hasattr(codes, "image") and hasattr(codes, "text") and not is_table:
        Z_img, Z_txt = codes.image, codes.text
    elif isinstance(codes, tuple):
        if len(codes) != 2:
            raise ValueError(
                "transform must return the two codes (Z_img, Z_txt). Got a tuple of "
                f"length {len(codes)}."
            )
        Z_img, Z_txt = codes
    else:
        codes = check_numbers(
            codes,
            "What transform returns",
            dtype=[np.float64, np.float32],
        )
        if codes.shape[1] % 2:
            raise ValueError(
                "A stacked matrix of codes must have an even number of columns, the "
                "left half for the image code and the right half for the text code. "
                f"Got {codes.shape[1]} columns from transform."
            )
        Z_img, Z_txt = np.hsplit(codes, 2)
    if Z_img is None or Z_txt is None:
        raise ValueError(
            "Scoring needs the codes of both modalities. Got None for the "
            f"{'image' if Z_img is None else 'text'} side. Score complete pairs."
        )
    return Z_img, Z_txt


def labelled_codes(Z_img, Z_txt, y, sample_weight=None):
    """Leave out codes of pairs without a label, which are nobody's right answer."""
    if y is None:
        return Z_img, Z_txt, None, sample_weight
    check_same_index(Z_img, y, ("Z_img", "y"))
    y = check_labels(y)
    check_not_signs(y)
    labelled = is_labelled(y)
    if labelled.all() or len(labelled) != len(Z_img):  # which is refused later
        return Z_img, Z_txt, y, sample_weight
    check_some_labelled(labelled)
    n = len(labelled)
    weights = check_sample_weight(sample_weight, n, at_least=1, noun="row")
    weights = None if weights is None else weights[labelled]
    Z_img, Z_txt = np.asarray(Z_img)[labelled], np.asarray(Z_txt)[labelled]
    return Z_img, Z_txt, y[labelled], weights


def check_codes(Z, name):
    """Validate codes (n, n_components), in float32 or float64."""
    return check_numbers(Z, name, dtype=[np.float64, np.float32], order="C")


def unit_rows(Z, name):
    """Copy of codes (n, n_components) with rows of length one; zero rows stay zero."""
    return to_unit_length(check_codes(Z, name))


def check_same_space(query, gallery, names):
    """Refuse codes that do not live in the same space."""
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must lie in the same space. Got codes of "
            f"different width: {query.shape[1]} and {gallery.shape[1]}."
        )


def costs_and_relevance(Z_query, Z_gallery, y_query, y_gallery):
    """Validate codes of queries and of a gallery, and their labels or pairs."""
    if y_query is None and y_gallery is None:
        check_same_index(Z_query, Z_gallery, ("Z_query", "Z_gallery"))
    check_same_index(Z_query, y_query, ("Z_query", "y_query"))
    check_same_index(Z_gallery, y_gallery, ("Z_gallery", "y_gallery"))
    query = check_codes(Z_query, "Z_query")
    gallery = check_codes(Z_gallery, "Z_gallery")
    check_same_space(query, gallery, ("Z_query", "Z_gallery"))
    relevance = make_relevance(y_query, y_gallery, len(query), len(gallery))
    return _costs(query, gallery, relevance), relevance


def _costs(query, gallery, relevance):
    # Only the surroundings of one item per query have to be known exactly.
    return CosineCosts(query, gallery, rough=isinstance(relevance, PairRelevance))


def check_pairs(Z_img, Z_txt, advice=""):
    """Validate the codes of the same pairs and return both."""
    check_same_index(Z_img, Z_txt, ("Z_img", "Z_txt"))
    Z_img, Z_txt = check_codes(Z_img, "Z_img"), check_codes(Z_txt, "Z_txt")
    check_same_space(Z_img, Z_txt, ("Z_img", "Z_txt"))
    if Z_img.shape[0] != Z_txt.shape[0]:
        raise ValueError(
            "Z_img and Z_txt must hold the codes of the same pairs. Got "
            f"{Z_img.shape[0]} and {Z_txt.shape[0]} rows.{advice}"
        )
    return Z_img, Z_txt


class CodePairs:
    """Codes of both modalities of the same samples, and their relevance."""

    def __init__(self, Z_img, Z_txt, y):
        for name, Z in (("Z_img", Z_img), ("Z_txt", Z_txt)):
            check_same_index(Z, y, (name, "y"))
        Z_img, Z_txt = check_pairs(
            Z_img,
            Z_txt,
            " Use retrieval_score for queries and a gallery of different size.",
        )
        self.codes = {"image_to_text": (Z_img, Z_txt), "text_to_image": (Z_txt, Z_img)}
        n = Z_img.shape[0]
        self.relevance = make_relevance(y, y, n, n, ("y", "y"))

    def score(self, metrics, side, **options):
        """Values of several metrics in one direction, (n_metrics, n_queries)."""
        costs = _costs(*self.codes[side], self.relevance)
        return score_per_query(metrics, costs, self.relevance, **options)

    def matrices(self, side):
        """Whole relevance and similarity matrices of one direction."""
        query, gallery = self.codes[side]
        scores = -CosineCosts(query, gallery).tied(np.arange(query.shape[0]))
        return self.relevance.to_matrix(), scores
