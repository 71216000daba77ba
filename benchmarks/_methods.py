"""The compared methods: those of the command, more baselines, and the paper's."""

from sklearn_xmodal.cli._methods import METHODS as COMMAND_METHODS
from sklearn_xmodal.cli._methods import Budget, Method
from sklearn_xmodal.cross_decomposition import (
    CCARetriever,
    KCCARetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    ThreeViewCCARetriever,
)
from sklearn_xmodal.deep import (
    ACMRRetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    MSLNRetriever,
)
from sklearn_xmodal.ensemble import VotingRetriever
from sklearn_xmodal.linear_model import (
    RidgeRetriever,
    SCMRetriever,
    SemanticAutoencoderRetriever,
    SemanticMatchingRetriever,
)

#: The plain reading of the paper: one network, four losses, the code alone.
FOUR_LOSSES = {
    "n_estimators": 1,
    "n_input_components": None,
    "block_weights": {"code": 1},
    "contrastive_weight": 0.0,
    "code_activation": "tanh",
    "dropout": 0.2,
    "input_dropout": 0.0,
    "optimizer": "Adam",
    "lr": 1e-3,
    "lr_scheduler": None,
    "weight_decay": 0.0,
}


def _closed_form(title, retriever, candidates, needs_labels=True):
    """Return a method whose retriever takes neither a seed nor a length."""

    def build(seed, budget, protocol):
        return retriever()

    return Method(title, build, candidates, needs_labels)


def _deep(title, retriever, candidates, needs_labels=True, **options):
    """Return a method that trains a network, with parameters that stay."""
    unseen_candidates = options.pop("unseen_candidates", None)

    def build(seed, budget, protocol):
        length = {} if budget.max_steps is None else {"max_steps": budget.max_steps}
        return retriever(**options, **length, random_state=seed)

    return Method(
        title, build, candidates, needs_labels, unseen_candidates=unseen_candidates
    )


def _build_vote(seed, budget, protocol):
    return VotingRetriever(
        [
            ("cca", CCARetriever()),
            ("kcca", KCCARetriever(random_state=seed)),
            ("sm", SemanticMatchingRetriever()),
        ]
    )


#: At most three candidates per method, two folds.
BUDGET = Budget(n_candidates=3, n_folds=2, max_steps=None)

METHODS = {
    **COMMAND_METHODS,
    "pls": _closed_form(
        "PLS",
        PLSRetriever,
        [
            {"scale": scale, "singular_value_power": power}
            for scale, power in ((True, 0.0), (False, 0.0), (False, 0.5))
        ],
        needs_labels=False,
    ),
    "procrustes": _closed_form(
        "Procrustes",
        ProcrustesRetriever,
        [{"singular_value_power": power} for power in (0.0, 0.5, 1.0)],
        needs_labels=False,
    ),
    "scm": _closed_form(
        "semantic correlation matching",
        SCMRetriever,
        [{"C": C} for C in (0.01, 0.1, 1.0)],
    ),
    "ridge": _closed_form(
        "ridge regression", RidgeRetriever, [{"alpha": a} for a in (0.1, 1, 10)]
    ),
    "sae": _closed_form(
        "semantic autoencoder",
        SemanticAutoencoderRetriever,
        [{"reconstruction_weight": w} for w in (0.1, 1, 10)],
    ),
    "mvda": _closed_form(
        "MvDA",
        MvDARetriever,
        [
            {"alpha": alpha, "eigenvalue_power": power}
            for alpha, power in ((0.1, 1.0), (1.0, 1.0), (1.0, 2.0))
        ],
    ),
    "cca3": _closed_form(
        "three-view CCA",
        ThreeViewCCARetriever,
        [
            {"alpha": alpha, "class_alpha": class_alpha}
            for alpha, class_alpha in ((0.1, 0.1), (1.0, 1.0), (1.0, 10.0))
        ],
    ),
    "voting": Method(
        "vote of CCA, KCCA and SM",
        _build_vote,
        # Without labels, all alike, mostly labels.
        [{"weights": weights} for weights in ((1, 1, 0), (1, 1, 1), (1, 1, 4))],
        needs_labels=True,
    ),
    "dcca": _deep(
        "deep CCA",
        DCCARetriever,
        [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0)],
        needs_labels=False,
    ),
    "contrastive": _deep(
        "contrastive",
        ContrastiveRetriever,
        [
            {"positives": "pairs"},
            {"positives": "classes"},
            {"positives": "classes", "dropout": 0.2},
        ],
        # Classes that are searched for among others do harm, in every trial.
        unseen_candidates=[{"temperature": t} for t in (0.05, 0.1, 0.2)],
    ),
    "acmr": _deep(
        "ACMR",
        ACMRRetriever,
        [{"triplet_weight": w} for w in (0.01, 0.1, 1.0)],
    ),
    "dscmr": _deep(
        "DSCMR",
        DSCMRRetriever,
        [{"invariance_weight": w} for w in (0.01, 0.1, 1.0)],
    ),
    # What a user gets who does not say which classes will be searched for.
    "msln-both": _deep("MSLN, defaults", MSLNRetriever, [{}], target_classes="both"),
    "msln-four": _deep(
        "MSLN, four losses",
        MSLNRetriever,
        [{"classification_weight": w} for w in (0.1, 0.3, 1.0)],
        **FOUR_LOSSES,
    ),
}
