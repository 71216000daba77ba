"""The only place that touches private names of scikit-learn.

When one of them moves between versions, this file changes and no other.
"""

import sys
from abc import abstractmethod
from inspect import signature
from types import FrameType

from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import get_tags
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
from sklearn.utils.metadata_routing import UNCHANGED, MetadataRequest
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.validation import _get_feature_names as get_feature_names
from sklearn.utils.validation import has_fit_parameter

from sklearn_xmodal.utils._containers import is_dask_array

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
    "WeightedScorer",
    "check_member_names",
    "check_parameters",
    "get_feature_names",
    "in_output_container",
    "is_search",
    "member_params",
    "pipelines_around",
    "safe_indexing",
    "safe_split",
    "set_member_params",
    "validate_on_fit",
    "validate_on_fit_of_members",
    "validate_parameter_constraints",
    "validate_params",
    "weights_for",
    "weights_to_score",
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


class WeightedScorer:
    """Base of scorers that weigh queries, if metadata routing or a search asks."""

    _weight_request = None
    # Groups are mostly meant for the splitter, so they are no error without a request.
    _groups_request = False

    def set_score_request(self, *, sample_weight=UNCHANGED, groups=UNCHANGED):
        """Say whether metadata routing hands `sample_weight` and `groups` over.

        Parameters
        ----------
        sample_weight : bool, None or str, default=UNCHANGED
            Whether it does; `None` until this is called. `None` is an error if weights
            are passed, a string the name that they are passed under.

        groups : bool, None or str, default=UNCHANGED
            The same of the ids of repeated pictures, `False` until this is called.

        Returns
        -------
        self : WeightedScorer
            This scorer.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request is only there with metadata routing: "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        if sample_weight != UNCHANGED:
            self._weight_request = sample_weight
        if groups != UNCHANGED:
            self._groups_request = groups
        return self

    def get_metadata_routing(self):
        """Return what metadata routing is to hand over.

        Returns
        -------
        routing : MetadataRequest
            The request of `score`.
        """
        routing = MetadataRequest(owner=repr(self))
        routing.score.add_request(param="sample_weight", alias=self._weight_request)
        routing.score.add_request(param="groups", alias=self._groups_request)
        return routing

    def _accept_sample_weight(self):
        """Answer searches that hand weights over without metadata routing."""
        return True


def weights_for(estimator, sample_weight):
    """Return the arguments that hand weights to `fit` of an estimator.

    Through a Pipeline to its last step; metadata routing leaves that to the requests of
    the steps. None is no argument, and what does not learn gets none. A TypeError where
    `fit` takes no weights.
    """
    if sample_weight is None or isinstance(estimator, FrozenEstimator):
        return {}
    if hasattr(estimator, "__sklearn_tags__") and not get_tags(estimator).requires_fit:
        return {}
    return {_weight_argument(estimator, estimator): sample_weight}


def is_search(estimator):
    """Return whether it is a search of scikit-learn over parameters."""
    return isinstance(estimator, BaseSearchCV)


def pipelines_around(estimator):
    """Yield the Pipelines that are calling `estimator`, their last step, from inside.

    Or that are calling a search over it. They call as users do and hand on nothing that
    tells, so they are looked for among the callers.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, Pipeline) and caller.steps[-1][1] is estimator:
            yield caller
            estimator = caller
        elif isinstance(caller, BaseSearchCV):
            is_searched = type(caller.estimator) is type(estimator)  # it fits clones
            estimator = caller if is_searched else estimator
        frame = frame.f_back


def weights_to_score(scorer, sample_weight, rows):
    """Return the arguments that hand weights of rows to a scorer that takes them."""
    if sample_weight is None:
        return {}
    if hasattr(scorer, "_accept_sample_weight"):
        takes = scorer._accept_sample_weight()
    else:
        takes = "sample_weight" in signature(scorer).parameters
    return {"sample_weight": sample_weight[rows]} if takes else {}


def _weight_argument(estimator, whole):
    if isinstance(estimator, BaseSearchCV):
        return _weight_argument(estimator.estimator, whole)
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if not hasattr(estimator, "steps"):
        raise TypeError(
            "sample_weight must go to estimators whose fit takes it. Got "
            f"{type(estimator).__name__}, in {whole!r}. Leave the weights out, or "
            "repeat pairs instead."
        )
    if get_config()["enable_metadata_routing"]:
        return "sample_weight"
    name, last = estimator.steps[-1]
    return f"{name}__{_weight_argument(last, whole)}"


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
    if is_dask_array(Z):
        raise TypeError(
            f"Codes of Dask arrays are Dask arrays. Got transform={container!r} from "
            'set_output or set_config: call set_output(transform="default").'
        )
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(Z, X, columns=columns)
