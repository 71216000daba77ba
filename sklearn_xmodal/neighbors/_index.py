"""A gallery that can be searched by either modality."""

import numpy as np

from sklearn_xmodal.neighbors._backends import (
    ExactBackend,
    check_fit_queries,
    check_index_params,
    kind_of,
    make_engine,
)
from sklearn_xmodal.neighbors._changes import ChangesMixin
from sklearn_xmodal.neighbors._constraints import check_params
from sklearn_xmodal.neighbors._contents import ContentsMixin
from sklearn_xmodal.neighbors._encoding import named
from sklearn_xmodal.neighbors._finding import FindingMixin
from sklearn_xmodal.neighbors._gallery import Gallery
from sklearn_xmodal.neighbors._hubness import HubnessCorrection, check_hubness_queries
from sklearn_xmodal.neighbors._items import check_items
from sklearn_xmodal.neighbors._lock import SharedLock
from sklearn_xmodal.neighbors._parts import (
    are_texts,
    joined_rows,
    modality_of,
    parts_of,
    sequences_of,
)
from sklearn_xmodal.neighbors._result import SearchResult
from sklearn_xmodal.neighbors._saving import SaveMixin
from sklearn_xmodal.neighbors._storage import stored


class RetrievalIndex(ChangesMixin, ContentsMixin, FindingMixin, SaveMixin):
    r"""Gallery of images, texts or both, searched by images, texts or ready codes.

    The cosine of codes is the score. By default search is exact: the gallery is
    multiplied with the queries block by block in float32, and what may be among the
    best is scored again in float64, so results depend neither on how many queries
    come together nor on the number of threads. Equal scores are in the order of the
    gallery.

    Parameters
    ----------
    retriever : estimator, default=None
        A fitted retriever, a fitted Pipeline that ends in one, or a fitted search
        over either, of which the best estimator is taken. Without one, gallery and
        queries are `vectors`.

    image : {array-like, sparse matrix, DataFrame} of shape (n_items, ...), default=None
        Gallery of images, in the form that the retriever takes.

    text : {array-like, sparse matrix, DataFrame} of shape (n_items, ...), default=None
        Gallery of texts. With `image` the gallery holds both, images first; there may
        be more of one than of the other.

    vectors : array-like of shape (n_items, n_components) or dict, default=None
        Gallery of ready codes, of any length, instead of `image` and `text`. A dict
        ``{"image": ..., "text": ...}`` of one or both says their modality.

    ids : sequence of shape (n_items,) or dict, default=None
        Distinct hashable ids. By default row numbers, which count on when items are
        added and are never given twice. Numbers and strings of NumPy, torch and pyarrow
        are those of Python; dates and times without a time zone are the same where
        their moment is. Files hold fewer kinds, see `save`. For items of both
        modalities `ids`, `labels` and `payload` are dicts ``{"image": ..., "text":
        ...}``; ids are distinct over both.

    labels : sequence of shape (n_items,) or dict, default=None
        One hashable label per item, to select by in `search`.

    payload : sequence of shape (n_items,) or dict, default=None
        What belongs to the items, see `get_payload`: str, int, float, bool, None, or
        tuples, lists and dicts with str keys of these, as files hold them. Arrays
        become lists, and their scalars those of Python.

    center : bool or dict, default=False
        Whether to take the mean code of each modality from its items and queries, see
        Notes: one ranking of images and texts needs that, unless the codes share a
        space without a gap. `True` measures the means on the items given here, which
        must be of both modalities; a dict ``{"image": ..., "text": ...}`` holds other
        data to measure them on, in the form of the gallery. Means stay as they are
        when items come and go.

    backend : {"exact", "faiss"}, default="exact"
        "faiss" needs the extra ``faiss``. It holds a copy of the vectors, finds
        candidates, and their scores are then computed as in exact search, and ordered
        likewise.

    index_type : {"flat", "hnsw", "ivf", "ivfpq"}, default="flat"
        Of "faiss": all vectors, a graph, or lists of vectors near to centroids, in
        "ivfpq" as a few bytes each (product quantisation). The
        first finds what exact search does, in the same order. The others are
        approximate, see `recall`; of several items that score as much as the k-th,
        they may find others. A graph has one node for equal vectors, but loses items
        among many that are equal but for rounding.

    index_params : dict, default=None
        Of "faiss", by its own names: ``M`` (32), ``efConstruction`` (40) and
        ``efSearch`` (64) for "hnsw"; ``nlist`` (by default 4 times the root of the
        number of items, with at least 39 items per list) and ``nprobe`` (16) for
        "ivf" and "ivfpq"; ``M``, the bytes of a vector (by default one for 4 columns),
        and ``oversampling`` (20), the candidates per item to be found, for "ivfpq". Of
        the storage "binary": ``oversampling`` (20).

    storage : {"float32", "float16", "int8", "binary"}, default="float32"
        How vectors are held, in memory and in files: in half the bytes, in a quarter
        (256 steps over the range of each column), or as in "int8" and beside them one
        bit per value, which is all that a search reads of most items: they choose
        candidates, whose scores are computed from the bytes (of "exact" only; see
        `recall`). Scores are cosines with vectors as they are held. `repr` tells the
        bytes.

    fit_queries : matrix of shape (n_queries, ...) or dict, default=None
        Queries that "ivf" and "ivfpq" are trained for, in the form of
        `hubness_queries`: some hundred of those that will ask, of the training data.
        Centroids and codebooks then keep what such queries tell apart, and centroids
        are of unit length. Helps where queries are of another modality than the
        gallery; `recall` tells.

    hubness : str, default=None
        What is taken from the score of items that are near to many queries: "csls",
        "nnn", "inverted_softmax" or "dynamic_inverted_softmax" (QB-Norm), see
        :func:`sklearn_xmodal.neighbors.correct_hubness`.

    hubness_queries : matrix of shape (n_references, ...) or dict, default=None
        Queries that hubness is measured with: features of the modality that the
        gallery is not of, or vectors for a gallery of vectors; a dict ``{"image": ...,
        "text": ...}`` of one or both says the modality, which a gallery of both needs.
        Take those of the training data, never the queries that are to be judged. They
        are kept in the index for items that are added later.

    n_hubness_neighbors : int, default=10
        Reference queries that count per item, of "csls" and "nnn".

    inverse_temperature : float, default=30.0
        The :math:`\beta` of "inverted_softmax" and "dynamic_inverted_softmax",
        larger than 0.

    hubness_weight : float, default=0.75
        The :math:`\alpha` of "nnn", from 0 to 10.

    n_smoothing_neighbors : int, default=None
        If set, each gallery vector is replaced by the mean over its item and so many
        nearest items of its modality, by the cosine of their own features (as they
        reach the retriever): the score is then the mean cosine of these items. Meant
        for classes that training never saw; it blurs small classes. Such a
        gallery cannot be added to. Finding the neighbours takes the square of
        `n_items` similarities.

    n_jobs : int, default=None
        Number of threads that share the queries of a search. `None` means 1 unless
        in a :obj:`joblib.parallel_backend` context, -1 all processors. The products
        inside use the threads of the linear algebra library: limit those
        (``OMP_NUM_THREADS``) where `n_jobs` is more than 1.

    verbose : int, default=0
        Whether to show progress bars.

    Raises
    ------
    ValueError
        If the gallery is empty or not finite, ids repeat, or a parameter is out of
        range.

    TypeError
        If an argument has the wrong type, or payload is what no file holds.

    See Also
    --------
    sklearn_xmodal.metrics.retrieval_score : Score rankings of a whole gallery.
    sklearn_xmodal.metrics.k_occurrence_skewness : How much hubs there are.

    Notes
    -----
    Searches may run in many threads at a time. `add` and `remove` wait for them.

    Corrections are those of :func:`sklearn_xmodal.neighbors.correct_hubness`. What
    they take from an item depends on no filter. "dynamic_inverted_softmax" corrects a
    query if the item that is nearest to it in the whole gallery is also nearest to
    some reference query: this takes two searches, both by the backend, and scores of
    other queries stay cosines, not to be compared with those of corrected ones.

    In a joint embedding images lie around one point and texts around another [1]_, so
    that raw cosines put any text before any image where a text is the query. `center`
    replaces codes :math:`z` of unit length by :math:`z - \mu`, scaled to unit length,
    with the mean :math:`\mu` of such codes of their modality.

    References
    ----------
    .. [1] Liang, Zhang, Kwon, Yeung and Zou, "Mind the gap: understanding the modality
       gap in multi-modal contrastive representation learning", NeurIPS 2022.

    Examples
    --------
    >>> from sklearn_xmodal import CCARetriever, RetrievalIndex
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> retriever = CCARetriever(4).fit(X_img, X_txt)
    >>> index = RetrievalIndex(retriever, text=X_txt, labels=y)
    >>> scores, ids = index.search(image=X_img[:2], k=3)
    >>> scores.shape, ids.shape
    ((2, 3), (2, 3))
    >>> index.add(text=X_txt[:1] + 0.1, ids=["new"], labels=[0])
    >>> len(index), "new" in index
    (201, True)

    Images and texts in one gallery, asked by a picture that is in it, and by the same
    picture with a text:

    >>> index = RetrievalIndex(retriever, image=X_img, text=X_txt)
    >>> index.search(image=X_img[:1], ids_query=[0], k=3).ids.shape
    (1, 3)
    >>> both = {"image": X_img[:1], "text": X_txt[5:6], "weights": (0.3, 0.7)}
    >>> index.modalities[index.search(**both, modality="image", k=2).ids]
    array([['image', 'image']], dtype='<U5')
    """

    @named(1)
    def __init__(
        self,
        retriever=None,
        *,
        image=None,
        text=None,
        vectors=None,
        ids=None,
        labels=None,
        payload=None,
        center=False,
        backend="exact",
        index_type="flat",
        index_params=None,
        storage="float32",
        fit_queries=None,
        hubness=None,
        hubness_queries=None,
        n_hubness_neighbors=10,
        inverse_temperature=30.0,
        hubness_weight=0.75,
        n_smoothing_neighbors=None,
        n_jobs=None,
        verbose=0,
    ):
        check_params(
            backend=backend,
            index_type=index_type,
            index_params=index_params,
            storage=storage,
            hubness=hubness,
            n_hubness_neighbors=n_hubness_neighbors,
            inverse_temperature=inverse_temperature,
            hubness_weight=hubness_weight,
            n_smoothing_neighbors=n_smoothing_neighbors,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self._take_retriever(retriever)
        self.backend, self.index_type, self.storage = backend, index_type, storage
        self._kind = kind_of(backend, index_type, storage)
        self.index_params = check_index_params(self._kind, index_params)
        check_fit_queries(self._kind, fit_queries)
        check_hubness_queries(hubness, hubness_queries)
        self.n_smoothing_neighbors = n_smoothing_neighbors
        self.n_jobs, self.verbose = n_jobs, verbose
        parts = parts_of(image, text, vectors)
        self.modality = modality_of(parts)
        codes = self._gallery_codes(parts, center)
        sizes = [len(Z) for Z in codes]
        items = check_items(
            sum(sizes), *sequences_of(parts, sizes, ids, labels, payload)
        )
        if n_smoothing_neighbors is not None:
            codes = list(map(self._smoothed, codes, parts))
        vectors = joined_rows(codes)
        form = parts[0].are_codes, vectors.shape[1]
        if fit_queries is not None:
            fit_queries = self._references(fit_queries, *form, "fit_queries")
        self._hubness = None
        if hubness is not None:
            self._hubness = HubnessCorrection(
                self._references(hubness_queries, *form),
                kind=hubness,
                n_neighbors=n_hubness_neighbors,
                inverse_temperature=inverse_temperature,
                weight=hubness_weight,
            )
            if fit_queries is not None:
                fit_queries = self._hubness.with_amount(fit_queries)
        vectors = stored(self._with_hubness(vectors), storage)
        self._update_hubness("add", vectors, len(vectors))
        self._gallery = Gallery(
            vectors, *items, is_text=are_texts(parts, sizes), next_id=len(vectors)
        )
        self._engine = make_engine(self._kind, self.index_params, vectors, fit_queries)
        self._lock = SharedLock()

    @named()
    def search(
        self,
        *,
        image=None,
        text=None,
        vectors=None,
        weights=None,
        k=10,
        modality=None,
        mask=None,
        labels=None,
        exclude=None,
        ids_query=None,
    ) -> SearchResult:
        """Find the items with the largest scores.

        Parameters
        ----------
        image : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Images to search by, in the form that the retriever takes.

        text : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Texts to search by. The modality of the queries may be that of the gallery.
            With `image` every row of both is one query: the mean of the two codes,
            each of unit length, scaled to unit length again.

        vectors : array-like of shape (n_queries, n_components) or dict, default=None
            Ready codes to search by, instead of `image` and `text`. A dict
            ``{"image": ..., "text": ...}`` of one or both says their modality, which an
            index with `center` needs.

        weights : tuple of two floats, default=None
            How much image and text count in queries of both, at least 0. By default
            equally.

        k : int, default=10
            Items to find per query. Where fewer pass the filters, all of these are
            returned.

        modality : {"image", "text"}, default=None
            Modality of the items that may be found. Exact search, and that with "flat",
            answers with the bytes of an index of these items alone.

        mask : array-like of bool of shape (n_items,), default=None
            Which items may be found, in the order of `ids`.

        labels : sequence or set, default=None
            Labels of the items that may be found.

        exclude : sequence or set, default=None
            Ids of items that are not to be found; ids that are not in the index do
            no harm. Filters add up.

        ids_query : sequence of shape (n_queries,), default=None
            Which item each query is. That item is left out of the answer to this query
            alone; ids that are not in the index do no harm.

        Returns
        -------
        result : SearchResult
            The pair ``(scores, ids)``, each of shape (n_queries, min(k, number of
            items that pass the filters, less the one that a query is)), best first;
            equal scores in the order of the gallery.

        Raises
        ------
        ValueError
            If no queries are given or features and vectors, the queries are not finite
            or have another width than the gallery, those of two modalities are not as
            many, `k` is less than 1, or no item passes the filters.

        TypeError
            If features are given to an index without a retriever, or without a name.

        Examples
        --------
        >>> from sklearn_xmodal import RetrievalIndex
        >>> codes = [[1, 0], [1, 1], [0, 1]]
        >>> index = RetrievalIndex(vectors=codes, ids=["a", "b", "c"])
        >>> scores, ids = index.search(vectors=[[2, 0]], k=2)
        >>> ids
        array([['a', 'b']], dtype=object)
        >>> scores.round(2)
        array([[1.  , 0.71]], dtype=float32)
        """
        check_params(k=k, modality=modality)
        query = self._query(parts_of(image, text, vectors), weights, ids_query)
        with self._lock.reading():
            positions = self._gallery.allowed(mask, labels, exclude, modality)
            own = None
            if ids_query is not None:
                own = self._gallery.own_rows(ids_query, len(query), positions)
            scores, found = self._found(self._engine, query, k, positions, own)
            return self._result(scores, found, positions)

    @named()
    def recall(
        self,
        *,
        image=None,
        text=None,
        vectors=None,
        weights=None,
        k: int = 10,
        modality=None,
    ) -> float:
        """Share of the exact k best items that the backend finds.

        An item that scores as much as the k-th best counts as one of them. Ask with
        images and with texts apart: what serves one modality may fail the other.

        Parameters
        ----------
        image : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Images to search by. Some hundred queries tell the recall to a per cent.

        text : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Texts to search by; with `image` as in `search`.

        vectors : array-like of shape (n_queries, n_components) or dict, default=None
            Ready codes to search by, as in `search`.

        weights : tuple of two floats, default=None
            How much image and text count in queries of both.

        k : int, default=10
            Items to find per query.

        modality : {"image", "text"}, default=None
            Modality of the items that count, as in `search`.

        Returns
        -------
        recall : float
            Mean over the queries, 1 for exact search.

        Raises
        ------
        ValueError
            As in `search`.

        Examples
        --------
        >>> from sklearn_xmodal import RetrievalIndex
        >>> RetrievalIndex(vectors=[[1, 0], [0, 1]]).recall(vectors=[[1, 2]], k=1)
        1.0
        """
        check_params(k=k, modality=modality)
        query = self._query(parts_of(image, text, vectors), weights)
        with self._lock.reading():
            positions = self._gallery.allowed(None, None, None, modality)
            _, found = self._found(self._engine, query, k, positions)
            expected, _ = self._found(ExactBackend(), query, k, positions)
            scores = self._scores_of(query, found)
        return float(np.mean(scores >= expected[:, -1:]))
