"""What MSLN has beyond the paper: blocks, their weights, familiarity. Internal.

An item is represented by several vectors, not by its code alone. Names and files may
change without notice.
"""

from sklearn_xmodal.deep.blocks._representation import represent
from sklearn_xmodal.deep.blocks._variates import (
    VARIATES,
    familiar_rows,
    start_variates,
    updated_variates,
)
from sklearn_xmodal.deep.blocks._weights import block_weights, contrastive_weight

__all__ = [
    "VARIATES",
    "block_weights",
    "contrastive_weight",
    "familiar_rows",
    "represent",
    "start_variates",
    "updated_variates",
]
