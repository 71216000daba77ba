"""What objects of scikit-learn may receive from a file: what `fit` would have set.

skops says which classes are safe. Names and values of attributes are looked at here,
in what skops has read, before anybody gets the object: a cache is a folder of pickles,
an attribute of the name of a method takes its place, and some compiled code follows
indices wherever they lead.
"""

import dis
import inspect
from functools import cache
from importlib import import_module
from types import CodeType, FunctionType

#: Whose compiled code follows what they hold without a look: a file could read and
#: write memory with them. They are no transformers.
_UNCHECKED = {
    "sklearn.neighbors._classification.KNeighborsClassifier",
    "sklearn.neighbors._classification.RadiusNeighborsClassifier",
    "sklearn.svm._classes.NuSVC",
    "sklearn.svm._classes.NuSVR",
    "sklearn.svm._classes.OneClassSVM",
    "sklearn.svm._classes.SVC",
    "sklearn.svm._classes.SVR",
}
#: What functions beside the classes set.
_BY_FUNCTIONS = {
    "_sklearn_version",
    "classes_",
    "feature_names_in_",
    "n_features_in_",
}
_CODE = {"FunctionNode", "TypeNode"}
_INERT = {"JsonNode", "NdArrayNode"}
_MOST_THREADS = 4096


class RefusedError(Exception):
    """What a scikit-learn object holds that files do not."""


def check_attributes(schema):
    """Raise unless the objects of a schema of skops hold what their classes set."""
    waiting: list = [(schema, frozenset())]  # values, and code they may hold
    while waiting:
        value, code = waiting.pop()
        if isinstance(value, list):
            waiting += [(inner, code) for inner in value]
        elif isinstance(value, dict):
            loader = value.get("__loader__")
            if loader in _CODE and loader not in code:
                raise RefusedError(f"the function {value.get('__class__')} in it")
            if loader == "ObjectNode":
                waiting += _attributes(value)
                continue
            for key, inner in without_keys(value).items():
                types = code | {"TypeNode"} if key == "key_types" else code
                waiting.append((inner, types))


def without_keys(node):
    """Return a node of skops, that of a dict without its keys, which may be any."""
    content = node.get("content")
    if node.get("__loader__") == "DictNode" and isinstance(content, dict):
        return node | {"content": list(content.values())}
    return node


def _attributes(node):
    """Return the values of the attributes of an object, and the code they may hold."""
    module, name = node["__module__"], node["__class__"]
    if f"{module}.{name}" in _UNCHECKED:
        raise RefusedError(f"a {name}, whose compiled code trusts its indices")
    if not module.startswith("sklearn."):
        raise RefusedError(f"an object of {module}")
    content = node.get("content")
    if content is None or content["__loader__"] == "JsonNode":  # nothing is set
        return []
    if content["__loader__"] != "DictNode":
        raise RefusedError(f"attributes of {name} that are no dict")
    cls, found = getattr(import_module(module), name), content["content"]
    return [(v, _checked_attribute(cls, k, v)) for k, v in found.items()]


def _checked_attribute(cls, name, node):
    """Return the kinds of code that an attribute may hold."""
    loader, label = node["__loader__"], f"{cls.__name__}.{name}"
    if name == "memory":
        if loader != "JsonNode" or node["content"] != "null":
            raise RefusedError(f"the cache {label}; set it to None")
        return frozenset()
    if name in _parameters(cls):
        return _code_of(cls, name)
    if name == "cv" and hasattr(cls, "split"):  # what is repeated
        return frozenset({"TypeNode"})
    # Those that another version of scikit-learn has set mean nothing to this one.
    from sklearn_xmodal.utils._sklearn_compat import OUTPUT_CONFIG

    is_set = name in {*_BY_FUNCTIONS, OUTPUT_CONFIG} or name in _stored_names(cls)
    if not is_set and (loader not in _INERT or hasattr(cls, name)):
        raise RefusedError(f"{label}, which nothing sets")
    return frozenset()


@cache
def _parameters(cls):
    return frozenset(inspect.signature(cls).parameters)


def _code_of(cls, name):
    """Return the kinds of code that a parameter takes."""
    allowed = getattr(cls, "_parameter_constraints", {}).get(name, ())
    if name == "dtype":
        return frozenset({"TypeNode"})
    takes_functions = not isinstance(allowed, str) and callable in allowed
    return frozenset(_CODE if takes_functions else ())


@cache
def _stored_names(cls):
    """Return the names that the methods of a class assign to attributes."""
    members = [member for base in cls.__mro__ for member in vars(base).values()]
    codes = [code for member in members for code in _codes(member)]
    return frozenset(
        instruction.argval
        for code in codes
        for instruction in dis.get_instructions(code)
        if instruction.opname == "STORE_ATTR"
    )


def _codes(member):
    """Yield the code of a method, of a property, of what wraps one, and within."""
    for name in ("__func__", "fget", "fset", "fn"):
        if hasattr(member, name):
            yield from _codes(getattr(member, name))
    if isinstance(member, FunctionType):
        yield from _codes(inspect.unwrap(member).__code__)
    if isinstance(member, CodeType):
        yield member
        for constant in member.co_consts:
            if isinstance(constant, CodeType):
                yield from _codes(constant)


def check_values(value):
    """Raise where attributes would lead compiled code out of bounds."""
    seen, waiting = set(), [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple, set)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
        elif type(value).__module__.startswith("sklearn.") and id(value) not in seen:
            seen.add(id(value))
            found = vars(value)
            _check_numbers(type(value).__name__, found)
            waiting += found.values()


def _check_numbers(name, found):
    words = found.get("vocabulary_")
    if words is not None and sorted(words.values()) != list(range(len(words))):
        raise RefusedError(f"a vocabulary of {name} that does not number its words")
    if "_n_features_outs" in found and not _is_one_hot(found):
        raise RefusedError(f"columns of a {name} that do not fit its categories")
    n_threads = found.get("_n_threads", 1)
    if not isinstance(n_threads, int) or not 1 <= n_threads <= _MOST_THREADS:
        raise RefusedError(f"a {name} of {n_threads!r:.40} threads")


def _is_one_hot(found):
    """Tell whether every category of an encoder has a column that is there."""
    categories, widths = found["categories_"], found["_n_features_outs"]
    nothing = [None] * len(categories)
    names = (
        "_default_to_infrequent_mappings",
        "_infrequent_indices",
        "_drop_idx_after_grouping",
    )
    more = (nothing if found.get(n) is None else found[n] for n in names)
    for of_one, width, groups, rare, drop in zip(
        categories, widths, *more, strict=True
    ):
        places = range(len(of_one)) if groups is None else groups.tolist()
        n_groups = max(places) + 1
        if min(places) < 0 or (groups is None) != (rare is None):
            return False
        if drop is not None and drop not in range(n_groups):
            return False
        if width != n_groups - (drop is not None):
            return False
    return True
