"""Cross-validation with classes that nobody has trained on."""

from sklearn_xmodal.model_selection._split import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
    class_disjoint_train_test_split,
)

__all__ = [
    "ClassDisjointKFold",
    "ClassDisjointShuffleSplit",
    "GeneralizedShuffleSplit",
    "class_disjoint_train_test_split",
]
