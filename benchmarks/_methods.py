"""The compared methods: those of the command, and the network as published."""

from sklearn_xmodal.cli._methods import METHODS as COMMAND_METHODS
from sklearn_xmodal.cli._methods import Budget, Method
from sklearn_xmodal.deep import MSLNRetriever


def _build_four_losses(seed, budget):
    """Build the plain reading of the paper: tanh code, no extras, constant rate."""
    return MSLNRetriever(
        code_activation="tanh",
        dropout=0.2,
        input_dropout=0.0,
        optimizer="Adam",
        lr=1e-3,
        lr_scheduler=None,
        weight_decay=0.0,
        max_steps=budget.max_steps or 600,
        random_state=seed,
    )


#: Three candidates per method, two folds.
BUDGET = Budget(n_values=3, n_folds=2, max_steps=None)

#: The grid of each has three values.
METHODS = {
    **COMMAND_METHODS,
    "msln-four": Method(
        "MSLN, four losses",
        _build_four_losses,
        COMMAND_METHODS["msln"].grid,
        needs_labels=True,
    ),
}
