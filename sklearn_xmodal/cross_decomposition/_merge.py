"""One retriever of all pairs from several that have seen a part of them each."""

import joblib
import numpy as np
from sklearn.base import clone

from sklearn_xmodal.cross_decomposition._engine._partial_fit import PartialFitMixin
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._validation import united_labels


def merge(retrievers, *, solve=True):
    """Return the retriever of all pairs that several retrievers have seen.

    The parts may have been anywhere: on the nodes of a cluster (Spark, Ray, Slurm), on
    other days. What they have seen by `partial_fit` or `fit_batches` are sums, which
    are added, and the whole problem is solved once. The result is that of one `fit` on
    all pairs, to rounding.

    Parameters
    ----------
    retrievers : iterable of retrievers
        All of one class, with equal parameters, and with the same features in the same
        order. Those of `partial_fit` with ``solve=False`` will do, and some that have
        seen nothing. They stay as they are. Of :class:`KCCARetriever` all parts must
        have the same `landmarks`.

    solve : bool, default=True
        Whether to learn from the sums. With `False` the result is a larger part, for
        sums that are merged as a tree.

    Returns
    -------
    merged : retriever
        A new one. `partial_fit` and another `merge` may go on with it.

    Raises
    ------
    ValueError
        If there is none, if parameters, widths, names of columns, kinds of labels or
        landmarks differ, or if one was fitted by `fit`, which keeps no sums.

    TypeError
        If one is no retriever that learns from sums, or classes differ.

    See Also
    --------
    CCARetriever.partial_fit : Makes a part.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal import CCARetriever, merge
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, _ = make_paired_modalities(200, random_state=0)
    >>> halves = slice(0, 80), slice(80, 200)
    >>> parts = [CCARetriever(3).partial_fit(X_img[r], X_txt[r]) for r in halves]
    >>> whole = CCARetriever(3).fit(X_img, X_txt)
    >>> np.allclose(merge(parts).image_weights_, whole.image_weights_)
    True
    """
    parts = [*retrievers] if not isinstance(retrievers, PartialFitMixin) else []
    if not parts:
        raise ValueError(
            "merge takes a list of at least one retriever. Got "
            f"{'a retriever' if isinstance(retrievers, PartialFitMixin) else 'none'}."
        )
    for number, part in enumerate(parts):
        _check_part(part, f"number {number}")
        _check_same_kind(parts[0], part, f"number {number}")
    seen = {i: part for i, part in enumerate(parts) if "_moments" in vars(part)}
    if not seen:
        raise ValueError(
            "merge needs pairs that partial_fit or fit_batches have seen. Got "
            f"{len(parts)} of {type(parts[0]).__name__} that are not fitted."
        )
    first, *_ = seen.values()
    for number, part in seen.items():
        _check_same_features(first, part, f"number {number}")
    merged = _merged([*seen.values()])
    merged._learn_or_wait(solve)
    return merged


def _merged(parts):
    merged = clone(parts[0])
    for name, value in vars(parts[0]).items():  # what `partial_fit` goes on from
        if name not in vars(merged):
            setattr(merged, name, value)
    labels = [part.classes_ for part in parts if "classes_" in vars(part)]
    if labels:
        merged.classes_ = labels[0]
    for more in labels[1:]:
        merged.classes_ = united_labels(merged.classes_, more)
    if "n_unlabelled_" in vars(merged):
        merged.n_unlabelled_ = sum(part.n_unlabelled_ for part in parts)
    moments = [part._moments for part in parts]
    while len(moments) > 1:  # neighbours, so that parts of one size meet
        halves = [moments[i : i + 2] for i in range(0, len(moments), 2)]
        moments = [h[0].merged(h[1]) if len(h) > 1 else h[0] for h in halves]
    merged._moments = moments[0]
    return merged


def _check_part(part, which):
    if not isinstance(part, PartialFitMixin):
        raise TypeError(
            "merge takes retrievers that learn from sums over pairs, those with "
            f"partial_fit of cross_decomposition and linear_model. Got {which} of type "
            f"{type(part).__name__}."
        )
    if "_moments" not in vars(part) and "image_encoder_" in vars(part):
        raise ValueError(
            "merge needs the sums that partial_fit and fit_batches keep. Got "
            f"{which}, a {type(part).__name__} fitted by fit, which keeps none."
        )


def _check_same_kind(first, part, which):
    if type(part) is not type(first):
        raise TypeError(
            "merge takes retrievers of one class. Got "
            f"{type(first).__name__}, and {which}, a {type(part).__name__}."
        )
    params, others = first.get_params(deep=False), part.get_params(deep=False)
    differing = [name for name in params if not _is_same(params[name], others[name])]
    if differing:
        name = differing[0]
        raise ValueError(
            "merge takes retrievers of equal parameters. Got "
            f"{name}={_short(params[name])}, and {name}={_short(others[name])} in "
            f"{which}."
        )


def _check_same_features(first, part, which):
    for modality in MODALITIES:
        width, other = (getattr(e, f"n_{modality}_features_") for e in (first, part))
        if width != other:
            raise ValueError(
                "merge takes retrievers of the same features. Got "
                f"{width} {modality} features, and {other} in {which}."
            )
        _check_names(first._feature_names, part._feature_names, modality, which)
    _check_names(vars(first), vars(part), "feature_names_in_", which)


def _check_names(first, part, key, which):
    names, others = first.get(key), part.get(key)
    if names is None and others is None:
        return
    if names is None or others is None or not np.array_equal(names, others):
        names, others = (None if n is None else list(n[:5]) for n in (names, others))
        what = "columns" if key == "feature_names_in_" else f"{key} columns"
        raise ValueError(
            f"merge takes retrievers of the same {what}, in the same order. Got "
            f"{names}, and {others} in {which} (first five shown)."
        )


def _is_same(a, b):
    if isinstance(a, str | int | float | None) and isinstance(b, str | int | float):
        return a == b
    return a is b or joblib.hash(a) == joblib.hash(b)


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else f"another {type(value).__name__}"
