"""Parameters of constructors: wrong types and wrong values of each."""

from functools import partial

from sklearn.base import clone

from sklearn_xmodal import CCARetriever, ModalityTransformer
from tests.conftest import ALL_RETRIEVERS, RETRIEVERS
from tests.robustness.case import Entry
from tests.robustness.estimators import MAKERS, train_for
from tests.robustness.values import instead

_NAN, _INF = float("nan"), float("inf")

#: What is never a value of that kind.
NO_COUNT = (0, -1, 2.5, _NAN, _INF, "3", [3], None, {}, Ellipsis)
NO_POSITIVE = (_INF, 0, 0.0, -1.0, _NAN, "1", [1.0], None, {}, Ellipsis, 1j)
NO_WEIGHT = (_INF, -1.0, -1e-9, _NAN, "1", [1.0], None, {}, Ellipsis, 1j)
NO_SHARE = (-0.1, 1.0, 2, _NAN, "0.1", [0.1], None, Ellipsis)
NO_BOOL = ("yes", 2, 0.5, None, [True], {}, Ellipsis)
NO_WIDTH = ("two", 2.5, [2], {}, Ellipsis, _NAN)
NO_SEED = (-1, 2**32, 0.5, "seed", [0], {}, Ellipsis)
PAIRS_OF = ((), (1.0,), (1.0, 2.0, 3.0), (None, 1.0), ("a", 1.0))


def _no_name(*values):
    return ("no such name", "", b"name", 3, 2.5, [], {}, Ellipsis, *values)


def _without(values, *allowed):
    return [v for v in values if not any(v is a or v == a for a in allowed)]


_LINEAR = {
    "n_components": _without(NO_COUNT, None),
    "n_image_features": NO_WIDTH,
}
#: Ridges where zero is allowed, and those of both modalities.
_NO_RIDGE = [*NO_WEIGHT, *PAIRS_OF, (1.0, -1.0), (_NAN, 1.0)]
_NO_EMBEDDINGS = ["word2vec", 3, {}, [], {0: [1.0]}, {0: [1.0], 1: [1.0], 2: [_NAN]},
                  {0: [1.0], 1: [1.0], 2: [1.0, 2.0]}, Ellipsis]  # fmt: skip
_LAYERS = [8, None, "8", (0,), (-1,), (2.5,), ("8",), (8, None), {}, Ellipsis, ((8,),)]
#: Of `advanced`, by name.
_SETTINGS = {
    "denoise_inputs": NO_BOOL,
    "n_contrastive_components": NO_COUNT,
    "discriminator_layer_sizes": _LAYERS,
    "activation": _no_name(None),
    "code_activation": _no_name(None),
    "input_dropout": NO_SHARE,
    "temperature": NO_POSITIVE,
    "optimizer": ["NoSuch", "", "Optimizer", "LBFGS", int, 3, None, [], Ellipsis],
    "lr_scheduler": _no_name(),
    "weight_decay": NO_WEIGHT,
    "validation_fraction": [0, 1, 0.0, 1.0, -0.1, 2.0, _NAN, "0.1", None, [0.1]],
    "n_iter_no_change": NO_COUNT,
    "tol": NO_WEIGHT,
    "precision": _no_name(None),
}
_NO_DICT = ["a", 3, [], (), ["optimizer"], Ellipsis, {3: 4}, {"no such name": 1}]
_NO_SETTINGS = [
    *_NO_DICT,
    *({name: wrong} for name, values in _SETTINGS.items() for wrong in values),
]
#: A part of a mean.
_NO_PART = [-0.1, 1.5, _NAN, _INF, "half", [0.5], {}, Ellipsis, 1j]
#: Own parameters of MSLN's neighbours; those that all networks have are tried on MSLN.
_NEIGHBOURS = {
    "ACMRRetriever": {
        "advanced": [
            *_NO_DICT,
            *({"discriminator_layer_sizes": sizes} for sizes in _LAYERS),
            {"tol": 0.1},
        ],
        "classification_weight": NO_WEIGHT,
        "triplet_weight": NO_WEIGHT,
        "adversarial_weight": NO_WEIGHT,
        "regularization_weight": NO_WEIGHT,
        "margin": NO_POSITIVE,
        "negative_weight": NO_WEIGHT,
        "hidden_layer_sizes": _LAYERS,
        "callbacks": ["a", 3, {}, Ellipsis, (), ["no callback"], [3]],
    },
    "ContrastiveRetriever": {
        "positives": _no_name(None),
        "temperature": NO_POSITIVE,
        "learn_temperature": NO_BOOL,
        "locked": _no_name(),
        "device": ["no such device", "", "cuda:99", 3, None, [], {}, Ellipsis],
    },
    "DCCARetriever": {
        "alpha": [*NO_POSITIVE, "oas", *PAIRS_OF, (1.0, 0.0), (_NAN, 1.0)],
        "component_power": NO_WEIGHT,
    },
    "DSCMRRetriever": {
        "hidden_layer_sizes": [(), []],
        "label_weight": NO_WEIGHT,
        "similarity_weight": NO_WEIGHT,
        "invariance_weight": NO_WEIGHT,
    },
}
WRONG = {
    **_NEIGHBOURS,
    "ASIFRetriever": {
        "n_neighbors": NO_COUNT,
        "power": NO_POSITIVE,
        "n_image_features": NO_WIDTH,
    },
    "CosineRetriever": {"center": [*_NO_PART, None], "n_image_features": NO_WIDTH},
    "AdapterRetriever": {
        "alpha": _without(NO_POSITIVE, _INF),
        "center": _NO_PART,
        "adapt": _no_name(None),
        "n_image_features": NO_WIDTH,
    },
    "RidgeRetriever": {
        "alpha": _NO_RIDGE,
        "class_embeddings": _NO_EMBEDDINGS,
        "n_image_features": NO_WIDTH,
    },
    "SCMRetriever": {
        **_LINEAR,
        "alpha": [*_NO_RIDGE, "oas2"],
        "component_power": NO_WEIGHT,
        "C": [*NO_POSITIVE, *PAIRS_OF, (1.0, 0.0)],
        "centered": NO_BOOL,
        "max_iter": NO_COUNT,
        "tol": NO_POSITIVE,
    },
    "SemanticAutoencoderRetriever": {
        "reconstruction_weight": _NO_RIDGE,
        "class_embeddings": _NO_EMBEDDINGS,
        "n_image_features": NO_WIDTH,
    },
    "ProcrustesRetriever": {**_LINEAR, "component_power": NO_WEIGHT},
    "MvDARetriever": {
        **_LINEAR,
        "alpha": _NO_RIDGE,
        "component_power": NO_WEIGHT,
    },
    "ThreeViewCCARetriever": {
        **_LINEAR,
        "alpha": _NO_RIDGE,
        "class_alpha": NO_WEIGHT,
        "component_power": NO_WEIGHT,
        "class_embeddings": _NO_EMBEDDINGS,
    },
    "CCARetriever": {
        **_LINEAR,
        "alpha": [*_NO_RIDGE, "oas2"],
        "component_power": NO_WEIGHT,
    },
    "CCARetrieverCV": {
        **_LINEAR,
        "alphas": [[], [-1.0], [_NAN], ["a"], [None], [(1.0,)], 1.0, None, "oas", {}],
        "cv": [0, 1, -3, 2.5, "five", Ellipsis, 1000],
        "scoring": ["no such name", "accuracy", "map@0", "", 3, [], {}, Ellipsis],
        "component_power": NO_WEIGHT,
    },
    "PLSRetriever": {
        **_LINEAR,
        "scale": [*NO_BOOL, (True,), (True, False, True), ("a", True), (None, True)],
        "component_power": NO_WEIGHT,
    },
    "KCCARetriever": {
        "n_components": [*NO_COUNT, "all"],
        "kernel": [*_no_name(None), ("rbf",), ("rbf", "none"), ("rbf", 3), ()],
        "alpha": [*NO_POSITIVE, *PAIRS_OF, (1.0, 0.0)],
        "gamma": [
            -1.0,
            _NAN,
            "auto",
            [1.0],
            {},
            Ellipsis,
            (1.0,),
            (1.0, "auto"),
            (-1.0, 1.0),
        ],
        "degree": [-1, _NAN, "3", None, [3], Ellipsis, (3,), (3, "a")],
        "coef0": [_NAN, _INF, "1", None, [1], Ellipsis, (1,), (1, "a")],
        "kernel_params": ["a", 3, [1], Ellipsis, ({},), ({}, 3)],
        "approximation": _no_name(),
        "n_landmarks": NO_COUNT,
        "landmarks": _no_name(None),
        "component_power": NO_WEIGHT,
        "n_image_features": NO_WIDTH,
        "random_state": NO_SEED,
        "n_jobs": ["two", 0.5, [1], {}, Ellipsis],
    },
    "SemanticMatchingRetriever": {
        "C": [*NO_POSITIVE, *PAIRS_OF, (1.0, 0.0)],
        "centered": NO_BOOL,
        "max_iter": NO_COUNT,
        "tol": NO_POSITIVE,
        "n_image_features": NO_WIDTH,
    },
    "MSLNRetriever": {
        "n_components": NO_COUNT,
        "target_classes": _no_name(None),
        "block_weights": [
            {},
            {"none": 1.0},
            {"code": -1.0},
            {"code": 0.0},
            {"code": "a"},
            {"code": _NAN},
            {"code": _INF},
            "code",
            ["code"],
            3,
            Ellipsis,
            {3: 1.0},
        ],
        "n_estimators": NO_COUNT,
        "n_input_components": [
            *_without(NO_COUNT, None),
            *PAIRS_OF,
            (0, 8),
            (8, 4),
            (0.0, 8),
            (1.5, 8),
            (_NAN, 8),
            (4, 8.0),
        ],
        "hidden_layer_sizes": _LAYERS,
        "dropout": NO_SHARE,
        "correlation_weight": NO_WEIGHT,
        "reconstruction_weight": NO_WEIGHT,
        "adversarial_weight": NO_WEIGHT,
        "classification_weight": NO_WEIGHT,
        "contrastive_weight": NO_WEIGHT,
        "max_epochs": _without(NO_COUNT, None),
        "max_steps": [*NO_COUNT, "all"],
        "batch_size": NO_COUNT,
        "lr": NO_POSITIVE,
        "warm_start": NO_BOOL,
        "early_stopping": NO_BOOL,
        "advanced": _NO_SETTINGS,
        "callbacks": ["a", 3, {}, Ellipsis, (), ["no callback"], [3]],
        "device": ["no such device", "", "cuda:99", 3, None, [], {}, Ellipsis],
        "n_image_features": NO_WIDTH,
        "random_state": NO_SEED,
        "verbose": ["loud", -1, 0.5, None, [1], Ellipsis],
    },
}
_CCA = CCARetriever(2)
WRONG |= {
    "VotingRetriever": {
        "estimators": [
            [],
            None,
            "cca",
            {"cca": _CCA},
            (("cca", _CCA),),
            [_CCA],
            [("cca",)],
            [("cca", _CCA, 1)],
            [(3, _CCA)],
            [("cca", CCARetriever)],
            [("cca", 3)],
            [("cca", "passthrough")],
            [("cca", "drop")],
            [("c__a", _CCA)],
            [("weights", _CCA)],
            [("cca", _CCA), ("cca", _CCA)],
        ],
        "weights": [
            [],
            [1.0],
            [1.0] * 4,
            [[1.0] * 3],
            [1.0, -1e-9, 1.0],
            [_NAN, 1.0, 1.0],
            [_INF, 1.0, 1.0],
            [0.0] * 3,
            ["a", "b", "c"],
            "equal",
            2.0,
            {},
            Ellipsis,
        ],
        "n_weight_steps": NO_COUNT,
        "n_jobs": ["two", 0.5, [1], {}, Ellipsis],
        "n_image_features": NO_WIDTH,
    },
    "VocabularyRetriever": {
        "estimator": [None, "cca", 3, [_CCA], {}, CCARetriever, Ellipsis],
        "vocabulary": ["bird", 3, [], {}, ["a", "b"], [[1.0], [2.0]], Ellipsis],
        "weight": _NO_PART,
        "temperature": NO_POSITIVE,
        "n_image_features": NO_WIDTH,
    },
    "ViewsRetriever": {
        "estimator": [None, "cca", 3, [_CCA], {}, CCARetriever, Ellipsis],
        "n_image_features": NO_WIDTH,
    },
}
WRONG["AdapterRetrieverCV"] = {
    "alphas": [3, "a", [], [0], [-1.0], [_NAN], ["a"], [None], {}, Ellipsis],
    "centers": [3, "a", [], [2], [_NAN], ["a"], {}, Ellipsis],
    "adapt": _no_name(None),
    "cv": WRONG["CCARetrieverCV"]["cv"],
    "scoring": _without(WRONG["CCARetrieverCV"]["scoring"], None),
    "n_image_features": NO_WIDTH,
}
#: What counts only where weights are searched for.
WRONG_IN_SEARCH = {
    "cv": WRONG["CCARetrieverCV"]["cv"],
    "scoring": [*WRONG["CCARetrieverCV"]["scoring"], max, ["map"]],
    "n_weight_steps": [10**6],
}
#: How else messages may call a parameter.
WORDS = {"cv": "n_splits"}
SIDES = ["scale", 3, None, {}, Ellipsis, object, [1], ("passthrough",)]


def _words(parameter, value):
    """Return what a message must name: of `advanced` the setting that is wrong."""
    if parameter == "advanced" and isinstance(value, dict):
        return next(iter(map(str, value)))
    return f"{parameter}|{WORDS.get(parameter, parameter)}"


def _entry(name, make, parameter, wrong):
    def call(**arguments):
        make(**arguments).fit(*train_for(name))

    values = [instead(repr(value), value, _words(parameter, value)) for value in wrong]
    return Entry(f"{name}()", call, {parameter: None}, {parameter: values})


def _set_entry(name, parameter, wrong):
    """The same through `set_params`."""

    def call(**arguments):
        clone(MAKERS[name]()).set_params(**arguments).fit(*train_for(name))

    values = [instead(repr(value), value) for value in wrong]
    return Entry(f"{name}.set_params", call, {parameter: None}, {parameter: values})


ENTRIES = [
    *(
        _entry(name, MAKERS[name], parameter, wrong)
        for name, parameters in WRONG.items()
        for parameter, wrong in parameters.items()
    ),
    *(
        _entry(
            "VotingRetriever('cv')",
            partial(RETRIEVERS["VotingRetriever"], weights="cv"),
            parameter,
            wrong,
        )
        for parameter, wrong in WRONG_IN_SEARCH.items()
    ),
    *(
        _entry("ModalityTransformer", ModalityTransformer, side, SIDES)
        for side in ("image", "text")
    ),
    *(_set_entry(name, "n_image_features", (*NO_WIDTH,)) for name in ALL_RETRIEVERS),
]
