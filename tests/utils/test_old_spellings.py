"""Parameters are taken as they were spelled before, with a warning, and from files."""

import inspect
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import sklearn_xmodal
from sklearn_xmodal import (
    ACMRRetriever,
    CCARetriever,
    CCARetrieverCV,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    ImageTextPairs,
    KCCARetriever,
    MSLNRetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    SCMRetriever,
    ThreeViewCCARetriever,
)
from sklearn_xmodal.utils._old_spellings import translated_parameters
from tests.conftest import RETRIEVERS

#: Class, parameters as they were, and as they are.
CASES = [
    *(
        (cls, {f"{of}_power": 0.25}, {"component_power": 0.25})
        for of, classes in {
            "correlation": [CCARetriever, CCARetrieverCV, KCCARetriever, SCMRetriever,
                            DCCARetriever],
            "singular_value": [PLSRetriever, ProcrustesRetriever],
            "eigenvalue": [MvDARetriever, ThreeViewCCARetriever],
        }.items()
        for cls in classes
    ),
    *(
        (cls, {name: value}, {"advanced": {name: value}})
        for cls in (ACMRRetriever, ContrastiveRetriever, DCCARetriever,
                    DSCMRRetriever, MSLNRetriever)
        for name, value in {
            "activation": "tanh",
            "input_dropout": 0.3,
            "optimizer": torch.optim.SGD,
            "lr_scheduler": None,
            "weight_decay": 0.5,
        }.items()
    ),
    (ACMRRetriever, {"discriminator_layer_sizes": ()},
     {"advanced": {"discriminator_layer_sizes": ()}}),
    *(
        (MSLNRetriever, {name: value}, {"advanced": {name: value}})
        for name, value in {
            "code_activation": "tanh",
            "denoise_inputs": True,
            "n_contrastive_components": 3,
            "temperature": 0.1,
            "discriminator_layer_sizes": [3],
            "precision": "bfloat16",
            "validation_fraction": 0.3,
            "n_iter_no_change": 4,
            "tol": 0.0,
        }.items()
    ),
    *(
        (MSLNRetriever, old, new)
        for old, new in [
            ({"temperature": 1.0, "tol": 0.5, "lr": 1},
             {"advanced": {"temperature": 1.0, "tol": 0.5}, "lr": 1}),
            ({"temperature": 1.0, "advanced": {"tol": 0.5}},
             {"advanced": {"tol": 0.5, "temperature": 1.0}}),
            ({"min_input_share": 1}, {"n_input_components": (1.0, 128)}),
            ({"min_input_share": 0.3, "n_input_components": 7},
             {"n_input_components": (0.3, 7)}),
            ({"min_input_share": 0.3, "n_input_components": None},
             {"n_input_components": None}),
            ({"validation": "class_disjoint"}, {"early_stopping": False}),
            ({"validation": "class_disjoint", "early_stopping": True},
             {"early_stopping": "class_disjoint"}),
            ({"validation": "stratified", "early_stopping": True},
             {"early_stopping": "stratified"}),
            ({"resume_from": "a"}, {"checkpoint_dir": "a"}),
            ({"resume_from": None, "checkpoint_dir": "a"}, {"checkpoint_dir": "a"}),
            # To go on is what must not be forgotten.
            ({"resume_from": "b", "checkpoint_dir": "a"}, {"checkpoint_dir": "b"}),
        ]
    ),
]  # fmt: skip
EVERY_CASE = pytest.mark.parametrize(
    ("cls", "old", "new"), CASES, ids=lambda value: getattr(value, "__name__", "")
)


def _message(cls, old, new):
    """Return a pattern of the warning, which names old and new."""
    names = [name for name in old if name not in inspect.signature(cls).parameters]
    spellings = [f"{k}={v!r}" for k, v in new.items() if k not in old or old[k] != v]
    return f"{cls.__name__} has new spellings for {', '.join(names)}" + "".join(
        f"(?=.*{re.escape(spelling)})" for spelling in spellings
    )


@EVERY_CASE
def test_constructor_takes_them_and_says_the_new_ones(cls, old, new):
    with pytest.warns(FutureWarning, match=_message(cls, old, new)) as caught:
        made = cls(**old)
    assert [Path(w.filename) for w in caught] == [Path(__file__)]
    assert made.get_params() == cls(**new).get_params()


@EVERY_CASE
def test_set_params_takes_them_and_says_the_new_ones(cls, old, new):
    made = cls()
    with pytest.warns(FutureWarning, match=_message(cls, old, new)) as caught:
        assert made.set_params(**old) is made
    assert [Path(w.filename) for w in caught] == [Path(__file__)]
    assert made.get_params() == cls(**new).get_params()


@pytest.mark.parametrize("cls", sorted({cls for cls, _, _ in CASES}, key=repr))
def test_scikit_learn_sees_the_new_ones_only(cls):
    assert set(cls._old_spellings) == {
        name
        for of, old, new in CASES
        if of is cls
        for name in old
        if name not in inspect.signature(cls).parameters
    }
    assert {spelling.new for spelling in cls._old_spellings.values()} <= set(
        cls().get_params()
    )


def test_set_params_keeps_what_is_not_mentioned():
    made = MSLNRetriever(n_input_components=(4, 9), advanced={"tol": 0.5})
    with pytest.warns(FutureWarning, match="temperature, min_input_share"):
        made.set_params(temperature=1.0, min_input_share=1.0)
    assert made.advanced == {"tol": 0.5, "temperature": 1.0}
    assert made.n_input_components == (1.0, 9)


def test_a_dict_of_the_user_stays_as_it_was():
    mine = {"tol": 0.5}
    with pytest.warns(FutureWarning, match="temperature"):
        MSLNRetriever(advanced=mine, temperature=1.0)
    assert mine == {"tol": 0.5}


def test_a_search_over_them_goes_on(paired):
    X_img, X_txt, y = paired
    pipe = Pipeline([("cca", CCARetriever())])
    search = GridSearchCV(pipe, {"cca__correlation_power": [0.0, 2.0]}, cv=2)
    with pytest.warns(FutureWarning, match=r"component_power=[02]"):
        search.fit(ImageTextPairs(X_img, X_txt), y)
    assert search.best_estimator_["cca"].component_power in (0.0, 2.0)


def test_a_search_over_settings(pair):
    X_img, X_txt, y = pair
    grid = {"advanced": [{"temperature": 0.1}, {"temperature": 0.5}, None]}
    msln = RETRIEVERS["MSLNRetriever"](target_classes="unseen")
    search = GridSearchCV(msln, grid, cv=2).fit(ImageTextPairs(X_img, X_txt), y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == scores[2] != scores[1]
    assert search.best_params_["advanced"] in grid["advanced"]


def test_what_was_never_a_parameter_is_refused():
    with pytest.raises(TypeError, match="eigenvalue_power"):
        CCARetriever(eigenvalue_power=1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'temprature'"):
        MSLNRetriever().set_params(temprature=1.0)


def test_subclasses_take_them_where_their_base_would():
    class Handed(CCARetriever):
        def __init__(self, n_components=2, **others):
            super().__init__(n_components, **others)

    with pytest.warns(FutureWarning, match=r"component_power=0\.5"):
        assert Handed(correlation_power=0.5).component_power == 0.5


def test_a_subclass_may_have_a_parameter_by_an_old_name():
    class Own(MSLNRetriever):
        def __init__(self, n_components=2, *, temperature=None, advanced=None):
            super().__init__(n_components, advanced=advanced)
            self.temperature = temperature

    made = clone(Own(temperature=3.0)).set_params(temperature=4.0)
    assert (made.temperature, made.advanced) == (4.0, None)


GOLDEN = Path(__file__).parents[1] / "persistence" / "golden"
#: What the files of the version before say in other words than their defaults.
SAID = {
    "MSLNRetriever-plain": {
        "n_input_components": None,
        "advanced": {
            "code_activation": "tanh",
            "discriminator_layer_sizes": {"tuple": [3]},
            "lr_scheduler": None,
            "n_contrastive_components": 2,
            "optimizer": "Adam",
        },
    },
    "MSLNRetriever-early-stopping": {
        "early_stopping": True,
        "n_input_components": 128,
        "advanced": {
            "discriminator_layer_sizes": {"tuple": [3]},
            "n_contrastive_components": 2,
            "validation_fraction": 0.3,
        },
    },
    "MSLNRetriever-unfitted": {
        "checkpoint_dir": {"path": "runs"},
        # Tuples are not restored here, so that they are not their defaults.
        "advanced": {
            "discriminator_layer_sizes": {"tuple": [64]},
            "optimizer": {"class": "RMSprop"},
        },
    },
    "PLSRetriever": {"component_power": 0.0},
    "ThreeViewCCARetriever": {"component_power": 4.0},
    "CCARetriever-two-alphas": {"component_power": 0},
}


def _described_estimators(node):
    if isinstance(node, dict):
        if "parameters" in node and hasattr(sklearn_xmodal, node["class"]):
            yield getattr(sklearn_xmodal, node["class"]), node["parameters"]
        for value in node.values():
            yield from _described_estimators(value)
    elif isinstance(node, list):
        for value in node:
            yield from _described_estimators(value)


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("*-1/*.json")), ids=lambda path: path.stem
)
def test_every_golden_file_is_translated(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    found = list(_described_estimators(document["object"]))
    for cls, parameters in found:
        before = json.dumps(parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            translated = translated_parameters(cls, parameters)
            cls(**translated)
        assert json.dumps(parameters) == before
        kept = parameters.keys() & inspect.signature(cls).parameters.keys()
        changed = {v.new for v in getattr(cls, "_old_spellings", {}).values()}
        assert all(translated[name] is parameters[name] for name in kept - changed)
    if path.stem in SAID:
        assert SAID[path.stem].items() <= translated_parameters(*found[0]).items()


def test_golden_files_have_every_old_parameter():
    known = {
        (cls, name)
        for path in GOLDEN.glob("*-1/*.json")
        for cls, parameters in _described_estimators(json.loads(path.read_text()))
        for name in parameters
    }
    old = {(cls, name) for cls, _, _ in CASES for name in cls._old_spellings}
    assert old <= known


@pytest.mark.parametrize("cls", sorted({cls for cls, _, _ in CASES}, key=repr))
def test_what_says_nothing_is_left_out(cls):
    silent = {k: v.default for k, v in cls._old_spellings.items()}
    silent = {k: v for k, v in silent.items() if v is not ...}
    assert translated_parameters(cls, silent) == {}
    assert translated_parameters(cls, cls().get_params()) == cls().get_params()


def test_files_may_hold_two_folders_and_shares():
    old = {"resume_from": "b", "checkpoint_dir": "a", "min_input_share": 0.25}
    found = translated_parameters(MSLNRetriever, old)
    assert found == {"checkpoint_dir": "b", "n_input_components": (0.25, 128)}


def test_other_classes_have_no_old_spellings():
    parameters = {"correlation_power": np.ones(2)}
    assert translated_parameters(Pipeline, parameters) == parameters
