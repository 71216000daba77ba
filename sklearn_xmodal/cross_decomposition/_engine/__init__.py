"""What the retrievers in closed form share.

Top down: `_retrievers` are their base classes; `_partial_fit` learns from sums, of
`_batches` too, `_class_moments` from those of classes, `_kernel_moments` from those of
kernel features. `_problems` relate two modalities, each a side of `_sides`, by its
moments (`_moments`) or by its rows; `_whitening` holds the ways from coordinates back
to features, `_signs` the rule for signs, `_dask` all that fits know of Dask. Kernels:
`_kernels`, `_spread` (what they need to know beforehand), `_kernel_solver` (exact) and
`_kernel_maps` (past some 10,000 pairs).

`linear_model` and `deep` use what is imported here, and nothing else of it.
"""

from sklearn_xmodal.cross_decomposition._engine._moments import (
    PairMoments,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    ClassVectorsRetriever,
    linear_encoders,
)

__all__ = [
    "ClassVectorsRetriever",
    "PairMoments",
    "linear_encoders",
    "pair_moments",
]
