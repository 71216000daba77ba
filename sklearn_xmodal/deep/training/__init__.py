"""How networks are trained: data, nets, callbacks, checkpoints. Internal.

Nothing here knows a method, but for the strength of gradient reversal: modules, losses
and their options come from the retrievers. Names and files may change without notice.
"""

from sklearn_xmodal.deep.training._callbacks import (
    EpochProgress,
    EpochReport,
    ReversalSchedule,
)
from sklearn_xmodal.deep.training._checkpoint import checkpointing
from sklearn_xmodal.deep.training._data import (
    EvenBatches,
    PairDataset,
    PreparedSide,
    ShuffledBatches,
)
from sklearn_xmodal.deep.training._loop import (
    early_stopping,
    net_options,
    recorded,
    resolve_device,
    resolve_optimizer,
    schedule_of_rate,
    training_length,
    usable_device,
)
from sklearn_xmodal.deep.training._memory import check_sizes_fit
from sklearn_xmodal.deep.training._net import NonFiniteLossError, TermsNet
from sklearn_xmodal.deep.training._processes import check_same_pairs, check_same_start
from sklearn_xmodal.deep.training._sample import PairSample, drawn_places
from sklearn_xmodal.deep.training._stream import StreamedPairs

__all__ = [
    "EpochProgress",
    "EpochReport",
    "EvenBatches",
    "NonFiniteLossError",
    "PairDataset",
    "PairSample",
    "PreparedSide",
    "ReversalSchedule",
    "ShuffledBatches",
    "StreamedPairs",
    "TermsNet",
    "check_same_pairs",
    "check_same_start",
    "check_sizes_fit",
    "checkpointing",
    "drawn_places",
    "early_stopping",
    "net_options",
    "recorded",
    "resolve_device",
    "resolve_optimizer",
    "schedule_of_rate",
    "training_length",
    "usable_device",
]
