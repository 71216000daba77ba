"""Protocols of cross-modal retrieval: split, tune and score any method alike."""

from sklearn_xmodal.protocols._all_methods import ALL_METHODS
from sklearn_xmodal.protocols._checks import PROTOCOLS
from sklearn_xmodal.protocols._evaluation import evaluate, evaluate_split
from sklearn_xmodal.protocols._features import candidate_features, choose_features
from sklearn_xmodal.protocols._methods import FULL, METHODS, QUICK, Budget, Method
from sklearn_xmodal.protocols._repeats import count_repeats
from sklearn_xmodal.protocols._scores import score_codes
from sklearn_xmodal.protocols._splits import inner_folds, split_pairs
from sklearn_xmodal.protocols._tuning import tune

__all__ = [
    "ALL_METHODS",
    "FULL",
    "METHODS",
    "PROTOCOLS",
    "QUICK",
    "Budget",
    "Method",
    "candidate_features",
    "choose_features",
    "count_repeats",
    "evaluate",
    "evaluate_split",
    "inner_folds",
    "score_codes",
    "split_pairs",
    "tune",
]
