"""What the parameters of an index may be."""

from numbers import Integral, Real

from sklearn_xmodal.neighbors._storage import DTYPES
from sklearn_xmodal.utils._sklearn_compat import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

_AT_LEAST_1 = Interval(Integral, 1, None, closed="left")
_KINDS = StrOptions({"csls", "dynamic_inverted_softmax", "inverted_softmax", "nnn"})
_CONSTRAINTS = {
    "k": [_AT_LEAST_1],
    "backend": [StrOptions({"exact", "faiss"})],
    "index_type": [StrOptions({"flat", "hnsw", "ivf", "ivfpq"})],
    "storage": [StrOptions(set(DTYPES))],
    "modality": [StrOptions({"image", "text"}), None],
    "index_params": [dict, None],
    "hubness": [_KINDS, None],
    "kind": [_KINDS],
    "n_hubness_neighbors": [_AT_LEAST_1],
    "inverse_temperature": [Interval(Real, 0, None, closed="neither")],
    "hubness_weight": [Interval(Real, 0, 10, closed="both")],
    "n_smoothing_neighbors": [_AT_LEAST_1, None],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
    "mmap_mode": [StrOptions({"r"}), None],
}


def check_params(owner="RetrievalIndex", **params):
    """Raise a ValueError that names a parameter whose value is not allowed."""
    validate_parameter_constraints(_CONSTRAINTS, params, owner)
