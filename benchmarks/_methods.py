"""The compared methods: those of the command, one more baseline, and the paper's."""

from sklearn_xmodal.cli._methods import METHODS as COMMAND_METHODS
from sklearn_xmodal.cli._methods import Budget, Method
from sklearn_xmodal.cross_decomposition import PLSRetriever
from sklearn_xmodal.deep import MSLNRetriever

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


def _build_pls(seed, budget, protocol):
    return PLSRetriever()


def _build_four_losses(seed, budget, protocol):
    length = {} if budget.max_steps is None else {"max_steps": budget.max_steps}
    return MSLNRetriever(**FOUR_LOSSES, **length, random_state=seed)


#: At most three candidates per method, two folds.
BUDGET = Budget(n_candidates=3, n_folds=2, max_steps=None)

METHODS = {
    **COMMAND_METHODS,
    "pls": Method(
        "PLS",
        _build_pls,
        [
            {"scale": scale, "singular_value_power": power}
            for scale, power in ((True, 0.0), (False, 0.0), (False, 0.5))
        ],
        needs_labels=False,
    ),
    "msln-four": Method(
        "MSLN, four losses",
        _build_four_losses,
        [{"classification_weight": w} for w in (0.1, 0.3, 1.0)],
        needs_labels=True,
    ),
}
