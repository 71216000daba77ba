"""The only place that touches private names of scikit-learn.

When one of them moves between versions, this file changes and no other.
"""

from abc import abstractmethod

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.validation import _get_feature_names as get_feature_names

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock
except ImportError:  # before 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock

__all__ = [
    "METADATA_REQUEST",
    "OUTPUT_CONFIG",
    "BaseComposition",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "ParallelDiagramMixin",
    "StrOptions",
    "check_member_names",
    "check_parameters",
    "get_feature_names",
    "in_output_container",
    "member_params",
    "safe_indexing",
    "safe_split",
    "set_member_params",
    "validate_on_fit",
    "validate_on_fit_of_members",
    "validate_parameter_constraints",
    "validate_params",
]

#: Attributes of an instance: what `set_output` has set, and ``set_fit_request`` etc.
OUTPUT_CONFIG = "_sklearn_output_config"
METADATA_REQUEST = "_metadata_request"

#: Decorator of ``fit``: checks ``_parameter_constraints`` before anything else.
validate_on_fit = _fit_context(prefer_skip_nested_validation=True)

#: The same for estimators that fit other ones, whose parameters are to be checked too.
validate_on_fit_of_members = _fit_context(prefer_skip_nested_validation=False)


def check_parameters(estimator):
    """Check the parameters as `fit` does, where there is no `fit`."""
    estimator._validate_params()


def member_params(composition, name, deep):
    """Return the parameters, with `deep` those of the members in parameter `name`."""
    return composition._get_params(name, deep=deep)


def set_member_params(composition, name, params):
    """Set parameters, among them those of the members in parameter `name`."""
    return composition._set_params(name, **params)


def check_member_names(composition, names):
    """Raise a ValueError unless members can be told apart from each other."""
    composition._validate_names(names)


class ParallelDiagramMixin:
    """Mixin of estimators whose diagram shows others side by side."""

    def _sk_visual_block_(self):
        names, estimators = self._side_by_side()
        return _VisualBlock("parallel", estimators, names=names)

    @abstractmethod
    def _side_by_side(self):
        """Return names and estimators."""


def in_output_container(Z, X, columns, estimator):
    """Put a result into the container that ``set_output`` asked for.

    The setting of the estimator wins over the global one. A DataFrame `X` lends its
    index; `columns` returns the names, and is called only where names are needed.
    """
    container = _get_output_config("transform", estimator)["dense"]
    if container == "default":
        return Z
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(Z, X, columns=columns)
