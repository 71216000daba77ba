"""Docstrings keep to numpydoc, and say what the code does."""

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib

import numpy as np
import pytest
from numpydoc import validate
from numpydoc.docscrape import ClassDoc, FunctionDoc

import sklearn_xmodal
from sklearn_xmodal import ModalityTransformer
from tests.conftest import ALL_RETRIEVERS, JOINT_RETRIEVERS


def _public_objects():
    """All names in an `__all__`, and the public methods of the classes there."""
    modules = pkgutil.iter_modules(sklearn_xmodal.__path__, "sklearn_xmodal.")
    homes = ["sklearn_xmodal", *(m.name for m in modules if m.ispkg)]
    objects = {}
    for home in homes:
        module = importlib.import_module(home)
        for name in getattr(module, "__all__", []):
            obj = getattr(module, name)
            if callable(obj):  # __version__ is not
                objects[f"{home}.{name}"] = obj
                objects.update(_public_methods(f"{home}.{name}", obj))
    # Once what the package and a part of it share, and what classes inherit.
    first = {id(obj): name for name, obj in reversed(objects.items())}
    return {name: obj for name, obj in objects.items() if first[id(obj)] == name}


def _public_methods(path, obj):
    if not inspect.isclass(obj):
        return {}
    methods = {}
    for name, member in inspect.getmembers(obj):
        function = member.fget if isinstance(member, property) else member
        module = getattr(function, "__module__", None) or ""
        if not name.startswith("_") and module.startswith("sklearn_xmodal"):
            methods[f"{path}.{name}"] = member
    return methods


OBJECTS = _public_objects()
CALLABLES = {name: obj for name, obj in OBJECTS.items() if callable(obj)}


def _ignored_checks(root):
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    checks = settings["tool"]["numpydoc_validation"]["checks"]
    assert checks[0] == "all"
    return set(checks[1:])


@pytest.mark.parametrize("name", OBJECTS)
def test_numpydoc_finds_no_fault(name, repository_root):
    ignored = _ignored_checks(repository_root)
    errors = validate.validate(name)["errors"]
    assert [error for error in errors if error[0] not in ignored] == []


def _documented_defaults(obj):
    doc = (ClassDoc if inspect.isclass(obj) else FunctionDoc)(obj)
    for parameter in doc["Parameters"]:
        match = re.search(r"default=(.+)$", parameter.type.strip())
        for name in parameter.name.split(","):
            yield name.strip().lstrip("*"), match and match.group(1).strip()


def _value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text.strip("`")


@pytest.mark.parametrize("name", CALLABLES)
def test_documented_defaults_are_the_real_ones(name):
    real = inspect.signature(CALLABLES[name]).parameters
    for parameter, text in _documented_defaults(CALLABLES[name]):
        default = real[parameter].default
        if default is inspect.Parameter.empty:
            assert text is None, f"{parameter} has no default, documented is {text}"
        else:
            assert text is not None, f"{parameter}: default {default!r} not documented"
            value = _value(text)
            assert value == default, f"{parameter}: {text} against {default!r}"
            assert type(value) is type(default), f"{parameter}: {text}, {default!r}"


def test_a_wrong_default_would_be_noticed():
    def f(alpha=0.5):
        """Do nothing.

        Parameters
        ----------
        alpha : float, default=0.7
            Nothing.
        """

    assert dict(_documented_defaults(f)) == {"alpha": "0.7"}
    assert _value("0.7") != inspect.signature(f).parameters["alpha"].default


def _fitted(name):
    width = 8 if name in JOINT_RETRIEVERS else 9
    data = np.random.default_rng(0).normal(size=(30, width))
    y = np.arange(30) % 3
    if name == "ModalityTransformer":
        return ModalityTransformer(n_image_features=4).fit(data, y)
    searching = {"weights": "cv"} if name == "VotingRetriever" else {}
    return ALL_RETRIEVERS[name](n_image_features=4, **searching).fit(data, y)


@pytest.mark.parametrize("name", [*ALL_RETRIEVERS, "ModalityTransformer"])
def test_fitted_attributes_are_the_documented_ones(name):
    fitted = _fitted(name)
    documented = {entry.name for entry in ClassDoc(type(fitted))["Attributes"]}
    present = {
        attribute
        for attribute in dir(fitted)
        if attribute.endswith("_")
        and not attribute.startswith("_")
        and hasattr(fitted, attribute)
        and not callable(getattr(type(fitted), attribute, None))
    }
    assert present == documented - {"feature_names_in_"}


@pytest.mark.parametrize("name", [*ALL_RETRIEVERS, "ModalityTransformer"])
def test_shapes_of_attributes_are_the_documented_ones(name):
    fitted = _fitted(name)
    names = {"n_samples": 30, **vars(fitted)}
    for entry in ClassDoc(type(fitted))["Attributes"]:
        match = re.search(r"of shape \(([^)]*)\)", entry.type.replace("`", ""))
        if match and hasattr(fitted, entry.name):
            got = np.shape(getattr(fitted, entry.name))
            parts = [part.strip() for part in match.group(1).split(",") if part.strip()]
            assert len(got) == len(parts), entry.name
            for size, part in zip(got, parts, strict=True):
                assert size == names.get(part, size), entry.name


@pytest.mark.parametrize("name", CALLABLES)
def test_parameters_are_documented_in_the_order_of_the_signature(name):
    obj = CALLABLES[name]
    documented = [parameter for parameter, _ in _documented_defaults(obj)]
    real = [n for n in inspect.signature(obj).parameters if n != "self"]
    assert documented == real or not documented


@pytest.mark.parametrize("name", OBJECTS)
def test_continued_lines_are_not_in_raw_strings(name):
    # In a raw string the backslash stays, and cuts the type in two.
    assert "\\\n" not in (OBJECTS[name].__doc__ or "")
