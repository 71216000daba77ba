"""Names of the classes that are searched for, known when codes are made."""

from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.base import MetaEstimatorMixin

from sklearn_xmodal.base import SampleWeightMixin
from sklearn_xmodal.encoders import Chain, Concat, IdentityEncoder, PosteriorEncoder
from sklearn_xmodal.ensemble._members import (
    encoders_of,
    fitted_member,
    pairs_for,
    set_arrays_of_members,
    take_tags,
)
from sklearn_xmodal.utils._containers import as_matrix
from sklearn_xmodal.utils._sklearn_compat import HasMethods, Interval
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import check_numbers

_LEAST_NAMES = 2
# Of unit codes: what lies below is rounding, in float32, too.
_LEAST_DIFFERENCE = 1e-5


class VocabularyRetriever(MetaEstimatorMixin, SampleWeightMixin):
    r"""Retriever that knows the names of the classes that are searched for.

    Where texts are vectors of sentences, the name of a class is a text too, also that
    of a class that training has not seen. The text encoder of `estimator` encodes the
    names like texts. An item with code z is then represented by its code and by the
    probabilities of the C names with codes :math:`c_1, \ldots, c_C`,

    .. math::
        p_k = \frac{\exp(\cos(z, c_k) / \tau)}{\sum_j \exp(\cos(z, c_j) / \tau)},
        \qquad
        s(x, t) = (1 - w) \cos(z_x, z_t)
                  + w \cos\Bigl(p_x - \frac{1}{C}, p_t - \frac{1}{C}\Bigr),

    To compare images and texts by their probabilities is the idea of semantic matching
    [1]_, which learns those of the training classes; to take them from cosines with
    names is zero-shot classification by a joint embedding [2]_.

    Parameters
    ----------
    estimator : estimator
        A retriever, or a Pipeline or search that ends in one. A clone is fitted. One
        that is fitted already and to be left so goes into
        :class:`~sklearn.frozen.FrozenEstimator`: so names are given, or others, when
        training is long over.

    vocabulary : {array-like, sparse matrix}, default=None
        Text features of the names, of shape (n_names, n_text_features), at least two,
        made like those of the texts. No labels are needed, nor does it matter which
        name is whose. `None` is no names, and leaves the codes of the estimator as
        they are.

    weight : float, default=0.5
        Share w of the names in the similarity, from 0 to 1.

    temperature : float, default=0.1
        Number :math:`\tau` that cosines are divided by, from 1e-6 to 1e6: the less, the
        more the most similar names count.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`. Only defined if there were 1-D class labels.

    n_components_ : int
        Width of the codes: that of the estimator's codes, and one for every name. What
        has no weight takes no room.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    SemanticMatchingRetriever : Probabilities of the classes of the training pairs.
    RetrievalIndex : With names as its texts, it tells which one an image is most like.

    Notes
    -----
    It helps where texts say what the name of their class says, and costs where they do
    not: compare with ``weight=0`` on classes held out. Names must pass through what
    texts pass through, so steps that take numbers go inside:
    ``VocabularyRetriever(make_pipeline(scaling, retriever), vocabulary=names)``. What
    needs strings or names of columns comes before, for texts and names alike. Of a
    precomputed kernel, names are values with all training texts, which splits of a
    cross-validation do not cut.

    Names are encoded in `fit`; the retriever keeps their codes, scaled to unit length,
    in its encoders. `sample_weight` is handed to the estimator, which must take it.

    References
    ----------
    .. [1] N. Rasiwasia, J. Costa Pereira, E. Coviello, G. Doyle, G. R. G. Lanckriet,
       R. Levy, N. Vasconcelos, "A new approach to cross-modal multimedia retrieval",
       ACM Multimedia 2010.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    Here a name is a text without noise, and six of twelve classes are not seen in
    training:

    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn_xmodal import CCARetriever, VocabularyRetriever
    >>> rng = np.random.RandomState(0)
    >>> names, W = rng.randn(12, 8), rng.randn(8, 20)
    >>> y = rng.randint(12, size=600)
    >>> X_txt = names[y] + rng.randn(600, 8)
    >>> X_img = names[y] @ W + 5 * rng.randn(600, 20)
    >>> seen = y < 6
    >>> cca = CCARetriever().fit(X_img[seen], X_txt[seen])
    >>> named = VocabularyRetriever(FrozenEstimator(cca), vocabulary=names[6:])
    >>> named.fit(X_img[seen], X_txt[seen]).transform_text(X_txt[:2]).shape
    (2, 14)
    >>> test = X_img[~seen], X_txt[~seen], y[~seen]
    >>> print(f"{cca.score(*test):.2f} -> {named.score(*test):.2f}")
    0.38 -> 0.42
    """

    _takes_zero_weights = True  # precomputed kernels are of all pairs

    _fitted = ("estimator_",)

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "transform"])],
        "vocabulary": ["array-like", "sparse matrix", None],
        "weight": [Interval(Real, 0, 1, closed="both")],
        "temperature": [Interval(Real, 1e-6, 1e6, closed="both")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        estimator,
        *,
        vocabulary=None,
        weight=0.5,
        temperature=0.1,
        n_image_features=None,
    ):
        self.estimator = estimator
        self.vocabulary = vocabulary
        self.weight = weight
        self.temperature = temperature
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        if isinstance(self.estimator, type):
            raise TypeError(
                f"estimator must be an instance. Got the class {self.estimator!r}."
            )
        pairs = pairs_for(self, X_img, X_txt)
        # The estimator is the user's own: its parameters are checked, too.
        with config_context(skip_parameter_validation=False):
            self.estimator_ = fitted_member(self.estimator, pairs, y, sample_weight)
        image, text = encoders_of(self.estimator_, pairs)
        if self.vocabulary is None:
            return image, text
        head = self._head(self._codes_of_names(text))
        return [_with_head(encoder, head) for encoder in (image, text)]

    def _codes_of_names(self, text_encoder):
        """Return unit codes of the names, (c, d)."""
        names = self._checked_names(text_encoder)
        codes = text_encoder._finite_codes(names, "the vocabulary")
        says_nothing = ~codes.any(axis=1)
        if says_nothing.any():
            raise ValueError(
                "vocabulary must have names that the estimator can encode. Got a code "
                f"of zeros for that of row {np.flatnonzero(says_nothing)[0]}."
            )
        codes = to_unit_length(codes.astype(np.float64))
        if np.abs(codes - codes[0]).max() < _LEAST_DIFFERENCE:
            raise ValueError(
                "vocabulary must have names that the estimator tells apart. Got "
                f"{len(codes)} names, all with the same code."
            )
        return codes

    def _checked_names(self, text_encoder):
        """Return the features of the names, which must be those of the texts."""
        names = check_numbers(
            self.vocabulary,
            "The vocabulary",
            modality="names",
            accept_sparse="csr",
            dtype=self._dtypes,
            ensure_min_samples=_LEAST_NAMES,
        )
        if names.shape[1] != self.n_text_features_:
            raise ValueError(
                f"vocabulary must have the {self.n_text_features_} features of the "
                f"texts. Got {names.shape[1]}. What texts pass through, names must, "
                "too: put those steps inside, in VocabularyRetriever(make_pipeline("
                "..., retriever), vocabulary=names)."
            )
        columns = self._feature_names["text"]
        told = text_encoder if columns is None else text_encoder._named(columns)
        told._check_columns(as_matrix(self.vocabulary), "the vocabulary")
        return names

    def _take_more_state(self, state):
        super()._take_more_state(state)
        set_arrays_of_members(state, [state["estimator_"]])

    def _head(self, names):
        """Return what makes of unit codes (n, d) these and probabilities, weighted."""
        n_names, width = names.shape
        code = IdentityEncoder(n_features=width)
        posterior = PosteriorEncoder(
            mean=np.zeros(width),
            scale=float(self.temperature),
            weights=names.T,
            intercept=np.zeros(n_names),
            link="softmax",
            offset=np.full(n_names, 1 / n_names),  # of an item that says nothing
        )
        parts = [(code, 1 - self.weight), (posterior, self.weight)]
        encoders, weights = zip(*[p for p in parts if p[1] > 0], strict=True)
        return Concat(encoders=list(encoders), weights=np.array(weights, float))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            take_tags(tags, [self.estimator])
        return tags


def _with_head(encoder, head):
    """Return an encoder that hands its codes, at unit length, to the head."""
    unit = Concat(encoders=[encoder], weights=np.ones(1))
    return Chain(steps=[unit, head])
