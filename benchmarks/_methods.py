"""The compared methods: those of the command, and the network as published."""

from sklearn_xmodal.cli._methods import METHODS as COMMAND_METHODS
from sklearn_xmodal.cli._methods import Method
from sklearn_xmodal.deep import MSLNRetriever


def _build_four_losses(seed, quick):
    """Build the plain reading of the paper: tanh code, no extras, constant rate."""
    return MSLNRetriever(
        code_activation="tanh",
        dropout=0.2,
        input_dropout=0.0,
        optimizer="Adam",
        lr=1e-3,
        lr_scheduler=None,
        weight_decay=0.0,
        max_steps=150 if quick else 600,
        random_state=seed,
    )


#: Every grid has three candidates, times scaled and unscaled features.
METHODS = {
    **COMMAND_METHODS,
    "msln-four": Method(
        "MSLN, four losses",
        _build_four_losses,
        COMMAND_METHODS["msln"].grid,
        needs_labels=True,
    ),
}
