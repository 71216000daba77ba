"""The only place that touches private names of scikit-learn.

When one of them moves between versions, this file changes and no other.
"""

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
from sklearn.utils.validation import _get_feature_names as get_feature_names

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:  # scikit-learn 1.6
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock

__all__ = [
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "VisualBlock",
    "get_feature_names",
    "in_output_container",
    "safe_indexing",
    "validate_on_fit",
    "validate_parameter_constraints",
    "validate_params",
]

#: Decorator of ``fit``: checks ``_parameter_constraints`` before anything else.
validate_on_fit = _fit_context(prefer_skip_nested_validation=True)


def in_output_container(Z, X, columns, estimator):
    """Put a result into the container that ``set_output`` asked for.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_columns)
        What the estimator computed.

    X : object
        The input it was computed from; a DataFrame lends its index.

    columns : callable
        Returns the column names, called only where names are needed.

    estimator : estimator instance
        Its own ``set_output`` setting wins over the global one.

    Returns
    -------
    Z : ndarray or DataFrame
        The same values.
    """
    container = _get_output_config("transform", estimator)["dense"]
    if container == "default":
        return Z
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(Z, X, columns=columns)
