"""Parameters that had another name or another place in the version before."""

import warnings
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ClassVar, NamedTuple

from sklearn.base import BaseEstimator


def _is_value(current, old):
    return old


def _never(value):
    return False


# Attribute that holds values of old spellings, for those of `set_params` to come.
_EARLIER = "_in_old_spelling"


class OldSpelling(NamedTuple):
    """What has become of a parameter.

    Without more it has another name. Else `fold` makes the value of the new parameter
    from what it is so far and from that of the old one, whose default said nothing.
    Where the new parameter was there, too, `is_old` tells its values of that version,
    with which an old one that was set before still counts.
    """

    new: str
    fold: Callable = _is_value
    default: Any = ...
    is_old: Callable = _never


class OldSpellingsMixin(BaseEstimator):
    """Mixin that takes old spellings of parameters, with a warning.

    A class names its own in `_old_spellings`. They are not in its signature, which is
    all that scikit-learn looks at.
    """

    _old_spellings: ClassVar[dict[str, OldSpelling]] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls._old_spellings and "__init__" in vars(cls):
            cls.__init__ = _taking_old_spellings(cls)  # type: ignore[method-assign]

    def set_params(self, **params):
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Parameters of this estimator, and ``<name>__<parameter>`` of those in it.

        Returns
        -------
        self : estimator instance
            This estimator.

        Warns
        -----
        FutureWarning
            If a parameter is spelled as it was in the version before.
        """
        current = self.get_params(deep=False)
        earlier = vars(self).get(_EARLIER, {})
        params = {**_still_counting(type(self), earlier, params), **params}
        given = _old_spellings_in(type(self), params).keys() - current.keys()
        earlier = {**earlier, **{name: params[name] for name in given}}
        super().set_params(**_in_new_spelling(type(self), params, current))
        if earlier:
            setattr(self, _EARLIER, earlier)
        return self

    def __sklearn_clone__(self):
        copy = super().__sklearn_clone__()
        if _EARLIER in vars(self):
            setattr(copy, _EARLIER, vars(self)[_EARLIER])
        return copy


def translated_parameters(cls, parameters):
    """Return the parameters of an estimator of the version before in new spellings.

    For files of that time: says nothing, and leaves out what said nothing then.

    Parameters
    ----------
    cls : type
        Class of the estimator; any other than those with old spellings has none.

    parameters : dict
        All parameters by their names, old or new. It stays as it is.

    Returns
    -------
    parameters : dict
        What `cls` takes today.
    """
    old = _old_spellings_in(cls, parameters)
    return _folded(old, parameters, _defaults_of(cls.__init__), in_file=True)


def _taking_old_spellings(cls):
    init = cls.__init__
    defaults = _defaults_of(init)

    @wraps(init)
    def taking_both(self, *args, **parameters):
        init(self, *args, **_in_new_spelling(cls, parameters, defaults))
        given = _old_spellings_in(cls, parameters).keys() - defaults.keys()
        if given:
            setattr(self, _EARLIER, {name: parameters[name] for name in given})

    return taking_both


def _still_counting(cls, earlier, parameters):
    """Return old spellings given earlier that belong to parameters set now."""
    known = cls._old_spellings
    return {
        name: value
        for name, value in earlier.items()
        if known[name].new in parameters
        and known[name].is_old(parameters[known[name].new])
    }


def _defaults_of(init):
    return {p.name: p.default for p in signature(init).parameters.values()}


def _in_new_spelling(cls, parameters, current):
    """Translate what is spelled the old way, and warn of it."""
    old = _old_spellings_in(cls, parameters)
    # A subclass may have a parameter of its own by such a name, or lack the new one.
    old = {k: v for k, v in old.items() if k not in current and v.new in current}
    if not old:
        return parameters
    found = _folded(old, parameters, current)
    instead = dict.fromkeys(spelling.new for spelling in old.values())
    warnings.warn(
        f"{cls.__name__} has new spellings for {', '.join(old)}. Write "
        f"{', '.join(f'{name}={found[name]!r}' for name in instead)}: the old ones "
        "will be refused in the next version.",
        FutureWarning,
        stacklevel=3,
    )
    return found


def _old_spellings_in(cls, parameters):
    known = getattr(cls, "_old_spellings", {})
    return {name: known[name] for name in parameters if name in known}


def _folded(old, parameters, current, in_file=False):
    found = {k: v for k, v in parameters.items() if k not in old}
    for name, (new, fold, default, _) in old.items():
        value = parameters[name]
        if not (in_file and value == default):
            found[new] = fold(found.get(new, current.get(new)), value)
    return found
