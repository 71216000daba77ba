"""Codes of queries and galleries: taken from estimators, validated, and paired."""

import numpy as np
from scipy.sparse import csr_array

from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._grades import (
    GivenRelevance,
    check_grades,
    shared_labels,
)
from sklearn_xmodal.metrics._engine._groups import check_groups
from sklearn_xmodal.metrics._engine._hints import warn_of_copies
from sklearn_xmodal.metrics._engine._options import DIRECTIONS
from sklearn_xmodal.metrics._engine._own import CostsOfOthers, RelevanceOfOthers
from sklearn_xmodal.metrics._engine._relevance import PairRelevance, make_relevance
from sklearn_xmodal.metrics._engine._scoring import score_per_query
from sklearn_xmodal.utils._containers import (
    check_same_index,
    check_same_indexes,
    is_dask_array,
)
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import (
    SCORE_BY_PAIRS,
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


def encoded_pairs(estimator, X, y, sample_weight=None, groups=None):
    """Return what `labelled_codes` does, of the codes of an estimator, for scorers."""
    more = {"y": y, "sample_weight": sample_weight, "groups": groups}
    check_same_indexes({"X": X, **more})
    Z_img, Z_txt = split_codes(estimator.transform(X))
    return labelled_codes(Z_img, Z_txt, **more)


def labelled_codes(Z_img, Z_txt, y, sample_weight=None, groups=None):
    """Leave out codes of pairs without a label, which are nobody's right answer.

    Returns codes, labels, weights and groups.
    """
    if y is None:
        return Z_img, Z_txt, None, sample_weight, groups
    tables = {"Z_img": Z_img, "Z_txt": Z_txt, "y": y}
    check_same_indexes({**tables, "sample_weight": sample_weight, "groups": groups})
    y = check_labels(y)
    check_not_signs(y)
    labelled = is_labelled(y)
    if labelled.all() or len(labelled) != len(Z_img):  # which is refused later
        return Z_img, Z_txt, y, sample_weight, groups
    check_some_labelled(labelled, SCORE_BY_PAIRS)
    n = len(labelled)
    weights = check_sample_weight(sample_weight, n, at_least=1, noun="row")
    weights = None if weights is None else weights[labelled]
    Z_img, Z_txt = (
        Z[labelled] if is_dask_array(Z) else np.asarray(Z)[labelled]
        for Z in (Z_img, Z_txt)
    )
    if groups is not None:
        check_same_index(y, groups, ("y", "groups"))
        groups = check_groups(groups, n, "groups").items[labelled]
    return Z_img, Z_txt, y[labelled], weights, groups


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
            f"different width: {query.shape[1]} and {gallery.shape[1]}. Features of "
            "two encoders share no space: fit a retriever, and take its codes."
        )


def _relevance_of(y_query, y_gallery, shape, relevance, names=("y_query", "y_gallery")):
    """Relevance of labels or pairs, or the graded one of the labels that they share."""
    n_queries, n_gallery = shape
    binary = make_relevance(y_query, y_gallery, n_queries, n_gallery, names)
    if relevance is None:
        return binary
    if y_query is None:
        raise ValueError(
            f"relevance={relevance!r} grades items by the labels that they share, so "
            f"{names[0]} must hold labels, one column per class. Got None."
        )
    return shared_labels(y_query, y_gallery, relevance, names)


def _check_indexes(Z_query, Z_gallery, y_query, y_gallery, sample_weight=None):
    """Refuse tables of codes and labels whose rows do not belong together."""
    queries = {"Z_query": Z_query, "y_query": y_query, "sample_weight": sample_weight}
    gallery = {"Z_gallery": Z_gallery, "y_gallery": y_gallery}
    are_pairs = y_query is None and y_gallery is None
    for tables in [queries | gallery] if are_pairs else [queries, gallery]:
        check_same_indexes(tables)


class ItemRelevance:
    """Relevance of a gallery to queries, without codes: rows of one id count once."""

    def __init__(self, shape, labels, ids, relevance=None):
        self.queries = check_groups(ids[0], shape[0], "ids_query")
        self.gallery = check_groups(ids[1], shape[1], "ids_gallery")
        self.own = None
        if relevance is None or isinstance(relevance, str):
            self.relevance = self._of_labels(labels, shape, relevance)
        else:
            names = "y_query", "y_gallery"
            labels = dict(zip(names, labels, strict=True))
            grades = check_grades(relevance, shape, labels)
            self.relevance = self._of_grades(grades)
        if self.queries and self.gallery:
            self.own = self.gallery.find(self.queries)
            self.relevance = RelevanceOfOthers(self.relevance, self.own)

    def _of_labels(self, labels, shape, relevance):
        y_query, y_gallery = labels
        if y_query is None and y_gallery is None and (self.queries or self.gallery):
            if self.queries and self.gallery:
                raise ValueError(
                    "y_query and y_gallery must be given with both ids_query and "
                    "ids_gallery: an item is not its own right answer. Got None."
                )
            make_relevance(None, None, *shape)  # which refuses what are no pairs
            y_query = y_gallery = (self.queries or self.gallery).items
        by_row = _relevance_of(y_query, y_gallery, shape, relevance)
        if not (self.queries or self.gallery):
            return by_row
        n_queries, n_gallery = shape
        if self.queries:
            y_query = self.queries.labels_once(y_query, "y_query")
            n_queries = self.queries.first.size
        if self.gallery:
            y_gallery = self.gallery.labels_once(y_gallery, "y_gallery")
            n_gallery = self.gallery.first.size
        return _relevance_of(y_query, y_gallery, (n_queries, n_gallery), relevance)

    def _of_grades(self, grades):
        if self.queries:
            grades = self.queries.grades_once(grades, "relevance")
        if self.gallery:
            columns = self.gallery.grades_once(csr_array(grades.T), "relevance.T")
            grades = csr_array(columns.T)
        return GivenRelevance(grades)


class ItemSearch:
    """Queries and a gallery in which rows of one id are the same item."""

    def __init__(
        self,
        Z_query,
        Z_gallery,
        y_query,
        y_gallery,
        ids_query,
        ids_gallery,
        sample_weight=None,
        relevance=None,
    ):
        _check_indexes(Z_query, Z_gallery, y_query, y_gallery, sample_weight)
        check_same_index(Z_query, relevance, ("Z_query", "relevance"))
        check_same_index(Z_query, ids_query, ("Z_query", "ids_query"))
        check_same_index(Z_gallery, ids_gallery, ("Z_gallery", "ids_gallery"))
        Z_query = check_codes(Z_query, "Z_query")
        Z_gallery = check_codes(Z_gallery, "Z_gallery")
        check_same_space(Z_query, Z_gallery, ("Z_query", "Z_gallery"))
        items = ItemRelevance(
            (len(Z_query), len(Z_gallery)),
            (y_query, y_gallery),
            (ids_query, ids_gallery),
            relevance,
        )
        self.queries, self.gallery = items.queries, items.gallery
        if isinstance(items.relevance, PairRelevance):
            names = "Rows of Z_query", "those of Z_gallery"
            warn_of_copies(Z_query, Z_gallery, names=(*names, "ids_query"))
            names = "Rows of Z_gallery", "those of Z_query"
            warn_of_copies(Z_gallery, Z_query, names=(*names, "ids_gallery"))
        if self.queries:
            Z_query = self.queries.codes_once(Z_query, "Z_query")
        if self.gallery:
            Z_gallery = self.gallery.codes_once(Z_gallery, "Z_gallery")
        self.costs = _costs(Z_query, Z_gallery, items.relevance)
        self.relevance = items.relevance
        if items.own is not None:
            self.costs = CostsOfOthers(self.costs, items.own)

    def weights(self, sample_weight):
        """Validate weights of rows: those of the queries."""
        n = self.queries.items.size if self.queries else self.relevance.shape[0]
        weights = check_sample_weight(sample_weight, n, at_least=1, noun="row")
        return self.queries.weights_once(weights) if self.queries else weights


def _costs(query, gallery, relevance):
    # Only the surroundings of one item per query have to be known exactly.
    return CosineCosts(query, gallery, rough=isinstance(relevance, PairRelevance))


def check_pairs(Z_img, Z_txt, advice="", names=("Z_img", "Z_txt")):
    """Validate the codes of the same pairs, which errors call `names`."""
    check_same_index(Z_img, Z_txt, names)
    Z_img, Z_txt = check_codes(Z_img, names[0]), check_codes(Z_txt, names[1])
    check_same_space(Z_img, Z_txt, names)
    if Z_img.shape[0] != Z_txt.shape[0]:
        raise ValueError(
            f"{names[0]} and {names[1]} must hold the codes of the same pairs. Got "
            f"{Z_img.shape[0]} and {Z_txt.shape[0]} rows.{advice}"
        )
    return Z_img, Z_txt


class CodePairs:
    """Codes of both modalities of the same samples, their relevance and weights.

    Pairs of one group have the same picture, which is one query and one item.
    """

    def __init__(
        self, Z_img, Z_txt, y, sample_weight=None, groups=None, relevance=None
    ):
        tables = {"Z_img": Z_img, "Z_txt": Z_txt, "y": y, "groups": groups}
        more = {"sample_weight": sample_weight, "relevance": relevance}
        check_same_indexes({**tables, **more})
        Z_img, Z_txt = check_pairs(
            Z_img,
            Z_txt,
            " Use retrieval_score for queries and a gallery of different size.",
        )
        self.n_pairs = Z_txt.shape[0]
        self.pictures = check_groups(groups, self.n_pairs, "groups")
        if self.pictures is not None:
            Z_img = self.pictures.codes_once(Z_img, "Z_img")
        elif relevance is None:
            warn_of_copies(Z_img, Z_txt, y)
        self.y = y
        if y is None and self.pictures is not None:
            self.y = self.pictures.items
        self.codes = {"image_to_text": (Z_img, Z_txt), "text_to_image": (Z_txt, Z_img)}
        if relevance is None or isinstance(relevance, str):
            self.relevance = self._relevance_of(relevance)
        else:
            self.relevance = self._given(relevance, y)
        self.weights = self._weights_of(sample_weight)

    def _relevance_of(self, relevance):
        """Relevance by direction: the same of both where no picture is repeated."""
        y, n, names = self.y, self.n_pairs, ("y", "y")
        if self.pictures is None:
            same = _relevance_of(y, y, (n, n), relevance, names)
            return dict.fromkeys(DIRECTIONS, same)
        make_relevance(y, y, n, n, names)
        y_img = self.pictures.labels_once(y, "y")
        n_images = self.pictures.first.size
        to_text = _relevance_of(y_img, y, (n_images, n), relevance, names)
        to_image = _relevance_of(y, y_img, (n, n_images), relevance, names)
        return {"image_to_text": to_text, "text_to_image": to_image}

    def _given(self, relevance, y):
        """Relevance by direction of a matrix of images and texts, and its transpose."""
        grades = check_grades(relevance, (self.n_pairs, self.n_pairs), {"y": y})
        if self.pictures is not None:
            grades = self.pictures.grades_once(grades, "relevance")
        sides = grades, csr_array(grades.T)
        return dict(zip(DIRECTIONS, map(GivenRelevance, sides), strict=True))

    def _weights_of(self, sample_weight):
        """Validate weights of pairs: those of the queries of each direction."""
        weights = check_sample_weight(
            sample_weight, self.n_pairs, at_least=1, noun="row"
        )
        of_images = self.pictures.weights_once(weights) if self.pictures else weights
        return {"image_to_text": of_images, "text_to_image": weights}

    def of_queries(self, values, side):
        """Take values of pairs for the queries of one direction: pictures once."""
        if self.pictures is not None and side == "image_to_text":
            return values[self.pictures.first]
        return values

    def score(self, metrics, side, **options):
        """Values of several metrics in one direction, (n_metrics, n_queries)."""
        relevance = self.relevance[side]
        costs = _costs(*self.codes[side], relevance)
        return score_per_query(metrics, costs, relevance, **options)

    def matrices(self, side):
        """Whole relevance and similarity matrices of one direction."""
        query, gallery = self.codes[side]
        scores = -CosineCosts(query, gallery).tied(np.arange(query.shape[0]))
        return self.relevance[side].to_matrix(), scores
